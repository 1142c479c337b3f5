"""Orders: what a person asks of a release that runs. They are read by the release, each second; nothing else happens."""

from __future__ import annotations

from penstock.records.store import Row, Store

VERBS = ("abort", "hold", "promote", "supersede")


def give(
    store: Store,
    now: float,
    verb: str,
    *,
    person: str,
    uid: int,
    service: str,
    environment: str | None = None,
    release: int | None = None,
    reason: str = "",
) -> int:
    """Write an order. Its scope is the release if one is named, else the environment, else the whole service."""
    scope = "release" if release else "environment" if environment else "service"
    with store.write() as db:
        done = db.execute(
            "INSERT INTO orders (scope, service, environment, release, verb, reason, person, uid, at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (scope, service, environment, release, verb, reason, person, uid, now),
        )
        return int(done.lastrowid or 0)


def standing(store: Store, release: Row) -> list[Row]:
    """Orders to this release that were not answered yet, oldest first. An order never reaches a later release."""
    return store.rows(
        "SELECT * FROM orders WHERE answered_at IS NULL AND at >= ? AND service = ? AND"
        " (release = ? OR (release IS NULL AND (environment IS NULL OR environment = ?))) ORDER BY id",
        release["asked_at"],
        release["service"],
        release["number"],
        release["environment"],
    )


def of(store: Store, release: Row) -> list[Row]:
    """Every order that this release answered or has still to answer, oldest first."""
    return store.rows(
        "SELECT * FROM orders WHERE at >= ? AND at <= ? AND service = ? AND"
        " (release = ? OR (release IS NULL AND (environment IS NULL OR environment = ?))) ORDER BY id",
        release["asked_at"],
        release["ended_at"] or float("inf"),
        release["service"],
        release["number"],
        release["environment"],
    )


def answer(store: Store, now: float, order: int, text: str) -> None:
    """Say what became of an order; the first answer stays."""
    with store.write() as db:
        db.execute(
            "UPDATE orders SET answered_at = ?, answer = ? WHERE id = ? AND answered_at IS NULL", (now, text, order)
        )
