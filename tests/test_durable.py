"""The engine: a step's result is kept, a story that was cut off goes on, and what cannot be written down stops it."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from penstock import durable
from penstock.core.ending import Ending, Over
from penstock.errors import StateError, UserError

Ran = list[str]


def first(ran: Ran) -> int:
    ran.append("first")
    return 1


def second(ran: Ran) -> int:
    ran.append("second")
    return 2


def refuse(ran: Ran) -> int:
    ran.append("refuse")
    raise Over(Ending("blocked", "test", "no"))


def mistake(ran: Ran) -> int:
    ran.append("mistake")
    raise UserError("wrong", "this is wrong")


def unrecorded(ran: Ran) -> int:
    ran.append("unrecorded")
    raise StateError("records", "no space")


def engine(folder: Path, walk: Callable[[str], Any], broken: list[StateError] | None = None) -> durable.Engine:
    said = [] if broken is None else broken
    return durable.Engine(folder / "journal.sqlite", {"story": walk}, said.append)


def ended(found: durable.Engine, name: str = "story/1") -> str:
    for _ in range(500):
        if found.outcome(name) != "running":
            return found.outcome(name)
        time.sleep(0.01)
    return "running"


def cut_off(folder: Path, steps: int) -> None:
    """What a killed process leaves: the story is running, and only the first steps are kept."""
    db = sqlite3.connect(folder / "journal.sqlite")
    db.execute("UPDATE stories SET outcome = 'running'")
    db.execute("DELETE FROM steps WHERE number > ?", (steps,))
    db.commit()
    db.close()


@pytest.mark.parametrize("kept", [0, 1, 2])
def test_goes_on_from_what_was_kept(tmp_path: Path, kept: int) -> None:
    """A kept step is not run again, and gives the same result; the others run, in order."""
    ran: Ran = []
    got: list[int] = []

    def walk(name: str) -> None:
        got.append(durable.run(first, ran) + durable.run(second, ran))

    before = engine(tmp_path, walk)
    before.start("story/1")
    assert "done" == ended(before)
    cut_off(tmp_path, kept)
    ran.clear()
    after = engine(tmp_path, walk)
    after.resume()
    assert "done" == ended(after)
    assert ["first", "second"][kept:] == ran
    assert [3, 3] == got


def test_begun_twice_is_begun_once(tmp_path: Path) -> None:
    """A name is one story, however often it is begun."""
    ran: Ran = []
    found = engine(tmp_path, lambda name: durable.run(first, ran))
    for _ in range(3):
        found.start("story/1")
        assert "done" == ended(found)
    assert ["first"] == ran
    assert "" == found.outcome("story/2")


@pytest.mark.parametrize(("step", "cause"), [(refuse, "test"), (mistake, "error")])
def test_a_refusal_is_a_result(tmp_path: Path, step: Callable[[Ran], int], cause: str) -> None:
    """Over and a person's error are kept like any result, and raised again on replay without running the step."""
    ran: Ran = []
    causes: list[str] = []

    def walk(name: str) -> None:
        try:
            durable.run(step, ran)
        except Over as over:
            causes.append(over.ending.cause)

    before = engine(tmp_path, walk)
    before.start("story/1")
    assert "done" == ended(before)
    cut_off(tmp_path, 1)
    after = engine(tmp_path, walk)
    after.resume()
    assert "done" == ended(after)
    assert [step.__name__] == ran
    assert [cause, cause] == causes


def test_another_story_is_not_guessed(tmp_path: Path) -> None:
    """A journal whose next step has another name stops the story before anything is done."""
    ran: Ran = []
    before = engine(tmp_path, lambda name: durable.run(first, ran))
    before.start("story/1")
    ended(before)
    cut_off(tmp_path, 1)
    broken: list[StateError] = []
    after = engine(tmp_path, lambda name: durable.run(second, ran), broken)
    after.resume()
    for _ in range(500):
        if broken:
            break
        time.sleep(0.01)
    assert ["journal-differs"] == [error.code for error in broken]
    assert ["first"] == ran


def test_another_shape_is_not_replayed(tmp_path: Path) -> None:
    """A story of another shape fails and says so; it does not run."""
    ran: Ran = []
    before = engine(tmp_path, lambda name: durable.run(first, ran))
    before.start("story/1")
    ended(before)
    cut_off(tmp_path, 0)
    db = sqlite3.connect(tmp_path / "journal.sqlite")
    db.execute("UPDATE stories SET shape = 99")
    db.commit()
    after = engine(tmp_path, lambda name: durable.run(first, ran))
    after.resume()
    assert "failed" == ended(after)
    assert "shape 99" in after.why("story/1")
    assert ["first"] == ran


def test_what_is_not_recorded_is_not_kept(tmp_path: Path) -> None:
    """Records that cannot be written break the story: no result is kept, and whoever watches is told."""
    ran: Ran = []
    broken: list[StateError] = []
    found = engine(tmp_path, lambda name: durable.run(unrecorded, ran), broken)
    found.start("story/1")
    for _ in range(500):
        if broken:
            break
        time.sleep(0.01)
    assert ["journal"] == [error.code for error in broken]
    assert [] == durable.read_steps(tmp_path / "journal.sqlite", "story/1")
    assert "running" == found.outcome("story/1")


def test_a_bug_is_said(tmp_path: Path) -> None:
    """What a story raises outside its steps is its failure, with the place in the code."""

    def walk(name: str) -> None:
        raise ZeroDivisionError("oh")

    found = engine(tmp_path, walk)
    found.start("story/1")
    assert "failed" == ended(found)
    assert "ZeroDivisionError: oh (test_durable.py" in found.why("story/1")


def test_old_journals_are_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The steps of the newest ended stories are kept, and no more; a running story keeps all of its own."""
    monkeypatch.setattr(durable, "KEPT", 3)
    ran: Ran = []
    found = engine(tmp_path, lambda name: durable.run(first, ran))
    for number in range(6):
        found.start(f"story/{number}")
        assert "done" == ended(found, f"story/{number}")
    kept = [number for number in range(6) if durable.read_steps(tmp_path / "journal.sqlite", f"story/{number}")]
    assert [3, 4, 5] == kept
