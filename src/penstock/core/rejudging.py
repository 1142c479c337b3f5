"""A recorded release judged by another policy: what would have come of it, and when. Pure.

Its readings are judged along the weights that really were. Where the other policy would have gone on longer, or sent more
traffic, there is nothing to judge, and it is not decided by the end of the record.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Literal

from penstock.core import verdict
from penstock.core.evidence_windows import begun
from penstock.core.known import Known
from penstock.core.policies import rollout_policy
from penstock.core.policy import Policy
from penstock.core.reading import Reading
from penstock.core.replay import Rules
from penstock.core.report_series import Mark, Series, series_of
from penstock.core.verdict import Eras
from penstock.manifest import Environment, TargetEntry
from penstock.manifest.bake import BakePeriod
from penstock.manifest.rollout import Increment, Rollout
from penstock.manifest.section import Section
from penstock.manifest.verdict import Verdict

Was = Literal["good", "bad", "neither"]
"""good: it was released and stayed; bad: the verdict sent it back; neither: something else ended it."""

Outcome = Literal["unhealthy", "healthy", "undecided"]

Look = tuple[float, float, float]
"""Seconds since the epoch, the odds against the candidate, the acceptance."""

_LIMITS = ("throttles", "api_5xx", "duration", "memory", "cpu", "concurrency", "fail_if", "promote_if")
_COUNTED = {"hung_after_s": "errors.hung_after", "once_per": "errors.once_per"}


@dataclass(frozen=True)
class Judged:
    """What one policy makes of a record.

    `at_s` counts seconds since the candidate's first request: when it was convicted, or since when it was accepted and
    stayed so; None while undecided. `weight_permille` is what the candidate had then, `harmed` how many of its requests had
    failed by then (undecided: by the end of the record). `peak` is the largest odds against it: up to a
    conviction, else in all of the rollout.
    """

    outcome: Outcome
    at_s: float | None
    weight_permille: int
    harmed: int
    peak: float


@dataclass(frozen=True)
class Rejudged:
    """A release by the policy of then and by another. `reaches_s`: how far its record reaches, from the first request on.

    `notes` say what the other policy asks for and the record does not have, and whether the record comes out again;
    `unjudged` are its keys that readings do not tell.
    """

    release: str
    state: str
    cause: str
    was: Was
    reaches_s: float
    recorded: Judged
    other: Judged
    notes: tuple[str, ...] = ()
    unjudged: tuple[str, ...] = ()

    @property
    def sooner_s(self) -> float | None:
        """So many seconds earlier the other policy sends it back; below 0: later. None where not both do."""
        if self.recorded.outcome != "unhealthy" or self.other.outcome != "unhealthy":
            return None
        assert self.recorded.at_s is not None
        assert self.other.at_s is not None
        return round(self.recorded.at_s - self.other.at_s, 3)


@dataclass(frozen=True)
class Summary:
    """What another policy would have cost and brought, over many releases.

    Of the `good` ones it sends `lost` back, and has not accepted `waiting` by the end of their record. Of the `bad` ones it
    sends some back `sooner`, `as_soon` or `later`, and has `missed` some by the end of their record, which ends where they
    were sent back. `median_sooner_s` is of those that both send back; None: there are none.
    """

    good: int
    lost: tuple[str, ...]
    waiting: tuple[str, ...]
    bad: int
    sooner: int
    as_soon: int
    later: int
    missed: tuple[str, ...]
    median_sooner_s: float | None


def summary(found: Iterable[Rejudged]) -> Summary:
    """All of it, counted; releases that are neither good nor bad count nowhere."""
    many = list(found)
    good, bad = [one for one in many if one.was == "good"], [one for one in many if one.was == "bad"]
    gained = [one.sooner_s for one in bad if one.sooner_s is not None]
    return Summary(
        len(good), _named(good, "unhealthy"), _named(good, "undecided"),
        len(bad), sum(s > 0 for s in gained), sum(s == 0 for s in gained), sum(s < 0 for s in gained),
        (*_named(bad, "healthy"), *_named(bad, "undecided")), median(gained) if gained else None,
    )  # fmt: skip


def policy_by(asked: Verdict, rules: Rules, known: Known) -> Policy:
    """By what the keys of `verdict` would have judged a release: with its own increments and bake, and what was known then.

    Readings are those of the source of then, whatever `metrics` says now.
    """
    increments = tuple(
        Increment(
            weight_permille=rung.weight_permille, duration_s=rung.duration_s, may_leave_early=rung.may_leave_early
        )
        for rung in rules.plan.rungs
        if rung.judged
    )
    unseen = rules.units is None and not known.edges  # of a foreign source, whose buckets nobody had seen
    told = asked.model_copy(update={"metrics": None, "latency": None if unseen else asked.latency})
    bare = Environment(
        name=rules.plan.environment, units={}, target=TargetEntry(kind="recorded", section=Section()), verdict=told,
        rollout=Rollout.model_validate({"is": "canary", "increments": increments}) if increments else Rollout(),
        bake=(BakePeriod.model_validate({"for": 1.0}),) if rules.bake else (),
    )  # fmt: skip
    return rollout_policy(bare, known)


def unjudged(asked: Verdict) -> tuple[str, ...]:
    """The keys of a `verdict` that say something, and that readings cannot tell: limits, conditions, how to count."""
    found = [name for name in _LIMITS if name in asked.model_fields_set]
    found += [f"measures.{name}" for name, one in asked.measures.items() if one.kind != "rate"]
    found += ["errors.at_most"] if asked.errors.counted else []
    return (*found, *(_COUNTED[name] for name in sorted(_COUNTED.keys() & asked.errors.model_fields_set)))


class Course:
    """A recorded rollout as it went: its readings in order, who was judged, and which weight was in force when."""

    def __init__(self, rules: Rules, readings: Sequence[Reading], moves: Iterable[dict[str, Any]]) -> None:
        """`moves` are the release's `move:` lines of the audit log, oldest first."""
        ends = {reading.position: number + 1 for number, reading in enumerate(readings)}
        lines = [line for line in moves if line["position"] in ends]
        self.rules = rules
        self._all = readings
        self._last = lines[-1] if lines else {}
        self._watched = [line for line in lines if line["standing"]["phase"] == "watch"]
        self.readings = readings[: max((ends[line["position"]] for line in self._watched), default=0)]
        self._steps = [(readings[ends[line["position"]] - 1].end, _weight(rules, line)) for line in self._watched]
        mine = (one for one in readings if one.revision == rules.plan.candidate.id and one.requests)
        self.began = next((one.start for one in mine), readings[0].start if readings else 0.0)

    @property
    def reaches_s(self) -> float:
        """How far the rollout's readings reach, from the candidate's first request on."""
        return max(0.0, round(max((one.end for one in self.readings), default=self.began) - self.began, 3))

    def weight_at(self, at: float) -> int:
        """The candidate's share in permille at a moment; 1000 after the rollout."""
        return next((weight for end, weight in self._steps if at <= end), 1000)

    def weights(self) -> list[tuple[float, int]]:
        """Since when which weight was in force, as far as readings tell: the end of the one before."""
        ends = [self.readings[0].start if self.readings else self.began, *(end for end, _ in self._steps)]
        return [(end, weight) for end, (_, weight) in zip(ends, self._steps, strict=False)]

    def harmed_by(self, at: float) -> int:
        """How many of the users' requests had failed on the candidate by a moment."""
        candidate = self.rules.plan.candidate.id
        return sum(one.errors for one in self._all if one.revision == candidate and one.end <= at and not one.synthetic)

    def judged(self, policy: Policy, warm_s: float) -> tuple[Judged, list[Look]]:
        """What a policy makes of the rollout, window by window, and what it would have shown meanwhile."""
        state, looks = verdict.start(policy), list[Look]()
        outcome: Outcome = "undecided"
        since, peak = self.began, 1.0
        for window in self._windows(policy, warm_s):
            before, state = state, verdict.step(policy, state, window)
            if state.channels is before.channels:  # small windows wait for others: nothing was judged
                continue
            said = verdict.judge(policy, state)
            at = window.second + window.span_s
            looks.append((at, said.odds, said.acceptance))
            peak = max(peak, said.odds)
            if said.outcome != outcome:
                outcome, since = said.outcome, at
            if state.convicted:
                break
        end = self.began + self.reaches_s if outcome == "undecided" else since
        at_s = None if outcome == "undecided" else max(0.0, round(since - self.began, 3))
        return Judged(outcome, at_s, self.weight_at(end), self.harmed_by(end), peak), looks

    def sent_back(self, by: Judged) -> Judged:
        """What really happened, where `by` is what the policy of then makes of the rollout: the verdict may have sent it
        back after that, in its bake.
        """
        if self._last.get("cause") != "verdict" or self._last["standing"]["phase"] != "bake":
            return by
        at = max(one.end for one in self._all if one.position == self._last["position"])
        return Judged("unhealthy", round(at - self.began, 3), 1000, self.harmed_by(at), by.peak)

    def comes_out(self, by: Judged) -> bool:
        """Whether the policy of then still convicts where the log says that the verdict ended the rollout, and only there."""
        last = self._watched[-1] if self._watched else {}
        is_back = last.get("what") == "move: abort"
        convicted = is_back and last["cause"] == "verdict"
        return by.outcome == "unhealthy" if convicted else is_back or by.outcome != "unhealthy"

    def lacks(self, policy: Policy, asked: Verdict) -> list[str]:
        """What a policy would judge, and the record does not have."""
        notes = []
        if asked.latency and not policy.latency:
            notes.append("`latency` is not judged: no response times had been seen before this release")
        if policy.latency and not any(one.latency for one in self.readings):
            notes.append("no response times were recorded: `latency` accepts nothing")
        if asked.traffic and not any(one.synthetic for one in self.readings):
            notes.append("no requests of Penstock's own were recorded: `traffic` tells nothing")
        there = {name for one in self.readings for name, _ in one.events}
        notes += [
            f"`{rule.name}` was not recorded: it accepts nothing" for rule in policy.rates if rule.name not in there
        ]
        return notes

    def _windows(self, policy: Policy, warm_s: float) -> Sequence[verdict.Window]:
        rules = self.rules
        stable = rules.plan.stable.id if rules.plan.stable and policy.compared else None
        eras = Eras(begun(self.readings), rules.settle_s, rules.step_s, warm_s)
        return verdict.windows(self.readings, rules.plan.candidate.id, stable, eras, rules.units).windows


@dataclass(frozen=True)
class Case:
    """A release whose record is tried again: how it ended, its course, and what was known of its environment before."""

    release: str
    state: str
    cause: str
    was: Was
    known: Known
    course: Course


def rejudge(case: Case, asked: Verdict) -> Rejudged:
    """A release by the policy of then, and by what `asked` says."""
    course, policy = case.course, policy_by(asked, case.course.rules, case.known)
    then, _ = course.judged(course.rules.policy, course.rules.warm_s)
    other, _ = course.judged(policy, warm_s(asked))
    notes = course.lacks(policy, asked)
    if not course.comes_out(then):
        notes.append("its own policy does not decide it again as it was recorded: `penstock audit replay` says more")
    return Rejudged(
        case.release, case.state, case.cause, case.was, course.reaches_s, course.sent_back(then), other, tuple(notes),
        unjudged(asked),
    )  # fmt: skip


def drawn(case: Case, asked: Verdict) -> tuple[Series, Series]:
    """What a report draws of the rollout, with the evidence under the policy of then, and under what `asked` says."""
    rules = case.course.rules
    return (
        _series(case.course, rules.policy, rules.warm_s),
        _series(case.course, policy_by(asked, rules, case.known), warm_s(asked)),
    )


def warm_s(asked: Verdict) -> float:
    """How long after each shift nobody is called slow."""
    return asked.latency.warm_up_s if asked.latency else 0.0


def _series(course: Course, policy: Policy, warm: float) -> Series:
    judged, looks = course.judged(policy, warm)
    marks = [Mark(at, "move", f"{weight / 10:g} %", weight) for at, weight in course.weights()]
    if judged.outcome == "unhealthy" and judged.at_s is not None:
        marks.append(Mark(course.began + judged.at_s, "back", "sent back"))
    told = [{"at": at, "odds": odds, "acceptance": acceptance} for at, odds, acceptance in looks]
    return series_of(
        course.readings,
        told,
        marks,
        course.rules.plan.candidate.id,
        1 / policy.false_rollbacks,
        1 / policy.false_promotions,
    )


def _weight(rules: Rules, line: dict[str, Any]) -> int:
    rung: int = line["rung"]
    return rules.plan.rungs[rung].weight_permille


def _named(found: Iterable[Rejudged], outcome: str) -> tuple[str, ...]:
    return tuple(one.release for one in found if one.other.outcome == outcome)
