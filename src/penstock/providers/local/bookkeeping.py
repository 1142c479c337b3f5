"""Eras, holes and readings, kept through full disks and restarts of Envoy."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Mapping

from penstock.providers.local.envoy import Envoy
from penstock.providers.local.paths import Folder
from penstock.providers.local.readings import Readings
from penstock.providers.local.wanted import Wanted

_FOLD_EVERY_S, _IDLE_FOLD_EVERY_S = 1.0, 5.0
_THIN_EVERY_S = 600.0
_SPACE_EVERY_S = 10.0
_ON_ITS_WAY_S = 0.1  # from Envoy's main thread to those that serve
_ASLEEP_S = 5.0


class Bookkeeping:
    """What is counted. Nothing here stops the keeper: what cannot be written now is said, and tried again."""

    def __init__(self, folder: Folder, envoy: Envoy, log: Callable[[str], None]) -> None:
        self._folder = folder
        self._envoy = envoy
        self._log = log
        self._readings: Readings | None = None
        self._fold_at = self._space_at = 0.0
        self._thin_at = time.monotonic() + 60.0
        self._failed_at: float | None = None
        self._failing: dict[str, str] = {}
        self._gone: tuple[float, str] | None = None
        self._holes: list[tuple[float, float, str]] = []
        self._pending: tuple[int, float, dict[str, dict[str, int]]] | None = None
        self._slept_s = _asleep_s()
        self._size = -1
        self._folded_at = 0.0
        self.split_applied_at: float | None = None

    def _open(self) -> Readings:
        if self._readings is None:
            self._readings = Readings(self._folder)
        return self._readings

    def close(self) -> None:
        """Let go of the file."""
        if self._readings:
            self._readings.close()
            self._readings = None

    @property
    def era(self) -> int:
        """The era that is on."""
        return self._readings.era if self._readings else 0

    def begin_change(self, wanted: Wanted) -> None:
        """A split is about to be written."""
        try:
            splits = {name: dict(unit.split) for name, unit in wanted.units.items() if unit.split}
            self._open().begin_change(wanted.generation, splits)
        except (OSError, sqlite3.Error) as error:
            self.cannot_write("the readings", error)

    def settle(self, generation: int, splits: Mapping[str, Mapping[str, int]]) -> None:
        """These splits are in force; a new era begins when they are new."""
        told = {unit: dict(split) for unit, split in splits.items() if split}
        try:
            readings = self._open()
            if not told or (readings.era and readings.last_split == told):
                return
            now = time.time()
            era = readings.begin_era(generation, now + _ON_ITS_WAY_S, told)
            self.split_applied_at = now + _ON_ITS_WAY_S
            self._log(f"era {era}: {told}")
        except (OSError, sqlite3.Error) as error:
            self.cannot_write("the readings", error)

    def envoy_went(self, why: str) -> None:
        """From now on nobody answers."""
        if self._gone is None:
            self._gone = (time.time(), why)

    def envoy_came(self) -> None:
        """Envoy serves again."""
        if self._gone is not None:
            self._holes.append((self._gone[0], time.time(), self._gone[1]))
            self._gone = None

    def cannot_write(self, what: str, error: Exception) -> None:
        """Something could not be written; requests of this time may be missing from Envoy's log, too."""
        if self._failed_at is None:
            self._failed_at = time.time()
        if what not in self._failing:
            self._log(f"cannot write {what}: {error}")
        self._failing[what] = str(error)

    def wrote(self, what: str) -> None:
        """Something could be written; once everything can be again, the time when it could not is a hole."""
        if self._failing.pop(what, None) is not None:
            self._log(f"can write {what} again")
        if self._failed_at is not None and not self._failing:
            self._holes.append((self._failed_at, time.time(), "the disk was full, or broken"))
            self._failed_at = None

    @property
    def trouble(self) -> str:
        """What cannot be written now, and why."""
        return "; ".join(f"cannot write {what}: {why}" for what, why in self._failing.items())

    def keep(self, hung_after_ms: int, *, is_pressing: bool, once_per_client: bool = False) -> None:
        """Fold what Envoy logged, about each second; how is said anew each time."""
        now = time.monotonic()
        self._notice_sleep()
        if now < self._fold_at:
            return
        self._fold_at = now + _FOLD_EVERY_S
        try:
            readings = self._open()
            self._fold(readings, hung_after_ms, is_pressing, once_per_client)
            if self._holes:
                readings.add_hole(*self._holes[0])
                self._holes.pop(0)
            if now >= self._thin_at:
                self._thin_at = now + _THIN_EVERY_S
                readings.thin(time.time())
            if now >= self._space_at:
                self._space_at = now + _SPACE_EVERY_S
                self._envoy.set_space_aside()
        except (OSError, sqlite3.Error) as error:
            self.cannot_write("the readings", error)
            return
        self.wrote("the readings")

    def _fold(self, readings: Readings, hung_after_ms: int, is_pressing: bool, once_per_client: bool) -> None:
        size = self._folder.access_log.stat().st_size if self._folder.access_log.exists() else 0
        if size == self._size and not is_pressing and not readings.is_rotating and self._folded_lately():
            return
        self._size = size
        self._folded_at = time.monotonic()
        for _ in range(64):  # at most 64 MiB in one go: the rest a second later
            if not readings.take_in(hung_after_ms * 1000, time.time(), once_per_client=once_per_client):
                break
        if self._envoy.is_live:
            readings.rotate_if_large()
        self._reopen(readings)

    def _reopen(self, readings: Readings) -> None:
        """Tell Envoy of a log that was put aside, by whichever keeper; raises OSError, and then it is told a second later."""
        if self._envoy.is_live and readings.awaits_reopening:
            self._envoy.reopen_logs()
            readings.reopened()

    def _folded_lately(self) -> bool:
        return time.monotonic() - self._folded_at < _IDLE_FOLD_EVERY_S

    def _notice_sleep(self) -> None:
        slept_s = _asleep_s()
        if slept_s - self._slept_s > _ASLEEP_S:
            now = time.time()
            self._holes.append((now - (slept_s - self._slept_s), now, "the machine slept"))
        self._slept_s = slept_s


def _asleep_s() -> float:
    """How long this machine has slept since its boot."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)
