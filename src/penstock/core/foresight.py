"""What a rollout will be able to see at the traffic there is, said before it starts. Pure.

Evidence grows with requests and errors, not with patience alone: at little traffic a fault is seen late or never, and a good
candidate is never accepted. Here is how fast our own bets grow in the mean, and the limit that no test can pass.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil

from penstock.core.eprocess import Counts, guess
from penstock.core.evidence_outlook import WEIGHTS, what_would_decide
from penstock.core.history import History
from penstock.core.known import Known
from penstock.core.policies import rollout_policy
from penstock.core.policy import Policy
from penstock.core.prediction import predict
from penstock.manifest import Environment

_CLUSTERED = 1.5  # over-dispersion from which it is worth a sentence
FASTEST_TRAFFIC = 100
FAULTS = ((2.0, "twice"), (5.0, "five times"))
_HALF = 500  # permille: how synthetic requests are split
_LONGEST_S = 7 * 86_400.0
_PLENTY = 1e4  # more requests a second than anybody has

Steps = Sequence[tuple[int, float]]
"""(weight in permille, seconds) of each increment."""


@dataclass(frozen=True)
class Prospect:
    """Something that the rollout should find out, and how long that takes in the mean.

    `what`: twice the errors, say, or, where `is_fault` is False, a candidate as good as stable, which is to be accepted.
    `at`: seconds of watching at each weight (permille) of the rollout; None: not within a week. `after_s`: seconds of
    watching into the rollout as it is planned; None: not within it. `never`: why no time and no traffic would do, by this
    policy: the margin allows this, or lies too near. That is said, and the rollout is not blamed.
    """

    what: str
    at: dict[int, float | None]
    after_s: float | None
    never: str = ""
    is_fault: bool = True

    @property
    def is_met(self) -> bool:
        """Whether the rollout as planned finds out as much of this as the policy can."""
        return bool(self.never) or self.after_s is not None


@dataclass(frozen=True)
class Remedies:
    """What would make a rollout long enough for all of its prospects; None: nothing of this kind does.

    One of: a weight (permille) from the first increment on, more seconds at the last weight, or synthetic requests per second
    (whole, in all, both arms together).
    """

    weight_permille: int | None
    more_s: float | None
    traffic_rps: int | None


@dataclass(frozen=True)
class Foresight:
    """What is foretold of a rollout. Without history there is nothing but the sentence that says so.

    `prospects` are the faults of `FAULTS`, then the acceptance of a candidate as good as stable. `remedies` is None when the
    rollout is long enough.
    """

    prospects: tuple[Prospect, ...]
    remedies: Remedies | None
    sentences: tuple[str, ...]

    @property
    def is_enough(self) -> bool:
        """Whether the rollout as planned finds out all that it should, in the mean."""
        return bool(self.prospects) and all(prospect.is_met for prospect in self.prospects)


def ahead_of(environment: Environment, known: Known) -> Foresight:
    """What an environment's own rollout finds out; nothing is said of one that compares nothing."""
    asked = environment.verdict
    steps = [(step.weight_permille, step.duration_s) for step in environment.rollout.increments]
    if environment.rollout.strategy != "canary":
        return Foresight((), None, ())
    found = foresee(
        known.history, steps, rollout_policy(environment, known), hold_s=asked.undecided.hold_s,
        synthetic_rps=float(asked.traffic.rps) if asked.traffic else 0.0,
    )  # fmt: skip
    unlearned = [f"p{share * 100:g}" for share in _asked(environment) if share not in known.slow]
    return replace(found, sentences=(*found.sentences, *_together(known.errors), *_slowly(unlearned)))


def blind_spots(environment: Environment, known: Known, *, is_read: bool = True) -> dict[str, str]:
    """What of the manifest a release could not judge, since its source has told nothing of it yet: a sentence each, by a name.

    Where the past was not read (`is_read`), nothing is said of whom it tells of.
    """
    source, found = environment.verdict.metrics, {}
    if source and environment.verdict.latency and not known.edges:
        found["no-times"] = "no response times were seen yet: `latency` is not judged in this release"
    answered = known.history.requests if known.history else 0
    if source and environment.rollout.strategy == "canary" and is_read and not answered:
        found["no-stable"] = (
            f"the past of the `{source.kind}` source has no request of what serves now: while it tells of none, there is nobody to "
            "compare with, and the release holds until `undecided` decides; `penstock promote`, or `rollout: rolling` for once, "
            "brings a revision that it tells of"
        )
    return found


def _asked(environment: Environment) -> Iterable[float]:
    """The quantiles that are judged, as shares."""
    return environment.verdict.latency.asked() if environment.verdict.latency else ()


def _slowly(unlearned: Sequence[str]) -> Iterator[str]:
    """Which response times are judged as if one slow request said nothing of the next."""
    if unlearned:
        yield (
            f"too little is known of how slow requests come together: for {' and '.join(unlearned)} `false_rollbacks` is promised "
            "where they come one by one, and not where single instances pause; an hour of traffic tells more, or "
            "`penstock calibrate`"
        )


def _together(dispersion: float | None) -> Iterator[str]:
    """How far errors come together, where that matters to what is promised."""
    if dispersion is None:
        yield (
            "too little is known of how errors come together, so `false_rollbacks` is promised for errors that come one by one: "
            "an hour of traffic tells more, or `penstock calibrate`"
        )
    elif dispersion >= _CLUSTERED:
        yield (
            f"errors came in clusters of about {(dispersion + 1) / 2:.1f}, so a fault takes about {dispersion:.1f} times as long "
            "to find; `once_per: client` may help where one client repeats itself"
        )


def foresee(
    history: History | None, steps: Steps, policy: Policy, *, hold_s: float = 0.0, synthetic_rps: float = 0.0,
    factor: float = 1.0,
) -> Foresight:  # fmt: skip
    """What a rollout in these steps finds out in the mean, at the traffic of its past.

    Faults must be found within the steps, a candidate as good as stable may be accepted in the `hold_s` after them. Evidence
    adds up over the steps. Faults are found as `prediction` says, acceptance is `evidence_outlook`'s; `factor` stretches the
    former, for caution. Of `synthetic_rps`, in all, each arm gets half; they are compared with their like alone, so what is
    seen first is seen there or among the users' requests, and are taken to fail as often as those.
    """
    steps = [(weight, seconds) for weight, seconds in steps if 0 < weight < 1000 and seconds > 0]
    if not steps or not policy.weights:
        return Foresight((), None, ("nothing is watched beside stable: only limits judge",))
    if history is None:
        said = "there is no history of its traffic yet, so nothing can be foretold of how soon a fault is seen"
        return Foresight((), None, (said,))
    if history.requests_per_s + synthetic_rps <= 0:
        said = "there was no traffic, and without any nothing is decided: `traffic: {get: [/], rps: 5}` sends some"
        return Foresight((), None, (said,))
    questions = _questions(history, policy, hold_s, factor)
    prospects = tuple([question.prospect(steps, synthetic_rps) for question in questions])
    enough = all(prospect.is_met for prospect in prospects)
    remedies = None if enough else _remedies(questions, steps, synthetic_rps)
    told = _told(history, steps, hold_s, synthetic_rps, prospects)
    return Foresight(prospects, remedies, (*told, _enough(remedies, steps)) if remedies else tuple(told))


Speed = Callable[[int, float], float]
"""Share of the evidence needed that one second brings, for a weight (permille) and synthetic requests per second."""


@dataclass(frozen=True)
class _Question:
    """What a rollout should find out; it may take until `hold_s` after the last step."""

    what: str
    speed: Speed
    hold_s: float = 0.0
    never: str = ""
    is_fault: bool = True

    def prospect(self, steps: Steps, synthetic_rps: float) -> Prospect:
        """When it is found out."""
        speeds = {weight: self.speed(weight, synthetic_rps) for weight in sorted({weight for weight, _ in steps})}
        at = {weight: 1 / speed if speed * _LONGEST_S >= 1 else None for weight, speed in speeds.items()}
        return Prospect(self.what, at, _reached(self.until(steps), speeds), self.never, self.is_fault)

    def until(self, steps: Steps) -> Steps:
        """The steps, and the time after them."""
        return [*steps, (steps[-1][0], self.hold_s)]

    def more_s(self, steps: Steps, synthetic_rps: float) -> float | None:
        """How much longer the last weight would have to last; None: more than a week."""
        found = sum(seconds * self.speed(weight, synthetic_rps) for weight, seconds in self.until(steps))
        if self.never or found >= 1:
            return 0.0
        last = self.speed(steps[-1][0], synthetic_rps)
        return (1 - found) / last if last * _LONGEST_S >= 1 - found else None


def _questions(history: History, policy: Policy, hold_s: float, factor: float) -> list[_Question]:
    users, base = history.requests_per_s, base_rate(history)

    def finding(worse: float) -> Speed:
        def speed(weight: int, synthetic_rps: float) -> float:
            arms = [(users * weight / 1000, users * (1 - weight / 1000)), (synthetic_rps / 2, synthetic_rps / 2)]
            found = [predict(policy, *both, worse, base).seconds for both in arms]
            return max([1 / (factor * seconds) for seconds in found if seconds], default=0.0)

        return speed

    def accepting(weight: int, synthetic_rps: float) -> float:
        asked = [(users, weight), (synthetic_rps, _HALF)]
        found = [what_would_decide(policy, rps, share, base).seconds for rps, share in asked if rps]
        return max([1 / seconds for seconds in found if seconds], default=0.0)

    questions = []
    for times, word in FAULTS:
        worse = min(1.0, times * base)
        what = f"{word} the errors ({_percent(base)} to {_percent(worse)})"
        questions.append(_Question(what, finding(worse), never=_why_never(policy, worse, base)))
    return [*questions, _Question("a candidate as good as stable", accepting, hold_s, is_fault=False)]


def _why_never(policy: Policy, worse: float, base: float) -> str:
    """Why a fault is not found by this policy, whatever the traffic; empty: it is."""
    if worse <= (policy.margin if policy.compared else policy.limit).edge(base):
        return "is no fault by this policy: its margin allows that"
    splits = [(_PLENTY * weight, _PLENTY * (1000 - weight)) for weight in WEIGHTS]
    if all(predict(policy, *split, worse, base).seconds is None for split in splits):
        return "is so near the margin that it is never told from it: only a tighter `against_stable` finds it"
    return ""


def base_rate(history: History) -> float:
    """The error rate to reckon with: of a history without an error, not 0."""
    return guess(Counts(history.requests, history.errors))


def _remedies(questions: Sequence[_Question], steps: Steps, synthetic_rps: float) -> Remedies:
    """The least of each kind that answers every question."""

    def works(some: Steps, rps: float) -> bool:
        return all(question.prospect(some, rps).is_met for question in questions)

    heavier = [weight for weight in WEIGHTS if weight > steps[0][0]]
    working = (least for least in heavier if works([(max(least, w), s) for w, s in steps], synthetic_rps))
    longer = [question.more_s(steps, synthetic_rps) for question in questions]
    rates = range(int(synthetic_rps) + 1, FASTEST_TRAFFIC + 1)
    at = bisect_left(rates, True, key=lambda rps: works(steps, rps))
    more_s = None if None in longer else max(seconds for seconds in longer if seconds is not None)
    return Remedies(next(working, None), more_s, rates[at] if at < len(rates) else None)


def _reached(steps: Steps, speeds: Mapping[int, float]) -> float | None:
    """Seconds into the steps at which the evidence is all there; None: not in them."""
    passed, missing = 0.0, 1.0
    for weight, seconds in steps:
        if speeds[weight] > 0 and speeds[weight] * seconds >= missing:
            return passed + missing / speeds[weight]
        passed, missing = passed + seconds, missing - speeds[weight] * seconds
    return None


def _told(
    history: History, steps: Steps, hold_s: float, synthetic_rps: float, prospects: Sequence[Prospect]
) -> Iterator[str]:
    ours = f" and {_number(synthetic_rps)} of `traffic:`" if synthetic_rps else ""
    yield (
        f"in the {_span(history.seconds)} of its past that were counted there were "
        f"{_number(history.requests_per_s)} requests/s{ours}, "
        f"and {_percent(history.error_rate) if history.errors else 'none'} of stable's failed"
    )
    lasts_s = sum(seconds for _, seconds in steps)
    for prospect in prospects:
        if prospect.never:
            yield f"{prospect.what} {prospect.never}"
        else:
            times = ", ".join(f"{_about(seconds)} at {weight / 10:g} %" for weight, seconds in prospect.at.items())
            yield f"{prospect.what} needs {times}: {_when(prospect, lasts_s, hold_s)}"


def _when(prospect: Prospect, lasts_s: float, hold_s: float) -> str:
    met = "seen" if prospect.is_fault else "accepted"
    if prospect.after_s is not None and prospect.after_s <= lasts_s:
        return f"{met} after {_about(prospect.after_s)} of {_span(lasts_s)}"
    if prospect.after_s is not None:
        return f"{met} after the {_span(lasts_s)} planned and about {_span(prospect.after_s - lasts_s)} of holding"
    if not prospect.is_fault:
        return f"not {met} in {_span(lasts_s)} and {_span(hold_s)} of holding"
    later = f"; up to {_span(hold_s)} of holding may follow, where it is not accepted before" if hold_s else ""
    return f"not {met} in {_span(lasts_s)}{later}"


def _enough(found: Remedies, steps: Steps) -> str:
    ways = []
    if found.weight_permille:
        ways.append(f"{found.weight_permille / 10:g} % from the first increment on")
    if found.more_s:
        ways.append(f"{_span(found.more_s, up=True)} more at {steps[-1][0] / 10:g} %")
    if found.traffic_rps:
        ways.append(f"`traffic: {{get: [/], rps: {found.traffic_rps}}}`")
    if not ways:
        return f"no weight, no week and no {FASTEST_TRAFFIC} requests/s of `traffic:` would be enough for all of these"
    return "for all of these to be found in time it would take " + ", or ".join(ways)


def _number(value: float) -> str:
    return f"{float(f'{value:.2g}'):,g}"


def _percent(share: float) -> str:
    return f"{_number(100 * share)} %"


def _about(seconds: float | None) -> str:
    return "more than a week" if seconds is None else f"about {_span(seconds)}"


def _span(seconds: float, *, up: bool = False) -> str:
    """In the largest unit of which there are two; `up`: no less than it is."""
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{ceil(seconds / length) if up else round(seconds / length)} {unit}"
    return f"{max(1, ceil(seconds) if up else round(seconds))} s"
