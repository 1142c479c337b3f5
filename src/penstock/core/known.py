"""What is known of an environment before a release begins: it steers the bets, and says how far errors come in clusters. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf

from penstock.core.dispersion import dispersion_of, errors_of, events_of, slow_of
from penstock.core.eprocess import Counts, guess
from penstock.core.history import History, summary
from penstock.core.latency import EDGES, merged, quantile
from penstock.core.reading import Reading

_OWN = frozenset(EDGES)
_ENOUGH = 1000  # so many requests of stable's, and its error rate steers the first bets


@dataclass(frozen=True)
class Known:
    """`history`: traffic and stable's answers; None: nothing was read. `errors`: the over-dispersion of stable's errors; None:
    too little history to tell. `slow`: that of requests beyond each quantile, `quantiles_us` the quantiles (0.99) themselves.
    `edges` are those of the source's buckets, where they are not our own. `rates` is the over-dispersion of named events.
    """

    history: History | None = None
    errors: float | None = None
    slow: dict[float, float] = field(default_factory=dict)
    quantiles_us: dict[float, float] = field(default_factory=dict)
    edges: tuple[float, ...] = ()
    rates: dict[str, float] = field(default_factory=dict)

    @property
    def error_rate(self) -> float | None:
        """Stable's error rate, if enough of its requests are known: of none in many, not quite 0."""
        if self.history is None or self.history.requests < _ENOUGH:
            return None
        return guess(Counts(self.history.requests, self.history.errors))


NOTHING_KNOWN = Known()


def known_of(
    past: Sequence[Reading], timed: Sequence[Reading], stable: str | None, shares: Sequence[float],
    events: Sequence[str] = (),
) -> Known:  # fmt: skip
    """What readings tell: `past` a day of counts, `timed` some hours with histograms (it may be the same), `shares` the
    quantiles that will be judged, `events` those that will be judged as rates. How far errors come together is a matter of the
    service and its clients: every revision of the day tells of it, where stable itself may serve since an hour ago.
    """
    if stable is None:
        return NOTHING_KNOWN
    mine = [one for one in timed if one.revision == stable and one.final and one.era and not one.synthetic]
    times = merged(one.latency for one in mine)
    found = {share: edge for share in shares if (edge := quantile(times, share)) is not None and edge < inf}
    slow = {share: one for share in found if (one := dispersion_of(slow_of(timed, share))) is not None}
    edges = {edge for one in timed for edge, _ in one.latency if edge < inf}
    return Known(
        summary(past, stable), _rounded(dispersion_of(errors_of(past))),
        {share: round(one, 2) for share, one in slow.items()}, found, () if edges <= _OWN else tuple(sorted(edges)),
        {name: round(one, 2) for name in events if (one := dispersion_of(events_of(past, name))) is not None},
    )  # fmt: skip


def _rounded(found: float | None) -> float | None:
    return None if found is None else round(found, 2)
