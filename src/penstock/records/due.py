"""Reminders of releases that have ended: what only a person can tick, and who ticked it when."""

from __future__ import annotations

from collections.abc import Iterable

from penstock.records.store import Row, Store

_LISTED = (
    "SELECT due.*, releases.service, releases.environment, releases.revision, releases.state"
    " FROM due JOIN releases ON releases.number = due.release"
)


def remind(store: Store, release: int, asked: Iterable[tuple[str, str, str, float]]) -> None:
    """Write down (name, question, group, when it is due) of a release; what is written already stays as it is."""
    with store.write() as db:
        db.executemany(
            "INSERT OR IGNORE INTO due (release, name, ask, by_group, due_at) VALUES (?, ?, ?, ?, ?)",
            [(release, *one) for one in asked],
        )


def of(store: Store, release: int) -> list[Row]:
    """The reminders of a release, oldest due first."""
    return store.rows("SELECT * FROM due WHERE release = ? ORDER BY due_at, name", release)


def listed(store: Store, *, ticked: bool = False, release: int | None = None) -> list[Row]:
    """Reminders with the release they follow, oldest due first: the open ones; with `ticked`, all of them."""
    where = [] if ticked else ["due.done_at IS NULL"]
    where += [] if release is None else ["due.release = ?"]
    limits = f" WHERE {' AND '.join(where)}" if where else ""
    values = [] if release is None else [release]
    return store.rows(f"{_LISTED}{limits} ORDER BY due.due_at, due.release, due.name", *values)


def tick(store: Store, now: float, release: int, name: str, person: str, text: str) -> bool:
    """Tick a reminder, under a person's name; False when it is not there, or was ticked already."""
    with store.write() as db:
        done = db.execute(
            "UPDATE due SET done_at = ?, person = ?, text = ? WHERE release = ? AND name = ? AND done_at IS NULL",
            (now, person, text, release, name),
        )
        return done.rowcount == 1
