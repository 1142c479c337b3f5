"""What a calibration says of times and shares: the margin that is in force, whole, and figures as they stand elsewhere."""

from __future__ import annotations

from dataclasses import replace

from penstock.core.calibration import Calibration, Quantile
from penstock.core.calibration_words import reasons
from penstock.core.eprocess import Counts, Margin
from penstock.core.policy import LatencyRule, Policy

FEW = Calibration(
    121.0, Counts(3034, 7), Counts(4149, 8), 1.0, {}, 1.0, False, 1.0, None, Margin(2.0, 0.005), None, None,
    (Quantile("p95", 15_600.0, 14_400.0, 1.3, 1.0, 1.3),), {},
)  # fmt: skip
POLICY = Policy(latency=(LatencyRule(0.95, None, 1.3, 3000.0),))


def test_the_margin_in_force_is_said_whole() -> None:
    """The time that is added to the factor is part of what held."""
    assert reasons(POLICY, FEW)[-1].endswith("; 1.3x + 3ms lets the odds come to 1 to 1 at most: it holds")
    bare = Policy(latency=(LatencyRule(0.95, None, 1.3),))
    assert "; 1.3x lets" in reasons(bare, FEW)[-1]
    wide = replace(FEW, quantiles=(replace(FEW.quantiles[0], peak=9.0, held=1.5),))
    assert reasons(POLICY, wide)[-1].endswith("it does not hold; 1.5x + 3ms is the least of those tried that does")


def test_shares_stand_apart_from_their_sign() -> None:
    """As everywhere else."""
    assert reasons(POLICY, FEW)[0].startswith(
        "7 of 3,034 (0.23 %) requests failed on the copy, 8 of 4,149 (0.19 %) on stable"
    )
