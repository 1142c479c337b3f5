"""Requests folded by the second, kept in SQLite together with the position in the access log: both, or
neither.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any

from penstock.providers.local.access_log import Clients, Eras, First, Fold, fold
from penstock.providers.local.counts import pack
from penstock.providers.local.paths import Folder
from penstock.providers.local.readings_tables import ADD, prepare

OPEN_S = 2  # a second is closed this long after it ended
_CHUNK = 1 << 20
_ROTATE_AT = int(os.environ.get("PENSTOCK_ROTATE_AT_BYTES", "67108864"))  # a test has no patience for 64 MiB
_OLD_S = 86_400
_FORGET_S = 60 * 86_400
_REOPENED_AFTER_S = 2.0
_ERAS_KEPT = 1000

_REMEMBER = "INSERT OR REPLACE INTO first_errors VALUES (?, ?, ?, ?, ?, ?, ?)"
_MOVE = "INSERT OR REPLACE INTO position (rowid, inode, offset, closed_through) VALUES (1, ?, ?, ?)"


@dataclass(frozen=True)
class Position:
    """Up to where the log is folded, and the last second that is closed."""

    inode: int = 0
    offset: int = 0
    closed_through: int = 0


class Readings:
    """The readings of one environment. Every method raises OSError or sqlite3.Error on a full or broken
    disk.
    """

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._db = sqlite3.connect(_private(folder.readings), isolation_level=None, timeout=5.0)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")  # NORMAL may lose a commit that Envoy's log has gone past
        prepare(self._db)
        self._reopened_at = inf  # not before Envoy was told: it may still write to a log that was put aside
        self._eras = self._read_eras()
        row = self._db.execute("SELECT split FROM eras ORDER BY rowid DESC LIMIT 1").fetchone()
        self.last_split: dict[str, dict[str, int]] = json.loads(row[0]) if row else {}

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    # -- eras and holes --------------------------------------------------------------------------------------

    @property
    def era(self) -> int:
        """The era that is on; 0 while a split is changing, or before the first."""
        return self._eras.begins[-1][1] if self._eras.begins else 0

    def begin_change(self, generation: int, split: Mapping[str, Any]) -> None:
        """From now on the split is changing: era 0."""
        if self.era:
            self._begin(0, generation, time.time(), split)

    def begin_era(self, generation: int, from_s: float, split: Mapping[str, Any]) -> int:
        """A split is in force from a moment on; the number of its era."""
        highest = self._db.execute("SELECT coalesce(max(era), 0) FROM eras").fetchone()[0]
        self._begin(highest + 1, generation, from_s, split)
        return int(highest) + 1

    def _begin(self, era: int, generation: int, from_s: float, split: Mapping[str, Any]) -> None:
        self._db.execute("INSERT INTO eras VALUES (?, ?, ?, ?)", (era, generation, from_s, json.dumps(split)))
        self._eras = self._read_eras()
        self.last_split = {unit: dict(weights) for unit, weights in split.items()}

    def _read_eras(self) -> Eras:
        rows = self._db.execute(f"SELECT from_s, era FROM eras ORDER BY rowid DESC LIMIT {_ERAS_KEPT}").fetchall()
        return Eras(tuple(reversed(rows)))

    def add_hole(self, from_s: float, to_s: float, why: str) -> None:
        """Between two moments requests may be missing, or were answered by nobody."""
        self._db.execute("INSERT INTO holes VALUES (?, ?, ?)", (from_s, to_s, why))

    # -- the log ---------------------------------------------------------------------------------------------

    def position(self) -> Position:
        """Up to where the log is folded."""
        row = self._db.execute("SELECT inode, offset, closed_through FROM position").fetchone()
        return Position(*row) if row else Position()

    def take_in(self, hung_after_us: int, now_s: float, *, once_per_client: bool = False) -> bool:
        """Fold what the log has grown by, in one commit with the position; True when there is more
        to read. With `once_per_client` an error counts once for each client in each second (see `fold`).
        """
        position = self.position()
        path = self._current_file(position)
        if path is None:
            self._store(Position(0, 0, max(position.closed_through, _closed(now_s))), Fold())
            return False
        found = path.stat()
        offset = position.offset if found.st_ino == position.inode else 0
        lines, read, is_end = _read(path, offset)
        met = self._clients() if once_per_client else None
        folded = fold(lines, self._eras, position.closed_through, hung_after_us, met)
        if is_end and path == self._folder.access_log:
            closed_through = max(position.closed_through, _closed(now_s))
        else:
            closed_through = position.closed_through
        self._store(Position(found.st_ino, offset + read, closed_through), folded)
        return not is_end or (path == self._folder.rotated_log and self._leave_rotated(position, read))

    def _current_file(self, position: Position) -> Path | None:
        """The rotated log until it is left, else the log; None where Envoy has not written one yet."""
        rotated, log = self._folder.rotated_log, self._folder.access_log
        if rotated.exists():
            if not log.exists() or position.inode != log.stat().st_ino or not position.inode:
                return rotated
            rotated.unlink()
        return log if log.exists() else None

    def _leave_rotated(self, before: Position, read: int) -> bool:
        """Go on to the new log, once Envoy surely writes there and nothing more came to the old one."""
        log, rotated = self._folder.access_log, self._folder.rotated_log
        if read or time.monotonic() - self._reopened_at < _REOPENED_AFTER_S or not log.exists():
            return False
        self._store(Position(log.stat().st_ino, 0, before.closed_through), Fold())
        rotated.unlink()
        return True

    def rotate_if_large(self) -> bool:
        """Put a large log aside; True when one was, and Envoy must open it anew (then call `reopened`)."""
        log, rotated = self._folder.access_log, self._folder.rotated_log
        if rotated.exists() or not log.exists() or log.stat().st_size < _ROTATE_AT:
            return False
        self._reopened_at = inf
        os.rename(log, rotated)
        _private(log)
        return True

    def reopened(self) -> None:
        """Envoy was told, just now, to open its log anew."""
        self._reopened_at = time.monotonic()

    @property
    def is_rotating(self) -> bool:
        """Whether a log that was put aside is still being read."""
        return self._folder.rotated_log.exists()

    @property
    def awaits_reopening(self) -> bool:
        """Whether a log was put aside, and Envoy was not told since."""
        return self._reopened_at == inf and self.is_rotating

    def _store(self, position: Position, folded: Fold) -> None:
        rows = [
            (*key, s.requests, s.errors, s.late, s.duration_us, s.repeated, pack(s.latency))
            for key, s in folded.sums.items()
        ]
        firsts = [(*group, client, *first) for (group, client), first in folded.clients.items()]
        self._db.execute("BEGIN IMMEDIATE")
        try:
            self._db.executemany(ADD, rows)
            self._db.executemany(_REMEMBER, firsts)
            self._db.execute("DELETE FROM first_errors WHERE second <= ?", (position.closed_through,))
            values = (position.inode, position.offset, position.closed_through)
            self._db.execute(_MOVE, values)
            if folded.unreadable:
                now, why = time.time(), f"{folded.unreadable} lines of the access log cannot be read"
                self._db.execute("INSERT INTO holes VALUES (?, ?, ?)", (now - 1, now, why))
            self._db.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            raise

    def _clients(self) -> Clients:
        """Who has met an error in a second that is open, and which was the first."""
        found: Clients = {}
        for second, unit, era, synthetic, client, *first in self._db.execute("SELECT * FROM first_errors"):
            found.setdefault((second, unit, era, bool(synthetic)), {})[client] = First(*first)
        return found

    # -- room ------------------------------------------------------------------------------------------------

    def thin(self, now_s: float) -> None:
        """Merge readings older than a day into minutes, an hour's worth at a time, and forget those
        of two months ago.
        """
        old = int(now_s) - _OLD_S
        first = self._db.execute(
            "SELECT min(second) FROM readings WHERE second < ? AND second % 60 != 0", (old - old % 60,)
        ).fetchone()[0]
        self._db.execute("BEGIN IMMEDIATE")
        try:
            if first is not None:
                self._merge(first - first % 60, min(first - first % 60 + 3600, old - old % 60))
            for table, column in (("readings", "second"), ("holes", "to_s")):
                self._db.execute(f"DELETE FROM {table} WHERE {column} < ?", (now_s - _FORGET_S,))
            self._db.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            raise

    def _merge(self, start: int, end: int) -> None:
        rows = self._db.execute(
            "SELECT second - second % 60, unit, revision, era, synthetic,"
            " requests, errors, late, duration_us, repeated, latency"
            " FROM readings WHERE second >= ? AND second < ?",
            (start, end),
        ).fetchall()
        self._db.execute("DELETE FROM readings WHERE second >= ? AND second < ?", (start, end))
        self._db.executemany(ADD, rows)
        self._db.execute("UPDATE readings SET span = 60 WHERE second >= ? AND second < ?", (start, end))


def _closed(now_s: float) -> int:
    """The last second that ended at least `OPEN_S` ago."""
    return int(now_s) - 1 - OPEN_S


def _read(path: Path, offset: int) -> tuple[list[bytes], int, bool]:
    """Whole lines from an offset, how many bytes they are, and whether that is all there is."""
    with path.open("rb") as file:
        file.seek(offset)
        data = file.read(_CHUNK)
    whole = data.rfind(b"\n") + 1
    if not whole and len(data) == _CHUNK:  # no line is that long: it is not ours
        whole = len(data)
    return data[:whole].splitlines(), whole, len(data) < _CHUNK


def _private(path: Path) -> Path:
    """The path, made 0600 before anybody else makes it."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    return path
