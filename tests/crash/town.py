"""One interrupted release after the other on one site, and what must be so after each."""

from __future__ import annotations

import random
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from penstock import api, durable, shell
from penstock.records import audit, environments, events
from penstock.records.store import Row
from tests.crash.scenarios import SCENARIOS, Scenario
from tests.site import Site

WHERE = ("before", "inside", "after")


@dataclass(frozen=True)
class Baseline:
    """A scenario without a death: its steps, and how many desires it wrote."""

    steps: tuple[str, ...]
    writes: int


@dataclass(frozen=True)
class Outcome:
    """What was left after an interrupted release, and what is wrong with it (nothing, one hopes)."""

    point: str
    wrong: tuple[str, ...]
    resumed_s: float


class Town:
    """A site with a stable revision, on which releases are interrupted."""

    def __init__(self, folder: Path) -> None:
        self.site = Site(folder)
        self._word = 0
        first = self.site.release(self.site.commit(self.site.manifest(rollout="{is: all_at_once, min_ready: 200ms}")))
        assert first["state"] == "released", self.site.story(first["number"])

    def baseline(self, scenario: Scenario) -> Baseline:
        """Walk a scenario undisturbed."""
        before = self._generation()
        number = self._order(scenario)
        api.wake(self.site.desk)
        scenario.meanwhile(self.site, number)
        row = self.site.wait(number)
        assert (row["state"], row["cause"]) == (scenario.state, scenario.cause), self.site.story(number)
        steps = durable.read_steps(self.site.desk.state.journal, f"release/{number}")
        return Baseline(tuple(name for _, name, _ in steps), self._generation() - before)

    def interrupt(self, scenario: Scenario, base: Baseline, step: int, where: str) -> Outcome:
        """Kill the worker at a boundary, start another, and look at the end."""
        self.site.until(lambda: not _lives(self.site), 20)  # it would take the order that another one shall have
        stable, before = self._stable(), self._generation()
        number = self._order(scenario)
        self._mortal_worker(f"{step}:{where}", number, scenario)
        died = time.monotonic()
        known = len(events.after(self.site.desk.store, number))
        api.wake(self.site.desk)
        self.site.until(lambda: len(events.after(self.site.desk.store, number)) > known or self._is_over(number))
        resumed = time.monotonic() - died
        scenario.meanwhile(self.site, number)
        row = self.site.wait(number)
        name = base.steps[step - 1] if step <= len(base.steps) else "beyond"
        wrong = self._wrong(scenario, row, stable)
        # The way back may be written once more than without a death: by the keeper, or over its own.
        if not base.writes <= self._generation() - before <= base.writes + 1:
            wrong.append(f"{self._generation() - before} desires were written, {base.writes} without a death")
        return Outcome(f"{scenario.name} {where} {step} ({name})", tuple(wrong), resumed)

    def close(self) -> None:
        self.site.close()

    def _mortal_worker(self, point: str, number: int, scenario: Scenario) -> None:
        state = self.site.desk.state
        argv = [sys.executable, "-m", "tests.crash.worker", str(state.root), point]
        process = shell.spawn(argv, state.worker_log, cwd=Path(__file__).parents[2])
        if scenario.cause == "person":
            scenario.meanwhile(self.site, number) if int(point.split(":", maxsplit=1)[0]) > 9 else None
        deadline = time.monotonic() + 60
        while shell.reap(process.pid) is None and time.monotonic() < deadline:
            time.sleep(0.02)
            if self._is_over(number):
                break

    def _wrong(self, scenario: Scenario, row: Row, stable: str) -> list[str]:
        wrong = []
        if (row["state"], row["cause"]) != (scenario.state, scenario.cause):
            wrong.append(f"ended {row['state']} ({row['cause']}): {self.site.story(row['number'])}")
        serves = row["revision"] if scenario.serves == "candidate" else stable
        seen = self.site.observed()
        if seen["split"]["app"] != {serves: 1000}:
            wrong.append(f"serving {seen['split']}, not {serves}")
        if self._stable() != serves:
            wrong.append(f"the record says {self._stable()}, not {serves}")
        left = {i["revision"] for i in seen["instances"]} - {serves}
        if left:
            wrong.append(f"left over: {left}")
        if broken := audit.verify(self.site.desk.state.audit_log):
            wrong.append(f"the chain: {broken}")
        env = environments.get(self.site.desk.store, "app", "production") or {}
        if env["holder"] is not None:
            wrong.append("the environment is still held")
        return wrong

    def _order(self, scenario: Scenario) -> int:
        self._word += 1
        commit = scenario.commit(self.site, f"{scenario.name}-{self._word}")
        return api.release(self.site.desk, self.site.repository, commit, "production")

    def _is_over(self, number: int) -> bool:
        return self.site.row(number)["ended_at"] is not None

    def _stable(self) -> str:
        return str((environments.get(self.site.desk.store, "app", "production") or {})["stable"])

    def _generation(self) -> int:
        return int(self.site.observed().get("generation", 0))


def _lives(site: Site) -> bool:
    from penstock import waking

    return waking.lives(site.desk.state)


def walk(name: str, seed: int | None, most: int) -> list[Outcome]:
    """A scenario's boundaries (all of them, or a sample) on a site of its own."""
    town = Town(Path(tempfile.mkdtemp(prefix="crash-")))
    try:
        base = town.baseline(SCENARIOS[name])
        points = [(step, where) for step in range(1, len(base.steps) + 1) for where in WHERE]
        if seed is not None:
            points = random.Random(seed).sample(points, min(most, len(points)))
        return [town.interrupt(SCENARIOS[name], base, step, where) for step, where in points]
    finally:
        town.close()
