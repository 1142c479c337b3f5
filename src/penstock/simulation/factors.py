"""`core.eprocess` for many releases at once: bets and log factors shaped (bets, lanes). `spread` None: events come one by one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from penstock.core.eprocess import Margin, Prior

Floats = NDArray[np.float64]
Arms = tuple[Floats, Floats, Floats, Floats]
"""Requests and errors (or events) of the candidate, then of stable."""

_LEAST_B = 1e-9
_PAYABLE = 0.95


def best_bets(alternative: Floats, base: Floats, split: Floats, margin: Margin, spread: Floats | None) -> Floats:
    """`eprocess.best_bets`."""
    single = _growth(alternative, base, split, margin)
    if spread is None:
        return single
    share, edge = margin.ratio * split, margin.ratio * base + margin.points
    own = share * margin.ratio * base / edge
    worse = alternative / edge
    seen = 1 + worse * own
    root = np.sqrt(seen * seen + (spread * spread - 1) * worse * (1 + own) ** 2)
    y = 2 * (worse - 1) / (spread * seen + root)
    most = np.divide(_PAYABLE * 2, (spread + 1) * share, out=np.full_like(share, np.inf), where=share > 0)
    return np.where(spread == 1, single, 1 + np.minimum(y, most))


def _growth(alternative: Floats, base: Floats, split: Floats, margin: Margin) -> Floats:
    """`eprocess.growth_optimal`."""
    share = margin.ratio * split
    linear = share * alternative + (margin.ratio * base + margin.points * (1 + share))
    constant = alternative * (1 + share)
    root = np.sqrt(np.maximum(0.0, linear * linear - 4 * margin.points * share * constant))
    a = 2 * constant / (linear + root)
    most = 1 + np.divide(1 - _LEAST_B, share, out=np.full_like(share, np.inf), where=share > 0)
    found: Floats = np.minimum(a, most)
    return found


def log_factors(arms: Arms, split: Floats, bets: Floats, margin: Margin, spread: Floats | None) -> Floats:
    """`eprocess.log_factors`; where the margin compares, of lanes in which both arms have requests."""
    n_c, k_c, _, k_b = arms
    gain = bets - 1
    paid = k_c * _paid(gain, spread) - n_c * margin.points * gain
    if margin.ratio:
        paid += k_b * _paid(-margin.ratio * split * gain, spread)
    return paid


def _paid(gain: Floats, spread: Floats | None) -> Floats:
    if spread is None:
        return np.log1p(gain)
    cluster = (spread + 1) / 2
    paid: Floats = np.log1p(cluster * gain) - np.log1p((cluster - 1) * gain)
    return paid


def paired_factors(arms: Arms, prior: Prior, base: Floats) -> Floats:
    """`eprocess.paired_factors`."""
    n_c, k_c, n_b, k_b = arms
    odds = np.array(prior.ratios)[:, None]
    p_c = odds * base / (1 + (odds - 1) * base)
    p_0 = (n_c * p_c + n_b * base) / np.maximum(n_c + n_b, 1)
    p_0 = np.where((n_c > 0) & (n_b > 0), p_0, base)
    log_p, log_q = np.log(p_0), np.log1p(-p_0)
    candidate = k_c * (np.log(p_c) - log_p) + (n_c - k_c) * (np.log1p(-p_c) - log_q)
    stable = k_b * (np.log(base) - log_p) + (n_b - k_b) * (np.log1p(-base) - log_q)
    return np.where((n_c > 0) & (n_b > 0), candidate + stable, 0.0)


def limit_factors(n: Floats, k: Floats, limit: float, prior: Prior) -> Floats:
    """`eprocess.limit_factors`."""
    odds = np.array(prior.ratios)[:, None]
    shares = odds * limit / (1 + (odds - 1) * limit)
    found: Floats = k * np.log(shares / limit) + (n - k) * (np.log1p(-shares) - np.log1p(-limit))
    return found
