"""Releases: one row each, from the order to the end."""

from __future__ import annotations

import json
from math import isfinite
from typing import Any

from penstock.records.store import Row, Store

RUNNING = ("planned", "waiting", "awaiting", "rolling_out")
ENDS = ("released", "blocked", "aborted", "rolled_back", "superseded", "stuck", "drilled", "calibrated")
LARGEST = 2**63 - 1  # the largest number that SQLite can hold


def create(store: Store, now: float, **fields: Any) -> int:
    """A new release, waiting; returns its number."""
    fields = {"state": "waiting", "asked_at": now, **fields}
    fields["options"] = json.dumps(fields.get("options", {}))
    names = ", ".join(fields)
    marks = ", ".join("?" * len(fields))
    with store.write() as db:
        done = db.execute(f"INSERT INTO releases ({names}) VALUES ({marks})", tuple(fields.values()))
        return int(done.lastrowid or 0)


def get(store: Store, number: int) -> Row | None:
    """One release, its JSON columns read; None where there is none of this number, however large it is."""
    if not 0 < number <= LARGEST:
        return None
    row = store.row("SELECT * FROM releases WHERE number = ?", number)
    return _read(row) if row else None


def update(store: Store, number: int, **fields: Any) -> None:
    """Change columns of a release."""
    for name in ("plan", "facts", "options"):
        if name in fields and not isinstance(fields[name], str):
            fields[name] = json.dumps(fields[name])
    names = ", ".join(f"{name} = ?" for name in fields)
    with store.write() as db:
        db.execute(f"UPDATE releases SET {names} WHERE number = ?", (*fields.values(), number))


def add_facts(store: Store, number: int, **facts: Any) -> None:
    """Merge what was counted and measured into a release's facts. What is infinite or no number is kept as null."""
    with store.write():
        row = get(store, number)
        if row:
            update(store, number, facts=_finite({**row["facts"], **facts}))


def _finite(value: Any) -> Any:
    """SQLite knows no infinity in JSON, and takes a text with one for a broken file."""
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not isfinite(value) else value


def unended(store: Store) -> list[Row]:
    """Releases that are not over, oldest first; baking ones are among them, half-written orders are not."""
    under_way = (*RUNNING, "baking")  # named one by one: the index finds these few among all that ever were
    sql = f"SELECT * FROM releases WHERE state IN ({', '.join('?' * len(under_way))}) ORDER BY number"
    return [_read(row) for row in store.rows(sql, *under_way)]


def drop_half_written(store: Store, before: float) -> None:
    """An order whose writer was killed is no release: nobody will ever walk it."""
    with store.write() as db:
        db.execute(
            "UPDATE releases SET state = 'blocked', cause = 'half_written', ended_at = asked_at,"
            " sentence = 'the order was never given whole; nothing was done'"
            " WHERE state = 'ordering' AND kind != 'down' AND asked_at < ?", (before,),
        )  # fmt: skip


def last(store: Store, service: str, environment: str) -> Row | None:
    """The newest release of an environment."""
    row = store.row(
        "SELECT * FROM releases WHERE service = ? AND environment = ? ORDER BY number DESC LIMIT 1",
        service,
        environment,
    )
    return _read(row) if row else None


def last_drill(store: Store, service: str, environment: str) -> Row | None:
    """The newest drill of an environment that went back as it should."""
    row = store.row(
        "SELECT * FROM releases WHERE service = ? AND environment = ? AND kind = 'drill' AND state = 'drilled'"
        " ORDER BY number DESC LIMIT 1", service, environment,
    )  # fmt: skip
    return _read(row) if row else None


def rehearsed(store: Store, service: str, environment: str) -> tuple[float, float] | None:
    """When the last drill ended, and how many seconds going back took; None before the first."""
    drill = last_drill(store, service, environment)
    return (drill["ended_at"], drill["facts"].get("back_s", 0.0)) if drill else None


def last_calibration(store: Store, service: str, environment: str) -> Row | None:
    """The newest calibration of an environment that learned something, however it ended."""
    row = store.row(
        "SELECT * FROM releases WHERE service = ? AND environment = ? AND kind = 'calibrate' AND ended_at IS NOT NULL"
        " AND json_extract(facts, '$.calibration') IS NOT NULL ORDER BY number DESC LIMIT 1", service, environment,
    )  # fmt: skip
    return _read(row) if row else None


def serving(store: Store, service: str, environment: str) -> Row | None:
    """The release by which the environment's stable revision was promoted; None before the first."""
    row = store.row(
        "SELECT releases.* FROM releases JOIN environments AS place ON place.service = releases.service"
        " AND place.environment = releases.environment AND place.stable = releases.revision"
        " WHERE releases.service = ? AND releases.environment = ? AND releases.promoted_at IS NOT NULL"
        " ORDER BY releases.number DESC LIMIT 1", service, environment,
    )  # fmt: skip
    return _read(row) if row else None


def last_promoted(store: Store, service: str, environment: str) -> Row | None:
    """The newest release to an environment that came to serve; None when none ever did."""
    row = store.row(
        "SELECT * FROM releases WHERE service = ? AND environment = ? AND promoted_at IS NOT NULL"
        " ORDER BY number DESC LIMIT 1", service, environment,
    )  # fmt: skip
    return _read(row) if row else None


def served_until(store: Store, service: str, environment: str, number: int, revision: str) -> float | None:
    """When another revision took the place of what a release had promoted, or it was taken down; None: it serves still."""
    row = store.row(
        "SELECT min(coalesce(promoted_at, ended_at)) AS at FROM releases WHERE service = ? AND environment = ?"
        " AND number > ? AND ((promoted_at IS NOT NULL AND revision != ?) OR (kind = 'down' AND state = 'released'))",
        service, environment, number, revision,
    )  # fmt: skip
    return row["at"] if row else None


def promoted_with(store: Store, service: str, environment: str, artifact: str) -> Row | None:
    """The newest release to an environment that promoted an artifact (its digest), and stood; None when there is none."""
    rows = store.rows(
        "SELECT * FROM releases WHERE service = ? AND environment = ? AND kind = 'release' AND promoted_at IS NOT NULL"
        " AND state IN ('released', 'baking') AND json_extract(plan, '$.candidate.artifact.digest') = ?"
        " ORDER BY number DESC LIMIT 1", service, environment, artifact,
    )  # fmt: skip
    return _read(rows[0]) if rows else None


def gone_back_from(store: Store, service: str, environment: str, number: int, revision: str) -> int | None:
    """The rollback, after a release, by which another revision came to serve; None when there was none."""
    row = store.row(
        "SELECT number FROM releases WHERE service = ? AND environment = ? AND number > ? AND kind = 'rollback'"
        " AND promoted_at IS NOT NULL AND revision != ? ORDER BY number DESC LIMIT 1",
        service, environment, number, revision,
    )  # fmt: skip
    return int(row["number"]) if row else None


def history(store: Store, service: str, environment: str | None = None, limit: int = 20) -> list[Row]:
    """Releases of a service, newest first, without their plans."""
    where = "service = ?" + (" AND environment = ?" if environment else "")
    values = (service, environment) if environment else (service,)
    sql = (
        "SELECT number, environment, kind, asked, commit_id, revision, state, cause, sentence, waiting, person, "
        f"asked_at, started_at, promoted_at, ended_at FROM releases WHERE {where} ORDER BY number DESC LIMIT ?"
    )
    return store.rows(sql, *values, limit)


def _read(row: Row) -> Row:
    row["options"] = json.loads(row["options"])
    row["facts"] = json.loads(row["facts"])
    row["plan"] = json.loads(row["plan"]) if row["plan"] else None
    return row
