"""What Prometheus answers to a query, read strictly: whole, ascending, finite, nothing twice. Pure."""

from __future__ import annotations

from typing import Any

from penstock.checks import endpoint
from penstock.checks.json_path import CannotTell, shown

_MOST = 1 << 53  # above it a double knows no single requests
_SELECTS = "a selector of counters"

Labels = dict[str, str]


def scalar(data: Any) -> float:
    """The number of a scalar."""
    found = _result(data, "scalar")
    return _pair(found, "the answer")[1]


def vector(data: Any, told: str) -> list[tuple[Labels, float, float]]:
    """(labels, seconds since the epoch, value) of each series of an instant vector."""
    rows = [_row(row, "value", told) for row in _result(data, "vector")]
    _once([labels for labels, _ in rows], told)
    return [(labels, *_pair(value, told)) for labels, value in rows]


def matrix(data: Any, told: str, first_ms: int, last_ms: int) -> list[tuple[Labels, tuple[tuple[int, int], ...]]]:
    """(labels, samples) of each series of counters, samples from `first_ms` to `last_ms` (since the epoch), ascending."""
    rows = [_row(row, "values", told) for row in _result(data, "matrix")]
    _once([labels for labels, _ in rows], told)
    return [(labels, _counted(values, told, first_ms, last_ms)) for labels, values in rows]


def _result(data: Any, kind: str) -> Any:
    body = data.get("data") if isinstance(data, dict) and data.get("status") == "success" else None
    if not isinstance(body, dict):
        raise CannotTell(f"not answered as Prometheus does: {shown(data)[:100]}", "the `url` of a Prometheus")
    if warnings := data.get("warnings"):
        raise CannotTell(f"answered with a warning: {shown(warnings)[:200]}", "a whole answer")
    if body.get("resultType") != kind or not isinstance(body.get("result"), list):
        raise CannotTell(
            f"answered with a {str(body.get('resultType'))[:20]}, not a {kind}", "a Prometheus, and its query"
        )
    return body["result"]


def _row(row: Any, key: str, told: str) -> tuple[Labels, Any]:
    if not isinstance(row, dict) or not isinstance(row.get("metric"), dict):
        raise CannotTell(f"{told} was answered with a series of another form", _SELECTS)
    if key not in row and ("histogram" in row or "histograms" in row):
        raise CannotTell(f"{told} is a native histogram, which is not read", "classic buckets, with the label `le`")
    return {str(name): str(value) for name, value in row["metric"].items()}, row.get(key)


def _once(found: list[Labels], told: str) -> None:
    if len({tuple(sorted(labels.items())) for labels in found}) < len(found):
        raise CannotTell(f"{told} was answered with one series twice", "one Prometheus, or one that removes duplicates")


def _counted(values: Any, told: str, first_ms: int, last_ms: int) -> tuple[tuple[int, int], ...]:
    if not isinstance(values, list):
        raise CannotTell(f"{told} was answered with a series without values", _SELECTS)
    found: list[tuple[int, int]] = []
    for pair in values:
        at, value = _pair(pair, told)
        at_ms = round(at * 1000)
        if not 0 <= value <= _MOST or value != int(value):
            raise CannotTell(f"{told} has the value {value:g}, which counts nothing", _SELECTS)
        if found and at_ms <= found[-1][0]:
            raise CannotTell(f"{told} goes back in time, or has a moment twice", "samples in order")
        if not first_ms <= at_ms <= last_ms:
            raise CannotTell(f"{told} has a sample of a time that was not asked for", "clocks that agree")
        found.append((at_ms, int(value)))
    return tuple(found)


def _pair(pair: Any, told: str) -> tuple[float, float]:
    if not isinstance(pair, list) or len(pair) != 2 or isinstance(pair[0], bool) or not isinstance(pair[1], str):
        raise CannotTell(f"{told} was answered with a value of another form", "the `url` of a Prometheus")
    if not isinstance(pair[0], int | float):
        raise CannotTell(f"{told} was answered with a value of no time", "the `url` of a Prometheus")
    return endpoint.finite(pair[0], f"the time of {told}"), endpoint.finite(pair[1], told)
