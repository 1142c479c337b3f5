"""Previews: which environment is which branch's, with which ports, and until when.

A row stays when its environment is removed: a name that was a branch's is never another's.
"""

from __future__ import annotations

import json

from penstock.records.releases import RUNNING
from penstock.records.store import Row, Store

_UNDER_WAY = ", ".join(f"'{state}'" for state in (*RUNNING, "ordering"))
# What was last released decides when a preview is over; taking it down is no release.
_LIVING = f"""
    SELECT p.*, e.stable AS revision,
        max(p.since, coalesce((SELECT max(max(r.asked_at, coalesce(r.promoted_at, 0), coalesce(r.ended_at, 0)))
            FROM releases r WHERE r.service = p.service AND r.environment = p.environment AND r.kind != 'down'), 0))
            + p.expires_s AS expires_at,
        EXISTS (SELECT 1 FROM releases r WHERE r.service = p.service AND r.environment = p.environment
            AND r.kind != 'down' AND r.state IN ({_UNDER_WAY})) AS busy
    FROM previews p LEFT JOIN environments e ON e.service = p.service AND e.environment = p.environment
    WHERE p.removed_at IS NULL"""


def get(store: Store, service: str, environment: str) -> Row | None:
    """The preview of this name that is there; None where none is."""
    row = store.row(
        "SELECT * FROM previews WHERE service = ? AND environment = ? AND removed_at IS NULL", service, environment
    )
    return _read(row) if row else None


def of_branch(store: Store, service: str, template: str, branch: str) -> Row | None:
    """The preview that a branch has or had; None where it never had one."""
    row = store.row(
        "SELECT * FROM previews WHERE service = ? AND template = ? AND branch = ?", service, template, branch
    )
    return _read(row) if row else None


def living(store: Store, service: str | None = None) -> list[Row]:
    """Every preview that is there: what serves, when it is over, and whether a release is under way."""
    where, values = (" AND p.service = ?", (service,)) if service else ("", ())
    return [_read(row) for row in store.rows(f"{_LIVING}{where} ORDER BY p.service, p.environment", *values)]


def taken(store: Store, service: str) -> dict[str, str]:
    """Every name that is given away: whose it is, or empty for an environment that is no branch's."""
    ordinary = store.rows("SELECT environment FROM environments WHERE service = ?", service)
    given = store.rows("SELECT environment, branch FROM previews WHERE service = ?", service)
    return {row["environment"]: "" for row in ordinary} | {row["environment"]: row["branch"] for row in given}


def ports(store: Store) -> set[int]:
    """The ports that previews have, of all services."""
    rows = store.rows("SELECT ports FROM previews WHERE removed_at IS NULL")
    return {port for row in rows for port in json.loads(row["ports"]).values()}


def numbers(store: Store, service: str, environment: str) -> list[int]:
    """The releases of an environment."""
    rows = store.rows("SELECT number FROM releases WHERE service = ? AND environment = ?", service, environment)
    return [int(row["number"]) for row in rows]


def keep(store: Store, row: Row) -> None:
    """Write a preview's row, or write it anew."""
    plain = {**row, "ports": json.dumps(row["ports"])}
    names, marks = ", ".join(plain), ", ".join("?" * len(plain))
    with store.write() as db:
        db.execute(f"INSERT OR REPLACE INTO previews ({names}) VALUES ({marks})", tuple(plain.values()))


def forget(store: Store, service: str, environment: str) -> None:
    """A preview that never came to be."""
    with store.write() as db:
        db.execute("DELETE FROM previews WHERE service = ? AND environment = ?", (service, environment))


def remove(store: Store, now: float, service: str, environment: str) -> None:
    """Nothing of it is left but its history, and its name."""
    place = (service, environment)
    with store.write() as db:
        db.execute("DELETE FROM revisions WHERE service = ? AND environment = ?", place)
        db.execute("DELETE FROM environments WHERE service = ? AND environment = ?", place)
        db.execute(
            "UPDATE previews SET removed_at = ?, ports = '{}', url = '' WHERE service = ? AND environment = ?",
            (now, *place),
        )


def _read(row: Row) -> Row:
    row["ports"] = json.loads(row["ports"])
    return row
