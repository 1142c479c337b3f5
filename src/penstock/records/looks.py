"""Looks: what the watch saw, a row a second while it watches; thinned to what a report draws once the release is over."""

from __future__ import annotations

from math import ceil

from penstock.records.store import Row, Store

KEPT = 480  # of one release: twice the columns of a report


def add(store: Store, release: int, look: Row) -> None:
    """Add a look; the columns are the table's."""
    with store.write() as db:
        db.execute(
            "INSERT OR REPLACE INTO looks VALUES (:release, :at, :weight_permille, :odds, :acceptance,"
            " :candidate_requests, :candidate_errors, :stable_requests, :stable_errors, :candidate_ms, :stable_ms)",
            {"release": release, "candidate_ms": None, "stable_ms": None, **look},
        )  # fmt: skip


def of(store: Store, release: int) -> list[Row]:
    """The looks of a release, oldest first."""
    return store.rows("SELECT * FROM looks WHERE release = ? ORDER BY at", release)


def thin(store: Store, release: int) -> None:
    """Keep no more than a report can show: of each stretch the look with the largest odds, and the last of all.

    What every look was decided from is in the evidence (the readings); nothing is lost with the rest.
    """
    found = of(store, release)
    size = ceil(len(found) / KEPT)
    if size < 2:
        return
    stretches = [found[at : at + size] for at in range(0, len(found), size)]
    keep = {max(stretch, key=lambda look: float(look["odds"]))["at"] for stretch in stretches} | {found[-1]["at"]}
    with store.write() as db:
        db.executemany(
            "DELETE FROM looks WHERE release = ? AND at = ?",
            [(release, look["at"]) for look in found if look["at"] not in keep],
        )
