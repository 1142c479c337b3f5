"""Plain limits: so many in a time, so long on average, so high for so long. They promise nothing statistical. Pure.

`fold` takes readings and levels as they come, one after the other, and stops at the first that breaks the limit; so folding
in pieces is folding at once. `broken` is the sentence of what was broken, with the numbers that did it; `unmeasured` says
that a number is lacking, which is neither good nor bad.

What is missing never convicts. Of a count, what was seen stays counted over a gap, since a gap cannot take an error back; but a
time with a gap in what the candidate tells is not held against a least number. An average is of what was seen. A gauge must be
beyond its limit all the while, and nobody knows where it was in a gap: its time begins anew. A factor of nothing is no limit:
while stable's gauge is 0, the candidate's is not held against it, `unjudged` says so, and its time begins anew after that.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from heapq import merge
from math import inf, isfinite
from statistics import median
from typing import Literal

from penstock.core.plan_defaults import time_as_written
from penstock.core.reading import Level, Reading

GAP_S = 90.0  # nothing for longer is a gap: a source that tells one value a minute has none
FEW = 10  # an average of fewer requests is not judged
Unit = Literal["", "%", "B", "s"]


@dataclass(frozen=True)
class Limit:
    """One number that may not be passed. `name` is what the manifest calls it, `of` what the source does.

    `count`: of `errors`, or of events of that name; so many in each `per_s` seconds (0: from the first on), and broken when
    `periods` of them in a row are. Periods begin at the first reading; a count that is too high breaks one before it ends.
    `mean`: seconds of a request, likewise, at the end of each period. `gauge`: for `for_s` seconds, each instance by itself.

    `relative`: `bound` is a factor of what stable has in the same period; of gauges, of the median of its instances. An
    absolute limit of a gauge convicts nobody while that median breaks it too.
    """

    name: str
    kind: Literal["count", "mean", "gauge"]
    bound: float
    of: str = ""
    least: bool = False
    relative: bool = False
    unit: Unit = ""
    per_s: float = 0.0
    periods: int = 1
    for_s: float = 0.0

    @property
    def source(self) -> str:
        """The name of the number in readings and levels."""
        return self.of or self.name

    @property
    def gap_s(self) -> float:
        """How long nothing may be told: a least number needs nearly all of its time."""
        return min(GAP_S, self.per_s / 10) if self.least and self.per_s else GAP_S

    def beyond(self, value: float, bound: float) -> bool:
        """Whether a value is on the wrong side of a bound."""
        return value < bound if self.least else value > bound


@dataclass(frozen=True)
class Sum:
    """What one arm came to in the open period; `requests` are those that the amount is of."""

    amount: float = 0.0
    requests: int = 0

    @property
    def mean(self) -> float | None:
        """The amount of one request; None where they are too few."""
        return self.amount / self.requests if self.requests >= FEW else None

    def with_more(self, amount: float, requests: int) -> Sum:
        """This and more."""
        return Sum(self.amount + amount, self.requests + requests)


@dataclass(frozen=True)
class LimitState:
    """What a limit has seen: small plain data. Moments are in seconds since the epoch, on the source's clock.

    `seen`: the newest thing of the source; of a least number, the candidate's. `heard`: by arm, when it last told this limit's
    number; `mute`: when it last had requests, and did not.
    `began` is the open period's beginning, `whole` whether nothing of it is missing, `run` how many before it were broken in
    a row, `era` the traffic split it is under. `beyond` has the candidate's instances that are beyond the limit: since
    when, and when last; `others` stable's instances: when last, and the value. `broken` is final.
    """

    seen: float | None = None
    broken: str = ""
    heard: dict[str, float] = field(default_factory=dict)
    mute: dict[str, float] = field(default_factory=dict)
    began: float | None = None
    whole: bool = True
    run: int = 0
    era: int = 0
    candidate: Sum = Sum()
    stable: Sum = Sum()
    beyond: dict[str, tuple[float, float]] = field(default_factory=dict)
    others: dict[str, tuple[float, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Arms:
    """The revisions that are compared; without a stable one nothing is relative to it."""

    candidate: str
    stable: str | None = None

    def has(self, revision: str) -> bool:
        """Whether a revision is one of the two."""
        return revision in (self.candidate, self.stable)

    def name_of(self, revision: str) -> str:
        """Which of the two it is."""
        return "candidate" if revision == self.candidate else "stable"


def fold(limit: Limit, state: LimitState, arms: Arms, told: Iterable[Reading | Level]) -> LimitState:
    """The state after more of the source, in the order in which it tells it (see `in_order`).

    Left out: readings that are not final, requests that Penstock sent, other revisions, and levels without a value.
    """
    for one in told:
        state = _step(limit, state, arms, one)
    return state


def in_order(readings: Iterable[Reading], levels: Iterable[Level]) -> Iterable[Reading | Level]:
    """Readings and levels as one sequence, by when each was known; each of the two keeps its own order."""
    return merge(readings, levels, key=known_at)


def known_at(told: Reading | Level) -> float:
    """When the source could tell it: a level at once, a reading when its time is over."""
    return told.at if isinstance(told, Level) else told.end


def rule(limit: Limit) -> str:
    """The limit in words, as a plan lists it: `errors: at most 9 in 5m, 2 times in a row`."""
    bound = f"{limit.bound:g} times stable's" if limit.relative else spoken(limit.bound, limit.unit)
    allowed = f"{limit.name}: {_allowed(limit)} {bound}"
    if limit.kind == "gauge":
        return allowed + (f", or beyond it for less than {time_as_written(limit.for_s)}" if limit.for_s else "")
    mean = " on average" if limit.kind == "mean" else ""
    return f"{allowed}{mean}{_often(limit) or ' in the whole release'}"


def broken(limit: Limit, state: LimitState) -> str:
    """What broke the limit, with the numbers that did it; empty while it holds."""
    return f"{limit.name}: {state.broken}" if state.broken else ""


def unmeasured(limit: Limit, state: LimitState, now: float) -> str:
    """Why the limit cannot be judged at a moment; empty when it can be. The source is at fault then, not the candidate.

    A number that was never told is missing at once: a short release must not be over before anybody notices. Errors are told
    with every request, and whether requests are told at all is known where readings are read. What is relative needs stable's
    number as well.
    """
    if state.broken or limit.source == "errors":
        return ""
    silent = [(arm, _silent(limit, state, arm, now)) for arm in ("candidate", "stable")[: 1 + limit.relative]]
    arm, silent_s = next(((arm, for_s) for arm, for_s in silent if for_s is not None), ("", None))
    if silent_s is None:
        return ""
    whose = "the candidate" if arm == "candidate" else arm
    of = f" of {whose}" if state.heard.keys() - {arm} else ""
    if silent_s < inf:
        return f"{limit.name}: the source has told no {limit.source}{of} for {silent_s:.0f} s"
    zero = "; where there are none it is to say 0" if limit.kind == "count" else ""
    return f"{limit.name}: the source has told no {limit.source}{of}{zero}"


def _silent(limit: Limit, state: LimitState, arm: str, now: float) -> float | None:
    """How long an arm has not told its number; infinite: it never did; None: nothing is missing."""
    heard = state.heard.get(arm)
    if limit.kind != "gauge":
        if arm not in state.mute:
            return inf if limit.kind == "count" and not state.heard else None
        now = state.mute[arm]
    if heard is None:
        return inf
    return now - heard if now - heard > GAP_S else None


def unjudged(limit: Limit, state: LimitState) -> str:
    """Why a limit does not judge just now, though all is told; empty when it does. Nothing waits for it."""
    typically = typical(state.others, state.seen or 0.0) if limit.kind == "gauge" and limit.relative else None
    if typically is None or typically > 0:
        return ""
    return f"{limit.name} is not held against stable's while that is {spoken(typically, limit.unit)}"


def _step(limit: Limit, state: LimitState, arms: Arms, told: Reading | Level) -> LimitState:
    if state.broken or not arms.has(told.revision):
        return state
    if isinstance(told, Level):
        mine = limit.kind == "gauge" and told.name == limit.source and isfinite(told.value)
        return _level(limit, state, arms, told) if mine else state
    if limit.kind == "gauge" or not told.final or told.synthetic or (limit.relative and not told.era):
        return state
    mine = (
        told.revision == arms.candidate or not limit.least
    )  # that stable goes on does not tell what the candidate did
    return _counted(limit, _at(limit, state, told) if mine else state, arms, told)


def _counted(limit: Limit, state: LimitState, arms: Arms, reading: Reading) -> LimitState:
    """One reading into the open period."""
    arm, amount = arms.name_of(reading.revision), _amount(limit, reading)
    if amount is None:
        mute = {**state.mute, arm: reading.end} if reading.requests else state.mute
        return replace(state, mute=mute, whole=state.whole and arm != "candidate")
    state = replace(state, heard={**state.heard, arm: reading.end})
    if arm != "candidate":
        return replace(state, stable=state.stable.with_more(amount, reading.requests))
    state = replace(state, candidate=state.candidate.with_more(amount, reading.requests))
    if limit.kind == "count" and not limit.least and state.candidate.amount > limit.bound:
        return replace(state, broken=_said(limit, state)) if state.run + 1 >= limit.periods else state
    return state


def _amount(limit: Limit, reading: Reading) -> float | None:
    """What a reading adds; None: the source does not count it there. A source that counts an event says so also of none, but
    no request takes no time at all.
    """
    if limit.kind == "mean":
        return reading.duration_us / 1e6 if reading.duration_us or not reading.requests else None
    return reading.errors if limit.source == "errors" else dict(reading.events).get(limit.source)


def _at(limit: Limit, state: LimitState, reading: Reading) -> LimitState:
    """The state when a reading comes: the periods before it are over, and a gap before it is noted."""
    start = reading.start
    gap = state.seen is not None and start - state.seen > limit.gap_s
    state = replace(state, seen=max(state.seen or reading.end, reading.end), whole=state.whole and not gap)
    if state.began is None:
        return replace(state, began=start, era=reading.era)
    passed = int((start - state.began) // limit.per_s) if limit.per_s else 0
    if passed > 0:
        state = _closed(limit, state, passed)
        state = replace(state, began=(state.began or 0.0) + passed * limit.per_s, whole=not gap)
    elif not (limit.relative and reading.era != state.era):
        return state
    else:  # the split has changed, and with it the mixture of what each arm is asked
        state = replace(state, began=start, whole=not gap)
    return replace(state, era=reading.era, candidate=Sum(), stable=Sum())


def _closed(limit: Limit, state: LimitState, passed: int) -> LimitState:
    """The open period has ended, and `passed - 1` empty ones after it, which were not broken."""
    run = state.run + 1 if _is_broken(limit, state) else 0
    if run >= limit.periods:
        return replace(state, broken=_said(limit, state))
    return replace(state, run=run if passed == 1 else 0)


def _is_broken(limit: Limit, state: LimitState) -> bool:
    if limit.kind == "count":
        return limit.beyond(state.candidate.amount, limit.bound) and (state.whole or not limit.least)
    mean, other = state.candidate.mean, state.stable.mean
    if mean is None or (limit.relative and other is None):
        return False
    return limit.beyond(mean, limit.bound * other if limit.relative and other is not None else limit.bound)


def _level(limit: Limit, state: LimitState, arms: Arms, level: Level) -> LimitState:
    """One value of a gauge."""
    at, name = level.at, level.instance
    heard = {**state.heard, arms.name_of(level.revision): at}
    state = replace(state, seen=max(state.seen or at, at), heard=heard)
    if level.revision != arms.candidate:
        fresh = {one: last for one, last in state.others.items() if at - last[0] <= GAP_S}
        state = replace(state, others={**fresh, name: (at, level.value)})
        return replace(state, beyond={}) if unjudged(limit, state) else state
    beyond = {one: last for one, last in state.beyond.items() if at - last[1] <= GAP_S and one != name}
    stable = typical(state.others, at)
    if _is_beyond(limit, level.value, stable):
        since, last = state.beyond.get(name, (at, at))
        since = since if at - last <= GAP_S else at
        state = replace(state, beyond={**beyond, name: (since, at)})
        return replace(state, broken=_high(limit, level, stable)) if at - since >= limit.for_s else state
    return replace(state, beyond=beyond)


def _is_beyond(limit: Limit, value: float, stable: float | None) -> bool:
    if limit.relative:
        return stable is not None and stable > 0 and limit.beyond(value, limit.bound * stable)
    return limit.beyond(value, limit.bound) and (stable is None or not limit.beyond(stable, limit.bound))


def typical(instances: dict[str, tuple[float, float]], at: float) -> float | None:
    """The median of what instances (when last, and the value) had at a moment; None where no value is new enough."""
    fresh = [value for last, value in instances.values() if at - last <= GAP_S]
    return median(fresh) if fresh else None


def _allowed(limit: Limit) -> str:
    return "at least" if limit.least else "at most"


def _often(limit: Limit) -> str:
    within = f" in {time_as_written(limit.per_s)}" if limit.per_s else ""
    return within + (f", {limit.periods} times in a row" if limit.periods > 1 else "")


def _said(limit: Limit, state: LimitState) -> str:
    """What a count or an average came to, and what was allowed."""
    if limit.kind == "count":
        return f"{spoken(state.candidate.amount, '')}{_often(limit)}; {_allowed(limit)} {spoken(limit.bound, '')}"
    mean, other = state.candidate.mean or 0.0, state.stable.mean or 0.0
    means = f"{spoken(mean, 's')} on average of {state.candidate.requests:,} requests{_often(limit)}"
    if limit.relative:
        return f"{means}, and stable's {spoken(other, 's')}; {_allowed(limit)} {limit.bound:g} times that"
    return f"{means}; {_allowed(limit)} {spoken(limit.bound, 's')}"


def _high(limit: Limit, level: Level, stable: float | None) -> str:
    """What a gauge came to, and what was allowed."""
    who = f"{level.instance} has " if level.instance else ""
    bound = spoken(limit.bound, limit.unit)
    if limit.relative:
        bound = f"{limit.bound:g} times stable's {spoken(stable or 0.0, limit.unit)}"
    long = f", and has been beyond {bound} for {time_as_written(limit.for_s)}"
    return f"{who}{spoken(level.value, limit.unit)}" + (long if limit.for_s else f"; {_allowed(limit)} {bound}")


def spoken(value: float, unit: Unit) -> str:
    """A value with its unit: `93 %`, `512 MB`, `5.2 s`, `57 ms`, `12,345`."""
    if unit == "%":
        return f"{_figures(value * 100)} %"
    if unit == "s":
        return f"{_figures(value)} s" if value >= 1 or not value else f"{_figures(value * 1000)} ms"
    if unit == "":
        return f"{round(value):,}" if value == round(value) else f"{value:,.6g}"
    size, name = next(
        ((s, n) for s, n in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")) if value >= s), (1, "B")
    )
    return f"{_figures(value / size)} {name}"


def _figures(value: float) -> str:
    """Three figures, and no fewer than there are before the point: thousands apart."""
    return f"{value:,.0f}" if abs(value) >= 999.5 else f"{value:.3g}"
