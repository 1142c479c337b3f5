"""The tables of `readings.sqlite`, and how an older file becomes what this Penstock writes: whole, or not at all."""

from __future__ import annotations

import sqlite3

from penstock.providers.local.counts import merged

_READINGS = """
CREATE TABLE IF NOT EXISTS readings (
  second INTEGER NOT NULL, unit TEXT NOT NULL, revision TEXT NOT NULL, era INTEGER NOT NULL, synthetic INTEGER NOT NULL,
  requests INTEGER NOT NULL, errors INTEGER NOT NULL, late INTEGER NOT NULL, duration_us INTEGER NOT NULL,
  repeated INTEGER NOT NULL, latency BLOB NOT NULL, span INTEGER NOT NULL DEFAULT 1,
  PRIMARY KEY (second, unit, revision, era, synthetic)) WITHOUT ROWID;
"""
_OTHERS = """
DROP TABLE IF EXISTS clients; -- of an earlier Penstock: nobody is in it for longer than some seconds
CREATE TABLE IF NOT EXISTS first_errors (
  second INTEGER NOT NULL, unit TEXT NOT NULL, era INTEGER NOT NULL, synthetic INTEGER NOT NULL,
  client TEXT NOT NULL, place REAL NOT NULL, revision TEXT NOT NULL,
  PRIMARY KEY (second, unit, era, synthetic, client)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS position (
  inode INTEGER NOT NULL, offset INTEGER NOT NULL, closed_through INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS eras (
  era INTEGER NOT NULL, generation INTEGER NOT NULL, from_s REAL NOT NULL, split TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS holes (from_s REAL NOT NULL, to_s REAL NOT NULL, why TEXT NOT NULL);
"""
ADD = """
INSERT INTO readings (second, unit, revision, era, synthetic, requests, errors, late, duration_us, repeated, latency)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
requests = requests + excluded.requests, errors = errors + excluded.errors,
late = late + excluded.late, duration_us = duration_us + excluded.duration_us,
repeated = repeated + excluded.repeated, latency = together(latency, excluded.latency)
"""
"""Adds counts to a reading that may be there; its histogram is merged, not replaced."""
_MERGED = """
UPDATE readings SET span = 60 WHERE second % 60 = 0
AND second < (SELECT coalesce(min(second), 1 << 62) FROM readings WHERE second % 60 != 0)
"""
"""Seconds are merged into minutes from the oldest on: what stands before the first second is a minute."""


def prepare(db: sqlite3.Connection) -> None:
    """Make the tables and the function that `ADD` needs, in a connection that commits by itself.

    Readings of an earlier Penstock are taken over: they have no histogram, and none of them is synthetic.
    """
    db.create_function("together", 2, _together, deterministic=True)
    if "requests" in (columns := _columns(db)) and "latency" not in columns:
        _take_over(db)
    db.executescript(_READINGS + _OTHERS)
    if "span" not in _columns(db):
        _whole(db, "ALTER TABLE readings ADD COLUMN span INTEGER NOT NULL DEFAULT 1", _MERGED)


def _together(one: bytes, other: bytes) -> bytes:
    return merged((one, other))


def _columns(db: sqlite3.Connection) -> set[str]:
    return {name for _, name, *_ in db.execute("PRAGMA table_info(readings)")}


def _take_over(db: sqlite3.Connection) -> None:
    _whole(
        db,
        "ALTER TABLE readings RENAME TO earlier",
        _READINGS,
        "INSERT INTO readings SELECT second, unit, revision, era, 0, requests, errors, late, duration_us, 0, x'', 1"
        " FROM earlier",
        "DROP TABLE earlier",
        _MERGED,
    )


def _whole(db: sqlite3.Connection, *statements: str) -> None:
    """All of them, or none."""
    db.execute("BEGIN IMMEDIATE")
    try:
        for statement in statements:
            db.execute(statement)
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
