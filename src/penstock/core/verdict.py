"""Whether a candidate is healthy, unhealthy or undecided: a fold of bets over windows, and what it comes to.

`step` folds one window, `fold` many; `judge` reads the state. Folding in pieces is folding at once, so a
process that is killed and reads its windows again comes to the same verdict. How many errors stable has is
never estimated for the bound, only to bet well; each bet depends on windows before it and on request counts
alone.

The evidence E is the weighted mean of the channels (`core.channels`), valid however they depend on each other. The
acceptance evidence P is the least over what must be accepted, so each must be.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from penstock.core import slow, verdict_words
from penstock.core.channels import Bets, Pair, Past, bets
from penstock.core.eprocess import AT_ONCE, MOST, NOTHING, Counts, Prior, Process, Starts, begin, grow, value
from penstock.core.evidence_windows import Eras, Watched, Window, windows
from penstock.core.policy import Policy
from penstock.core.slow import Slow
from penstock.core.verdict_words import GATE, spoken

__all__ = [
    "GATE",
    "Counts",
    "Eras",
    "Policy",
    "Starts",
    "State",
    "Verdict",
    "Watched",
    "Window",
    "fits",
    "fold",
    "judge",
    "spoken",
    "start",
    "step",
    "windows",
]

_ENOUGH_ALONE = 20  # so many times `pool_requests` on the candidate do not wait for stable


@dataclass(frozen=True)
class State:
    """Everything that the windows so far came to: small plain data.

    `candidate` and `stable` count the requests of both arms in the same seconds; `candidate_alone` and
    `stable_alone` those while the other arm was silent. `pending` and `pending_synthetic` are pools that are still too small
    to judge. `slow` and `recent` are stable's recent past. `unjudged`: the limits that the last window was not held
    against. `compared`: channel -> requests (and what of them counts against it) of candidate and stable, beyond errors.
    `synthetic` are Penstock's own requests. `convicted` is final.
    """

    channels: dict[str, Process]
    acceptance: dict[str, Process]
    candidate: Counts = NOTHING
    stable: Counts = NOTHING
    candidate_alone: Counts = NOTHING
    stable_alone: Counts = NOTHING
    watched_s: float = 0.0
    pending: Window | None = None
    pending_synthetic: Window | None = None
    slow: Slow = field(default_factory=Slow)
    recent: dict[str, tuple[float, float]] = field(default_factory=dict)
    unjudged: tuple[str, ...] = ()
    compared: dict[str, Pair] = field(default_factory=dict)
    synthetic: Pair = (NOTHING, NOTHING)
    convicted: bool = False
    dropped: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Verdict:
    """What the evidence says. `odds` is E, against the candidate; `acceptance` is P, for it; both start at 1.

    `channels` holds the odds of each channel by itself, `accepting` the acceptance of each. `candidate` and `stable` are the
    counts that were judged, over the same seconds, `compared` those of other channels. `suspended`: stable itself breaks the
    absolute limit of errors, which therefore does not judge.
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
    accepting: dict[str, float] = field(default_factory=dict)
    compared: dict[str, Pair] = field(default_factory=dict)
    synthetic: Pair = (NOTHING, NOTHING)


def start(policy: Policy) -> State:
    """The state before the first window."""
    channels = {name: begin(prior, policy.starts) for name, prior in policy.priors.items()}
    acceptance = {name: begin(prior) for name, prior in policy.accepting.items()}
    return State(channels, acceptance if channels else {}, slow=slow.begin(policy))


def fits(policy: Policy, state: State) -> bool:
    """Whether a state holds the very bets of a policy; one that an older Penstock left does not."""
    held = {**state.channels, **{f"for {name}": process for name, process in state.acceptance.items()}}
    asked = {**policy.priors, **{f"for {name}": prior for name, prior in policy.accepting.items() if policy.priors}}
    return {name: len(process.bets) for name, process in held.items()} == {name: len(p) for name, p in asked.items()}


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
    counts and time alone. Penstock's own requests are pooled apart.
    """
    if state.convicted or not (window.candidate.requests or window.stable.requests):
        return state
    pool = state.pending_synthetic if window.synthetic else state.pending
    if pool and not _belong_together(policy, pool, window):
        state, pool = _judged(policy, state, pool), None
        if state.convicted:
            return state
    pool = pool.with_next(window) if pool else window
    if _is_full(policy, pool):
        return _judged(policy, state, pool)
    return replace(state, pending_synthetic=pool) if window.synthetic else replace(state, pending=pool)


def judge(policy: Policy, state: State) -> Verdict:
    """Unhealthy at E >= 1/false_rollbacks, healthy at P >= 1/false_promotions while E < 3, else undecided."""
    odds = _odds(policy, state.channels)
    accepting = {name: min(MOST, value(process)) for name, process in state.acceptance.items()}
    acceptance = _acceptance(policy, accepting)
    outcome: Literal["healthy", "unhealthy", "undecided"] = "undecided"
    if odds >= 1 / policy.false_rollbacks:
        outcome = "unhealthy"
    elif acceptance >= 1 / policy.false_promotions and odds < GATE:
        outcome = "healthy"
    channels = {name: min(MOST, value(process, policy.starts)) for name, process in state.channels.items()}
    verdict = Verdict(
        outcome, odds, acceptance, channels,
        state.candidate if policy.compared else state.candidate_alone,
        state.stable, state.watched_s, "absolute" in state.unjudged, state.dropped, "",
        accepting, state.compared, state.synthetic,
    )  # fmt: skip
    return replace(verdict, sentence=verdict_words.sentence(policy, state, verdict))


def _acceptance(policy: Policy, accepting: Mapping[str, float]) -> float:
    """P: the least of what must be accepted.

    Penstock's own requests stand for users' where these are too few to tell: then they accept, as long as the users' own
    evidence does not speak against the candidate. What is promised then is said of Penstock's requests.
    """
    if "traffic" not in accepting:
        return min(accepting.values()) if accepting else 1.0
    errors = max(accepting["errors"], min(accepting["traffic"], accepting["errors"] / policy.false_promotions))
    return min([errors, *(one for name, one in accepting.items() if name not in ("errors", "traffic"))])


def _belong_together(policy: Policy, pool: Window, window: Window) -> bool:
    return pool.era == window.era and abs(window.second - pool.second) < policy.pool_s


def _is_full(policy: Policy, pool: Window) -> bool:
    candidate, stable = pool.candidate.requests, pool.stable.requests
    if pool.span_s >= policy.pool_s or candidate >= _ENOUGH_ALONE * policy.pool_requests:
        return True
    return (min(candidate, stable) if policy.compared else candidate) >= policy.pool_requests


def _judged(policy: Policy, state: State, pool: Window) -> State:
    """The pool's factors multiplied in; the bets come from `state`, the past alone."""
    base = state.stable if policy.compared else state.candidate_alone
    found = bets(policy, Past(base, state.slow, state.recent), pool)
    channels = _grown(state.channels, policy.priors, policy.starts, state.watched_s, found.against)
    acceptance = _grown(state.acceptance, policy.accepting, AT_ONCE, state.watched_s, found.accepting)
    convicted = bool(channels) and _odds(policy, channels) >= 1 / policy.false_rollbacks
    if pool.synthetic:
        return replace(
            state, channels=channels, acceptance=acceptance, pending_synthetic=None, convicted=convicted,
            synthetic=(state.synthetic[0] + pool.candidate, state.synthetic[1] + pool.stable),
        )  # fmt: skip
    candidate, stable, alone, stable_alone = state.candidate, state.stable, state.candidate_alone, state.stable_alone
    if policy.compared and pool.candidate.requests and pool.stable.requests:
        candidate, stable = candidate + pool.candidate, stable + pool.stable
    else:
        alone, stable_alone = alone + pool.candidate, stable_alone + pool.stable
    return State(
        channels,
        acceptance,
        candidate,
        stable,
        alone,
        stable_alone,
        state.watched_s + pool.span_s,
        None,
        state.pending_synthetic,
        slow.after(state.slow, policy, pool.slow[1], pool.span_s) if policy.latency and policy.compared else state.slow,
        found.recent,
        tuple(found.suspended),
        _compared(state, found),
        state.synthetic,
        convicted,
        state.dropped,
    )


def _grown(
    processes: Mapping[str, Process], priors: Mapping[str, Prior], starts: Starts, watched_s: float,
    factors: Mapping[str, list[float]],
) -> dict[str, Process]:  # fmt: skip
    """Every process after a window; one without a factor has no evidence, which does not stop its later starts."""
    return {
        name: grow(process, priors[name], starts, watched_s, factors[name]) if name in factors else process
        for name, process in processes.items()
    }


def _compared(state: State, found: Bets) -> dict[str, Pair]:
    if not found.compared:
        return state.compared
    both = dict(state.compared)
    for name, (candidate, stable) in found.compared.items():
        before = both.get(name, (NOTHING, NOTHING))
        both[name] = (before[0] + candidate, before[1] + stable)
    return both


def _odds(policy: Policy, channels: Mapping[str, Process]) -> float:
    """E: the weighted mean of the channels."""
    if not channels:
        return 1.0
    starts = policy.starts
    odds = sum([share * value(channels[name], starts) for name, share in policy.weights.items()])
    return odds if odds < MOST else MOST


def _added(one: dict[str, int], other: dict[str, int]) -> dict[str, int]:
    return {name: one.get(name, 0) + other.get(name, 0) for name in [*one, *(n for n in other if n not in one)]}
