"""Freezes: from when to when nothing is released, where, who said so and why."""

from __future__ import annotations

from typing import Any

from penstock.records.store import Row, Store


def begin(
    store: Store, now: float, who: dict[str, Any], reason: str, *, service: str | None, environment: str | None,
    until: float | None,
) -> int:  # fmt: skip
    """Freeze an environment, a service (environment None), or everything (both None)."""
    with store.write() as db:
        done = db.execute(
            "INSERT INTO freezes (service, environment, reason, person, uid, from_at, until_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (service, environment, reason, who["person"], who["uid"], now, until),
        )
        return int(done.lastrowid or 0)


def in_force(store: Store, service: str, environment: str, now: float) -> Row | None:
    """The freeze that holds an environment now: of those in force, the one that lasts longest."""
    return store.row(
        "SELECT * FROM freezes WHERE thawed_at IS NULL AND from_at <= ? AND (until_at IS NULL OR until_at > ?)"
        " AND (service IS NULL OR service = ?) AND (environment IS NULL OR environment = ?)"
        " ORDER BY until_at IS NOT NULL, until_at DESC, id", now, now, service, environment,
    )  # fmt: skip


def standing(store: Store, now: float) -> list[Row]:
    """Every freeze that is in force, or is still to come to its end."""
    return store.rows(
        "SELECT * FROM freezes WHERE thawed_at IS NULL AND (until_at IS NULL OR until_at > ?) ORDER BY id", now
    )


def thaw(store: Store, now: float, number: int, person: str, reason: str) -> bool:
    """End a freeze; False when it is over already."""
    with store.write() as db:
        done = db.execute(
            "UPDATE freezes SET thawed_at = ?, thawed_by = ?, thaw_reason = ? WHERE id = ? AND thawed_at IS NULL"
            " AND (until_at IS NULL OR until_at > ?)", (now, person, reason, number, now),
        )  # fmt: skip
        return done.rowcount == 1
