"""The answer that a team's own source gives: what each arm's requests came to, from one moment to another. Pure.

    {"from": 1790000000, "to": 1790000002,
     "readings": [{"at": 1790000000, "revision": "3f9c2e1-a1b2c3", "requests": 120, "errors": 1,
                   "latency_us": [[5000, 80], [20000, 39], ["inf", 1]], "events": {"orders": 7}}],
     "levels": [{"name": "memory", "revision": "3f9c2e1-a1b2c3", "at": 1790000001.5, "value": 81e6, "instance": "a"}]}

Times are seconds since the epoch. All that arrived from `from` until before `to` is there and final; a reading covers the
step that begins `at`. Readings stand in order of time, a step, unit and revision has one, and no two steps overlap: a request
in both would count twice.
"""

from __future__ import annotations

from itertools import pairwise
from math import inf
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from penstock.checks.json_path import CannotTell
from penstock.core.reading import Level, Reading
from penstock.core.splits import Splits, era_of
from penstock.providers.sources.counters import MOST
from penstock.providers.sources.names import printable

AHEAD_S = 5.0  # a clock may be so much before ours
_ROUNDED_S = 0.001  # so much of two steps may overlap: times are written in fractions
_AS_DOCUMENTED = "an answer as the guide on metrics describes it"

_Count = Annotated[int, Field(ge=0, le=MOST)]
_Time = Annotated[float, Field(ge=0, le=1e11, allow_inf_nan=False)]
_Word = Annotated[str, StringConstraints(max_length=200), AfterValidator(printable)]
_Name = Annotated[_Word, StringConstraints(min_length=1)]
_Edge = Annotated[float, Field(gt=0, allow_inf_nan=False)] | Literal["inf"]


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class ToldReading(_Strict):
    """What one step's requests of one unit's revision came to, by their arrival."""

    at: _Time
    revision: _Name
    unit: _Word = ""
    requests: _Count
    errors: _Count
    late: _Count = 0
    duration_us: _Count = 0
    latency_us: Annotated[list[Annotated[list[Any], Field(min_length=2, max_length=2)]], Field(max_length=1000)] = []
    events: Annotated[dict[_Name, _Count], Field(max_length=100)] = {}
    synthetic: bool = False


class ToldLevel(_Strict):
    """A gauge at a moment."""

    name: _Name
    revision: _Name
    at: _Time
    value: Annotated[float, Field(allow_inf_nan=False)]
    instance: _Word = ""


class _Bucket(_Strict):
    edge: _Edge
    count: _Count


class Told(_Strict):
    """All that is known of the time from `start` until before `end`."""

    start: _Time = Field(alias="from")
    end: _Time = Field(alias="to")
    readings: Annotated[list[ToldReading], Field(max_length=20_000)]
    levels: Annotated[list[ToldLevel], Field(max_length=2000)] = []


def told(data: Any, step_s: float, now: float) -> Told:
    """A valid answer; CannotTell with what is wrong in it."""
    try:
        found = Told.model_validate(data)
        for one in found.readings:
            _histogram(one)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        why = first["msg"].removeprefix("Value error, ")[:120]
        raise CannotTell(f"the answer is not valid at `{place[:80]}`: {why}", _AS_DOCUMENTED) from error
    for problem in _problems(found, step_s, now):
        raise CannotTell(problem, _AS_DOCUMENTED)
    return found


def _problems(found: Told, step_s: float, now: float) -> list[str]:
    keys = [(one.at, one.unit, one.revision, one.synthetic) for one in found.readings]
    wrong = ["the answer ends before it begins"] if found.end < found.start else []
    wrong += ["the answer is of the future"] if found.end > now + AHEAD_S else []
    wrong += ["readings are not in order of time"] if any(a.at > b.at for a, b in pairwise(found.readings)) else []
    wrong += ["a step, unit and revision has two readings"] if len(set(keys)) < len(keys) else []
    wrong += [f"more than {MOST:.0e} requests"] if sum(one.requests for one in found.readings) > MOST else []
    wrong += _overlapping(sorted({one.at for one in found.readings}), step_s)
    for one in found.readings:
        of = f"the reading of {one.revision} at {one.at:.15g}"
        histogram = _histogram(one)
        if not found.start <= one.at or one.at + step_s > found.end + 1e-6:
            wrong.append(f"{of} is not from `from` to `to`")
        if max(one.errors, one.late, sum(count for _, count in histogram)) > one.requests:
            wrong.append(f"{of} has more errors, late ones or latencies than requests")
        if any(a >= b for (a, _), (b, _) in pairwise(histogram)):
            wrong.append(f"{of} has edges of latency that do not ascend")
    return wrong


def _overlapping(begins: list[float], step_s: float) -> list[str]:
    """Steps that begin before the step before them is over, of whichever revision: both arms have the same steps."""
    for one, other in pairwise(begins):
        if other - one < step_s - _ROUNDED_S:
            times = f"{one:.15g} and {other:.15g}"
            return [f"the steps that begin at {times} overlap, for `step` is {step_s:g} s"]
    return []


def _histogram(one: ToldReading) -> list[tuple[float, int]]:
    found = [_Bucket.model_validate({"edge": edge, "count": count}) for edge, count in one.latency_us]
    return [(inf if bucket.edge == "inf" else float(bucket.edge), bucket.count) for bucket in found]


def readings(found: Told, since: float | None, step_s: float, splits: Splits, position: str) -> list[Reading]:
    """The readings that begin at `since` or later. Where the answer begins later than that, a hole comes first.

    A step that began before `since` and ends after it may hold requests that were read already: its requests are told as those
    of a hole, which are counted as dropped.
    """
    if since is None:
        return [_reading(one, step_s, splits, position) for one in found.readings]
    first, since_or_so = since - _ROUNDED_S, since + _ROUNDED_S
    torn = [one for one in found.readings if one.at < first and one.at + step_s > since_or_so]
    holes = [_hole(one.at, one.at + step_s, step_s, splits, position, one.requests) for one in torn]
    if found.start > since:
        holes.append(_hole(since, found.start, step_s, splits, position))
    return [*holes, *(_reading(one, step_s, splits, position) for one in found.readings if one.at >= first)]


def _hole(since: float, start: float, step_s: float, splits: Splits, position: str, requests: int = 0) -> Reading:
    """Nothing is known of a stretch; longer than what is ever judged, and of nobody's."""
    begins = min(since, start - 2 * step_s)
    return Reading("", "", begins, start, requests, 0, era_of(splits, since, start), position=position)


def _reading(one: ToldReading, step_s: float, splits: Splits, position: str) -> Reading:
    latency = tuple(_histogram(one))
    return Reading(
        one.unit, one.revision, one.at, one.at + step_s, one.requests, one.errors,
        era_of(splits, one.at, one.at + step_s), one.late, one.duration_us, position=position, latency=latency,
        events=tuple(sorted(one.events.items())), synthetic=one.synthetic,
    )  # fmt: skip


def levels(found: Told) -> list[Level]:
    """The gauges of an answer."""
    return [Level(one.name, one.revision, one.at, one.value, one.instance) for one in found.levels]
