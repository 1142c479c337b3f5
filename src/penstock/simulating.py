"""What a simulation begins with: the environment's own policy and increments, and its traffic, from the past or as asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from math import isfinite, log
from statistics import NormalDist

from penstock.api import Desk
from penstock.core.foresight import Foresight, base_rate, foresee
from penstock.core.history import History, summary
from penstock.core.known import NOTHING_KNOWN, Known
from penstock.core.latency import EDGES, edge_from
from penstock.core.limits_asked import limits_asked
from penstock.core.policies import rollout_policy
from penstock.core.policy import Policy
from penstock.core.reading import Reading
from penstock.errors import PenstockError, UsageError
from penstock.manifest import Environment
from penstock.ports import Metrics
from penstock.providers.secrets import ReferenceSecrets
from penstock.records import environments
from penstock.render.words import span
from penstock.simulation.releases import FINE_S, Course, Step
from penstock.simulation.study import Study, look_s
from penstock.simulation.world import Service
from penstock.steps.learn import DAY_S, TIMED_S, look_back
from penstock.worlds import metrics_of

RUNS, LOOKS = 1000, 7200.0
RUNS_TIMED, LOOKS_TIMED = 400, 4500.0
"""Good releases to try, if nobody says how many, where the increments take so many looks; fewer where they take more."""
FEWEST = 100


@dataclass(frozen=True)
class Asked:
    """What was said on the command line; None or empty: nothing. Rates are fractions, `times_ms` quantile (0.99) -> ms."""

    rps: float | None = None
    error_rate: float | None = None
    times_ms: Mapping[float, float] = field(default_factory=dict)
    runs: int | None = None
    seed: int = 1


@dataclass(frozen=True)
class Past:
    """What is known of an environment: `timed` has its response times, `events` how many of each a request of stable's brings.
    `unknown` says why there is nothing.
    """

    known: Known = NOTHING_KNOWN
    timed: History | None = None
    unknown: str = ""
    events: Mapping[str, float] = field(default_factory=dict)


def past_of(desk: Desk, service: str, environment: Environment) -> Past:
    """What the environment's own readings say of the revision that serves there; a source that is down says why it does not."""
    row = environments.get(desk.store, service, environment.name)
    stable = row["stable"] if row else None
    if stable is None:
        return Past(unknown=f"nothing was released to {environment.name} from here yet")
    try:
        metrics = _metrics(desk, service, environment)
        known = look_back(metrics, environment, stable)
        timed = summary(metrics.past(TIMED_S, latency=True), stable) if environment.verdict.latency else None
        rates = environment.verdict.rates
        events = per_request(metrics.past(DAY_S, latency=False), stable, rates) if rates else {}
    except PenstockError as error:
        return Past(unknown=f"the past cannot be read: {error.what}")
    missing = "" if known.history else f"there is no reading of the last {span(DAY_S)}"
    return Past(known, timed, missing, events)


def per_request(past: Iterable[Reading], stable: str, names: Iterable[str]) -> dict[str, float]:
    """How many of each event a request of stable's brings, where it told them and there were any."""
    found = {}
    mine = [one for one in past if one.revision == stable and one.final and not one.synthetic]
    for name in names:
        told = [(one.requests, dict(one.events)[name]) for one in mine if name in dict(one.events)]
        requests, events = sum(one for one, _ in told), sum(one for _, one in told)
        if requests and events:
            found[name] = events / requests
    return found


def _metrics(desk: Desk, service: str, environment: Environment) -> Metrics:
    """Secrets are resolved only where a foreign source may want one."""
    if not environment.verdict.metrics:
        return metrics_of(desk.state, service, environment)
    references = {name: str(one) for name, one in environment.secrets.items()}
    values = ReferenceSecrets(desk.state.root).resolve(references, environment.name)
    return metrics_of(desk.state, service, environment, values)


def study_of(environment: Environment, past: Past, asked: Asked) -> Study:
    """The study of an environment. Raises UsageError where there is nothing to simulate, or too little is known. Pure."""
    if environment.rollout.strategy != "canary":
        raise UsageError("nothing-to-simulate", f"`{environment.name}` compares nothing", "rollout",
                         f"`{environment.rollout.strategy}` replaces stable at once: no candidate is judged beside it",
                         "rollout: canary, or an environment that has one")  # fmt: skip
    history, of = _history(environment, past, asked)
    service, of_times = _service(history, past, asked)
    traffic = environment.verdict.traffic
    service = replace(service, own_rps=float(traffic.rps) if traffic else 0.0, events=past.events)
    known = replace(past.known, history=history, quantiles_us=_quantiles(environment, past.known, service))
    policy = rollout_policy(environment, known)
    course = _course(environment)
    rates = tuple(rule for rule in policy.rates if rule.name in service.events)
    judged = replace(policy, rates=rates, latency=policy.latency if service.median_ms else ())
    planned_s, timed = sum(step.duration_s for step in course.steps), bool(judged.latency)
    apart_s = look_s(planned_s + course.hold_s, timed=timed)
    left_out = tuple(_left_out(environment, past, policy, service, apart_s))
    runs, most = (RUNS_TIMED, LOOKS_TIMED) if timed else (RUNS, LOOKS)
    usual = round(runs * min(1.0, most / min(planned_s, 2 * FINE_S + planned_s / apart_s)))
    return Study(
        environment.name, judged, course, service, (judged.dispersion + 1) / 2, ", ".join([*of, *of_times]),
        _outlook(environment, policy, history), left_out, asked.runs or max(FEWEST, usual), asked.seed, apart_s,
    )  # fmt: skip


def _history(environment: Environment, past: Past, asked: Asked) -> tuple[History, list[str]]:
    """The traffic to reckon with, and where its figures come from."""
    there = past.known.history
    rps = asked.rps if asked.rps is not None else there.requests_per_s if there else 0.0
    if rps <= 0 or (asked.error_rate is None and not (there and there.requests)):
        missing = [] if rps > 0 else ["--rps 50"]
        missing += [] if asked.error_rate is not None or (there and there.requests) else ["--error-rate 0.1%"]
        raise UsageError("no-traffic-known", "too little is known of the traffic to simulate it", environment.name,
                         past.unknown or "there were no requests", f"say it: {' '.join(missing)}")  # fmt: skip
    of = [f"requests/s {_as_asked(asked.rps, there)}", f"errors {_as_asked(asked.error_rate, there)}"]
    if asked.error_rate is None:
        assert there is not None, "or there would be an error"
        return replace(there, requests_per_s=rps), of
    requests = max(100_000, round(rps * DAY_S))
    return History(rps, asked.error_rate, round(asked.error_rate * requests), DAY_S, requests), of


def _as_asked(value: float | None, history: History | None) -> str:
    return "as asked" if value is not None else f"of the last {_day(history)}"


def _day(history: History | None) -> str:
    return span(history.seconds) if history else "day"


def _service(history: History, past: Past, asked: Asked) -> tuple[Service, list[str]]:
    """With response times of the log-normal law through two of their quantiles, where two are known."""
    seen = past.timed
    measured = {0.5: seen.p50_ms, 0.95: seen.p95_ms, 0.99: seen.p99_ms} if seen else {}
    times = asked.times_ms or {share: ms for share, ms in measured.items() if ms is not None and isfinite(ms)}
    plain = Service(history.requests_per_s, base_rate(history))
    if len(times) < 2:
        return plain, []
    low, high = min(times), max(times)
    z = [NormalDist().inv_cdf(share) for share in (low, high)]
    sigma = max(0.05, log(times[high] / times[low]) / (z[1] - z[0]))
    median = times[low] * (times[high] / times[low]) ** (-z[0] / (z[1] - z[0]))
    source = "as asked" if asked.times_ms else f"of the last {_day(seen)}"
    return replace(plain, median_ms=median, sigma=sigma), [f"response times {source}"]


def _quantiles(environment: Environment, known: Known, service: Service) -> dict[float, float]:
    """Stable's quantiles that are judged, as its source would tell them."""
    latency = environment.verdict.latency
    if latency is None or service.median_ms is None:
        return {}
    return {share: edge_from(service.quantile_us(share), known.edges or EDGES) for share in latency.asked()}


def _course(environment: Environment) -> Course:
    steps = [
        Step(one.weight_permille / 1000, one.duration_s, one.may_leave_early) for one in environment.rollout.increments
    ]
    undecided = environment.verdict.undecided
    return Course(tuple(steps), undecided.hold_s, undecided.then)


def _left_out(environment: Environment, past: Past, policy: Policy, service: Service, apart_s: int) -> Iterator[str]:
    asked = environment.verdict
    if past.known.errors is None:
        yield "clusters of errors: the past says too little of them, so errors come one by one"
    if asked.latency and not policy.latency:
        yield "`latency`: the source's buckets were never seen, so it is not judged in a release either"
    elif policy.latency and service.median_ms is None:
        yield "`latency`: no response times are known; --latency p50=20ms,p99=180ms says them"
    if unknown := [rule.name for rule in policy.rates if rule.name not in service.events]:
        yield f"counts per request: {', '.join(unknown)}; the past does not say how many there are"
    if limits_asked(asked, asked.errors.counted):
        yield "plain limits: they roll back without statistics"
    if asked.fail_if or asked.promote_if:
        yield "`fail_if` and `promote_if`"
    if environment.bake:
        yield "the bake: what is found after 100 %"
    if apart_s > 1:
        late = f"later than {span(FINE_S)} after its beginning is found up to seven looks late"
        yield f"seconds: the evidence is looked at every {apart_s} s for the most part, and what is found {late}"


def _outlook(environment: Environment, policy: Policy, history: History) -> tuple[str, ...]:
    steps = [(step.weight_permille, step.duration_s) for step in environment.rollout.increments]
    asked = environment.verdict
    synthetic = float(asked.traffic.rps) if asked.traffic else 0.0
    found: Foresight = foresee(history, steps, policy, hold_s=asked.undecided.hold_s, synthetic_rps=synthetic)
    return found.sentences[1:] if found.prospects else found.sentences  # the first only repeats the traffic
