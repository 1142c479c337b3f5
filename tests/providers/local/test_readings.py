"""Readings and the position in the log: both, or neither."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

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


def log(path: Path, *seconds: float) -> None:
    """Append a request for each second to a log."""
    with path.open("a") as file:
        for at in seconds:
            said = {"start_s": f"{at:.6f}", "cluster": "web|r1", "code": 200, "flags": "-", "route": "split"}
            file.write(json.dumps({**said, "duration_us": 10, "duration_ms": 0}) + "\n")


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
    readings._reopened_at -= 10
    for _ in range(4):
        again = Readings(place)
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
