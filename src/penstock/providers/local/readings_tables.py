"""The tables of `readings.sqlite`, and how an older file becomes what this Penstock writes: whole, or not at all."""

from __future__ import annotations

import sqlite3

from penstock.providers.local.counts import merged

_READINGS = """
CREATE TABLE IF NOT EXISTS readings (
  second INTEGER NOT NULL, unit TEXT NOT NULL, revision TEXT NOT NULL, era INTEGER NOT NULL, synthetic INTEGER NOT NULL,
  requests INTEGER NOT NULL, errors INTEGER NOT NULL, late INTEGER NOT NULL, duration_us INTEGER NOT NULL,
  repeated INTEGER NOT NULL, latency BLOB NOT NULL,
  PRIMARY KEY (second, unit, revision, era, synthetic)) WITHOUT ROWID;
"""
_OTHERS = """
CREATE TABLE IF NOT EXISTS clients (
  second INTEGER NOT NULL, unit TEXT NOT NULL, revision TEXT NOT NULL, era INTEGER NOT NULL, synthetic INTEGER NOT NULL,
  client TEXT NOT NULL, PRIMARY KEY (second, unit, revision, era, synthetic, client)) WITHOUT ROWID;
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


def prepare(db: sqlite3.Connection) -> None:
    """Make the tables and the function that `ADD` needs, in a connection that commits by itself.

    Readings of an earlier Penstock are taken over: they have no histogram, and none of them is synthetic.
    """
    db.create_function("together", 2, _together, deterministic=True)
    if "requests" in (columns := _columns(db)) and "latency" not in columns:
        _take_over(db)
    db.executescript(_READINGS + _OTHERS)


def _together(one: bytes, other: bytes) -> bytes:
    return merged((one, other))


def _columns(db: sqlite3.Connection) -> set[str]:
    return {name for _, name, *_ in db.execute("PRAGMA table_info(readings)")}


def _take_over(db: sqlite3.Connection) -> None:
    db.execute("BEGIN IMMEDIATE")
    try:
        db.execute("ALTER TABLE readings RENAME TO earlier")
        db.execute(_READINGS)
        db.execute(
            "INSERT INTO readings SELECT second, unit, revision, era, 0, requests, errors, late, duration_us, 0, x''"
            " FROM earlier"
        )
        db.execute("DROP TABLE earlier")
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
