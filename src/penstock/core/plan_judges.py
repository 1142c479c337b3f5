"""What judges a release, a line each: by evidence, with chances of error, and by plain limits, without. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from penstock.core.limits import rule
from penstock.core.limits_asked import limits_asked
from penstock.manifest import Environment
from penstock.manifest.latency import QUANTILES
from penstock.manifest.measures import Measure
from penstock.manifest.verdict import ErrorRules

_NAMES = {share: name for name, share in QUANTILES.items()}


def judges_of(environment: Environment, *, compared: bool) -> tuple[str, ...]:
    """Every rule of `verdict`; `compared`: candidate and stable serve side by side, else only absolute limits judge."""
    return (*_evidence(environment, compared=compared), *_plain(environment))


def _evidence(environment: Environment, *, compared: bool) -> Iterator[str]:
    asked = environment.verdict
    said = [*_errors(asked.errors, compared=compared)]
    if said:
        yield f"errors: sent back {' or '.join(said)}" + (
            f"; accepted if better than {asked.errors.promote_at}" if compared else ""
        )
    for share, one in asked.latency.asked().items() if asked.latency else ():
        back = [f"if slower than {one.against_stable} of stable's"] if compared and one.against_stable else []
        if one.at_most_s is not None:
            back.append(f"if it is above {one.at_most_s * 1000:g} ms")
        accepted = f"; accepted if faster than {one.accepted}" if compared and one.against_stable else ""
        if back:
            yield f"{_NAMES[share]}: sent back {' or '.join(back)}{accepted}"
    if compared:
        yield from (_rate(name, one) for name, one in asked.rates.items())
    if compared and asked.traffic:
        yield f"traffic: {asked.traffic.rps} requests a second of our own to both arms, compared with each other alone"


def _errors(asked: ErrorRules, *, compared: bool) -> Iterator[str]:
    if compared:
        yield f"if worse than {asked.against_stable} of stable's"
    if asked.share is not None:
        yield f"if more than {asked.share * 100:g} % fail"


def _rate(name: str, one: Measure) -> str:
    return (
        f"{name}: sent back if fewer than {one.at_least_of_stable:g} times stable's for each request; "
        f"accepted if more than {one.accepted:g} times"
    )


def _plain(environment: Environment) -> Iterator[str]:
    asked = environment.verdict
    for limit in limits_asked(asked, asked.errors.counted):
        yield f"{rule(limit)} (a plain limit: no chance of error is stated)"
    if asked.fail_if:
        yield f"sent back if {asked.fail_if.text}, over {asked.fail_if.over_s:g} s (a condition of the manifest)"
    if asked.promote_if:
        yield f"promoted only if {asked.promote_if.text}, over {asked.promote_if.over_s:g} s"
