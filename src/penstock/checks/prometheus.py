"""Prometheus' query API: one query, one number. What is missing, stale, or several is never a number. Pure but for `ask`."""

from __future__ import annotations

from typing import Any

from penstock.checks import endpoint
from penstock.checks.json_path import CannotTell, shown
from penstock.core.finding import CheckRequest
from penstock.manifest.section import duration

STALE_S = 300.0
_ONE = "a query that gives one number, as sum(...) does"


def ask(url: str, query: str, request: CheckRequest, until: float, bearer: str | None = None) -> float:
    """The number that a query gives; CannotTell where it gives none, or several."""
    data = endpoint.get(
        url, request, until, bearer=bearer, path="/api/v1/query", parameters={"query": query, "timeout": "30s"}
    )
    return value(data, query, request.now)


def refuse_short_memory(url: str, window_s: float, request: CheckRequest, until: float, bearer: str | None) -> None:
    """CannotTell where the server says that it keeps less than the window: it would answer, of less, as if it were all."""
    try:
        data = endpoint.get(url, request, until, bearer=bearer, path="/api/v1/status/runtimeinfo")
        kept = str(data["data"]["storageRetention"]).partition(" ")[0]
        kept_s = duration(kept)
    except (CannotTell, KeyError, TypeError, ValueError):
        return  # it does not say: what speaks like Prometheus keeps its memory elsewhere
    if kept_s < window_s:
        raise CannotTell(
            f"this server keeps {kept}, less than the window", "a window that it has, or one that keeps more"
        )


def value(data: Any, query: str, now: float = 0.0) -> float:
    """The one number in an answer. `now`: the wall clock; a value of another time is stale (0: not looked at)."""
    told = f"`{_one_line(query)}`"
    at, text = _sample(data, told)
    if now and abs(now - at) > STALE_S:
        raise CannotTell(f"{told} is of {abs(now - at):.0f} s {'ago' if at < now else 'ahead'}", "clocks that agree")
    return endpoint.finite(text, told)


def _sample(data: Any, told: str) -> tuple[float, str]:
    """The time and the text of the only value."""
    if not isinstance(data, dict) or data.get("status") != "success" or not isinstance(data.get("data"), dict):
        raise CannotTell(
            f"{told} was not answered as Prometheus does: {shown(data)[:100]}", "the `url` of a Prometheus"
        )
    if warnings := data.get("warnings"):
        raise CannotTell(f"{told} was answered with a warning: {_one_line(shown(warnings))}", "a whole answer")
    kind, result = data["data"].get("resultType"), data["data"].get("result")
    if kind == "vector" and isinstance(result, list):
        result = _only(result, told)
    elif kind != "scalar":
        raise CannotTell(f"{told} gives a {str(kind)[:20]}, not a number", _ONE)
    if isinstance(result, list) and len(result) == 2 and isinstance(result[1], str):
        return endpoint.finite(result[0] if _is_number(result[0]) else "none", f"the time of {told}"), result[1]
    raise CannotTell(f"{told} was answered with a value of another form", _ONE)


def _only(result: list[Any], told: str) -> Any:
    if not result:
        raise CannotTell(f"{told} gives nothing: no such series, or none in time", "a query that has data")
    if len(result) > 1:
        raise CannotTell(f"{told} gives {len(result)} series, not one number", _ONE)
    return result[0].get("value") if isinstance(result[0], dict) else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _one_line(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 100 else f"{text[:100]}..."
