"""Looks are thinned when a release is over: few are left, and no peak of the evidence is lost."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penstock.records import looks
from penstock.records.store import Store


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(count=st.integers(1, 2500), peak=st.integers(0, 2499))
def test_thinning_keeps_peak_and_end(tmp_path: Path, count: int, peak: int) -> None:
    """At most KEPT + 1 are left, the largest odds and the last look among them; thinned again nothing changes."""
    store = Store(tmp_path / f"{count}-{peak}.sqlite")
    with store.write():
        for n in range(count):
            looks.add(store, 1, {
                "at": float(n), "weight_permille": 50, "odds": 9.0 if n == peak % count else 1.0, "acceptance": 1.0,
                "candidate_requests": n, "candidate_errors": 0, "stable_requests": n, "stable_errors": 0,
            })  # fmt: skip
    looks.thin(store, 1)
    left = looks.of(store, 1)
    store.close()
    assert looks.KEPT + 1 >= len(left)
    assert 9.0 == max(look["odds"] for look in left)
    assert float(count - 1) == left[-1]["at"]
