"""Which of several e-values stand out, at a rate of false discoveries: the e-BH procedure. Pure.

Wang and Ramdas, False discovery rate control with e-values (Journal of the Royal Statistical Society B 84, 2022): of m
e-values, e_(1) >= e_(2) >= ..., the k largest are taken, where

    k = max{k : e_(k) >= m/(k*alpha)}.

Of what is taken the expected share of false ones is then at most `alpha`, however the e-values depend on each other: each true
claim that is taken counts as alpha*e/m at least, and the mean of an e-value is at most 1.
"""

from __future__ import annotations

from collections.abc import Mapping


def standing_out(e_values: Mapping[str, float], alpha: float) -> tuple[str, ...]:
    """The names whose e-values are taken at a rate of false discoveries of `alpha`, the largest first; equal ones in order."""
    ranked = sorted(e_values, key=lambda name: -e_values[name])
    kept = [k for k, name in enumerate(ranked, 1) if k * alpha * e_values[name] >= len(ranked)]
    return tuple(ranked[: max(kept, default=0)])
