"""What a forge knows of a change, in words that are nobody's own; and asking for it, bounded in time and pages."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlencode

from penstock.checks.commits_git import plain
from penstock.checks.http import Asked, exchange

PAGE = 30
PAGES = 40
_NEXT = re.compile(r'<[^<>]*>\s*;[^,]*rel="?next"?')
Result = Literal["good", "bad", "running"]


class CannotAsk(Exception):
    """The forge did not say what was asked; `remedy` is what to do."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what)
        self.remedy = remedy


@dataclass(frozen=True)
class Approval:
    """Somebody's yes. `current`: given to what the change is now. `member`: the forge says that they belong to it."""

    login: str
    current: bool = True
    member: bool = True


@dataclass(frozen=True)
class Checked:
    """What one status check says of the change."""

    name: str
    result: Result


@dataclass(frozen=True)
class Change:
    """A pull or merge request, as its forge shows it now. `required`: the checks that its target branch demands."""

    name: str
    author: str
    head: str
    merged: bool = False
    approvals: tuple[Approval, ...] = ()
    refused_by: tuple[str, ...] = ()
    checks: tuple[Checked, ...] = ()
    required: tuple[str, ...] = ()


@dataclass(frozen=True)
class Wanted:
    """One request as data: a path below the API's URL, and what stands behind the question mark."""

    path: str
    query: tuple[tuple[str, str], ...] = ()

    def url(self, base: str, page: int = 1) -> str:
        """The whole URL; the first page is not named."""
        pairs = (*self.query, ("page", str(page))) if page > 1 else self.query
        return f"{base.rstrip('/')}{self.path}" + (f"?{urlencode(pairs)}" if pairs else "")


def paged(path: str, **query: str) -> Wanted:
    """A list that comes in pages."""
    return Wanted(path, (*query.items(), ("per_page", str(PAGE))))


@dataclass(frozen=True)
class Got:
    """An answer that is JSON; `more`: there is another page."""

    data: Any
    more: bool = False


Ask = Callable[[str], Got | None]
"""Asks for a URL: what was answered, None for 404, CannotAsk for anything else."""


class Talk:
    """Asks a forge, until the time is over. Redirects are not followed: a token goes where it was meant to go."""

    def __init__(self, client: Any, base: str, headers: Mapping[str, str], until: float, now: float) -> None:
        self.client, self.base, self.headers, self.until, self.now = client, base, dict(headers), until, now

    def one(self, wanted: Wanted) -> Any:
        """What is there; None when nothing is."""
        got = self._ask(wanted.url(self.base))
        return got.data if got else None

    def all(self, wanted: Wanted, key: str = "", *, perhaps: bool = False) -> Iterator[dict[str, Any]]:
        """Every row of a list, page by page; `key` is where the list stands in each. None there: an error, or no rows."""
        for page in range(1, PAGES + 1):
            got = self._ask(wanted.url(self.base, page))
            if got is None and perhaps:
                return
            if got is None:
                raise CannotAsk(
                    f"the forge knows no {plain(wanted.path)} (404)",
                    "the right `repository` and `url`, and a token that may read it",
                )
            rows = got.data.get(key) if key and isinstance(got.data, dict) else got.data
            yield from rows_of(rows, wanted.path)
            if not got.more:
                return
        raise CannotAsk(f"{plain(wanted.path)} has more than {PAGES} pages", "smaller changes")

    def _ask(self, url: str) -> Got | None:
        import httpx2

        asking = Asked("GET", url, self.headers, None, False)
        try:
            answer = exchange(self.client, asking, self.until)
        except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError, ValueError) as error:
            over = time.monotonic() >= self.until or isinstance(error, TimeoutError | httpx2.TimeoutException)
            why = "not in time" if over else plain(str(error) or type(error).__name__)
            remedy = "more time, with `within`" if over else "a forge that this machine can reach, or `url`"
            raise CannotAsk(f"the forge did not answer: {why}", remedy) from error
        return got(answer.status, answer.headers, answer.body if answer.whole else None, self.now)


def got(status: int, headers: Mapping[str, str], body: str | None, now: float) -> Got | None:
    """What an answer says; `body` None: it was too large. Pure."""
    low = {name.lower(): value for name, value in headers.items()}
    if status == 404:
        return None
    if status != 200:
        raise _refused(status, low, now)
    if body is None:
        raise CannotAsk("the forge's answer is larger than 1 MiB", "a forge that answers in pages")
    try:
        return Got(json.loads(body), bool(_NEXT.search(low.get("link", ""))))
    except (ValueError, RecursionError) as error:
        raise CannotAsk("the forge's answer is not JSON", "the right `url`: that of its API") from error


def _refused(status: int, headers: Mapping[str, str], now: float) -> CannotAsk:
    remaining = headers.get("x-ratelimit-remaining", headers.get("ratelimit-remaining", ""))
    if status == 429 or (status == 403 and (remaining == "0" or "retry-after" in headers)):
        return CannotAsk(f"the forge answers no more for now ({status}: its rate limit)", _later(headers, now))
    if status == 401:
        return CannotAsk("the forge does not know the token (401)", "`token: $NAME` of a token that is not over")
    if status == 403:
        return CannotAsk("the token may not read this (403)", "a token that may read the repository and its checks")
    if status == 422:
        return CannotAsk("the forge does not know the commit (422)", "push it, and try again")
    if 300 <= status < 400:
        return CannotAsk(f"the repository or the API moved ({status})", "its present `repository` or `url`")
    return CannotAsk(f"the forge answered with {status}", "try again when the forge is well")


def _later(headers: Mapping[str, str], now: float) -> str:
    reset = headers.get("x-ratelimit-reset", headers.get("ratelimit-reset", ""))
    wait = headers.get("retry-after", "")
    seconds = int(wait) if wait.isascii() and wait.isdigit() else 0
    if not seconds and reset.isascii() and reset.isdigit():
        seconds = max(0, int(reset[:12]) - int(now))
    return f"try again in {seconds} s, or use a token" if seconds else "try again later, or use a token"


def rows_of(rows: Any, path: str) -> list[dict[str, Any]]:
    """The rows of a list; CannotAsk when it is none."""
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise CannotAsk(f"{plain(path)} is not a list of what was asked for", "the right `url`: that of its API")
    return rows


def text(row: Any, *keys: str) -> str:
    """A text inside a row, by its keys; CannotAsk when there is none."""
    value = row
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise CannotAsk(f"the forge's answer has no `{'.'.join(keys)}`", "the right `url`: that of its API")
    return value
