"""Readings and levels of the local target: what its keeper folded from Envoy's access log, and its instances' processes."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from penstock.core.reading import Level, Reading
from penstock.errors import PenstockError
from penstock.providers.local.counts import unpack
from penstock.providers.local.gauges import Gauges
from penstock.providers.local.paths import Folder

_SECONDS_KEPT_S = 86_000


class LocalMetrics:
    """Seconds that are closed, oldest first; a position is the last second read. Those of yesterday are told as minutes, which
    nobody judges.
    """

    lag_s = 2.0
    step_s = 1.0

    def __init__(self, folder: Path) -> None:
        self._path = Folder.of(folder).readings
        self._gauges = Gauges(Folder.of(folder))

    def position(self) -> str:
        """The last closed second."""
        closed = self._ask("SELECT closed_through FROM position") if self._path.exists() else []
        return str(closed[0][0]) if closed and closed[0][0] is not None else ""

    def closed_until(self) -> float:
        """The end of the last closed second."""
        return int(self.position() or -1) + 1.0

    def readings(self, since: str) -> list[Reading]:
        """Every closed second after a position; raises PenstockError `readings` when they cannot be had."""
        if not self._path.exists():
            return []
        # All columns, by name: until a keeper of this very Penstock has opened the file, it may have fewer.
        sql = (
            "SELECT * FROM readings WHERE second > ? AND second <= (SELECT closed_through FROM position)"
            " ORDER BY second, unit, revision, era"
        )
        return [_reading(row) for row in self._ask(sql, int(since or -1))]

    def past(self, span_s: float, *, latency: bool) -> list[Reading]:
        """Closed seconds of the last so many; those of yesterday are thinned to minutes, and left out."""
        if not self._path.exists():
            return []
        sql = (  # all columns, by name, as above
            "SELECT * FROM readings WHERE second > (SELECT closed_through FROM position) - ?"
            " AND second <= (SELECT closed_through FROM position) ORDER BY second, unit, revision, era"
        )
        return [_reading(row, timed=latency) for row in self._ask(sql, int(min(span_s, _SECONDS_KEPT_S)))]

    def levels(self) -> list[Level]:
        """Memory and CPU of every instance that lives, and the requests that are open, as `Gauges.look` says; raises PenstockError
        `readings` when it is not known which live.
        """
        try:
            return self._gauges.look()
        except PenstockError as error:
            raise PenstockError("readings", f"the instances are not known: {error.what}", error.where) from error

    def _ask(self, sql: str, *values: int) -> list[sqlite3.Row]:
        try:
            db = sqlite3.connect(f"file:{self._path}?mode=ro", uri=True, timeout=2)
            try:
                db.row_factory = sqlite3.Row
                return db.execute(sql, values).fetchall()
            finally:
                db.close()
        except sqlite3.Error as error:
            raise PenstockError("readings", f"the readings cannot be read: {error}", str(self._path)) from error


def _reading(row: sqlite3.Row, *, timed: bool = True) -> Reading:
    said: dict[str, Any] = dict(row)
    second, span = said["second"], said.get("span", 1)
    return Reading(
        said["unit"], said["revision"], second, second + span, said["requests"], said["errors"], said["era"], said["late"],
        said["duration_us"], position=str(second), latency=unpack(said.get("latency", b"")) if timed else (),
        synthetic=bool(said.get("synthetic", False)),
    )  # fmt: skip
