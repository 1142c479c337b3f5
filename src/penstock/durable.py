"""Releases as durable stories: a step runs at least once, its result is kept, and a story that was cut off goes on from
the last kept result.

One SQLite file in WAL with full sync, one row a step, JSON and never pickle. One process at a time: the worker's flock
guards it, so a story that is not over when the engine is launched was cut off, and runs again at once. Nothing is ever
cancelled from outside: an order is something that a step reads.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar, get_type_hints

from penstock.core import data
from penstock.core.ending import Ending, Over, Parked
from penstock.errors import JournalError, PenstockError, StateError

SHAPE = 1  # changes only when a journal of the older shape can no longer be replayed
TRIES = 1000  # a story that is cut off so often is not cut off by chance
KEPT = 200  # ended stories whose steps are kept

T = TypeVar("T")
Outcome = Literal["", "running", "done", "failed"]

_TABLES = """
CREATE TABLE IF NOT EXISTS stories (
    name TEXT PRIMARY KEY, shape INTEGER NOT NULL, outcome TEXT NOT NULL, tries INTEGER NOT NULL, why TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS steps (
    story TEXT, number INTEGER, step TEXT NOT NULL, result TEXT NOT NULL, PRIMARY KEY (story, number)) WITHOUT ROWID;
"""


@dataclass
class _Story:
    """Where a story stands that this thread tells: `kept` are the results from before it was cut off."""

    engine: Engine
    name: str
    kept: list[tuple[str, str]]
    number: int = 0


_telling: ContextVar[_Story] = ContextVar("story")


class Engine:
    """The journal, and a thread for every story that is not over. `walks` maps a name's first word to its story;
    `broken` is called where a story cannot be written down any more, in that story's thread.
    """

    def __init__(
        self, journal: Path, walks: Mapping[str, Callable[[str], Any]], broken: Callable[[StateError], None]
    ) -> None:
        self._path = journal
        self._walks = walks
        self._broken = broken
        self._lock = threading.Lock()
        self._parked: dict[str, Parked] = {}
        self._db = self._open()

    def resume(self) -> None:
        """Go on with everything that was cut off."""
        for name, shape, tries in self._all("SELECT name, shape, tries FROM stories WHERE outcome = 'running'"):
            if shape != SHAPE:
                self._end(name, "failed", f"it was begun by a Penstock of journal shape {shape}; this one has {SHAPE}")
            elif tries >= TRIES:
                self._end(name, "failed", f"it was cut off {tries} times")
            else:
                self._all("UPDATE stories SET tries = tries + 1 WHERE name = ?", name)
                self._tell(name)

    def start(self, name: str) -> None:
        """Begin a story under a name; begun twice it is begun once."""
        if self.outcome(name):
            return
        self._all("INSERT INTO stories VALUES (?, ?, 'running', 1, '')", name, SHAPE)
        self._tell(name)

    def parked(self, name: str) -> Parked | None:
        """What a story waits for that nobody tells now; None for one that is told, or over."""
        return self._parked.get(name)

    def go_on(self, name: str) -> None:
        """Tell a parked story again: what it kept is answered from the journal, the step that waited looks anew."""
        del self._parked[name]
        self._tell(name)

    def outcome(self, name: str) -> Outcome:
        """How a story ended; empty when the name was never begun."""
        found = self._all("SELECT outcome FROM stories WHERE name = ?", name)
        return found[0][0] if found else ""

    def why(self, name: str) -> str:
        """What a failed story failed with."""
        return str(self._all("SELECT why FROM stories WHERE name = ?", name)[0][0])

    def keep(self, story: str, number: int, step: str, result: str) -> None:
        """One durable commit: the step is done."""
        self._all("INSERT INTO steps VALUES (?, ?, ?, ?)", story, number, step, result)

    def _tell(self, name: str) -> None:
        kept = self._all("SELECT step, result FROM steps WHERE story = ? ORDER BY number", name)
        story = _Story(self, name, kept)
        threading.Thread(target=self._walk, args=(story,), name=name, daemon=True).start()

    def _walk(self, story: _Story) -> None:
        _telling.set(story)
        try:
            self._end(story.name, *self._told(story.name))
        except Parked as parked:
            self._parked[story.name] = parked
        except StateError as error:
            self._broken(error)

    def _told(self, name: str) -> tuple[Outcome, str]:
        try:
            self._walks[name.split("/", 1)[0]](name)
        except (StateError, Parked):
            raise
        except Exception as error:
            return "failed", _where(error)
        return "done", ""

    def _end(self, name: str, outcome: Outcome, why: str) -> None:
        """The story is over, and the steps of the oldest ended ones are let go: one commit."""
        old = (
            "DELETE FROM steps WHERE story IN (SELECT name FROM stories WHERE outcome != 'running'"
            " ORDER BY rowid DESC LIMIT -1 OFFSET ?)"
        )
        try:
            with self._lock:
                self._db.execute("BEGIN IMMEDIATE")
                try:
                    self._db.execute("UPDATE stories SET outcome = ?, why = ? WHERE name = ?", (outcome, why, name))
                    self._db.execute(old, (KEPT,))
                    self._db.execute("COMMIT")
                finally:
                    if self._db.in_transaction:
                        self._db.execute("ROLLBACK")
        except sqlite3.Error as error:
            raise _unjournaled(error, self._path) from error

    def _open(self) -> sqlite3.Connection:
        try:
            os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
            db = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=FULL")
            db.executescript(_TABLES)
        except (OSError, sqlite3.Error) as error:
            raise _unjournaled(error, self._path) from error
        return db

    def _all(self, sql: str, *values: Any) -> list[Any]:
        try:
            with self._lock:
                return self._db.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise _unjournaled(error, self._path) from error


def run(step: Callable[..., T], world: Any, *values: Any) -> T:
    """Run a step of the story that this thread tells, and keep its result; kept already, it is not run again.

    Over and PenstockError of a step are results: they come back as Over. A StateError (records, audit) and every error
    of the journal is a JournalError: the worker applies the way back outside the engine, and ends.
    """
    story = _telling.get()
    story.number += 1
    if story.number <= len(story.kept):
        result = _replayed(story, step)
    else:
        result = _done(step, world, *values)
        story.engine.keep(story.name, story.number, step.__name__, json.dumps(result, separators=(",", ":")))
    if "over" in result:
        raise Over(data.load(Ending, result["over"]))
    return data.load(_result_of(step), result["ok"])  # type: ignore[no-any-return]


def read_steps(journal: Path, name: str) -> list[tuple[int, str, Any]]:
    """The kept results of a story, in order, straight from the file: for tests and fixtures."""
    db = sqlite3.connect(f"file:{journal}?mode=ro", uri=True)
    try:
        rows = db.execute("SELECT number, step, result FROM steps WHERE story = ? ORDER BY number", (name,)).fetchall()
    finally:
        db.close()
    return [(number, step, json.loads(result)) for number, step, result in rows]


def _replayed(story: _Story, step: Callable[..., Any]) -> dict[str, Any]:
    name, result = story.kept[story.number - 1]
    if name != step.__name__:
        raise JournalError(
            "journal-differs", f"step {story.number} of {story.name} was `{name}`, and is `{step.__name__}` now", "",
            "the story that this Penstock tells is another than the one that was begun",
            "go on with the Penstock that began it, or end the release: `penstock abort`",
        )  # fmt: skip
    return dict(json.loads(result))


def _done(step: Callable[..., Any], world: Any, *values: Any) -> dict[str, Any]:
    try:
        return {"ok": data.dump(step(world, *values))}
    except Over as over:
        return {"over": data.dump(over.ending)}
    except Parked:
        raise  # nothing was done, so nothing is kept
    except StateError as error:
        raise _unjournaled(error, None) from error
    except PenstockError as error:
        return {"over": data.dump(Ending("blocked", "error", error.sentence))}
    except Exception as error:
        bug = f"a bug in the step {step.__name__}: {_where(error)}"
        return {"over": data.dump(Ending("blocked", "bug", bug))}


@cache
def _result_of(step: Callable[..., Any]) -> Any:
    return get_type_hints(step)["return"]


def _where(error: Exception) -> str:
    import traceback

    where = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})"


def _unjournaled(error: Exception, journal: Path | None) -> JournalError:
    return JournalError(
        "journal", f"the journal cannot be read or written: {error}", str(journal or ""),
        "what a release does is not done unless it can be written down",
        "make space or mend the disk (`penstock doctor`); the release goes back, and its end is recorded when it can be",
    )  # fmt: skip
