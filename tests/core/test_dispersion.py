"""Over-dispersion: clusters are seen, and chance is not taken for them."""

from __future__ import annotations

from random import Random

from penstock.core.dispersion import dispersion_of_both
from penstock.testing.metrics import poisson


def test_chance_is_not_taken_for_clusters() -> None:
    """Of many calibrations on busy, plain traffic nearly none sees clusters, though six lengths of windows are looked at."""
    random, seen = Random(7), []
    for _ in range(40):
        arms = [{second: (n, poisson(random, n * 0.01)) for second in range(900)} for n in (100, 900)]
        seen.append(dispersion_of_both(arms[0], arms[1]))
    assert 36 <= seen.count(1.0)
