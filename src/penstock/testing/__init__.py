"""Public: fakes for each port, a clock that moves only when told, and the conformance suites.

    from penstock.testing import FakeClock, FakeMetrics, FakeTarget

    clock = FakeClock()
    target = FakeTarget(clock)
    metrics = FakeMetrics(target, clock, errors={"r2": 0.05})

Time passes when `clock.sleep` is called, and at no other time. `penstock.testing.conformance` holds the suite
that every target must pass, `load` a strict client, `app` and `worker` services that misbehave on request.
"""

from penstock.testing.clock import FakeClock
from penstock.testing.metrics import FakeMetrics
from penstock.testing.platform import State
from penstock.testing.target import EVERYTHING, FakeTarget, Killed

__all__ = ["EVERYTHING", "FakeClock", "FakeMetrics", "FakeTarget", "Killed", "State"]
