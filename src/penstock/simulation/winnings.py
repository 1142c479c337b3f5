"""What every bet of every channel has won, in many releases at once: `eprocess.Process`, a lane for each release."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from penstock.core.eprocess import CAP, MOST, Prior

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]


class Factors:
    """Log factors of one window, a row for each bet; 0, no evidence, where nothing was put."""

    def __init__(self, rows: Mapping[str, slice], bets: int, lanes: int) -> None:
        self._rows, self.logs = rows, np.zeros((bets, lanes))

    def put(self, name: str, found: Floats, able: Mask) -> None:
        """The factors of a channel, in the lanes that are able to have any; of one that has no bets nothing is kept."""
        if name in self._rows:
            np.copyto(self.logs[self._rows[name]], found, where=able)


class Winnings:
    """The bets of all channels below each other, at first their shares of what is staked at once."""

    def __init__(self, priors: Mapping[str, Prior], lanes: int, at_once: float = 1.0) -> None:
        shares: list[float] = []
        self._rows: dict[str, slice] = {}
        for name, prior in priors.items():
            self._rows[name] = slice(len(shares), len(shares) + len(prior))
            shares += prior.shares
        self._shares = np.array(shares)[:, None]
        self._bets = at_once * np.tile(self._shares, (1, lanes))

    def factors(self, at: Ints) -> Factors:
        """Of some lanes, for `grow`."""
        return Factors(self._rows, len(self._bets), len(at))

    def grow(self, at: Ints, factors: Factors, fresh: Floats | None = None) -> None:
        """Multiply the winnings of some lanes, after `fresh` was staked on every channel anew."""
        bets = self._bets.take(at, axis=1)
        if fresh is not None:
            bets += fresh * self._shares
        bets *= np.exp(np.minimum(factors.logs, CAP))
        self._bets[:, at] = np.minimum(bets, MOST)

    def weighed(self, weights: Mapping[str, float], at: Ints | None = None) -> Floats:
        """The weighted sum of what the channels have won, in some lanes or all."""
        each = np.zeros(len(self._bets))
        for name, share in weights.items():
            each[self._rows[name]] = share
        found: Floats = each @ (self._bets if at is None else self._bets.take(at, axis=1))
        return found

    def won(self, at: Ints) -> dict[str, Floats]:
        """What each channel has won in some lanes."""
        return {name: self._bets[rows][:, at].sum(axis=0) for name, rows in self._rows.items()}
