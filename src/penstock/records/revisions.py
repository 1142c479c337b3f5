"""Revisions: the immutable things that were placed somewhere."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from penstock.records.store import Row, Store

if TYPE_CHECKING:
    from penstock.core.target import Observed, Revision


def remember(store: Store, now: float, service: str, environment: str, release: int, plain: dict[str, Any]) -> None:
    """Keep a revision's data; the same revision released again keeps its first row and gets the new data."""
    with store.write() as db:
        db.execute(
            "INSERT INTO revisions (id, service, environment, release, commit_id, artifact, data, made_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (service, environment, id) DO UPDATE SET data = excluded.data, release = excluded.release",
            (
                plain["id"],
                service,
                environment,
                release,
                plain["commit"],
                plain["artifact"]["locator"],
                json.dumps(plain),
                now,
            ),
        )


def get(store: Store, service: str, environment: str, revision: str) -> Row | None:
    """A remembered revision, its data read; None when it is not remembered."""
    row = store.row(
        "SELECT * FROM revisions WHERE service = ? AND environment = ? AND id = ?", service, environment, revision
    )
    if row:
        row["data"] = json.loads(row["data"])
    return row


def stable(store: Store, service: str, environment: str, observed: Observed) -> Revision | None:
    """What serves, by the platform's own word; what we remember of it first, else what the platform tells."""
    from penstock.core import data
    from penstock.core.target import Revision

    standing = observed.standing
    if standing is None:
        return None
    known = get(store, service, environment, standing)
    return data.load(Revision, known["data"]) if known else observed.revisions.get(standing)


def newest(store: Store, service: str, environment: str) -> list[Row]:
    """Every remembered revision, the last released first."""
    found = store.rows(
        "SELECT * FROM revisions WHERE service = ? AND environment = ? ORDER BY release DESC", service, environment
    )
    for row in found:
        row["data"] = json.loads(row["data"])
    return found


def mark_good(store: Store, service: str, environment: str, revision: str) -> None:
    """Its bake ended well."""
    with store.write() as db:
        db.execute(
            "UPDATE revisions SET good = 1 WHERE service = ? AND environment = ? AND id = ?",
            (service, environment, revision),
        )


def forget(store: Store, service: str, environment: str, revision: str) -> None:
    with store.write() as db:
        db.execute(
            "DELETE FROM revisions WHERE service = ? AND environment = ? AND id = ?", (service, environment, revision)
        )
