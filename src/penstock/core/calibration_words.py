"""What a calibration says to people: its reasons, in sentences. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from penstock.core.eprocess import Margin
from penstock.core.policy import Policy
from penstock.core.verdict_words import GATE, milliseconds, spoken

if TYPE_CHECKING:
    from penstock.core.calibration import Calibration, Quantile


def reasons(policy: Policy, found: Calibration) -> tuple[str, ...]:
    """Why the patch is as it is, from the numbers that it rests on."""
    counted = _counted(found)
    if not found.is_enough:
        return (counted, "a handful of errors says nothing of clusters, nor of margins: for errors nothing is concluded",
                *(_quantile(policy, one) for one in found.quantiles))  # fmt: skip
    return (
        counted, _verdict(policy, found), _clusters(policy, found), *_margin(policy, found), _acceptance(found),
        *(_quantile(policy, one) for one in found.quantiles),
    )  # fmt: skip


def _counted(found: Calibration) -> str:
    arms = [
        f"{one.errors:,} of {one.requests:,} ({100 * one.errors / one.requests:.2f} %)"
        for one in (found.candidate, found.stable)
    ]
    return f"{arms[0]} requests failed on the copy, {arms[1]} on stable, in the same {found.seconds:,.0f} s"


def _verdict(policy: Policy, found: Calibration) -> str:
    needed = f"{spoken(1 / policy.false_rollbacks)} to 1"
    if found.convicted:
        return (
            f"the verdict in force sent back a version that is identical to stable: its odds reached {needed}; little was seen"
            " until then, so calibrate again once this is settled"
        )
    return (
        f"by the verdict in force the odds against the copy came to {_odds(found.peak)} at most; {needed} send it back"
    )


def _clusters(policy: Policy, found: Calibration) -> str:
    if found.errors > policy.dispersion:
        return (
            f"errors come in clusters: variance over mean is {found.errors:.2g}, where {policy.dispersion:.2g} was reckoned"
            " with; from now on the larger is, without a word in the manifest"
        )
    return f"errors come no more in clusters than was reckoned with (variance over mean {policy.dispersion:.2g})"


def _margin(policy: Policy, found: Calibration) -> Iterator[str]:
    in_force = _said(policy.margin)
    came = f"with that, the margin in force ({in_force}) lets the odds come to {_odds(found.by_margin)} at most"
    if found.by_margin < GATE:
        yield f"{came}: it holds"
        if found.held and found.held.ratio <= policy.ratio and found.held.points < policy.points:
            yield (
                f"here {_said(found.held)} would have held too, and finds smaller faults: that is worth a change only when"
                " calibrations on several days agree"
            )
    elif found.held:
        yield f"{came}: it does not hold; {_said(found.held)} is the least of those tried that does"
    else:
        yield (
            f"{came}: it does not hold, and none of those tried does; the two arms of one version really differ here: look"
            " at what the copy lacks (a warm cache, a shard, a host like the others) before you allow it"
        )


def _acceptance(found: Calibration) -> str:
    asked = _said(found.promote_at)
    if found.accepted_s is not None:
        return f"`promote_at: {asked}` accepts the copy after {found.accepted_s:,.0f} s"
    wider = f"; {_said(found.accepting)} would have" if found.accepting else ", and nothing that was tried does"
    return f"`promote_at: {asked}` does not accept the copy in this time{wider}; more time or weight does as well"


def _quantile(policy: Policy, found: Quantile) -> str:
    mine, stables = ("not known" if us is None else milliseconds(us) for us in (found.candidate_us, found.stable_us))
    apart = f"{found.name} is {mine} on the copy, {stables} on stable"
    plus_us = next((rule.plus_us for rule in policy.latency if rule.name == found.name), 0.0)
    plus = f" + {plus_us / 1000:g}ms" if plus_us else ""
    odds = f"{found.ratio:g}x{plus} lets the odds come to {_odds(found.peak)} at most"
    if found.peak < GATE:
        return f"{apart}; {odds}: it holds"
    held = f"{found.held:g}x{plus} is the least of those tried that does" if found.held else "none of those tried does"
    return f"{apart}; {odds}: it does not hold; {held}"


def _odds(odds: float) -> str:
    return "1 to 1" if odds < 1.05 else f"{spoken(odds)} to 1"


def _said(margin: Margin) -> str:
    return f"{margin.ratio:g}x + {margin.points * 100:g}pp"
