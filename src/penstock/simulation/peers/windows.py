"""Rates over sliding windows: the burn rates of site reliability engineering, and a threshold that an oracle tuned."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import floor, inf
from typing import Literal

import numpy as np

from penstock.simulation.peers.traces import Bools, Floats, Ints, Traces, first, share, trailing

Of = Literal["candidate", "difference", "score"]


@dataclass(frozen=True)
class BurnRate:
    """The multi-window alert of the SRE workbook on the candidate: the budget burns too fast over a long *and* a short window.

    `rules` are (times the budget's rate, long s, short s); one that holds is enough. It is evaluated each minute; early on a
    window holds what there is.
    """

    slo: float = 0.999
    rules: tuple[tuple[float, int, int], ...] = ((14.4, 3600, 300), (6.0, 21_600, 1800))
    source: str = "The Site Reliability Workbook, chapter 5, multiwindow, multi-burn-rate alerts"

    @property
    def name(self) -> str:
        return f"burn rate, SLO {100 * self.slo:g} %"

    @property
    def described(self) -> str:
        said = ", or ".join(f"over {times:g} in {long} s and in {short} s" for times, long, short in self.rules)
        return f"errors of the candidate over {100 * (1 - self.slo):.3g} %, times: {said}"

    def rolled_back_at(self, traces: Traces) -> Ints:
        looks = traces.minutes
        fires: Bools = np.zeros(looks.n_c.shape, dtype=np.bool_)
        for times, long_s, short_s in self.rules:
            too_fast = times * (1 - self.slo)
            over = [
                share(trailing(looks.k_c, span // 60), trailing(looks.n_c, span // 60)) > too_fast
                for span in (long_s, short_s)
            ]
            fires |= over[0] & over[1]
        return first(fires, 60)


@dataclass(frozen=True)
class Window:
    """A threshold on what the last `span_s` say, looked at each `every_s`: the best that a tuned threshold could do.

    `of` says what of: the candidate's error rate; its difference to stable's; or that difference in standard errors (pooled, two
    proportions), which a shock to both arms leaves alone. It waits for a full window, or with `early` judges from the first look
    over what there is. `limit` is a fraction of 1, of a score in standard errors; `tuned` finds the one that an oracle, who saw
    the traffic of good releases in advance, would choose.
    """

    span_s: int
    of: Of = "candidate"
    limit: float = inf
    every_s: int = 60
    early: bool = False
    source: str = "no product: what a threshold could do at best"

    @property
    def name(self) -> str:
        return f"tuned window {self.span_s} s, {self.of}" + (", from the first look" if self.early else "")

    @property
    def described(self) -> str:
        limit = f"{self.limit:.3g} standard errors" if self.of == "score" else f"{100 * self.limit:.3g} %"
        what = "error rate of the candidate" + ("" if self.of == "candidate" else " minus that of stable")
        return f"{what} over {limit} in {self.span_s} s, looked at each {self.every_s} s"

    def rolled_back_at(self, traces: Traces) -> Ints:
        return first(self._seen(traces) > self.limit, self.every_s)

    def tuned(self, good: Traces, false_rollbacks: float) -> Window:
        """The lowest limit that rolls back at most the share `false_rollbacks` of these good releases."""
        seen = self._seen(good)
        peaks = np.sort(np.max(seen, axis=1, initial=-inf, where=~np.isnan(seen)))
        spared = good.runs - floor(false_rollbacks * good.runs + 1e-9)
        return replace(self, limit=float(peaks[spared - 1]) if spared else -inf)

    def _seen(self, traces: Traces) -> Floats:
        looks, columns = traces.by(self.every_s), self.span_s // self.every_s
        n_c, k_c, n_b, k_b = (trailing(each, columns) for each in (looks.n_c, looks.k_c, looks.n_b, looks.k_b))
        seen = share(k_c, n_c)
        if self.of != "candidate":
            seen = seen - share(k_b, n_b)
        if self.of == "score":
            pooled, pairs = share(k_c + k_b, n_c + n_b), np.maximum(n_c * n_b, 1)
            error = np.sqrt(pooled * (1 - pooled) * (n_c + n_b) / pairs)
            seen = np.divide(seen, error, out=np.full(seen.shape, np.nan), where=error > 0)
        if not self.early:
            seen[:, : columns - 1] = np.nan
        return seen


def tuned_windows(
    good: Traces, false_rollbacks: float, spans_s: Iterable[int] = (60, 300, 900), *, early: bool = False
) -> tuple[Window, ...]:
    """Each span, of each kind, tuned on good releases by an oracle."""
    kinds: tuple[Of, ...] = ("candidate", "difference", "score")
    return tuple(Window(span, of, early=early).tuned(good, false_rollbacks) for of in kinds for span in spans_s)
