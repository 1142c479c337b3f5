"""The reports of wrk, hey, k6, artillery and vegeta. Pure: bytes in, figures out; ReportError for anything else."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Any

from penstock.checks.load_figures import Figures, is_rising

_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}
_MOST = 10**12
_WRK_LEVEL = re.compile(r"^ +(\d{1,2}(?:\.\d{1,3})?)% +(\d{1,9}\.\d+)(us|ms|s|m)$", re.MULTILINE)
_WRK_MAX = re.compile(r"^ +Latency +\S+ +\S+ +(\d{1,9}\.\d+)(us|ms|s|m) ", re.MULTILINE)
_WRK_COUNT = re.compile(r"^ +(\d{1,12}) requests in (\d{1,9}\.\d+)(us|ms|s|m|h)?, ", re.MULTILINE)
_WRK_ERRORS = re.compile(r"^ +Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)$", re.MULTILINE)
_WRK_STATUS = re.compile(r"^ +Non-2xx or 3xx responses: (\d{1,12})$", re.MULTILINE)
_PER_SECOND = re.compile(r"^ *Requests/sec:\s+(\d{1,12}(?:\.\d+)?)$", re.MULTILINE)
_HEY_LEVEL = re.compile(r"^ +(\d{1,2})%+ in (\d{1,9}\.\d+) secs$", re.MULTILINE)
_HEY_SECONDS = re.compile(r"^ +(Slowest|Fastest):\s+(\d{1,9}\.\d+) secs$", re.MULTILINE)
_HEY_STATUS = re.compile(r"^ +\[(\d{3})\]\s+(\d{1,12}) responses$", re.MULTILINE)
_HEY_ERROR = re.compile(r"^ +\[(\d{1,12})\]\s+(\S.*)$", re.MULTILINE)


class ReportError(ValueError):
    """It is no report of a load, or not a whole one."""


def read(data: bytes) -> Figures:
    """What a report says, whichever of the tools wrote it."""
    text = data.decode("utf-8", "replace").replace("\r\n", "\n")
    if text.lstrip("\ufeff \n\t").startswith(("{", "[")):
        found = _of_json(text)
    elif re.search(r"^Running .+ test @ ", text, re.MULTILINE):
        found = _wrk(text)
    elif "Status code distribution:" in text or "Error distribution:" in text:
        found = _hey(text)
    else:
        raise ReportError("not a whole report of wrk, hey, k6, artillery or vegeta")
    return _whole(found)


def _whole(found: Figures) -> Figures:
    if not 0 < found.requests <= _MOST:
        raise ReportError(f"{found.tool} counted {found.requests} requests")
    if not 0 <= found.failed <= found.requests:
        raise ReportError(f"{found.tool} counted {found.failed} failures in {found.requests} requests")
    if not all(math.isfinite(ms) and ms >= 0 for _, ms in found.levels) or not is_rising(found.levels):
        raise ReportError(f"{found.tool}'s response times do not rise from quantile to quantile")
    return found


def _wrk(text: str) -> Figures:
    count, per_second = _WRK_COUNT.search(text), _PER_SECOND.search(text)
    if not count or not per_second:
        raise ReportError("wrk's report breaks off")
    levels = [(float(share) / 100, float(time) * _MS[unit]) for share, time, unit in _WRK_LEVEL.findall(text)]
    if longest := _WRK_MAX.search(text):
        levels.append((1.0, float(longest[1]) * _MS[longest[2]]))
    sockets = _WRK_ERRORS.search(text)
    lost = sum(map(int, sockets.groups())) if sockets else 0
    bad = int(status[1]) if (status := _WRK_STATUS.search(text)) else 0
    why = [("no answer", lost), ("not 2xx or 3xx", bad)]
    return _figures("wrk", int(count[1]) + lost, why, levels, float(per_second[1]))


def _hey(text: str) -> Figures:
    """Response times are of what was answered; an error has none."""
    per_second = _PER_SECOND.search(text)
    if not per_second:
        raise ReportError("hey's report has no rate")
    levels = [(float(share) / 100, float(time) * 1000) for share, time in _HEY_LEVEL.findall(text)]
    ends = {name: float(time) * 1000 for name, time in _HEY_SECONDS.findall(text)}
    levels += [(share, ends[name]) for name, share in (("Fastest", 0.0), ("Slowest", 1.0)) if name in ends]
    statuses = {int(status): int(count) for status, count in _HEY_STATUS.findall(text)}
    errors = _HEY_ERROR.findall(text.partition("Error distribution:")[2])
    lost = sum(int(count) for count, _ in errors)
    why = [("no answer", lost), *((f"status {s}", n) for s, n in statuses.items() if not 200 <= s < 400)]
    return _figures("hey", sum(statuses.values()) + lost, why, levels, float(per_second[1]))


def _of_json(text: str) -> Figures:
    try:
        data = json.loads(text.lstrip("\ufeff"), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise ReportError("it is no JSON, or breaks off") from error
    for has, tool in _TOOLS:
        if has(data):
            try:
                return tool(data)
            except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
                said = f": {error}" if isinstance(error, ReportError) else ""
                raise ReportError(f"the report is not as {tool.__name__.strip('_')} writes it{said}"[:200]) from error
    raise ReportError("JSON, but no report of k6, artillery or vegeta")


def _k6(data: Any) -> Figures:
    """`--summary-export`, or what `handleSummary` is given, where the values stand one level deeper."""

    def values(name: str) -> Any:
        return data["metrics"][name].get("values", data["metrics"][name])

    times, failed, count = values("http_req_duration"), values("http_req_failed"), values("http_reqs")
    requests = _number(count["count"])
    levels = [(0.0, times["min"]), (0.5, times["med"]), (1.0, times["max"])]
    levels += [(float(name[2:-1]) / 100, ms) for name, ms in times.items() if re.fullmatch(r"p\([\d.]{1,8}\)", name)]
    share = failed["rate"] if "rate" in failed else failed["value"]  # `passes` counts what failed: a trap
    crossed = [
        f"{name} {rule}"[:80]
        for name, metric in data["metrics"].items()
        for rule, state in (metric.get("thresholds") or {}).items()
        if (state if isinstance(state, bool) else not state["ok"])  # the export says true for crossed
    ]
    why = [("failed", round(_number(share) * requests))]
    found = _figures("k6", int(requests), why, [(level, _number(ms)) for level, ms in levels], _number(count["rate"]))
    return Figures(
        **{**vars(found), "why": (*found.why, *((f"k6's own threshold {one} was crossed", 0) for one in crossed))}
    )


def _artillery(data: Any) -> Figures:
    counters = data["aggregate"]["counters"]
    times = data["aggregate"]["summaries"].get("http.response_time", {})
    names = {"min": 0.0, "median": 0.5, "p50": 0.5, "p75": 0.75, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p999": 0.999}
    levels = [(share, _number(times[name])) for name, share in {**names, "max": 1.0}.items() if name in times]
    requests = int(_number(counters["http.requests"]))
    codes = {name[11:]: int(_number(n)) for name, n in counters.items() if name.startswith("http.codes.")}
    good = sum(n for code, n in codes.items() if code[:1] in ("2", "3"))
    why = [(f"status {code}", n) for code, n in codes.items() if code[:1] not in ("2", "3")]
    why.append(("no answer", requests - sum(codes.values())))
    if good > requests:
        raise ReportError("more answers than requests")
    rate = data["aggregate"].get("rates", {}).get("http.request_rate")
    return _figures("artillery", requests, why, levels, None if rate is None else _number(rate))


def _vegeta(data: Any) -> Figures:
    times = data["latencies"]
    names = {"min": 0.0, "50th": 0.5, "90th": 0.9, "95th": 0.95, "99th": 0.99, "max": 1.0}
    levels = [(share, _number(times[name]) / 1e6) for name, share in names.items() if name in times]
    requests = int(_number(data["requests"]))
    codes = {str(code): int(_number(n)) for code, n in data["status_codes"].items()}
    why = [(f"status {code}", n) for code, n in codes.items() if code[:1] not in ("2", "3") and code != "0"]
    lost = requests - sum(n for code, n in codes.items() if code != "0")
    return _figures("vegeta", requests, [("no answer", lost), *why], levels, _number(data["rate"]))


_Tool = tuple[Callable[[Any], bool], Callable[[Any], Figures]]
_TOOLS: tuple[_Tool, ...] = (
    (lambda data: _has(data, "metrics"), _k6),
    (lambda data: _has(data, "aggregate"), _artillery),
    (lambda data: _has(data, "latencies"), _vegeta),
)


def _has(data: Any, key: str) -> bool:
    return isinstance(data, dict) and isinstance(data.get(key), dict)


def _figures(tool: str, requests: int, why: list[tuple[str, int]], levels: Any, rate: float | None) -> Figures:
    if any(count < 0 for _, count in why):
        raise ReportError(f"{tool} counted less than nothing")
    failed = tuple(sorted(((name, count) for name, count in why if count), key=lambda one: -one[1]))
    return Figures(tool, requests, sum(n for _, n in failed), tuple(sorted(set(levels))), rate, failed)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ReportError("what should be a number is none")
    return value


def _no_constant(word: str) -> Any:
    raise ValueError(word)
