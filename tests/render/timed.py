"""A release that is slower than stable, on paper: judged by quantiles, a limit of time and a rate beside its errors."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from penstock.core.latency import bucket_of
from penstock.core.reading import Reading
from penstock.core.report import Known
from penstock.manifest.verdict import Verdict
from penstock.records.known import known
from penstock.testing.metrics import FakeMetrics
from penstock.testing.simulation import Simulation, environment

ASKED = {
    "errors": {"at_most": "5%"},
    "latency": {"p99": {"at_most": "800ms", "against_stable": "1.2x"}, "p50": {"against_stable": "1.1x + 5ms"}},
    "measures": {"orders": {"is": "rate", "at_least_of_stable": "0.8x"}},
    "undecided": {"hold": "2m"},
}


class TimedMetrics(FakeMetrics):
    """Requests with times and orders: 20 ms, and one in a hundred 200 ms; a slow revision's one in five."""

    slow: str = ""

    def _second(self, second: int) -> list[Reading]:
        return [self._timed(reading) for reading in super()._second(second)]

    def _timed(self, reading: Reading) -> Reading:
        requests, every = reading.requests, 5 if reading.revision == self.slow else 100
        long = (requests * (int(reading.position) + 1)) // every - (requests * int(reading.position)) // every
        quick = requests - min(requests, long)
        times = [(bucket_of(20_000.0), quick), (bucket_of(200_000.0), requests - quick)]
        return replace(reading, latency=tuple(one for one in times if one[1]), events=(("orders", requests // 3),))


def timed(folder: Path, *, slow: bool = True) -> Known:
    """The release, at its end."""
    sim = Simulation(folder, asked=environment().model_copy(update={"verdict": Verdict.model_validate(ASKED)}))
    sim.metrics = TimedMetrics(
        sim.target, sim.clock, 4000.0, {sim.stable.id: 0.001, sim.candidate.id: 0.001}, lag_s=1.0
    )
    sim.metrics.slow = sim.candidate.id if slow else ""
    sim.clock.sleep(30)
    sim.release()
    found = known(sim.store, folder / "evidence", 1, sim.clock.now())
    assert found is not None
    return found
