"""Asking a service that is not the revision for JSON: bounded in time and size, redirects not followed."""

from __future__ import annotations

import json
import math
import re
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from pydantic import AfterValidator

from penstock.checks import json_path
from penstock.checks.filling import Unknown, fill
from penstock.checks.http import Step, asked, exchange
from penstock.checks.json_path import Answer, CannotTell
from penstock.checks.reported import unjudged
from penstock.core.finding import CheckRequest, Outcome
from penstock.core.masking import concealed, mask
from penstock.manifest.service import token, whole_url

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_SHOWN = 120


Url = Annotated[str, AfterValidator(whole_url)]
Bearer = Annotated[str, AfterValidator(token)]


class Doubled(ValueError):
    """JSON in which an object has a key twice: which of the two is meant, nobody knows."""


class TooMuch(CannotTell):
    """An answer of more than 1 MiB: a narrower question may have one."""


def names_of(*texts: str | None) -> frozenset[str]:
    """Every `$NAME` in some texts."""
    return frozenset(name for text in texts if text for name in json_path.NAME.findall(text))


def get(
    url: str,
    request: CheckRequest,
    until: float,
    *,
    bearer: str | None = None,
    path: str = "",
    parameters: Mapping[str, str] | tuple[tuple[str, str], ...] = (),
    names: Mapping[str, str] | None = None,
) -> Any:
    """The JSON that a URL answers with, `until` a time of the monotonic clock. Raises CannotTell for anything else.

    `names` are filled in beside the request's own, quoted; `path` and `parameters` are put after what was filled in.
    """
    import httpx2

    told = f"{_shown(url)}{path}"
    step = Step.model_validate({"get": url, "bearer": bearer})
    asking = asked(step, request, dict(names or {}), "")
    pairs = urlencode(list(parameters.items()) if isinstance(parameters, Mapping) else parameters, quote_via=quote)
    joint = "&" if "?" in asking.url else "?"
    if path or pairs:
        asking = replace(asking, url=asking.url.rstrip("/") + path + (f"{joint}{pairs}" if pairs else ""))
    try:
        with httpx2.Client(follow_redirects=False, trust_env=False, verify=_trusted()) as client:
            answer = exchange(client, asking, until)
    except (httpx2.InvalidURL, httpx2.UnsupportedProtocol, httpx2.LocalProtocolError, ValueError) as error:
        raise CannotTell(f"{told} cannot be asked: {error}", "what HTTP can carry") from error
    except (httpx2.HTTPError, TimeoutError) as error:
        over = isinstance(error, TimeoutError | httpx2.TimeoutException) or time.monotonic() >= until
        why = "not over in time" if over else str(error) or type(error).__name__
        raise CannotTell(f"{told} gave no answer: {why}", "a service that this machine can reach") from error
    return _json(answer, told, tuple(request.secrets.values()))


@cache
def _trusted() -> ssl.SSLContext:
    """The authorities that are trusted, read once: that takes longer than most answers."""
    import httpx2

    return httpx2.create_ssl_context(trust_env=False)


def _json(answer: Answer, told: str, secrets: tuple[str, ...]) -> Any:
    shown = _CONTROL.sub(" ", mask(answer.body, secrets)[: _SHOWN * 4])[:_SHOWN].strip()
    if not 200 <= answer.status < 300:
        more = ", and redirects are not followed" if 300 <= answer.status < 400 else f": {shown}" if shown else ""
        remedy = "a `bearer` that may ask this" if answer.status in (401, 403) else "the right URL"
        raise CannotTell(f"{told} answered {answer.status}{more}", remedy)
    if not answer.whole:
        raise TooMuch(f"{told} answered more than 1 MiB, and was not read to its end", "a narrower question")
    try:
        return parsed(answer.body)
    except ValueError as error:
        raise CannotTell(f"{told} answered with {error}: {shown}", "a URL that answers with JSON") from error


def parsed(text: str | bytes) -> Any:
    """JSON; ValueError for anything else, also for NaN, infinity, and what is nested too deep; Doubled where a key stands twice."""
    try:
        return json.loads(text, parse_constant=_no_constant, object_pairs_hook=_once)
    except Doubled:
        raise
    except (ValueError, RecursionError) as error:
        raise ValueError("what is no JSON") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen = set[str]()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise Doubled(f"JSON with the key `{twice[:40]}` twice")
    return found


def _no_constant(word: str) -> Any:
    raise ValueError(word)


def number(data: Any, path: str) -> float:
    """The finite number at a path, or how many there are in the list that is there; CannotTell for anything else."""
    try:
        found = json_path.find(data, path)
    except LookupError as error:
        raise CannotTell(_cut(f"the answer has {error.args[0]}"), "the path of a number in it") from error
    if isinstance(found, list):
        return float(len(found))
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise CannotTell(_cut(f"`{path}` is no number: {json_path.shown(found)}"), "the path of a number")
    return finite(found, f"`{path}`")


def finite(value: float | str, what: str) -> float:
    """A value as a finite number; CannotTell where it is none, which a comparison would take for good."""
    try:
        found = float(value)
    except (ValueError, OverflowError) as error:
        raise CannotTell(_cut(f"{what} is no number: {value}"), "something that is a number") from error
    if not math.isfinite(found):
        raise CannotTell(f"{what} is {found:g}, which is no number", "something that has data")
    return found


def filled_query(text: str, request: CheckRequest, **own: str) -> str:
    """A query with every `$NAME` filled in; a secret is none of it."""
    return fill(text, {**request.env, **own})


def guarded(request: CheckRequest, judge: Callable[[], Outcome]) -> Outcome:
    """What judging comes to; errored where something could not be asked. No secret is in it."""
    try:
        outcome = judge()
    except CannotTell as error:
        outcome = unjudged(_cut(str(error)), error.remedy)
    except Unknown as unknown:
        outcome = unjudged(f"`${unknown}` is not known to this check", "a name of `env`")
    return concealed(outcome, request.secrets)


def _shown(url: str) -> str:
    return _cut(_CONTROL.sub(" ", url.partition("?")[0]), 80)


def _cut(text: str, limit: int = 280) -> str:
    text = _CONTROL.sub(" ", text)
    return text if len(text) <= limit else f"{text[:limit]}..."
