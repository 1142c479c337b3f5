"""The records' database: one SQLite file, opened in WAL with full sync, migrated step by step."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from penstock.errors import StateError

Row = dict[str, Any]

# Each entry takes the records one format further; entries are only ever added.
MIGRATIONS = (
    """
    CREATE TABLE services (name TEXT PRIMARY KEY, root TEXT NOT NULL, repository TEXT NOT NULL);
    CREATE TABLE environments (
        service TEXT, environment TEXT, stable TEXT, previous TEXT, holder INTEGER, target TEXT NOT NULL DEFAULT '',
        folder TEXT NOT NULL DEFAULT '', since REAL, PRIMARY KEY (service, environment));
    CREATE TABLE releases (
        number INTEGER PRIMARY KEY AUTOINCREMENT, service TEXT NOT NULL, environment TEXT NOT NULL,
        kind TEXT NOT NULL, asked TEXT NOT NULL, commit_id TEXT NOT NULL, revision TEXT, state TEXT NOT NULL,
        cause TEXT NOT NULL DEFAULT '', sentence TEXT NOT NULL DEFAULT '', waiting TEXT NOT NULL DEFAULT '',
        options TEXT NOT NULL DEFAULT '{}', plan TEXT, facts TEXT NOT NULL DEFAULT '{}',
        uid INTEGER NOT NULL, person TEXT NOT NULL, host TEXT NOT NULL,
        asked_at REAL NOT NULL, started_at REAL, changed_at REAL, promoted_at REAL, ended_at REAL);
    CREATE INDEX releases_by_place ON releases (service, environment, number);
    CREATE INDEX releases_by_state ON releases (state);
    CREATE TABLE orders (
        id INTEGER PRIMARY KEY AUTOINCREMENT, scope TEXT NOT NULL, service TEXT, environment TEXT, release INTEGER,
        verb TEXT NOT NULL, reason TEXT NOT NULL DEFAULT '', person TEXT NOT NULL, uid INTEGER NOT NULL,
        at REAL NOT NULL, answered_at REAL, answer TEXT);
    CREATE INDEX orders_open ON orders (answered_at, release);
    CREATE TABLE events (
        id INTEGER PRIMARY KEY AUTOINCREMENT, release INTEGER NOT NULL, key TEXT NOT NULL, at REAL NOT NULL,
        kind TEXT NOT NULL, text TEXT NOT NULL, data TEXT NOT NULL DEFAULT '{}', UNIQUE (release, key));
    CREATE TABLE revisions (
        id TEXT, service TEXT, environment TEXT, release INTEGER NOT NULL, commit_id TEXT NOT NULL,
        artifact TEXT NOT NULL, data TEXT NOT NULL, good INTEGER NOT NULL DEFAULT 0, made_at REAL NOT NULL,
        PRIMARY KEY (service, environment, id));
    CREATE TABLE evidence (
        release INTEGER NOT NULL, name TEXT NOT NULL, digest TEXT NOT NULL, media TEXT NOT NULL,
        size INTEGER NOT NULL, at REAL NOT NULL, PRIMARY KEY (release, name));
    CREATE TABLE checks (
        release INTEGER NOT NULL, moment TEXT NOT NULL, name TEXT NOT NULL, state TEXT NOT NULL,
        sentence TEXT NOT NULL, seconds REAL NOT NULL, at REAL NOT NULL, PRIMARY KEY (release, moment, name));
    CREATE TABLE looks (
        release INTEGER NOT NULL, at REAL NOT NULL, weight_permille INTEGER NOT NULL, odds REAL NOT NULL,
        acceptance REAL NOT NULL, candidate_requests INTEGER NOT NULL, candidate_errors INTEGER NOT NULL,
        stable_requests INTEGER NOT NULL, stable_errors INTEGER NOT NULL, PRIMARY KEY (release, at));
    CREATE TABLE audited (key TEXT PRIMARY KEY, line INTEGER NOT NULL);
    CREATE TABLE lease (name TEXT PRIMARY KEY, epoch INTEGER NOT NULL, pid INTEGER NOT NULL, boot_id TEXT NOT NULL);
    """,
    """
    CREATE TABLE notes (
        id INTEGER PRIMARY KEY AUTOINCREMENT, release INTEGER NOT NULL, at REAL NOT NULL, kind TEXT NOT NULL,
        text TEXT NOT NULL, uid INTEGER NOT NULL, person TEXT NOT NULL, host TEXT NOT NULL);
    CREATE INDEX notes_by_release ON notes (release);
    """,
    """
    CREATE TABLE due (
        release INTEGER NOT NULL, name TEXT NOT NULL, ask TEXT NOT NULL, by_group TEXT NOT NULL, due_at REAL NOT NULL,
        done_at REAL, person TEXT NOT NULL DEFAULT '', text TEXT NOT NULL DEFAULT '', PRIMARY KEY (release, name));
    CREATE INDEX due_open ON due (done_at, due_at);
    """,
    """
    ALTER TABLE looks ADD COLUMN candidate_ms REAL;
    ALTER TABLE looks ADD COLUMN stable_ms REAL;
    """,
    """
    ALTER TABLE checks ADD COLUMN kind TEXT NOT NULL DEFAULT '';
    ALTER TABLE checks ADD COLUMN facts TEXT NOT NULL DEFAULT '{}';
    CREATE TABLE proven (
        key TEXT PRIMARY KEY, at REAL NOT NULL, release INTEGER NOT NULL, moment TEXT NOT NULL, name TEXT NOT NULL);
    CREATE TABLE answers (
        id INTEGER PRIMARY KEY AUTOINCREMENT, release INTEGER NOT NULL, line TEXT NOT NULL, verb TEXT NOT NULL,
        person TEXT NOT NULL, uid INTEGER NOT NULL, host TEXT NOT NULL, reason TEXT NOT NULL, at REAL NOT NULL,
        digest TEXT NOT NULL DEFAULT '', until REAL, signed TEXT NOT NULL DEFAULT '');
    CREATE INDEX answers_by_release ON answers (release);
    CREATE TABLE freezes (
        id INTEGER PRIMARY KEY AUTOINCREMENT, service TEXT, environment TEXT, reason TEXT NOT NULL, person TEXT NOT NULL,
        uid INTEGER NOT NULL, from_at REAL NOT NULL, until_at REAL, thawed_at REAL, thawed_by TEXT NOT NULL DEFAULT '',
        thaw_reason TEXT NOT NULL DEFAULT '');
    """,
    """
    CREATE TABLE previews (
        service TEXT NOT NULL, environment TEXT NOT NULL, template TEXT NOT NULL, branch TEXT NOT NULL,
        repository TEXT NOT NULL, ports TEXT NOT NULL DEFAULT '{}', url TEXT NOT NULL DEFAULT '',
        expires_s REAL NOT NULL, since REAL NOT NULL, removed_at REAL, PRIMARY KEY (service, environment),
        UNIQUE (service, template, branch));
    """,
)
FORMAT = len(MIGRATIONS)


class Store:
    """A connection a thread; `write()` is one durable transaction."""

    def __init__(self, path: Path, patience_s: float = 10.0) -> None:
        self.path = path
        self._patience_s = patience_s
        self._local = threading.local()
        with self.write() as db:
            self._migrate(db)

    def rows(self, sql: str, *values: Any) -> list[Row]:
        """Every row, as plain maps."""
        try:
            return [dict(row) for row in self._connection().execute(sql, values)]
        except sqlite3.Error as error:
            raise self._broken(error) from error

    def row(self, sql: str, *values: Any) -> Row | None:
        """The first row, or None."""
        found = self.rows(sql, *values)
        return found[0] if found else None

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """One transaction, on disk when it ends; joined when one is open already."""
        db = self._connection()
        if db.in_transaction:
            yield db
            return
        try:
            db.execute("BEGIN IMMEDIATE")
            yield db
            db.execute("COMMIT")
        except sqlite3.Error as error:
            self._undo(db)
            raise self._broken(error) from error
        except BaseException:
            self._undo(db)
            raise

    def close(self) -> None:
        """Close this thread's connection."""
        db = getattr(self._local, "db", None)
        if db is not None:
            db.close()
            self._local.db = None

    def _connection(self) -> sqlite3.Connection:
        db: sqlite3.Connection | None = getattr(self._local, "db", None)
        if db is None:
            db = self._local.db = self._open()
        return db

    def _open(self) -> sqlite3.Connection:
        self._refuse_emptied()
        try:
            if not self.path.exists():
                os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
            db = sqlite3.connect(self.path, isolation_level=None, timeout=self._patience_s)
            db.row_factory = sqlite3.Row
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=FULL")
            return db
        except (sqlite3.Error, OSError) as error:
            raise self._broken(error) from error

    def _refuse_emptied(self) -> None:
        """Records without a byte are new only where nothing was ever recorded."""
        log = self.path.with_name("audit.log")
        if self.path.exists() and not self.path.stat().st_size and log.exists() and log.stat().st_size:
            raise StateError(
                "records-corrupt",
                "the records are empty, and the audit log is not",
                str(self.path),
                "somebody or something emptied the file; Penstock does not guess what it said",
                "restore the file from a backup, or move it away: what runs goes on running",
            )

    def _migrate(self, db: sqlite3.Connection) -> None:
        there = db.execute("PRAGMA user_version").fetchone()[0]
        if there > FORMAT:
            raise StateError(
                "newer-records",
                f"these records have format {there}; this Penstock knows {FORMAT}",
                str(self.path),
                "a newer Penstock has written here",
                "use that newer Penstock, or another PENSTOCK_STATE",
            )
        for number in range(there, FORMAT):
            for statement in MIGRATIONS[number].split(";"):
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {number + 1}")

    def _undo(self, db: sqlite3.Connection) -> None:
        if db.in_transaction:
            db.execute("ROLLBACK")

    def _broken(self, error: Exception) -> StateError:
        text = str(error)
        if "locked" in text or "busy" in text:
            return StateError(
                "records-locked",
                "the records are locked",
                str(self.path),
                f"another process has held them for more than {self._patience_s:g} seconds",
                "see who: `fuser -v` on that file; nothing was changed",
            )
        if "malformed" in text or "not a database" in text:
            return StateError(
                "records-corrupt",
                f"the records cannot be read: {text}",
                str(self.path),
                "the file is damaged; Penstock does not guess what it said",
                "restore the file from a backup, or move it away: what runs goes on running",
            )
        return StateError(
            "records",
            f"the records cannot be read or written: {text}",
            str(self.path),
            "no space, no permission, or a failing disk",
            "`penstock doctor` looks at all three",
        )
