"""One interrupted release after the other on one site, and what must be so after each."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from penstock import api, durable, shell, waking
from penstock.records import environments, events
from tests.crash.left_over import left_over, words_of
from tests.crash.scenarios import HELD_AGAINST, SCENARIOS, End, Scenario, Stage
from tests.site import Site

WHERE = ("before", "inside", "after")


@dataclass(frozen=True)
class Boundary:
    """Before, inside or after the N-th step of a story. `story` is a name with {first} or {second} in it."""

    story: str
    number: int
    step: str
    where: str

    def __str__(self) -> str:
        return f"{self.where} {self.step} ({self.story.format(first='1', second='2')}, step {self.number})"


@dataclass(frozen=True)
class Baseline:
    """A scenario without a death: the steps of its stories, and how many desires it wrote."""

    steps: tuple[tuple[str, int, str], ...]
    writes: int

    @property
    def boundaries(self) -> list[Boundary]:
        """All of them, in order."""
        return [Boundary(*step, where) for step in self.steps for where in WHERE]

    def pairs(self, chance: random.Random, count: int) -> list[tuple[Boundary, Boundary]]:
        """Two boundaries each, the second where the story has not passed yet: also twice the same one."""
        every = [b for b in self.boundaries if b.story == self.steps[0][0]]
        drawn = [sorted(chance.choices(range(len(every)), k=2)) for _ in range(count)]
        return [(every[one], every[other]) for one, other in drawn]


@dataclass(frozen=True)
class Outcome:
    """What was left after an interrupted release, and what is wrong with it (nothing, one hopes).

    `deaths` really happened: a release may be over before its second one. `note` is what is worth counting.
    """

    point: str
    wrong: tuple[str, ...]
    deaths: int = 1
    resumed_s: float = 0.0
    note: str = ""


@dataclass
class Run:
    """One walk of a scenario: its release, the one that takes its place, and how things stood before."""

    scenario: Scenario
    first: int
    stable: str
    generation: int
    acted: bool = False

    @property
    def numbers(self) -> list[int]:
        return [self.first + n for n in range(len(self.scenario.ends))]

    def name(self, story: str) -> str:
        return story.format(first=self.first, second=self.first + 1)


class Town:
    """A site with a stable revision, on which releases are interrupted."""

    def __init__(self, folder: Path) -> None:
        self.site = Site(folder)
        self._word = 0
        self._baselines: dict[str, Baseline] = {}
        first = self.site.release(self.site.commit(self.site.manifest(rollout="{is: all_at_once, min_ready: 200ms}")))
        assert first["state"] == "released", self.site.story(first["number"])

    def close(self) -> None:
        self.site.close()

    # What is done to a release

    def baseline(self, name: str) -> Baseline:
        """A scenario, walked undisturbed once."""
        if name not in self._baselines:
            run = self.begin(SCENARIOS[name])
            self.end(run)
            wrong = self.wrong(run)
            assert not wrong, wrong
            journal = self.site.desk.state.journal
            stories = run.scenario.stories
            steps = [(s, n, step) for s in stories for n, step, _ in durable.read_steps(journal, run.name(s))]
            since = next((i for i, (_, _, step) in enumerate(steps) if step == run.scenario.since), 0)
            until = next((i for i, (_, _, step) in enumerate(steps) if step == run.scenario.until), len(steps) - 1)
            self._baselines[name] = Baseline(tuple(steps[since : until + 1]), self.generation() - run.generation)
        return self._baselines[name]

    def interrupt(self, name: str, *deaths: Boundary) -> Outcome:
        """Kill the worker at a boundary, and its successor at the next; then another one goes on to the end."""
        base = self.baseline(name)
        run = self.begin(SCENARIOS[name])
        died, resumed = 0, 0.0
        for boundary in deaths:
            died += self._dies(run, boundary)
        since, known = time.monotonic(), self._told(run)
        if not self.is_over(run):
            api.wake(self.site.desk)
            self.go_on(run, lambda: self._told(run) > known or self.is_over(run))
            resumed = time.monotonic() - since
        self.end(run)
        wrong = self.wrong(run) + self._wrong_writes(run, base, died)
        return Outcome(f"{name}: {', then '.join(map(str, deaths))}", tuple(wrong), died, resumed)

    def kill(self, stage: Stage, victim: str) -> Outcome:
        """Kill the keeper, Envoy or an instance when a stage has come; the worker lives."""
        base = self.baseline(stage.scenario)
        run = self.begin(SCENARIOS[stage.scenario])
        api.wake(self.site.desk)
        self.go_on(run, lambda: self._has_come(run, stage) or self.is_over(run))
        died = self._strike(run, victim)
        self.end(run)
        row = self.site.row(run.first)
        end = (row["state"], row["cause"])
        if victim == "candidate" and end not in run.scenario.ends and end in HELD_AGAINST:
            wrong = self.wrong(run, (end,), "stable")
            return Outcome(f"{victim} killed: {stage.name}", tuple(wrong), died, note="went back")
        wrong = self.wrong(run) + self._wrong_writes(run, base, 0)
        return Outcome(f"{victim} killed: {stage.name}", tuple(wrong), died)

    def _dies(self, run: Run, boundary: Boundary) -> bool:
        """A worker is killed at a boundary; False when the release was over before."""
        process = self.worker(run, boundary, self.site.desk.state.worker_log)
        code: list[int | None] = [None]

        def has_ended() -> bool:
            code[0] = shell.reap(process.pid)
            return code[0] is not None

        self.go_on(run, has_ended)
        return code[0] == -signal.SIGKILL

    def worker(self, run: Run, boundary: Boundary, log: Path, *words: str) -> shell.Process:
        """A worker to which something happens at a boundary."""
        point = f"{run.name(boundary.story)}:{boundary.number}:{boundary.where}"
        argv = [sys.executable, "-m", "tests.crash.worker", str(self.site.desk.state.root), point, *words]
        return shell.spawn(argv, log, cwd=Path(__file__).parents[2])

    def _strike(self, run: Run, victim: str) -> int:
        """Kill a victim as soon as it is there; 0 when there is none any more."""
        deadline = time.monotonic() + 3
        while time.monotonic() < deadline and not self.is_over(run):
            pid = self._pid(run, victim)
            if pid:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    return 1
            time.sleep(0.02)
        return 0

    def _pid(self, run: Run, victim: str) -> int | None:
        if victim == "keeper":
            return self.site.keeper_pid()
        seen = self.site.observed()
        if victim == "envoy":
            pid = seen["envoy"]["pid"]
            return int(pid) if pid else None
        revision = run.stable if victim == "stable" else self.site.row(run.first)["revision"]
        found = [i["pid"] for i in seen["instances"] if i["revision"] == revision and i["pid"]]
        return int(found[0]) if found else None

    def _has_come(self, run: Run, stage: Stage) -> bool:
        keys = {event["key"] for event in events.after(self.site.desk.store, run.first)}
        return stage.has_come(self.site.row(run.first), keys)

    # A walk

    def begin(self, scenario: Scenario) -> Run:
        """Order its release; no worker lives yet."""
        self.site.until(self._is_quiet, 30)  # a worker would take what another one shall have
        self._word += 1
        if scenario.is_drill:
            return self._drill(scenario)
        run = Run(scenario, 0, self.stable(), self.generation())
        commit = scenario.commit(self.site, f"{scenario.name}-{self._word}")
        run.first = api.release(self.site.desk, self.site.repository, commit, "production")
        return run

    def _drill(self, scenario: Scenario) -> Run:
        """A drill goes by the increments of what serves: the first one needs something that has them."""
        if "drill" not in self._baselines:
            row = self.site.release(scenario.commit(self.site, f"ground-{self._word}"))
            assert row["state"] == "released", self.site.story(row["number"])
            self.site.until(self._is_quiet, 30)
        run = Run(scenario, 0, self.stable(), self.generation())
        run.first = api.drill(self.site.desk, "app", "production")
        return run

    def go_on(self, run: Run, is_so: Callable[[], bool], deadline_s: float = 90.0) -> None:
        """Wait until something is so; a person does meanwhile what the scenario says."""

        def looked() -> bool:
            if run.scenario.deed and not run.acted and self._is_time(run):
                run.acted = True
                run.scenario.act(self.site, run.first)
            return is_so()

        self.site.until(looked, deadline_s)

    def end(self, run: Run) -> None:
        """Until all is over, the worker has gone, and the keeper has made everything so."""

        def is_over() -> bool:
            if self.is_over(run):
                return True
            api.wake(self.site.desk)
            return False

        self.go_on(run, is_over)
        self.site.until(self._is_quiet, 30)
        with suppress(AssertionError):  # what is not so is said by `wrong`
            self.site.until(self._is_settled, 20)

    def is_over(self, run: Run) -> bool:
        if run.scenario.deed and not run.acted and self.site.row(run.first)["ended_at"] is None:
            return False
        rows = [self.site.desk.store.row("SELECT ended_at FROM releases WHERE number = ?", n) for n in run.numbers]
        return all(row is None or row["ended_at"] is not None for row in rows)

    def stable(self) -> str:
        return str((environments.get(self.site.desk.store, "app", "production") or {})["stable"])

    def generation(self) -> int:
        return int(self.site.observed().get("generation", 0))

    def _told(self, run: Run) -> int:
        return sum(len(events.after(self.site.desk.store, number)) for number in run.numbers)

    def _is_time(self, run: Run) -> bool:
        keys = {event["key"] for event in events.after(self.site.desk.store, run.first)}
        return run.scenario.is_time(self.site.row(run.first), keys)

    def _is_quiet(self) -> bool:
        """Whether no worker lives, nor is just coming up."""
        if waking.lives(self.site.desk.state):
            return False
        return not any("-m penstock work" in words_of(process.pid) for process in self.site._processes())

    def _is_settled(self) -> bool:
        seen = self.site.observed()
        ready = [i for i in seen["instances"] if i["state"] == "ready"]
        return bool(seen["phase"] == "settled" and seen["envoy"]["up"] and len(ready) == 2)

    # What must be so

    def wrong(self, run: Run, ends: Sequence[End] = (), serves: str = "") -> list[str]:
        """All that is not as it must be after a walk; `ends` and `serves` in place of the scenario's."""
        rows = [self.site.row(number) for number in run.numbers]
        found = []
        for row, expected in zip(rows, ends or run.scenario.ends, strict=True):
            if expected != (row["state"], row["cause"]):
                found.append(f"ended {row['state']} ({row['cause']}): {self.site.story(row['number'])}")
        is_new = (serves or run.scenario.serves) == "candidate"
        return found + self._wrong_now(rows[-1]["revision"] if is_new else run.stable) + left_over(self.site)

    def _wrong_now(self, serves: str) -> list[str]:
        seen, found = self.site.observed(), []
        if {serves: 1000} != seen["split"]["app"]:
            found.append(f"serving {seen['split']}, not {serves}")
        if serves != self.stable():
            found.append(f"the record says {self.stable()}, not {serves}")
        if {serves} != {i["revision"] for i in seen["instances"]}:
            found.append(f"left over: {[i['id'] for i in seen['instances']]}")
        if not self._is_settled():
            found.append(f"not settled: {seen['phase']} {seen['reason']} {seen['envoy']}")
        if (environments.get(self.site.desk.store, "app", "production") or {})["holder"] is not None:
            found.append("the environment is still held")
        return found

    def _wrong_writes(self, run: Run, base: Baseline, deaths: int) -> list[str]:
        """Desires are effects: once each, but that a successor may write one over under its own, higher fence."""
        writes = self.generation() - run.generation
        if base.writes <= writes <= base.writes + deaths:
            return []
        return [f"{writes} desires were written, {base.writes} without a death"]
