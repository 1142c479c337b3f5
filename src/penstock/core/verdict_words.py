"""What a verdict says to people. Pure."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from penstock.core.eprocess import Counts
from penstock.core.policy import Policy

if TYPE_CHECKING:
    from penstock.core.verdict import State, Verdict

GATE = 3.0  # odds against the candidate from which it is not accepted, and no increment is left
_MILLION = 1e6


def sentence(policy: Policy, state: State, verdict: Verdict) -> str:
    """What the evidence says, in one sentence, from the numbers that decided."""
    if not verdict.channels:
        return "nothing can be judged: there is no stable arm to compare with, and no absolute limit"
    if not state.candidate.requests + state.candidate_alone.requests + state.synthetic[0].requests:
        return "no request on the candidate was judged yet: that is neither good nor bad"
    most = max(policy.weights, key=lambda name: policy.weights[name] * verdict.channels[name])
    said = [f"{_measured(policy, state, most)}; {_evidence(policy, state, verdict, most)}"]
    if state.unjudged:
        limits = " and ".join(_limit(policy, name) for name in state.unjudged)
        said.append(f"stable itself breaks the limit of {limits}, which therefore does not judge")
    said += [f"{name} does not judge: {why}" for name, why in _boundless(policy, state).items()]
    return "; ".join(said)


def _measured(policy: Policy, state: State, most: str) -> str:
    """What was counted: errors, and where another channel decided, its own counts first."""
    users = state.candidate.requests + state.candidate_alone.requests
    errors, (ours, theirs) = _counts(policy, state) if users else "", state.synthetic
    own = f"{_of(ours)} of Penstock's own failed on the candidate, {_share(theirs)} on stable" if ours.requests else ""
    if not (state.convicted and most in state.compared):
        parts = (own, errors) if most == "traffic" or not errors else (errors, own)
        return "; ".join(part for part in parts if part)
    candidate, stable = state.compared[most]
    if most in {rule.name for rule in policy.rates}:
        each = [f"{arm.errors / max(1, arm.requests):.3g}" for arm in (candidate, stable)]
        return f"{most}: {each[0]} for a request on the candidate, {each[1]} on stable in the same seconds; {errors}"
    limits = _edges(policy, state, most)
    text = f"{most.removesuffix(' limit')}: {_rate(candidate)} of the candidate's requests took longer than {limits[0]}"
    return f"{text}, {_rate(stable)} of stable's longer than {limits[1]}; {errors}"


def _edges(policy: Policy, state: State, name: str) -> tuple[str, str]:
    """What the candidate's times and stable's are held against, as people say times."""
    for rule in policy.latency:
        if rule.name == name and rule.ratio is not None and name in state.slow.quantiles:
            edge = state.slow.quantiles[name][0]
            return milliseconds(policy.edge(rule.ratio * edge + rule.plus_us)), milliseconds(edge)
        if f"{rule.name} limit" == name and rule.at_most_us is not None:
            return (milliseconds(policy.edge(rule.at_most_us)),) * 2
    return "", ""


def _boundless(policy: Policy, state: State) -> dict[str, str]:
    """The quantiles that nothing can be too slow for, as stable's with the margin is beyond every bucket; and why."""
    found = {}
    for rule in policy.latency:
        edge, share = state.slow.quantiles.get(rule.name, (0.0, 0.0))
        if rule.ratio is not None and share and policy.edge(rule.ratio * edge + rule.plus_us) == inf:
            most = f"took longer than {milliseconds(edge)}" if policy.edges else "were never answered in time"
            found[rule.name] = f"{100 * share:.2g} % of stable's requests {most}"
    return found


def _counts(policy: Policy, state: State) -> str:
    alone = state.candidate_alone
    if not policy.compared:
        return f"{_of(alone)} failed on the candidate"
    if not state.candidate.requests:
        return f"{_of(alone)} failed on the candidate, while stable had no traffic to compare with"
    candidate, stable = _of(state.candidate), _share(state.stable)
    text = f"{candidate} failed on the candidate, {stable} on stable in the same seconds"
    return f"{text}, {_share(alone)} more with none of stable's beside them" if alone.requests else text


def _evidence(policy: Policy, state: State, verdict: Verdict, most: str) -> str:
    odds = f"the odds against a healthy candidate are {spoken(verdict.odds)} to 1"
    if verdict.outcome == "unhealthy":
        is_limit = most == "absolute" or most.endswith(" limit")
        return f"{odds}, by the limit of {_limit(policy, most)}" if is_limit else odds
    favour = f"the odds for {_claim(policy, state, verdict)} are {spoken(verdict.acceptance)} to 1"
    if verdict.outcome == "healthy":
        return favour
    enough = 1 / policy.false_promotions
    if verdict.acceptance >= enough:
        return f"{favour}, but {odds}, and it is accepted only below {GATE:g}"
    needed = f"{spoken(1 / policy.false_rollbacks)} that send it back"
    return f"{odds}, of {needed}; {favour}, of {spoken(enough)} that accept it"


def _claim(policy: Policy, state: State, verdict: Verdict) -> str:
    """What acceptance says of the channel that is accepted least."""
    judged = [name for name in verdict.accepting if name not in _boundless(policy, state)]
    least = min(judged, key=lambda name: verdict.accepting[name], default="errors")
    margin = policy.accepted
    if not policy.compared:
        return f"fewer than {_percent(margin.points)} failing"
    if least in ("errors", "traffic"):
        return f"at most {margin.ratio:g} times stable's errors + {margin.points * 100:g} points"
    for rule in policy.rates:
        if rule.name == least:
            return f"at least {rule.promote_ratio:g} times stable's {least}"
    rule_of = {rule.name: rule for rule in policy.latency}
    plus = rule_of[least].promote_plus_us
    more = f" + {milliseconds(plus)}" if plus else ""
    known = "" if least in state.slow.quantiles else ", which is not known yet,"
    return f"a {least} of at most {rule_of[least].promote_ratio:g} times stable's{known}{more}"


def _limit(policy: Policy, name: str) -> str:
    """A limit as people say it: `5 %`, `500 ms at p99`."""
    for rule in policy.latency:
        if f"{rule.name} limit" == name and rule.at_most_us is not None:
            return f"{milliseconds(rule.at_most_us)} at {rule.name}"
    return _percent(policy.at_most)


def milliseconds(duration_us: float) -> str:
    """A time as people say it: `512 ms`, `1.3 s`, `0.4 ms`."""
    if duration_us == inf:
        return "any limit"
    return f"{duration_us / 1e6:.3g} s" if duration_us >= 1e6 else f"{duration_us / 1e3:.3g} ms"


def _rate(counts: Counts) -> str:
    share = float(f"{100 * counts.errors / max(1, counts.requests):.2g}")
    return f"{share:g} %"


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
