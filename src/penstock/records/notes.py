"""What only people know of a release: issues, lessons, actions, and what users reported."""

from __future__ import annotations

from typing import Any

from penstock.records.store import Row, Store

KINDS = ("note", "issue", "lesson", "action", "user-report")


def add(store: Store, now: float, release: int, kind: str, text: str, who: dict[str, Any]) -> int:
    """Add a note, during the release or long after it; returns its number."""
    with store.write() as db:
        done = db.execute(
            "INSERT INTO notes (release, at, kind, text, uid, person, host) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (release, now, kind, text, who["uid"], who["person"], who["host"]),
        )
        return int(done.lastrowid or 0)


def of(store: Store, release: int) -> list[Row]:
    """The notes of a release, oldest first."""
    return store.rows("SELECT * FROM notes WHERE release = ? ORDER BY id", release)
