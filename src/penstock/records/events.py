"""Events: what a person sees of a release, in order. Told twice under one key, an event happens once."""

from __future__ import annotations

import json
from typing import Any

from penstock.records.store import Row, Store


def tell(
    store: Store, now: float, release: int, key: str, kind: str, text: str, data: dict[str, Any] | None = None
) -> bool:
    """Add an event; False when it was told before."""
    with store.write() as db:
        done = db.execute(
            "INSERT OR IGNORE INTO events (release, key, at, kind, text, data) VALUES (?, ?, ?, ?, ?, ?)",
            (release, key, now, kind, text, json.dumps(data or {})),
        )
        return done.rowcount == 1


def after(store: Store, release: int, last: int = 0, limit: int = 1000) -> list[Row]:
    """Events of a release after an event's id, oldest first."""
    found = store.rows("SELECT * FROM events WHERE release = ? AND id > ? ORDER BY id LIMIT ?", release, last, limit)
    for row in found:
        row["data"] = json.loads(row["data"])
    return found
