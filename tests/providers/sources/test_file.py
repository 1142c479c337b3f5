"""A file that somebody appends to: half a line, another file, a hole, a line that tells twice."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.core.reading import Level, Reading
from penstock.errors import PenstockError
from penstock.manifest.metrics import MetricsSource
from penstock.providers.sources.file import LINE_BYTES, FileMetrics
from penstock.providers.sources.given import Given
from tests.providers.sources.rig import Ledger, wait


def made(path: Path) -> FileMetrics:
    """The source, of one traffic split."""
    section = MetricsSource.model_validate({"is": "file", "path": str(path), "step": 1})
    return FileMetrics(section, Given(lambda: [(0.0, 1)]))


def line(told: dict[str, Any]) -> str:
    """An answer as a line."""
    return json.dumps(told) + "\n"


def requests(found: list[Reading]) -> list[int]:
    """How many requests each reading has."""
    return [one.requests for one in found]


@pytest.fixture
def ledger() -> Ledger:
    """What the shop knows."""
    return Ledger()


def test_half_a_line_waits(tmp_path: Path, ledger: Ledger) -> None:
    """What has no end yet is not read, and not lost."""
    path = tmp_path / "readings"
    first, second = line(ledger.serve({"old": (3, 0)})), line(ledger.serve({"old": (4, 1)}))
    path.write_text(first + second[:40])
    metrics = made(path)
    assert [3] == requests(metrics.readings(""))
    assert [] == metrics.readings(metrics.position())
    since = metrics.position()
    path.write_text(first + second)
    assert [4] == requests(metrics.readings(since))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=12), st.integers(0, 4000), st.integers(0, 11))
def test_wherever_it_is_cut_nothing_is_lost_or_counted_twice(
    tmp_path_factory: pytest.TempPathFactory, served: list[int], cut: int, rotate: int
) -> None:
    """Read while it is written, and while it is replaced by a file that begins with the lines not yet read."""
    path = tmp_path_factory.mktemp("file") / "readings"
    ledger = Ledger()
    lines = [line(ledger.serve({"old": (count, 0)} if count else {})) for count in served]
    text = "".join(lines)
    path.write_text(text[:cut])
    metrics = made(path)
    found = metrics.readings("")
    if rotate % 2 and found:
        kept = [one for one in lines if round(json.loads(one)["to"] * 1000) > int(found[-1].position.split("-")[0])]
        path.unlink()
        path.write_text("".join(kept))
    else:
        path.write_text(text)
    found += metrics.readings(found[-1].position if found else "")
    assert [count for count in served if count] == [count for count in requests(found) if count]


def test_lines_that_are_missing_are_a_hole(tmp_path: Path, ledger: Ledger) -> None:
    """A stretch that no line covers is told of, and belongs to nobody."""
    path = tmp_path / "readings"
    path.write_text(line(ledger.serve({"old": (3, 0)})))
    metrics = made(path)
    since = metrics.readings("")[-1].position
    ledger.serve({"old": (100, 0)})
    with path.open("a") as file:
        file.write(line(ledger.serve({"old": (5, 0)})))
    hole, read = metrics.readings(since)
    assert ("", 0, 2.0) == (hole.revision, hole.requests, hole.end - hole.start)
    assert 5 == read.requests


def test_what_is_told_twice_counts_once(tmp_path: Path, ledger: Ledger) -> None:
    """A line may tell again what a line before it told: what was closed stays closed, from wherever it is read."""
    path = tmp_path / "readings"
    first = line(ledger.serve({"old": (3, 0)}))
    ledger.serve({"old": (5, 0)})
    path.write_text(first + line(ledger.since(None)))
    metrics = made(path)
    found = metrics.readings("")
    assert [3, 5] == requests(found)
    assert [5] == requests(made(path).readings(found[0].position))


def test_a_line_that_comes_too_late_is_refused(tmp_path: Path, ledger: Ledger) -> None:
    """Two writers, or a line out of order: its requests would be lost without a word. What was known before is handed on."""
    path = tmp_path / "readings"
    mine, at = ledger.serve({"old": (3, 0)}), ledger.now
    other = {**mine, "readings": [{**mine["readings"][0], "revision": "new"}]}
    path.write_text(line(mine) + line(other) + line(ledger.serve({"old": (4, 0)})))
    metrics = made(path)
    found = metrics.readings("")
    assert [3] == requests(found)
    for source in (metrics, made(path)):
        with pytest.raises(
            PenstockError, match=f"tells of {at - 1:.15g}, and the lines before it closed all until {at:.15g}"
        ):
            source.readings(found[-1].position)
    path.write_text(line(mine) + line({**other, "readings": []}) + line(ledger.serve({"old": (5, 0)})))
    assert [5] == requests([one for one in made(path).readings(found[-1].position) if one.revision])


def test_what_ended_just_now_waits(tmp_path: Path, ledger: Ledger) -> None:
    """A second later no shift can reach back to it: until then it is neither handed on nor called closed."""
    path = tmp_path / "readings"
    ledger.now = time.time() - 1.6
    path.write_text(line(ledger.serve({"old": (3, 0)})))
    metrics, ended = made(path), ledger.now
    assert [] == metrics.readings("")
    assert metrics.closed_until() < ended
    wait(lambda: metrics.readings("") != [], 3)
    assert ended + 1 <= time.time()
    assert ended == metrics.closed_until()


def test_a_key_that_stands_twice_is_refused(tmp_path: Path, ledger: Ledger) -> None:
    """Which of the two is meant, nobody knows."""
    path = tmp_path / "readings"
    path.write_text(line(ledger.serve({"old": (3, 0)})).replace('"errors": 0', '"errors": 2, "errors": 0'))
    with pytest.raises(PenstockError, match="the line at byte 0 is JSON with the key `errors` twice"):
        made(path).readings("")


def test_silence_is_passed_over_once(tmp_path: Path, ledger: Ledger) -> None:
    """Lines without requests move no position, and yet nothing is missed behind them."""
    path = tmp_path / "readings"
    path.write_text(line(ledger.serve({"old": (3, 0)})))
    metrics = made(path)
    since = metrics.readings("")[-1].position
    with path.open("a") as file:
        file.writelines(line(ledger.serve({})) for _ in range(5))
    assert [[], []] == [metrics.readings(since), metrics.readings(since)]
    with path.open("a") as file:
        file.write(line(ledger.serve({"old": (9, 0)})))
    assert [[9], [9], [9]] == [requests(one.readings(since)) for one in (metrics, metrics, made(path))]


def test_a_source_that_tells_nothing_any_more_is_stale(tmp_path: Path, ledger: Ledger) -> None:
    """When nothing was closed for long it is an error, not silence."""
    path = tmp_path / "readings"
    ledger.now -= 1000
    path.write_text(line(ledger.serve({"old": (3, 0)})))
    metrics = made(path)
    since = metrics.readings("")[-1].position
    with pytest.raises(PenstockError, match="nothing was closed for"):
        metrics.readings(since)


def test_a_line_without_end_is_refused(tmp_path: Path) -> None:
    """Memory is bounded: a line is a megabyte at most."""
    path = tmp_path / "readings"
    path.write_text(" " * (LINE_BYTES + 2))
    with pytest.raises(PenstockError, match="longer than 1 MiB"):
        made(path).readings("")


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    """It is no empty file."""
    with pytest.raises(PenstockError, match="there is no such file"):
        made(tmp_path / "nothing").position()


def test_gauges_come_with_the_last_line(tmp_path: Path, ledger: Ledger) -> None:
    """A level is told with its instance, and stands until the next line."""
    path = tmp_path / "readings"
    level = {"name": "memory", "revision": "old", "at": ledger.now, "value": 81e6, "instance": "a"}
    path.write_text(line(ledger.serve({})) + line({**ledger.serve({}), "levels": [level]}))
    assert [Level("memory", "old", level["at"], 81e6, "a")] == made(path).levels()
