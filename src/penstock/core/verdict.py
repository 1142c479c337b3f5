"""Whether a candidate is healthy, unhealthy or undecided: a fold of bets over windows, and what it comes to.

`step` folds one window, `fold` many; `judge` reads the state. Folding in pieces is folding at once, so a
process that is killed and reads its windows again comes to the same verdict. How many errors stable has is
never estimated for the bound, only to bet well; each bet depends on windows before it and on request counts
alone.

Channels: `relative` bets against `pC <= ratio*pB + points`, `absolute` against `pC <= at_most`. The evidence
E is their weighted mean, valid however they depend on each other. The acceptance evidence P is the least over
what must be accepted, so each must be. More channels are further names in the two maps of the state.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from math import exp, log
from typing import Literal

from penstock.core.eprocess import (
    AT_ONCE,
    NOTHING,
    Counts,
    Margin,
    Process,
    Starts,
    begin,
    bets_against,
    bets_for,
    grow,
    guess,
    log_factors,
    log_sum,
    log_value,
    tempered,
)
from penstock.core.evidence_windows import Eras, Watched, Window, windows

__all__ = [
    "GATE",
    "WORSE",
    "Counts",
    "Eras",
    "Policy",
    "Starts",
    "State",
    "Verdict",
    "Watched",
    "Window",
    "fold",
    "judge",
    "start",
    "step",
    "windows",
]

GATE = 3.0  # odds against the candidate from which it is not accepted, and no increment is left
WORSE = (1.5, 2.0, 3.0, 5.0, 10.0, 30.0)  # alternatives, as multiples of the edge of the margin
AS_GOOD = (0.5, 1.0, 1.3)  # alternatives of acceptance, as multiples of stable's error rate
_MEMORY_S = 10.0  # half-life of what stable's recent error rate remembers
_ENOUGH_ALONE = 20  # so many times `pool_requests` on the candidate do not wait for stable
_MILLION = 1e6
_LARGEST = 690.0  # log of the largest odds that are said


@dataclass(frozen=True)
class Policy:
    """What the verdict may get wrong, and what it judges. Rates and points are fractions of 1.

    `at_most` None: no absolute limit. `compared` False: there is no stable arm (all at once, bake), only the
    limit judges. `relative_weight` is the relative channel's share of the evidence when both judge: 0.8 makes
    it need 125 to 1 by itself instead of 100 to 1, the absolute limit, which is there for plain disasters,
    500 to 1. `starts.horizon_s` should cover the release's watched time. `dispersion` is the number of errors
    that may come as one cluster. Windows are pooled until each arm has `pool_requests`, or for `pool_s`.
    """

    false_rollbacks: float = 0.01
    false_promotions: float = 0.05
    at_most: float | None = 0.05
    ratio: float = 1.5
    points: float = 0.0005
    promote_ratio: float = 2.0
    promote_points: float = 0.005
    compared: bool = True
    relative_weight: float = 0.8
    starts: Starts = field(default_factory=Starts)
    dispersion: float = 1.0
    pool_requests: int = 5
    pool_s: float = 30.0

    @cached_property
    def margin(self) -> Margin:
        """Worse than this is convicted."""
        return Margin(self.ratio, self.points)

    @cached_property
    def accepted(self) -> Margin:
        """Better than this is accepted; without a stable arm, the absolute limit itself."""
        return Margin(self.promote_ratio, self.promote_points) if self.compared else self.limit

    @cached_property
    def limit(self) -> Margin:
        """The absolute limit as a margin that compares with nothing."""
        return Margin(0.0, self.at_most or 0.0)

    @cached_property
    def limit_bets(self) -> list[float]:
        """The bets against the absolute limit: always the same."""
        return bets_against(0.0, 0.0, self.limit, WORSE) if self.at_most else []

    @cached_property
    def weights(self) -> dict[str, float]:
        """Each channel's share of the evidence; the shares add up to 1. Empty: nothing can be judged."""
        if not self.compared:
            return {} if self.at_most is None else {"absolute": 1.0}
        if self.at_most is None:
            return {"relative": 1.0}
        return {"relative": self.relative_weight, "absolute": 1 - self.relative_weight}


@dataclass(frozen=True)
class State:
    """Everything that the windows so far came to: small plain data.

    `candidate` and `stable` count the requests of both arms in the same seconds; `candidate_alone` and
    `stable_alone` those while the other arm was silent. `pending` is a pool that is still too small to judge.
    `recent_*` is stable's recent past, with a half-life of ten seconds. `suspended`: the last window was not
    held against the absolute limit. `convicted` is final.
    """

    channels: dict[str, Process]
    acceptance: dict[str, Process]
    candidate: Counts = NOTHING
    stable: Counts = NOTHING
    candidate_alone: Counts = NOTHING
    stable_alone: Counts = NOTHING
    watched_s: float = 0.0
    pending: Window | None = None
    recent_requests: float = 0.0
    recent_errors: float = 0.0
    suspended: bool = False
    convicted: bool = False
    dropped: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Verdict:
    """What the evidence says. `odds` is E, against the candidate; `acceptance` is P, for it; both start at 1.

    `channels` holds the odds of each channel by itself. `candidate` and `stable` are the counts that were
    judged, over the same seconds. `suspended`: stable itself breaks the absolute limit, which therefore does
    not judge.
    """

    outcome: Literal["healthy", "unhealthy", "undecided"]
    odds: float
    acceptance: float
    channels: dict[str, float]
    candidate: Counts
    stable: Counts
    watched_s: float
    suspended: bool
    dropped: dict[str, int]
    sentence: str


def start(policy: Policy) -> State:
    """The state before the first window."""
    channels = {name: begin(len(WORSE), policy.starts) for name in policy.weights}
    return State(channels, {"errors": begin(len(AS_GOOD))} if channels else {})


def fold(policy: Policy, state: State, watched: Watched) -> State:
    """The state after more windows, oldest first; what was dropped is added up."""
    for window in watched.windows:
        state = step(policy, state, window)
    return replace(state, dropped=_added(state.dropped, watched.dropped)) if watched.dropped else state


def step(policy: Policy, state: State, window: Window) -> State:
    """The state after one more window. A window without a request changes nothing.

    Neither does any window after a conviction: whoever looks later, or seldom, sees the same verdict.

    Small windows are pooled, within one era only: while the split stands still, which arm a request meets
    does not depend on the error rate, so a pool may span a shock. When a pool is full depends on request
    counts and time alone.
    """
    if state.convicted or not (window.candidate.requests or window.stable.requests):
        return state
    pool = state.pending
    if pool and not _belong_together(policy, pool, window):
        state, pool = _judged(policy, state, pool), None
        if state.convicted:
            return state
    pool = pool.with_next(window) if pool else window
    if _is_full(policy, pool):
        return _judged(policy, state, pool)
    return replace(state, pending=pool)


def judge(policy: Policy, state: State) -> Verdict:
    """Unhealthy at E >= 1/false_rollbacks, healthy at P >= 1/false_promotions while E < 3, else undecided."""
    odds = _plain(_log_odds(policy, state.channels))
    acceptance = _plain(min(map(log_value, state.acceptance.values()))) if state.acceptance else 1.0
    outcome: Literal["healthy", "unhealthy", "undecided"] = "undecided"
    if odds >= 1 / policy.false_rollbacks:
        outcome = "unhealthy"
    elif acceptance >= 1 / policy.false_promotions and odds < GATE:
        outcome = "healthy"
    channels = {name: _plain(log_value(process, policy.starts)) for name, process in state.channels.items()}
    verdict = Verdict(
        outcome, odds, acceptance, channels,
        state.candidate if policy.compared else state.candidate_alone,
        state.stable, state.watched_s, state.suspended, state.dropped, "",
    )  # fmt: skip
    return replace(verdict, sentence=_sentence(policy, state, verdict))


def _belong_together(policy: Policy, pool: Window, window: Window) -> bool:
    return pool.era == window.era and abs(window.second - pool.second) < policy.pool_s


def _is_full(policy: Policy, pool: Window) -> bool:
    candidate, stable = pool.candidate.requests, pool.stable.requests
    if pool.span_s >= policy.pool_s or candidate >= _ENOUGH_ALONE * policy.pool_requests:
        return True
    return (min(candidate, stable) if policy.compared else candidate) >= policy.pool_requests


def _judged(policy: Policy, state: State, pool: Window) -> State:
    """The pool's factors multiplied in; the guesses come from `state`, the past alone."""
    paired = bool(pool.candidate.requests and pool.stable.requests) and policy.compared
    requests, errors, suspended = _recent(policy, state, pool)
    channels = dict(state.channels)
    for name, process in state.channels.items():
        factors = _relative(policy, state, pool) if name == "relative" else _absolute(policy, pool, suspended)
        channels[name] = grow(process, policy.starts, state.watched_s, tempered(factors, policy.dispersion))
    return State(
        channels,
        _accepting(policy, state, pool),
        state.candidate + pool.candidate if paired else state.candidate,
        state.stable + pool.stable if paired else state.stable,
        state.candidate_alone if paired else state.candidate_alone + pool.candidate,
        state.stable_alone if paired else state.stable_alone + pool.stable,
        state.watched_s + pool.span_s,
        None,
        requests,
        errors,
        suspended,
        _is_convicted(policy, channels),
        state.dropped,
    )


def _log_odds(policy: Policy, channels: dict[str, Process]) -> float:
    """Log of E: the weighted mean of the channels."""
    if not channels:
        return 0.0
    return log_sum([log(policy.weights[name]) + log_value(p, policy.starts) for name, p in channels.items()])


def _is_convicted(policy: Policy, channels: dict[str, Process]) -> bool:
    """Whether E reaches its threshold; the sum is only made where one bet alone has won enough to matter."""
    needed = 1 / policy.false_rollbacks
    matters = log((needed - 1) / len(WORSE)) if needed > 1 else -_LARGEST
    if not any(max(process.logs) >= matters for process in channels.values()):
        return False
    return _plain(_log_odds(policy, channels)) >= needed


def _relative(policy: Policy, state: State, pool: Window) -> list[float]:
    bets = bets_against(guess(state.stable), pool.split, policy.margin, WORSE) if pool.split else WORSE
    return log_factors(pool.candidate, pool.stable, bets, policy.margin)


def _absolute(policy: Policy, pool: Window, suspended: bool) -> list[float]:
    if suspended:
        return [0.0] * len(WORSE)
    return log_factors(pool.candidate, NOTHING, policy.limit_bets, policy.limit)


def _accepting(policy: Policy, state: State, pool: Window) -> dict[str, Process]:
    if not (state.acceptance and pool.candidate.requests) or (policy.compared and not pool.stable.requests):
        return state.acceptance
    base = guess(state.stable if policy.compared else state.candidate_alone)
    bets = bets_for(base, pool.split, policy.accepted, AS_GOOD)
    factors = tempered(log_factors(pool.candidate, pool.stable, bets, policy.accepted), policy.dispersion)
    return {name: grow(process, AT_ONCE, state.watched_s, factors) for name, process in state.acceptance.items()}


def _recent(policy: Policy, state: State, pool: Window) -> tuple[float, float, bool]:
    """Stable's recent requests and errors, and whether the absolute limit is suspended for this pool.

    Stable's own errors of this very pool count too: given the error rates they say nothing about the
    candidate's, so the bet stays fair, and a shared outage is noticed in its first second.
    """
    kept = 0.5 ** (pool.span_s / _MEMORY_S)
    requests = state.recent_requests * kept + pool.stable.requests
    errors = state.recent_errors * kept + pool.stable.errors
    limit = policy.at_most
    if limit is None or not policy.compared:
        return requests, errors, False
    return requests, errors, errors > limit * requests or pool.stable.errors > limit * pool.stable.requests


def _added(one: dict[str, int], other: dict[str, int]) -> dict[str, int]:
    return {name: one.get(name, 0) + other.get(name, 0) for name in [*one, *(n for n in other if n not in one)]}


def _plain(logarithm: float) -> float:
    return exp(min(logarithm, _LARGEST))


def _sentence(policy: Policy, state: State, verdict: Verdict) -> str:
    if not verdict.channels:
        return "nothing can be judged: there is no stable arm to compare with, and no absolute limit"
    if not state.candidate.requests + state.candidate_alone.requests:
        return "no request on the candidate was judged yet: that is neither good nor bad"
    said = [f"{_counts(policy, state)}; {_evidence(policy, verdict)}"]
    if state.suspended and policy.at_most is not None:
        said.append(f"stable itself breaks the limit of {_percent(policy.at_most)}, which therefore does not judge")
    return "; ".join(said)


def _counts(policy: Policy, state: State) -> str:
    alone = state.candidate_alone
    if not policy.compared:
        return f"{_of(alone)} failed on the candidate"
    if not state.candidate.requests:
        return f"{_of(alone)} failed on the candidate, while stable had no traffic to compare with"
    candidate, stable = _of(state.candidate), _share(state.stable)
    text = f"{candidate} failed on the candidate, {stable} on stable in the same seconds"
    return f"{text}, {_share(alone)} more while stable was silent" if alone.requests else text


def _evidence(policy: Policy, verdict: Verdict) -> str:
    odds = f"the odds against a healthy candidate are {spoken(verdict.odds)} to 1"
    if verdict.outcome == "unhealthy":
        most = max(policy.weights, key=lambda name: policy.weights[name] * verdict.channels[name])
        limit = f", by the limit of {_percent(policy.at_most)}" if most == "absolute" and policy.at_most else ""
        return odds + limit
    favour = f"the odds for {_claim(policy)} are {spoken(verdict.acceptance)} to 1"
    if verdict.outcome == "healthy":
        return favour
    enough = 1 / policy.false_promotions
    if verdict.acceptance >= enough:
        return f"{favour}, but {odds}, and it is accepted only below {GATE:g}"
    needed = f"{spoken(1 / policy.false_rollbacks)} that send it back"
    return f"{odds}, of {needed}; {favour}, of {spoken(enough)} that accept it"


def _claim(policy: Policy) -> str:
    margin = policy.accepted
    if not policy.compared:
        return f"fewer than {_percent(margin.points)} failing"
    return f"at most {margin.ratio:g} times stable's errors + {margin.points * 100:g} points"


def _of(counts: Counts) -> str:
    return f"{_share(counts)} {'request' if counts.requests == 1 else 'requests'}"


def _share(counts: Counts) -> str:
    return f"{counts.errors:,} of {counts.requests:,}"


def _percent(rate: float | None) -> str:
    return f"{(rate or 0) * 100:g} %"


def spoken(odds: float) -> str:
    """Odds as people say them: two figures, thousands apart; below 1 and above a million in words."""
    if odds < 1:
        return "less than 1"
    if odds >= _MILLION:
        return "more than a million"
    return f"{float(f'{odds:.2g}'):,g}"
