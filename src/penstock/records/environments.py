"""Environments and services: what is stable where, who holds the lock, and whose repository it is."""

from __future__ import annotations

from penstock.errors import UserError
from penstock.records.store import Row, Store


def know(store: Store, service: str, root: str, repository: str) -> None:
    """Remember a service; another repository (another root commit) under the same name is an error."""
    with store.write() as db:
        known = store.row("SELECT * FROM services WHERE name = ?", service)
        if known and known["root"] != root:
            raise UserError(
                "another-repository",
                f"the service `{service}` belongs to another repository",
                repository,
                f"its history begins with {known['root'][:12]} ({known['repository']}), this one with {root[:12]}",
                "give the service another name in penstock.yaml, or use another PENSTOCK_STATE",
            )
        db.execute(
            "INSERT INTO services VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE SET repository = excluded.repository",
            (service, root, repository),
        )


def place(store: Store, service: str, environment: str, target: str, folder: str) -> None:
    """Make sure an environment has its row."""
    with store.write() as db:
        db.execute(
            "INSERT INTO environments (service, environment, target, folder) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (service, environment) DO UPDATE SET target = excluded.target, folder = excluded.folder",
            (service, environment, target, folder),
        )


def get(store: Store, service: str, environment: str) -> Row | None:
    """The row of an environment; None before its first release."""
    return store.row("SELECT * FROM environments WHERE service = ? AND environment = ?", service, environment)


def all_of(store: Store, service: str | None = None) -> list[Row]:
    """Environments of a service, or of all."""
    if service:
        return store.rows("SELECT * FROM environments WHERE service = ? ORDER BY environment", service)
    return store.rows("SELECT * FROM environments ORDER BY service, environment")


def hold(store: Store, service: str, environment: str, release: int) -> int | None:
    """Take the environment for a release. Returns who holds it then; taking it twice is taking it once."""
    with store.write() as db:
        db.execute(
            "UPDATE environments SET holder = ? WHERE service = ? AND environment = ? AND holder IS NULL",
            (release, service, environment),
        )
        row = get(store, service, environment)
        return int(row["holder"]) if row and row["holder"] is not None else None


def free(store: Store, service: str, environment: str, release: int) -> None:
    """Give the environment back, if this release holds it."""
    with store.write() as db:
        db.execute(
            "UPDATE environments SET holder = NULL WHERE service = ? AND environment = ? AND holder = ?",
            (service, environment, release),
        )


def promote(store: Store, service: str, environment: str, revision: str, now: float, *, anew: bool = False) -> None:
    """A revision serves; what served before becomes the previous one. Said twice, it is said once.

    `anew`: it is what served already, placed anew, so that what served before it stays the previous one.
    """
    previous = "previous" if anew else "stable"
    with store.write() as db:
        db.execute(
            f"UPDATE environments SET previous = {previous}, stable = ?, since = ?"
            " WHERE service = ? AND environment = ? AND stable IS NOT ?",
            (revision, now, service, environment, revision),
        )


def restore(store: Store, service: str, environment: str, revision: str, now: float) -> None:
    """A revision serves again after going back; what it replaces is nothing to go back to."""
    with store.write() as db:
        db.execute(
            "UPDATE environments SET previous = NULL, stable = ?, since = ?"
            " WHERE service = ? AND environment = ? AND stable IS NOT ?",
            (revision, now, service, environment, revision),
        )


def clear(store: Store, service: str, environment: str) -> None:
    """Nothing serves there any more."""
    with store.write() as db:
        db.execute(
            "UPDATE environments SET stable = NULL, previous = NULL WHERE service = ? AND environment = ?",
            (service, environment),
        )
