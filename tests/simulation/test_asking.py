"""The lines of a moment through the real runner: threads, records and evidence; only the checks are made up."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from penstock.core.ending import Ending
from penstock.core.finding import CheckRequest, Outcome
from penstock.core.target import Evidence
from penstock.manifest.check import CheckSection
from penstock.manifest.checks import Checks, Pace
from penstock.manifest.environment import CheckEntry
from penstock.manifest.waivers import Waiver
from penstock.records import checks, orders
from penstock.testing.simulation import Simulation, environment
from penstock.testing.target import Killed


class Steady(CheckSection):
    """A check whose answer follows from the commit."""

    steady = True


class Scripted:
    """Answers as a test says, by name; remembers who was asked, and how many at once."""

    def __init__(self, **answers: Callable[[CheckRequest], Outcome] | str) -> None:
        self.answers = answers
        self.asked: list[str] = []
        self.requests: dict[str, CheckRequest] = {}
        self.at_once = self.most = 0
        self._lock = threading.Lock()

    def run(self, request: CheckRequest) -> Outcome:
        with self._lock:
            self.asked.append(request.name)
            self.requests[request.name] = request
            self.at_once += 1
            self.most = max(self.most, self.at_once)
        try:
            answer = self.answers.get(request.name, "passed")
            if callable(answer):
                return answer(request)
            return Outcome(
                answer, f"{request.name} is {answer}", evidence=(Evidence("seen", "text/plain", request.name),)
            )  # type: ignore[arg-type]
        finally:
            with self._lock:
                self.at_once -= 1


def simulated(
    folder: Path, script: Scripted, lines: dict[str, dict[str, Any]], moment: str = "before", **more: Any
) -> Simulation:
    """A release whose moment has these lines."""
    entries = {
        name: CheckEntry(name=name, moment=moment, kind="scripted", section=Steady.model_validate(section))  # type: ignore[arg-type]
        for name, section in lines.items()
    }
    wanted = environment("all_at_once").model_copy(update={"checklist": {moment: entries}, **more})
    return Simulation(folder, asked=wanted, checks={"scripted": script})


def slow(seconds: float) -> Callable[[CheckRequest], Outcome]:
    """Takes its time, unless nobody waits any more."""

    def answer(request: CheckRequest) -> Outcome:
        end = time.monotonic() + seconds
        while time.monotonic() < end and not request.stopped():
            time.sleep(0.01)
        return Outcome("errored", "stopped") if request.stopped() else Outcome("passed", "slow and well")

    return answer


def state_of(sim: Simulation, name: str, moment: str = "before", release: int = 1) -> str:
    row = checks.get(sim.store, release, moment, name)
    return str(row["state"]) if row else "never ended"


@pytest.mark.parametrize("at_once", [1, 3])
def test_lines_run_side_by_side_within_the_limit(at_once: int, tmp_path: Path) -> None:
    """As many at once as the manifest lets, and in the end all."""
    script = Scripted(**{f"c{n}": slow(0.2) for n in range(6)})
    sim = simulated(
        tmp_path, script, {f"c{n}": {} for n in range(6)}, checks=Checks.model_validate({"at_once": str(at_once)})
    )
    assert "released" == sim.walk(sim.order()).state
    assert (at_once, 6) == (script.most, len(script.asked))


def test_a_line_whose_need_did_not_pass_is_not_run_and_is_no_pass(tmp_path: Path) -> None:
    """It is errored and blocks; what does not need it runs all the same: before the candidate all are asked."""
    script = Scripted(tests="failed")
    sim = simulated(tmp_path, script, {"tests": {}, "coverage": {"needs": "tests"}, "lint": {}})
    ending = sim.walk(sim.order())
    assert ("blocked", "check") == (ending.state, ending.cause)
    assert ["lint", "tests"] == sorted(script.asked)
    assert "errored" == state_of(sim, "coverage")
    assert "`tests`" in ending.sentence


def test_what_only_informs_blocks_nothing(tmp_path: Path) -> None:
    """`blocks: false`: whatever it finds, the release goes on."""
    sim = simulated(tmp_path, Scripted(outdated="failed"), {"outdated": {"blocks": "false"}})
    assert "released" == sim.walk(sim.order()).state
    assert "failed" == state_of(sim, "outdated")


@pytest.mark.parametrize(("until", "state"), [("2999-01-01", "released"), ("2001-01-01", "blocked")])
def test_a_waiver_lets_through_until_its_end(until: str, state: str, tmp_path: Path) -> None:
    """A failure that is waived goes on, marked; one whose waiver is over blocks."""
    waiver = Waiver.model_validate({"owner": "ana", "reason": "moved in", "until": until})
    sim = simulated(tmp_path, Scripted(coverage="failed"), {"coverage": {}}, waivers={"coverage": waiver})
    assert state == sim.walk(sim.order()).state
    assert ("waived" if state == "released" else "failed") == state_of(sim, "coverage")


def test_a_bug_of_a_check_is_no_pass(tmp_path: Path) -> None:
    """A check that raises is errored, and says that it has a bug."""

    def bug(request: CheckRequest) -> Outcome:
        raise ZeroDivisionError(request.name)

    sim = simulated(tmp_path, Scripted(tests=bug), {"tests": {}})
    ending = sim.walk(sim.order())
    assert "blocked" == ending.state
    assert "a bug in the check" in ending.sentence


def test_with_the_candidate_placed_the_first_failure_stops_the_others(tmp_path: Path) -> None:
    """What has to go back goes back at once: what still runs is ended, what has not begun is not."""
    once = iter([30.0])
    script = Scripted(a="failed", b=lambda request: slow(next(once, 0.0))(request))
    lines: dict[str, dict[str, Any]] = {"a": {}, "b": {}, "c": {}}
    sim = simulated(tmp_path, script, lines, "candidate", checks=Checks.model_validate({"at_once": "2"}))
    began = time.monotonic()
    assert "rolled_back" == sim.walk(sim.order()).state
    assert time.monotonic() - began < 10
    assert "errored" == state_of(sim, "b", "candidate")


def test_an_order_ends_the_checks_that_run(tmp_path: Path) -> None:
    """`abort` does not wait for a check."""

    def aborts(request: CheckRequest) -> Outcome:
        orders.give(sim.store, sim.clock.now(), "abort", person="ana", uid=0, service="shop", environment="production")
        return slow(30.0)(request)

    sim = simulated(tmp_path, Scripted(tests=aborts), {"tests": {}})
    began = time.monotonic()
    assert "aborted" == sim.walk(sim.order()).state
    assert time.monotonic() - began < 10


def test_what_ended_before_a_death_is_not_asked_again(tmp_path: Path) -> None:
    """A worker that dies in the middle of a moment: its successor asks only what has no answer."""
    deaths = iter([True])

    def dies(request: CheckRequest) -> Outcome:
        del request
        return Outcome("passed", "after all")

    script = Scripted(second=dies)
    sim = simulated(tmp_path, script, {"first": {}, "second": {"needs": "first"}, "third": {"needs": "second"}})
    real = checks.keep

    def keep(*values: Any, **more: Any) -> None:
        if values[4] == "second" and next(deaths, False):
            raise Killed
        real(*values, **more)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("penstock.steps.asking.checks.keep", keep)
        assert "released" == sim.walk(sim.order()).state
    assert {"first": 1, "second": 2, "third": 1} == {
        name: script.asked.count(name) for name in ("first", "second", "third")
    }


def test_a_pass_of_the_same_commit_is_given_again(tmp_path: Path) -> None:
    """Once for the commit; not after a change of its section, not a failure, and not where somebody needs its files."""
    script = Scripted()
    sim = simulated(tmp_path, script, {"tests": {}, "lint": {}}, "revision")
    assert "released" == sim.walk(sim.order()).state
    again = sim.order(again=True)
    sim.candidate = sim._revision("c" * 40)
    assert "released" == sim.walk(again).state
    assert 4 == len(script.asked), "another commit is asked"
    third = sim.order()
    sim.candidate = sim._revision("b" * 40)
    assert isinstance(sim.walk(third), Ending)
    assert 4 == len(script.asked), "the same commit is not"
    row = checks.get(sim.store, third, "revision", "tests")
    assert row
    assert 1 == row["facts"]["again"]


def test_work_that_takes_too_long_is_said_and_blocks_only_if_asked(tmp_path: Path) -> None:
    """Over its pace a check is late; with `blocks` it has not passed."""
    for blocks, state in (("false", "released"), ("true", "blocked")):
        folder = tmp_path / blocks
        folder.mkdir()
        pace = Pace.model_validate({"quality": "1s", "blocks": blocks})
        sim = simulated(folder, Scripted(lint=slow(0.1)), {"lint": {}}, pace=pace)
        started = sim.clock.monotonic
        sim.checks = {"scripted": Scripted(lint=lambda request, sim=sim: _later(sim))}  # type: ignore[dict-item]
        assert state == sim.walk(sim.order()).state, started
        row = checks.get(sim.store, 1, "before", "lint")
        assert row
        assert row["facts"]["late_s"] > 0


def _later(sim: Simulation) -> Outcome:
    sim.clock.sleep(5.0)
    return Outcome("passed", "at last")


def test_every_end_leaves_evidence(tmp_path: Path) -> None:
    """What a check shows is kept under its content, and the audit log names it."""
    sim = simulated(tmp_path, Scripted(), {"tests": {}})
    number = sim.order()
    sim.walk(number)
    kept = sim.store.row("SELECT digest FROM evidence WHERE release = ? AND name = 'before/tests/seen'", number)
    assert kept
    assert kept["digest"] in (tmp_path / "audit.log").read_text()
