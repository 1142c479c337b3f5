"""A place that answers over HTTP: its status, its JSON, and how much of a quota is left."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Mapping
from urllib.parse import quote, urlsplit

from penstock.checks.filling import fill
from penstock.checks.http import Asked, exchange
from penstock.checks.json_path import NAME, Answer, CannotTell, Expectation, problems
from penstock.checks.reachable_net import Limits, Unreachable
from penstock.render.words import count

_NUMBER = re.compile(r"\s*([0-9]{1,15})(?![0-9])")


def asking(url: str, headers: Mapping[str, str], bearer: str | None, names: Mapping[str, str]) -> Asked:
    """The request, with every `$NAME` filled in; Unknown for one that is not there."""

    def value(found: re.Match[str]) -> str:
        text = fill(found[0], names)
        return text if found.start() == 0 else quote(text, safe="/:")

    whole = NAME.sub(value, url)
    try:
        parts = urlsplit(whole)
        good = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        good = False
    if not good:
        raise CannotTell("filled in, it is no URL of HTTP", "https://host/path")
    said = {"Accept-Encoding": "identity", "User-Agent": "penstock"}
    said |= {name: fill(text, names) for name, text in headers.items()}
    if bearer:
        said["Authorization"] = f"Bearer {fill(bearer, names)}"
    return Asked("GET", whole, said, None, False)


def answered(request: Asked, limits: Limits) -> Answer:
    """What it answers; redirects are not followed. Unreachable when it does not."""
    import httpx2

    try:
        with httpx2.Client(follow_redirects=False, trust_env=False) as client:
            return exchange(client, request, limits.until)
    except (httpx2.InvalidURL, httpx2.UnsupportedProtocol, httpx2.LocalProtocolError, ValueError) as error:
        raise CannotTell("cannot be asked: it is nothing that HTTP can carry", "a URL and headers in ASCII") from error
    except (httpx2.HTTPError, TimeoutError) as error:
        if isinstance(error, httpx2.TimeoutException | TimeoutError) or time.monotonic() >= limits.until:
            raise Unreachable("gave no answer in time", "one that answers, or more time with `within`") from error
        raise Unreachable(_why(error), "one that answers", again=isinstance(error, httpx2.ConnectError)) from error


def _why(error: Exception) -> str:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, socket.gaierror):
            return "no such host is known here"
        if isinstance(cause, ConnectionRefusedError):
            return "the connection was refused"
        cause = cause.__cause__ or cause.__context__
    return f"gave no answer: {str(error)[:200] or type(error).__name__}"


def judged(answer: Answer, expect: Expectation, quota: tuple[str, int] | None, names: Mapping[str, str]) -> str:
    """What is good about an answer; Unreachable with all that is not."""
    if found := problems(expect, answer, names):
        raise Unreachable("; ".join(found)[:500], "what it is expected to answer")
    return f"answers {answer.status}" + (_left(answer.headers, *quota) if quota else "")


def _left(headers: Mapping[str, str], name: str, at_least: int) -> str:
    have = {key.lower(): value for key, value in headers.items()}.get(name.lower())
    found = _NUMBER.match(have or "")
    if not found:
        what = "has no header" if have is None else "has no number in its header"
        raise CannotTell(f"its answer {what} `{name}`: how much is left is not known", "the header that it sends")
    said = f"{count(int(found[1]))} left, says `{name}`"
    if int(found[1]) < at_least:
        raise Unreachable(f"{said}, expected at least {count(at_least)}", "a larger quota, or a later release")
    return f", {said}"
