"""The lines of a moment: what may begin, what never will, what a waiver changes."""

from __future__ import annotations

import random
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.checklist import Line, Waiver, blocking, never, not_run, ready, waived
from penstock.core.finding import GOOD, Outcome, State

STATES: tuple[State, ...] = ("passed", "failed", "errored", "undecided", "waived", "skipped")
TODAY = date(2026, 11, 21)


@given(st.integers(0, 12), st.integers(1, 4), st.randoms(use_true_random=False))
def test_every_line_ends_and_none_begins_before_what_it_needs(count: int, at_once: int, rng: random.Random) -> None:
    """However the lines end: each ends once, after all that it needs; only after passes does it run."""
    lines = [Line(f"c{n}", tuple(f"c{m}" for m in range(n) if rng.random() < 0.3)) for n in range(count)]
    rng.shuffle(lines)
    ended: dict[str, State] = {}
    running: list[str] = []
    needs = {line.name: line.needs for line in lines}
    for _ in range(200):
        for name, need in never(lines, ended).items():
            assert ended.get(need, "errored") not in GOOD
            ended[name] = not_run(need).state
        for name in ready(lines, ended, running)[: at_once - len(running)]:
            assert all(ended[need] in GOOD for need in needs[name])
            running.append(name)
        if not running:
            break
        ended[running.pop(rng.randrange(len(running)))] = rng.choice(STATES)
    assert {line.name for line in lines} == set(ended)


def test_what_was_not_run_is_no_pass() -> None:
    """A line whose need did not pass is errored, and says which."""
    outcome = not_run("tests")
    assert "errored" == outcome.state
    assert "`tests`" in outcome.sentence


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("comparable", [True, False])
def test_what_blocks(state: State, comparable: bool) -> None:
    """Only a pass, a skip and a waiver go on; undecided too, where there was nothing yet to compare with."""
    lets = state in ("passed", "skipped", "waived") or (state == "undecided" and not comparable)
    assert lets != blocking(Line("x"), state, comparable=comparable)
    assert not blocking(Line("x", blocks=False), state, comparable=comparable)


@pytest.mark.parametrize(
    ("state", "until", "then"),
    [
        ("failed", "2026-11-21", "waived"),
        ("failed", "2026-11-20", "failed"),
        ("errored", "2026-12-01", "waived"),
        ("undecided", "2026-12-01", "waived"),
        ("passed", "2026-12-01", "passed"),
        ("passed", "2026-11-01", "passed"),
    ],
)
def test_a_waiver_holds_to_the_end_of_its_day(state: State, until: str, then: State) -> None:
    """What is no pass is waived while it holds, with its owner; what passes needs none, and says so."""
    found = waived(Outcome(state, "74 % covered"), Waiver("ana", "moved in", until), TODAY)
    assert then == found.state
    assert "ana" in found.sentence
    assert "74 % covered" in found.sentence
