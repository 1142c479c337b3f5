"""What the past tells before a release: of the service, not only of the revision that serves since this morning."""

from __future__ import annotations

from random import Random

from penstock.core.known import NOTHING_KNOWN, known_of
from penstock.core.reading import Reading

HOURS = 3 * 3600


def day(random: Random, cluster: int) -> list[Reading]:
    """Hours of 20 requests a second, of which one in a hundred fails, by clusters of a size; a new revision after two of them."""
    found = []
    for second in range(HOURS):
        errors = cluster * (random.random() < 0.2 / cluster)
        revision = "older" if second < 7200 else "newer"
        found.append(Reading("web", revision, second, second + 1, 20, min(20, errors), 1, latency=((30_000.0, 20),)))
    return found


def test_clusters_are_learned_over_revisions() -> None:
    """Errors in sixes are seen as such, though the revision that serves has been there for an hour at most."""
    readings = day(Random(1), 6)

    known = known_of(readings, readings, "newer", (0.99,))

    assert known.errors is not None
    assert 4 < known.errors < 12


def test_single_errors_are_single() -> None:
    """Errors that come one by one leave evidence as quick as it is."""
    readings = day(Random(2), 1)

    known = known_of(readings, readings, "newer", (0.99,))

    assert known.errors is not None
    assert known.errors < 1.2
    assert {0.99: 30_000.0} == known.quantiles_us


def test_rates_and_times_are_stables_own() -> None:
    """What stable is held to is what stable did."""
    readings = [one for one in day(Random(3), 1) if one.revision == "newer"]
    worse = [Reading("web", "older", one.start - 7200, one.end - 7200, 20, 20, 1) for one in readings]

    known = known_of([*worse, *readings], readings, "newer", ())

    assert known.error_rate is not None
    assert known.error_rate < 0.02


def test_without_stable_nothing_is_known() -> None:
    """A first release has nothing to look back at."""
    assert NOTHING_KNOWN == known_of(day(Random(4), 1), [], None, ())


def test_too_little_history_teaches_nothing_of_clusters() -> None:
    """Less than an hour is no history."""
    readings = day(Random(5), 6)[:3000]

    assert known_of(readings, [], "older", ()).errors is None
