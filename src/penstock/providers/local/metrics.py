"""Readings of the local target: what its keeper folded from Envoy's access log."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from penstock.core.reading import Reading
from penstock.errors import PenstockError
from penstock.providers.local.paths import Folder


class LocalMetrics:
    """Seconds that are closed, oldest first; a position is the last second read."""

    lag_s = 2.0

    def __init__(self, folder: Path) -> None:
        self._path = Folder.of(folder).readings

    def position(self) -> str:
        """The last closed second."""
        closed = self._ask("SELECT closed_through FROM position") if self._path.exists() else []
        return str(closed[0][0]) if closed and closed[0][0] is not None else ""

    def readings(self, since: str) -> list[Reading]:
        """Every closed second after a position; raises PenstockError `readings` when they cannot be had."""
        if not self._path.exists():
            return []
        sql = (
            "SELECT second, unit, revision, era, requests, errors, late, duration_us FROM readings"
            " WHERE second > ? AND second <= (SELECT closed_through FROM position) ORDER BY second, unit, revision"
        )
        return [_reading(*row) for row in self._ask(sql, int(since or -1))]

    def _ask(self, sql: str, *values: int) -> list[tuple[Any, ...]]:
        try:
            db = sqlite3.connect(f"file:{self._path}?mode=ro", uri=True, timeout=2)
            try:
                return db.execute(sql, values).fetchall()
            finally:
                db.close()
        except sqlite3.Error as error:
            raise PenstockError("readings", f"the readings cannot be read: {error}", str(self._path)) from error


def _reading(
    second: int, unit: str, revision: str, era: int, requests: int, errors: int, late: int, duration_us: int
) -> Reading:
    return Reading(unit, revision, second, second + 1, requests, errors, era, late, duration_us, position=str(second))
