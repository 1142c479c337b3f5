"""A disk that is full from one boundary of a release on, until somebody makes space."""

from __future__ import annotations

import json
import random
import re
import time
from pathlib import Path

from penstock import api, shell
from penstock.worker import EXIT_BROKEN
from tests.crash.scenarios import SCENARIOS
from tests.crash.town import Boundary, Outcome, Run, Town

# So many bytes are left: which write is the first to fail in a step depends on it.
LEFT = (0, 0, 4 << 10, 8 << 10, 16 << 10, 64 << 10)
PATIENCE_S = 5.0
# By the mark, by the platform's word that the way back was taken, or by a step that could not write its files.
BACK_FOR = ("journal", "unattended", "error")
WALKED = ("canary", "rollback")


class FullDisk:
    """A town on a small disk. `log` lies elsewhere, so that no worker's last words are lost."""

    def __init__(self, town: Town, log: Path) -> None:
        self.town = town
        self._log = log
        self._ballast = town.site.folder / "ballast"

    def walk(self, name: str, boundary: Boundary, left: int) -> Outcome:
        """Full at a boundary, with some bytes left; then space is made, and a worker goes on to the end."""
        self.town.baseline(name)
        run = self.town.begin(SCENARIOS[name])
        self._log.unlink(missing_ok=True)
        process = self.town.worker(run, boundary, self._log, f"{self._ballast}:{left}")
        watched = _Traffic(self.town, run)
        code = self._until_it_ends(process, watched)
        wrong = self._wrong_while_full(run, code, watched)
        gone_back = code == EXIT_BROKEN and watched.had and not self._is_promoted(run)
        self._ballast.unlink(missing_ok=True)
        self._end(run, process, watched if gone_back else None, wrong)
        wrong += self._wrong_after(run, gone_back)
        refused = " ".join(sorted(set(re.findall(r"cannot be read or written: (\w+)", self._said()))))
        point = f"disk full, {left} bytes left, {name} {boundary}"
        return Outcome(point, tuple(wrong), int(watched.filled_at > 0), note=refused)

    def _until_it_ends(self, process: shell.Process, watched: _Traffic) -> int | None:
        """The worker's exit code; None when it goes on all the same, as long as it can write."""
        code: list[int | None] = [None]

        def enough() -> bool:
            watched.look(is_full=self._ballast.exists())
            code[0] = shell.reap(process.pid)
            return code[0] is not None or (watched.filled_at > 0 and time.monotonic() - watched.filled_at > PATIENCE_S)

        self.town.site.until(enough)
        return code[0]

    def _wrong_while_full(self, run: Run, code: int | None, watched: _Traffic) -> list[str]:
        """The way back is taken at once, outside the engine; the error is said, and is no traceback."""
        found, said = [], self._said()
        if code not in (None, 0, EXIT_BROKEN):
            found.append(f"the worker ended with {code}: {said}")
        if "Traceback" in said:
            found.append(f"a traceback: {said}")
        if watched.had and self._is_promoted(run) and run.scenario.serves == "candidate" and watched.is_stable_alone():
            found.append("what was promoted went back")
        if code == EXIT_BROKEN:
            if not re.search(r"cannot be|could not be", said):
                found.append(f"no clear error: {said!r}")
            if watched.had and not self._is_promoted(run) and not watched.is_stable_alone():
                found.append(f"the way back was not taken: {watched.split()}")
        return found

    def _end(self, run: Run, process: shell.Process, watched: _Traffic | None, wrong: list[str]) -> None:
        """To the end; once gone back, the candidate is never given traffic again.

        A worker is started once in any case, as the next order does: of a release that was over by its record the disk may
        have cut off the rest.
        """
        shifts: set[str] = set()
        api.wake(self.town.site.desk)

        def over() -> bool:
            shell.reap(process.pid)
            if watched and not watched.is_stable_alone():
                shifts.add(str(watched.split()))
            if self.town.is_over(run):
                return True
            api.wake(self.town.site.desk)
            return False

        self.town.go_on(run, over)
        self.town.end(run)
        wrong += [f"shifted again: {split}" for split in shifts]

    def _wrong_after(self, run: Run, gone_back: bool) -> list[str]:
        """The end is the undisturbed one, or says that it went back, or that nothing was touched."""
        row = self.town.site.row(run.first)
        end = (row["state"], row["cause"])
        back = [e for e in run.scenario.ends if e[0] == "rolled_back"] + [("rolled_back", c) for c in BACK_FOR]
        untouched = [("blocked", "build"), ("blocked", "error"), ("blocked", "check")]
        allowed = back if gone_back else [*run.scenario.ends, *back, *untouched]
        if end not in allowed:
            return [f"ended {end}, none of {allowed}: {self.town.site.story(run.first)}"]
        return self.town.wrong(run, (end,), "candidate" if row["state"] == "released" else "stable")

    def _is_promoted(self, run: Run) -> bool:
        return self.town.site.row(run.first)["promoted_at"] is not None

    def _said(self) -> str:
        return self._log.read_text() if self._log.exists() else ""


class _Traffic:
    """Whether the candidate has, and had, traffic: by the desire, as the keeper may not be able to tell."""

    def __init__(self, town: Town, run: Run) -> None:
        self._desired = town.site.environment / "desired.json"
        self._stable = run.stable
        self.had = False
        self.filled_at = 0.0

    def look(self, *, is_full: bool) -> None:
        self.had = self.had or not self.is_stable_alone()
        if is_full and not self.filled_at:
            self.filled_at = time.monotonic()

    def split(self) -> dict[str, int]:
        return dict(json.loads(self._desired.read_text())["units"]["app"]["split"])

    def is_stable_alone(self) -> bool:
        return {self._stable: 1000} == self.split()


def points(town: Town, name: str, seed: int) -> list[tuple[str, Boundary, int]]:
    """Every boundary of a release that is promoted, and of another one's way back; the seed says how much is left."""
    chance = random.Random(f"{seed}/disk/{name}")
    steps = [b.step for b in town.baseline(name).boundaries]
    begins = steps.index("go_back") if "go_back" in steps else 0
    return [(name, boundary, chance.choice(LEFT)) for boundary in town.baseline(name).boundaries[begins:]]
