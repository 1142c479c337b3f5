"""How the lines of a checklist ended: a row for each release, moment and name; and which answers may be given again."""

from __future__ import annotations

import json
from typing import Any

from penstock.records.store import Row, Store

MEASURED_LIMIT = 256 << 10  # characters of JSON; a check that measures more is not compared with next time


def keep(
    store: Store, now: float, release: int, moment: str, name: str, *, kind: str, state: str, sentence: str,
    seconds: float, facts: dict[str, Any],
) -> None:  # fmt: skip
    """Write down how a line ended; the last word counts."""
    with store.write() as db:
        db.execute(
            "INSERT OR REPLACE INTO checks (release, moment, name, state, sentence, seconds, at, kind, facts)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (release, moment, name, state, sentence, seconds, now, kind, json.dumps(facts)),
        )


def of(store: Store, release: int) -> list[Row]:
    """Every line of a release, in the order in which they ended."""
    return [_read(row) for row in store.rows("SELECT * FROM checks WHERE release = ? ORDER BY at, name", release)]


def get(store: Store, release: int, moment: str, name: str) -> Row | None:
    """How a line ended; None while it has not."""
    row = store.row("SELECT * FROM checks WHERE release = ? AND moment = ? AND name = ?", release, moment, name)
    return _read(row) if row else None


def prove(store: Store, now: float, key: str, release: int, moment: str, name: str) -> None:
    """What was asked under this key passed."""
    with store.write() as db:
        db.execute("INSERT OR REPLACE INTO proven VALUES (?, ?, ?, ?, ?)", (key, now, release, moment, name))


def proven(store: Store, key: str, since: float) -> Row | None:
    """The pass that was given under this key, at or after a time."""
    return store.row("SELECT * FROM proven WHERE key = ? AND at >= ?", key, since)


def _read(row: Row) -> Row:
    row["facts"] = json.loads(row["facts"])
    return row
