"""Readings and the position in the log: both, or neither."""

from __future__ import annotations

import json
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.core.latency import EDGES
from penstock.providers.local.counts import pack, unpack
from penstock.providers.local.metrics import LocalMetrics
from penstock.providers.local.paths import Folder
from penstock.providers.local.readings import Readings

HUNG_US = 1_000_000
NOW = 2000.5


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    """An environment's folder."""
    monkeypatch.setenv("PENSTOCK_RUNTIME", str(tmp_path / "run"))
    folder = Folder.of(tmp_path / "e")
    folder.prepare()
    return folder


@pytest.fixture
def readings(place: Folder) -> Iterator[Readings]:
    """Readings without any request."""
    found = Readings(place)
    yield found
    found.close()


def log(path: Path, *seconds: float, **more: Any) -> None:
    """Append a request for each second to a log."""
    with path.open("a") as file:
        for at in seconds:
            said = {"start_s": f"{at:.6f}", "cluster": "web|r1", "code": 200, "flags": "-", "route": "split"}
            file.write(json.dumps({**said, "duration_us": 10, "duration_ms": 0, "client": "::1", **more}) + "\n")


def rows(place: Folder, what: str = "second, requests, late FROM readings ORDER BY second") -> list[tuple[int, ...]]:
    """Rows as a reader sees them."""
    db = sqlite3.connect(place.readings)
    try:
        return db.execute(f"SELECT {what}").fetchall()
    finally:
        db.close()


def test_a_second_is_closed_two_seconds_after_its_end(place: Folder, readings: Readings) -> None:
    """What ends later is counted, as late, in the first second that is open."""
    log(place.access_log, 1990, 1999)
    readings.take_in(HUNG_US, NOW)
    assert [(1997,)] == rows(place, "closed_through FROM position")
    log(place.access_log, 1990, 1998, 2000)
    readings.take_in(HUNG_US, NOW)
    assert [(1990, 1, 0), (1998, 2, 1), (1999, 1, 0), (2000, 1, 0)] == rows(place)


def test_a_line_is_counted_once_it_is_whole(place: Folder, readings: Readings) -> None:
    """Half a line is left for the next time."""
    log(place.access_log, 2000, 2000)
    whole = place.access_log.read_bytes()
    place.access_log.write_bytes(whole[:-5])
    readings.take_in(HUNG_US, NOW)
    with place.access_log.open("ab") as file:
        file.write(whole[-5:])
    readings.take_in(HUNG_US, NOW)
    assert [(2000, 2, 0)] == rows(place)


def test_a_rotated_log_is_read_to_its_end_first(place: Folder, readings: Readings) -> None:
    """Then the new one from its beginning; the old one is removed, whenever the reader was killed."""
    log(place.access_log, 2000)
    readings.take_in(HUNG_US, NOW)
    os.rename(place.access_log, place.rotated_log)
    log(place.rotated_log, 2000)
    log(place.access_log, 2001)
    for _ in range(4):
        again = Readings(place)
        again.reopened()
        again._reopened_at -= 10
        again.take_in(HUNG_US, NOW + 10)
        again.close()
    assert [(2000, 2, 0), (2001, 1, 0)] == rows(place)
    assert not place.rotated_log.exists()


def test_eras_are_numbered_on(place: Folder, readings: Readings) -> None:
    """A change is era 0, what follows has the next number; a successor goes on."""
    assert 1 == readings.begin_era(5, 100.0, {"web": {"r1": 1000}})
    readings.begin_change(6, {"web": {"r2": 1000}})
    assert 0 == readings.era
    again = Readings(place)
    assert 2 == again.begin_era(6, 200.0, {"web": {"r2": 1000}})
    assert {"web": {"r2": 1000}} == again.last_split
    again.close()


def test_old_readings_are_minutes(place: Folder, readings: Readings) -> None:
    """A day later seconds are merged; nothing that was counted is lost, and what is older than two
    months is forgotten.
    """
    day = 86_400
    log(place.access_log, 70 * day, *(100 * day + second for second in range(180)), 101 * day + 500)
    readings.take_in(HUNG_US, 101 * day + 600)
    for _ in range(3):
        readings.thin(101 * day + 600.0)
    expected = [
        (100 * day, 60, 0),
        (100 * day + 60, 60, 0),
        (100 * day + 120, 60, 0),
        (101 * day + 500, 1, 0),
    ]
    assert expected == rows(place, "second, requests, late FROM readings WHERE second > 8640000 - 1 ORDER BY second")
    told = [
        (one.start - 100 * day, one.end - one.start) for one in LocalMetrics(place.root).readings(str(100 * day - 1))
    ]
    assert [(0, 60), (60, 60), (120, 60), (day + 500, 1)] == told
    readings.thin(131 * day + 0.0)
    assert [] == rows(place, "second FROM readings WHERE second < 8640000")


def test_readings_and_position_are_one_commit(place: Folder, readings: Readings) -> None:
    """Where the position cannot be written, nothing was counted either."""
    db = sqlite3.connect(place.readings)
    db.execute("CREATE TRIGGER broken BEFORE INSERT ON position BEGIN SELECT RAISE(ABORT, 'broken'); END")
    log(place.access_log, 2000)
    with pytest.raises(sqlite3.Error):
        readings.take_in(HUNG_US, NOW)
    assert [] == rows(place)
    db.execute("DROP TRIGGER broken")
    db.close()
    readings.take_in(HUNG_US, NOW)
    assert [(2000, 1, 0)] == rows(place)


def test_old_histograms_are_merged(place: Folder, readings: Readings) -> None:
    """A minute has the requests of its seconds, as slow as they were; synthetic ones stay apart."""
    day = 86_400
    log(place.access_log, day, day + 1, day + 2)
    log(place.access_log, day + 1, day + 2, duration_us=5000)
    log(place.access_log, day + 1, route="synthetic")
    readings.take_in(HUNG_US, 2 * day + 600)
    readings.thin(2 * day + 600.0)
    edge = next(edge for edge in EDGES if edge >= 5000)
    found = {synthetic: unpack(latency) for synthetic, latency in rows(place, "synthetic, latency FROM readings")}
    assert {0: ((100.0, 3), (edge, 2)), 1: ((100.0, 1),)} == found


def test_an_older_file_is_taken_over(place: Folder) -> None:
    """What an earlier Penstock counted is kept, without histograms; a reader does not wait for that."""
    with closing(sqlite3.connect(place.readings)) as db:
        db.executescript(EARLIER)
    before = LocalMetrics(place.root).readings("")
    assert [("r1", 7, 9, 2, 1, 3, 4000, (), False)] == [
        (r.revision, r.start, r.requests, r.errors, r.late, r.era, r.duration_us, r.latency, r.synthetic)
        for r in before
    ]
    for _ in range(2):
        Readings(place).close()
    assert before == LocalMetrics(place.root).readings("")
    assert [(5, 6, 8)] == rows(place, "* FROM position")
    log(place.access_log, 9)
    with closing(Readings(place)) as readings:
        readings.take_in(HUNG_US, NOW)
    assert [(7, b""), (9, pack({0: 1}))] == rows(place, "second, latency FROM readings ORDER BY second")


@pytest.mark.parametrize("timed", [False, True])
def test_minutes_of_an_older_file_are_told_as_minutes(place: Folder, timed: bool) -> None:
    """What an earlier Penstock merged was no second, also where it kept histograms."""
    with closing(sqlite3.connect(place.readings)) as db:
        db.executescript(EARLIER)
        if timed:
            db.execute("ALTER TABLE readings ADD COLUMN synthetic INTEGER NOT NULL DEFAULT 0")
            db.execute("ALTER TABLE readings ADD COLUMN latency BLOB NOT NULL DEFAULT x''")
            db.execute("ALTER TABLE readings ADD COLUMN repeated INTEGER NOT NULL DEFAULT 0")
        more = ", 0, x'', 0" if timed else ""
        db.execute("DELETE FROM readings")
        for second in (0, 120, 185, 240):
            db.execute(f"INSERT INTO readings VALUES ({second}, 'web', 'r1', 3, 9, 2, 1, 4000{more})")
        db.execute("UPDATE position SET closed_through = 300")
        db.commit()
    Readings(place).close()
    assert [(0, 60), (120, 180), (185, 186), (240, 241)] == [
        (one.start, one.end) for one in LocalMetrics(place.root).readings("")
    ]


def test_a_disk_that_fills_while_a_file_is_taken_over_loses_nothing(place: Folder) -> None:
    """All of the older file is taken over, or it is as it was."""
    with closing(sqlite3.connect(place.readings)) as db:
        db.executescript(EARLIER)
        db.execute("INSERT INTO readings VALUES (8, 'web', 'r1', 3, NULL, 0, 0, 0)")  # as if it could not be written
        db.commit()
    with pytest.raises(sqlite3.Error):
        Readings(place)
    assert [(7, 9), (8, None)] == rows(place, "second, requests FROM readings ORDER BY second")


EARLIER = """
CREATE TABLE readings (
  second INTEGER NOT NULL, unit TEXT NOT NULL, revision TEXT NOT NULL, era INTEGER NOT NULL,
  requests INTEGER, errors INTEGER NOT NULL, late INTEGER NOT NULL, duration_us INTEGER NOT NULL,
  PRIMARY KEY (second, unit, revision, era)) WITHOUT ROWID;
CREATE TABLE position (inode INTEGER NOT NULL, offset INTEGER NOT NULL, closed_through INTEGER NOT NULL);
INSERT INTO readings VALUES (7, 'web', 'r1', 3, 9, 2, 1, 4000);
INSERT INTO position VALUES (5, 6, 8);
"""


def test_clients_are_remembered_while_their_second_is_open(place: Folder, readings: Readings) -> None:
    """Across commits and keepers an error counts once for a client; once its second is closed, nobody is remembered."""
    for _ in range(2):
        log(place.access_log, 1999, 1999, code=500)
        with closing(Readings(place)) as again:
            again.take_in(HUNG_US, NOW, once_per_client=True)
    assert [(4, 1, 3)] == rows(place, "requests, errors, repeated FROM readings")
    assert [("::1",)] == rows(place, "client FROM first_errors")
    readings.take_in(HUNG_US, NOW + 10, once_per_client=True)
    assert [] == rows(place, "client FROM first_errors")
    log(place.access_log, 2009, 2009, code=500)
    readings.take_in(HUNG_US, NOW + 10)
    assert [(2, 2, 0)] == rows(place, "requests, errors, repeated FROM readings WHERE second = 2009")


def test_a_first_error_that_was_not_the_first_is_moved(place: Folder, readings: Readings) -> None:
    """An earlier arrival that is answered later takes its place, also for the next keeper; a closed second stays as it is."""
    log(place.access_log, 1999.5, 1999.7, code=500)
    readings.take_in(HUNG_US, NOW, once_per_client=True)
    log(place.access_log, 1999.2, code=500, cluster="web|r2")
    with closing(Readings(place)) as again:
        again.take_in(HUNG_US, NOW, once_per_client=True)
    counts = "revision, requests, errors, repeated FROM readings WHERE second = 1999 ORDER BY 1"
    assert [("r1", 2, 0, 2), ("r2", 1, 1, 0)] == rows(place, counts)
    readings.take_in(HUNG_US, NOW + 10, once_per_client=True)
    log(place.access_log, 1999.1, code=500)
    readings.take_in(HUNG_US, NOW + 10, once_per_client=True)
    assert [("r1", 2, 0, 2), ("r2", 1, 1, 0)] == rows(place, counts)


def test_clients_of_an_earlier_penstock_are_let_go(place: Folder) -> None:
    """They were of seconds that are long closed; what was counted stays."""
    with closing(Readings(place)) as readings:
        log(place.access_log, 1999, code=500)
        readings.take_in(HUNG_US, NOW, once_per_client=True)
    with closing(sqlite3.connect(place.readings, isolation_level=None)) as db:
        db.execute("DROP TABLE first_errors")
        db.execute("CREATE TABLE clients (second, unit, revision, era, synthetic, client)")
        db.execute("INSERT INTO clients VALUES (1999, 'web', '', 0, 0, '::1')")
    for second in (2000, 2001):
        with closing(Readings(place)) as readings:
            log(place.access_log, second, code=500)
            readings.take_in(HUNG_US, NOW, once_per_client=True)
    assert [(1999, 1), (2000, 1), (2001, 1)] == rows(place, "second, errors FROM readings ORDER BY 1")
    assert [] == rows(place, "name FROM sqlite_master WHERE name = 'clients'")


@settings(max_examples=15, deadline=None)  # each commit is a sync of the disk
@given(
    st.lists(
        st.one_of(
            st.sampled_from(["fold", "kill", "fail"]),
            st.tuples(st.integers(1, 6), st.integers(1, 10**6), st.sampled_from([200, 500]), st.booleans()),
        ),
        max_size=14,
    )
)
def test_killed_anywhere_every_request_is_counted_once(happens: list[Any]) -> None:
    """Folded at once, or in pieces by keepers that are killed between commits or in one: the same readings."""
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        whole, pieces = Folder.of(Path(one)), Folder.of(Path(other))
        for folder in (whole, pieces):
            folder.access_log.parent.mkdir()
        readings = Readings(pieces)
        for what in happens:
            if what == "fold":
                readings.take_in(HUNG_US, NOW, once_per_client=True)
            elif what == "fail":
                _fail(pieces, readings)
            elif what == "kill":
                readings.close()
                readings = Readings(pieces)
            else:
                count, duration_us, code, is_synthetic = what
                for folder in (whole, pieces):
                    more = {"duration_us": duration_us, "route": "synthetic" if is_synthetic else "split"}
                    log(folder.access_log, *[1999 + n % 2 for n in range(count)], code=code, **more)
        readings.take_in(HUNG_US, NOW, once_per_client=True)
        readings.close()
        with closing(Readings(whole)) as at_once:
            at_once.take_in(HUNG_US, NOW, once_per_client=True)
        everything = "* FROM readings ORDER BY 1, 2, 3, 4, 5"
        assert rows(whole, everything) == rows(pieces, everything)


def _fail(place: Folder, readings: Readings) -> None:
    """A commit that ends in the middle, after the readings and before the position."""
    with closing(sqlite3.connect(place.readings, isolation_level=None)) as db:
        db.execute("CREATE TRIGGER broken BEFORE INSERT ON position BEGIN SELECT RAISE(ABORT, 'broken'); END")
        with pytest.raises(sqlite3.Error):
            readings.take_in(HUNG_US, NOW, once_per_client=True)
        db.execute("DROP TRIGGER broken")


def test_a_log_that_envoy_may_still_write_to_is_not_left(place: Folder, readings: Readings) -> None:
    """Put aside, it is read for as long as Envoy was not told, however quiet it is; a successor knows that too."""
    log(place.access_log, 2000)
    readings.take_in(HUNG_US, NOW)
    os.rename(place.access_log, place.rotated_log)
    place.access_log.touch(0o600)
    again = Readings(place)
    again._reopened_at -= 10
    for _ in range(3):
        again.take_in(HUNG_US, NOW + 10)
    assert again.awaits_reopening
    log(place.rotated_log, 2003)
    again.take_in(HUNG_US, NOW + 10)
    assert 2 == sum(row[1] for row in rows(place))
    again.close()
