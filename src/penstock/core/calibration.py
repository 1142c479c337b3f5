"""What stable held against itself teaches: how errors come in clusters, and which margins hold for this very traffic. Pure.

Two arms of one version differ by chance, by clusters of errors, and by what their hosts do. The first is what the verdict's bets
are made for; the second is learned here (`core.dispersion`); the third only a margin can allow. A margin *holds* if, with what
was learned, the odds against the copy would have stayed below `GATE` in every window (no release would even have waited),
and all of what both arms differed by lies within it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf

from penstock.core import calibration_words as words
from penstock.core.dispersion import dispersion_of, dispersion_of_both, errors_of, slow_of
from penstock.core.eprocess import NOTHING, Counts, Margin
from penstock.core.evidence_windows import Eras, Window, begun, windows
from penstock.core.known import Known
from penstock.core.latency import merged, quantile
from penstock.core.policy import LatencyRule, Policy
from penstock.core.reading import Reading
from penstock.core.replay import Rules
from penstock.core.verdict import GATE, State, judge, start, step
from penstock.manifest.latency import Slower
from penstock.manifest.section import Margin as Written

MARGINS = (
    Margin(1.1, 0.0001), Margin(1.25, 0.0002), Margin(1.5, 0.0005), Margin(2.0, 0.001), Margin(3.0, 0.002),
    Margin(4.0, 0.005), Margin(6.0, 0.01),
)  # fmt: skip
"""The margins of errors that are tried, each wider than the one before."""

ACCEPTED = (Margin(2.0, 0.005), Margin(3.0, 0.01), Margin(4.0, 0.02))
"""What is tried as `promote_at` where the one in force accepts nothing in the time."""

FACTORS = (1.05, 1.1, 1.15, 1.25, 1.5, 2.0, 3.0)
"""The factors of stable's quantiles that are tried."""

_ROOM = 1.25  # what is accepted is at least so much wider than what is convicted, or little could be


Seconds = Mapping[int, tuple[int, int]]
"""Second -> (requests, errors) of one arm."""


@dataclass(frozen=True)
class Quantile:
    """What was learned of one quantile: both arms' own in microseconds (None: not known, or never answered in time).

    `ratio` is the factor in force, `peak` the highest odds by it once clusters are reckoned with, `held` the least factor
    that holds; None: none of those tried does.
    """

    name: str
    candidate_us: float | None
    stable_us: float | None
    ratio: float
    peak: float
    held: float | None


ENOUGH = 100
"""Errors on both arms, below which nothing is concluded of margins and clusters."""


@dataclass(frozen=True)
class Calibration:
    """What one release of stable against itself taught.

    `seconds` were compared, in which both arms served so many requests. `errors` is the over-dispersion of errors (variance
    over mean; 1: they come one by one), `slow` that of requests beyond each judged quantile (0.99). `peak` are the highest
    odds against the copy by the policy in force, `convicted` whether they sent it back. `by_margin` are those by the margin
    of errors alone, once clusters are reckoned with; `held` is the least margin that holds; None: none of those tried does.
    `promote_at` is the acceptance margin that fits, `accepted_s` after how many seconds it would have accepted the copy;
    None: not in this time; then `accepting` is a wider one that would have. `patch` is what `verdict` should say instead
    (empty: nothing to change), `reasons` are sentences.
    """

    seconds: float
    candidate: Counts
    stable: Counts
    errors: float
    slow: dict[float, float]
    peak: float
    convicted: bool
    by_margin: float
    held: Margin | None
    promote_at: Margin
    accepted_s: float | None
    accepting: Margin | None = None
    quantiles: tuple[Quantile, ...] = ()
    patch: dict[str, dict[str, str | dict[str, str]]] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()

    @property
    def is_enough(self) -> bool:
        """Whether so many errors were seen that they say something: or the copy was sent back, which does."""
        return self.convicted or self.candidate.errors + self.stable.errors >= ENOUGH

    @property
    def holds(self) -> bool:
        """Whether every margin in force holds, once clusters are reckoned with."""
        return self.by_margin < GATE and all(one.peak < GATE for one in self.quantiles)


def calibrated(rules: Rules, readings: Sequence[Reading]) -> Calibration | None:
    """What a calibration's readings teach, by the rules it was walked under; None: its two arms were never compared."""
    policy, plan = rules.policy, rules.plan
    if not (plan.stable and policy.compared):
        return None
    arms = (plan.candidate.id, plan.stable.id)
    judged = windows(readings, *arms, _eras(rules, readings), rules.units).windows
    both = [window for window in judged if window.candidate.requests and window.stable.requests]
    if not both:
        return None
    compared = _compared(readings, arms)
    errors = _dispersion(*[errors_of(compared, arm) for arm in arms])
    shares = [rule.quantile for rule in policy.latency]
    slow = {share: _dispersion(*[slow_of(compared, share, arm) for arm in arms]) for share in shares}
    learned = _reckoned(policy, errors, slow)
    timed = [rule for rule in learned.latency if rule.ratio and any(one.latency for one in compared)]
    peak, by_margin = _peak(policy, judged), _peak(_by_errors(learned, learned.margin), judged)
    candidate = sum((window.candidate for window in both), NOTHING)
    stable = sum((window.stable for window in both), NOTHING)
    held = _least(learned, judged, candidate.errors / candidate.requests, stable.errors / stable.requests)
    convicted = policy.margin if by_margin < GATE else held or policy.margin
    promote_at = _above(policy.accepted, convicted)
    found = Calibration(
        sum(window.span_s for window in both), candidate, stable,
        errors, slow, peak, peak >= 1 / policy.false_rollbacks, by_margin, held, promote_at,
        *_accepted(learned, judged, both[0].second, promote_at),
        quantiles=tuple(_quantile(learned, rule, judged, compared, arms) for rule in timed),
    )  # fmt: skip
    found = replace(found, patch=_patch(policy, found))
    return replace(found, reasons=words.reasons(policy, found))


def reckoned_with(known: Known, calibration: Calibration | None) -> Known:
    """What is known, with the clusters that the last calibration saw: of two numbers the larger counts.

    That it saw none is no knowledge: it was too short for that.
    """
    if calibration is None:
        return known
    errors = max(known.errors or 1.0, calibration.errors)
    slow = {share: max(known.slow.get(share, 1.0), found) for share, found in calibration.slow.items() if found > 1}
    return replace(known, errors=errors if errors > 1 else known.errors, slow={**known.slow, **slow})


def _eras(rules: Rules, readings: Iterable[Reading]) -> Eras:
    return Eras(begun(readings), rules.settle_s, rules.step_s, rules.warm_s)


def _compared(readings: Sequence[Reading], arms: tuple[str, str]) -> list[Reading]:
    """The readings of eras in which both arms had traffic: before and after them there is nothing to compare."""
    eras = [{reading.era for reading in readings if reading.revision == arm and reading.requests} for arm in arms]
    return [reading for reading in readings if reading.era in eras[0] & eras[1]]


def _dispersion(candidate: Seconds, stable: Seconds) -> float:
    """By both arms, and by stable alone where it was seen for long enough: the larger."""
    return round(max(dispersion_of_both(_as_often(candidate, stable), stable), dispersion_of(stable) or 1.0), 2)


def _as_often(candidate: Seconds, stable: Seconds) -> Seconds:
    """The copy's counts, with so many requests that both arms failed equally often on the whole.

    What differs all the time is a margin's to allow; only what comes and goes is clusters.
    """
    (requests, errors), (others, failed) = _total(candidate), _total(stable)
    if not (errors and failed):
        return candidate
    factor = errors / requests * others / failed
    return {second: (round(n * factor), k) for second, (n, k) in candidate.items()}


def _total(arm: Seconds) -> tuple[int, int]:
    return sum(n for n, _ in arm.values()), sum(k for _, k in arm.values())


def _reckoned(policy: Policy, errors: float, slow: Mapping[float, float]) -> Policy:
    """The policy of the next release, were nothing changed but what is known."""
    rules = (replace(rule, dispersion=max(rule.dispersion, slow[rule.quantile])) for rule in policy.latency)
    return replace(policy, dispersion=max(policy.dispersion, errors), latency=tuple(rules))


def _by_errors(policy: Policy, margin: Margin, accepted: Margin | None = None) -> Policy:
    """A policy that compares errors, and nothing else."""
    asked = accepted or policy.accepted
    return replace(
        policy, at_most=None, latency=(), rates=(), ratio=margin.ratio, points=margin.points, promote_ratio=asked.ratio,
        promote_points=asked.points,
    )  # fmt: skip


def _peak(policy: Policy, judged: Iterable[Window], channel: str = "") -> float:
    """The highest odds against the copy after any window: of a channel, or (empty) of all of them together."""
    said = (judge(policy, state) for state in _states(policy, judged))
    return max((one.channels[channel] if channel else one.odds for one in said), default=1.0)


def _states(policy: Policy, judged: Iterable[Window]) -> Iterator[State]:
    """What the evidence came to, each time that it changed; and before that, the beginning."""
    state = start(policy)
    yield state
    for window in judged:
        before, state = state, step(policy, state, window)
        if state.channels is not before.channels:
            yield state


def _least(policy: Policy, judged: Sequence[Window], candidate: float, stable: float) -> Margin | None:
    """The least margin of errors that holds; of both arms the rates are told."""
    wide = (one for one in _around(policy.margin) if one.edge(stable) >= candidate)
    return next((one for one in wide if _peak(_by_errors(policy, one), judged) < GATE), None)


def _around(margin: Margin) -> list[Margin]:
    """Margins to try, each wider than the one before, with the one in force among them."""
    tighter = [one for one in MARGINS if one.ratio <= margin.ratio and one.points <= margin.points]
    return list(dict.fromkeys([*tighter, margin, *_wider(MARGINS, margin)]))


def _wider(tried: Iterable[Margin], margin: Margin) -> Iterator[Margin]:
    return (Margin(max(one.ratio, margin.ratio), max(one.points, margin.points)) for one in tried)


def _above(accepted: Margin, convicted: Margin) -> Margin:
    """An acceptance margin that leaves room above what is convicted; the one in force where it does."""
    if accepted.ratio >= convicted.ratio and accepted.points >= convicted.points:
        return accepted
    return Margin(max(accepted.ratio, round(convicted.ratio * _ROOM, 2)), max(accepted.points, convicted.points))


def _accepted(
    policy: Policy, judged: Sequence[Window], began: float, promote_at: Margin
) -> tuple[float | None, Margin | None]:
    """After how many seconds `promote_at` accepts the copy; if it does not in this time, a wider one that does."""
    seconds = _accepted_after(policy, judged, began, promote_at)
    if seconds is not None:
        return seconds, None
    wider = (one for one in _wider(ACCEPTED, promote_at) if one != promote_at)
    return None, next((one for one in wider if _accepted_after(policy, judged, began, one) is not None), None)


def _accepted_after(policy: Policy, judged: Sequence[Window], began: float, margin: Margin) -> float | None:
    asked = _by_errors(policy, policy.margin, margin)
    state = start(asked)
    for window in judged:
        before, state = state, step(asked, state, window)
        changed = state.acceptance is not before.acceptance
        if changed and judge(asked, state).accepting["errors"] >= 1 / asked.false_promotions:
            return window.second + window.span_s - began
    return None


def _quantile(
    policy: Policy, rule: LatencyRule, judged: Sequence[Window], compared: Sequence[Reading], arms: tuple[str, str]
) -> Quantile:
    """How far both arms' quantiles are apart, and which factor of stable's holds."""
    assert rule.ratio is not None, "asked of quantiles that are compared"

    def peak(factor: float) -> float:
        one = replace(rule, ratio=factor, at_most_us=None)
        return _peak(replace(policy, at_most=None, rates=(), latency=(one,)), judged, rule.name)

    times = [quantile(merged(one.latency for one in compared if one.revision == arm), rule.quantile) for arm in arms]
    mine, stables = (None if edge == inf else edge for edge in times)
    differ = (mine - rule.plus_us) / stables if mine and stables else 0.0
    factors = (factor for factor in sorted({*FACTORS, rule.ratio}) if factor >= differ)
    held = next((factor for factor in factors if peak(factor) < GATE), None)
    return Quantile(rule.name, mine, stables, rule.ratio, peak(rule.ratio), held)


def _patch(policy: Policy, found: Calibration) -> dict[str, dict[str, str | dict[str, str]]]:
    """What `verdict` should say where what it says does not hold; nothing is ever made tighter."""
    patch: dict[str, dict[str, str | dict[str, str]]] = {}
    if found.by_margin >= GATE and found.held:
        patch["errors"] = {"against_stable": _written(found.held)}
        if found.promote_at != policy.accepted:
            patch["errors"]["promote_at"] = _written(found.promote_at)
    rules = {rule.name: rule for rule in policy.latency}
    slower = {q.name: _slower(rules[q.name], q.held) for q in found.quantiles if q.held and q.peak >= GATE}
    return {**patch, "latency": dict(slower)} if slower else patch


def _slower(rule: LatencyRule, ratio: float) -> dict[str, str]:
    said = {"against_stable": str(Slower(ratio=ratio, plus_s=rule.plus_us / 1e6))}
    if rule.promote_ratio < ratio * _ROOM:
        room = Slower(ratio=round(ratio * _ROOM, 2), plus_s=max(rule.plus_us, rule.promote_plus_us) / 1e6)
        said["promote_at"] = str(room)
    return said


def _written(margin: Margin) -> str:
    return str(Written(ratio=margin.ratio, points=margin.points))
