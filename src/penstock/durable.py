"""Releases as durable workflows. The only file that imports dbos.

What the engine promises: a step runs at least once, its result is kept, and a workflow that was cut off goes on from the
last kept result. Rules learned from it, and kept here: SQLite in WAL with full sync, set on the file before launch; JSON,
never pickle; our own shape number as the application's version; one queue; a constant executor id, guarded by the
worker's flock. Never used: cancel, resume, fork, rewind, patch.
"""

from __future__ import annotations

import json
import logging
import os
import sqlite3
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from dbos import DBOS, DBOSConfig, SetWorkflowID
from dbos._serialization import DBOSPortableJSON

from penstock.core import data
from penstock.core.ending import Ending, Over
from penstock.errors import JournalError, PenstockError, StateError

SHAPE = "1"  # changes only when a journal of the older shape can no longer be replayed
EXECUTOR = "penstock"
QUEUE = "releases"
_POLL_S = 1.0

T = TypeVar("T")
_walks: dict[str, Callable[[str], Any]] = {}


@DBOS.workflow(name="penstock.walk", max_recovery_attempts=1000)
def _walk(name: str) -> Any:
    kind = name.split("/", 1)[0]
    return _walks[kind](name)


def launch(journal: Path, walks: dict[str, Callable[[str], Any]]) -> None:
    """Open the journal and go on with everything that was cut off. `walks` maps a name's first word to its story."""
    _walks.update(walks)
    _make_durable(journal)
    config = DBOSConfig(
        name="penstock",
        system_database_url=f"sqlite:///{journal}",
        application_version=SHAPE,
        executor_id=EXECUTOR,
        serializer=DBOSPortableJSON,
        log_level="ERROR",
        console_log_level="CRITICAL",
        scheduler_polling_interval_sec=3600,
        notification_listener_polling_interval_sec=3600.0,
    )
    logging.getLogger("dbos").setLevel(logging.CRITICAL)
    try:
        DBOS(config=config)
        DBOS.launch()
        DBOS.register_queue(QUEUE, polling_interval_sec=_POLL_S)
    except Exception as error:
        raise _unjournaled(error, journal) from error


def start(name: str) -> None:
    """Begin a story under a name; begun twice it is begun once."""
    with SetWorkflowID(name):
        DBOS.start_workflow(_walk, name)


def unfinished() -> set[str]:
    """Names of the stories that this engine still has to end."""
    rows = DBOS.list_workflows(status=["PENDING", "ENQUEUED"], load_input=False, load_output=False)
    return {row.workflow_id for row in rows}


def outcome(name: str) -> str:
    """`SUCCESS`, `ERROR`, `PENDING`, …; empty when the name was never begun."""
    status = DBOS.get_workflow_status(name)
    return str(status.status) if status else ""


def stop() -> None:
    DBOS.destroy()


def run(step: Callable[..., T], world: Any, *values: Any) -> T:
    """Run a step and keep its result. What it raises is kept too, except what the journal itself could not keep.

    Over and PenstockError of a step are results: they come back as Over. A StateError (records, audit) and every error
    of the engine is a JournalError: the worker applies the way back outside the engine, and ends.
    """
    broken: list[StateError] = []

    def kept() -> dict[str, Any]:
        try:
            return {"ok": data.dump(step(world, *values))}
        except Over as over:
            return {"over": data.dump(over.ending)}
        except StateError as error:
            broken.append(error)
            raise
        except PenstockError as error:
            return {"over": data.dump(Ending("blocked", "error", str(error).replace("\n", " ")))}
        except Exception as error:
            return {"over": data.dump(Ending("blocked", "bug", _bug(step, error)))}

    try:
        result = DBOS.run_step({"name": step.__name__, "retries_allowed": False}, kept)
    except Exception as error:
        raise _unjournaled(broken[0] if broken else error, None) from error
    if "over" in result:
        raise Over(data.load(Ending, result["over"]))
    return data.load(_result_of(step), result["ok"])  # type: ignore[no-any-return]


@cache
def _result_of(step: Callable[..., Any]) -> Any:
    return get_type_hints(step)["return"]


def _bug(step: Callable[..., Any], error: Exception) -> str:
    import traceback

    where = traceback.extract_tb(error.__traceback__)[-1]
    return f"a bug in the step {step.__name__}: {type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})"


def _make_durable(journal: Path) -> None:
    try:
        if not journal.exists():
            os.close(os.open(journal, os.O_CREAT | os.O_RDWR, 0o600))
        db = sqlite3.connect(journal, isolation_level=None)
        db.execute("PRAGMA journal_mode=WAL")
        db.close()
    except (OSError, sqlite3.Error) as error:
        raise _unjournaled(error, journal) from error


def _unjournaled(error: Exception, journal: Path | None) -> JournalError:
    return JournalError(
        "journal", f"the journal cannot be read or written: {error}", str(journal or ""),
        "what a release does is not done unless it can be written down",
        "make space or mend the disk (`penstock doctor`); the release goes back, and its end is recorded when it can be",
    )  # fmt: skip


def read_steps(journal: Path, name: str) -> list[tuple[int, str, Any]]:
    """The kept results of a story, in order, straight from the file: for tests and fixtures."""
    db = sqlite3.connect(f"file:{journal}?mode=ro", uri=True)
    try:
        rows = db.execute(
            "SELECT function_id, function_name, output FROM operation_outputs WHERE workflow_uuid = ? ORDER BY function_id",
            (name,),
        ).fetchall()
    finally:
        db.close()
    return [(number, step, json.loads(output) if output else None) for number, step, output in rows]
