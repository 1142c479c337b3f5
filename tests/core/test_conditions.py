"""Conditions over trailing windows: what they see, what they say, and that pieces are the whole."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core import data
from penstock.core.conditions import Conditional, begin, evaluated, fold, said
from penstock.core.limits import Arms
from penstock.core.reading import Level, Reading
from penstock.manifest.expression import read
from penstock.manifest.measures import Condition

T = 1_700_000_000.0 - 1_700_000_000.0 % 60
ARMS = Arms("new", "old")
FACTS = {"weight": 5.0, "seconds": 100.0}


def condition(text: str, over: str = "60s") -> Condition:
    return Condition.model_validate({"if": text, "over": over})


def reading(at: float, revision: str = "new", requests: int = 10, errors: int = 0, **more) -> Reading:
    return Reading("web", revision, T + at, T + at + 1, requests, errors, 1, **more)


def run(text: str, told: list[Reading | Level], over: str = "60s") -> Conditional:
    asked = condition(text, over)
    return fold(asked, begin(asked), ARMS, FACTS, told)


def both(seconds: int, errors: int = 0, **more) -> list[Reading]:
    return [reading(s, arm, errors=n, **more) for s in range(seconds) for arm, n in (("new", errors), ("old", 0))]


def test_a_window_that_is_not_full_says_nothing() -> None:
    """Before its time has passed a condition is undecided, whatever was seen."""
    early = run("errors > 3", both(60, errors=5))
    assert (None, False) == (early.holds, early.full)
    assert True is run("errors > 3", both(61, errors=5)).holds


def test_the_last_minute_alone() -> None:
    """What is older than the window is forgotten."""
    told = [*both(61, errors=1), *(replace(r, start=r.start + 61, end=r.end + 61) for r in both(70))]
    state = run("errors > 3", told)
    assert False is state.holds
    assert (("errors", 60.0),) == state.held  # it was so once, and that is kept


def test_samples_of_both_arms() -> None:
    """Requests, errors, events and times of both arms are told apart; times are in milliseconds."""
    more = {"duration_us": 50_000, "latency": ((4000.0, 9), (9000.0, 1)), "events": (("paid-orders", 2),)}
    told = both(61, errors=1, **more)
    text = (
        "requests + errors + stable.requests + stable.errors + mean_ms + p50_ms + stable.p99_ms + paid_orders > weight"
    )
    expected = {
        "requests": 600, "errors": 60, "stable.requests": 600, "stable.errors": 0, "mean_ms": 5, "p50_ms": 4,
        "stable.p99_ms": 9, "paid_orders": 120, "weight": 5,
    }  # fmt: skip
    assert expected == dict(run(text, told).numbers)


def test_gauges_are_the_highest_and_the_median() -> None:
    """Of a gauge the candidate's highest instance is seen, and stable's median; a stale value is none."""
    levels = [Level("memory", arm, T + 55, v, i) for arm, i, v in
              (("new", "a", 3), ("new", "b", 7), ("old", "c", 1), ("old", "d", 2), ("old", "e", 9))]  # fmt: skip
    told = [*both(56), *levels, *both(61)[112:]]
    assert (("memory", 7.0), ("stable.memory", 2.0)) == run("memory > stable.memory", told).numbers
    later = [replace(r, start=r.start + 61, end=r.end + 61) for r in both(200)]
    assert None is run("memory > stable.memory", [*told, *later]).holds
    assert () == run("memory > 5", [*told, *later]).numbers


def test_a_sample_without_data_decides_nothing() -> None:
    """A comparison with what is not known is undecided; so is what is divided by nothing."""
    assert None is run("errors > 3 && p99_ms > 5", both(61, errors=9)).holds
    assert None is run("errors / stable.errors > 3", both(61, errors=9)).holds
    assert None is run("errors > stable.errors", [r for r in both(61, errors=9) if r.revision == "new"]).holds


def test_one_side_may_settle_it() -> None:
    """As in CEL, true || unknown is true and false && unknown is false."""
    assert True is run("errors > 3 || p99_ms > 5", both(61, errors=9)).holds
    assert False is run("p99_ms > 5 && errors > 3", both(61)).holds


def test_a_hole_begins_anew() -> None:
    """After a hole the window fills anew: nothing is concluded of what was not seen."""
    later = [replace(r, start=r.start + 100, end=r.end + 100) for r in both(59, errors=9)]
    assert None is run("errors > 3", [*both(61), *later]).holds


def test_what_is_left_out() -> None:
    """Open readings, requests of Penstock's own and other revisions are not seen."""
    told = both(61)
    for harmless in ({"final": False}, {"synthetic": True}, {"revision": "older"}):
        bad = [replace(reading(s, errors=99), **harmless) for s in range(61)]
        assert (("errors", 0.0),) == run("errors > 3", [*told[:60], *bad, *told[60:]]).numbers


def test_it_says_its_numbers() -> None:
    """The sentence has the expression and each of its samples once, also those that are lacking."""
    state = run("errors > 3 * stable.errors && memory > 1", both(61, errors=1))
    sentence = "errors > 3 * stable.errors && memory > 1 (errors 60, stable.errors 0, no data for memory)"
    assert sentence == said(condition("errors > 3 * stable.errors && memory > 1"), state.numbers)


STEPS = st.lists(st.tuples(st.floats(0, 40), st.integers(0, 9), st.sampled_from(["new", "old", "x"])), max_size=60)


@given(STEPS, st.integers(0, 60))
def test_pieces_are_the_whole(steps: list[tuple[float, int, str]], cut: int) -> None:
    """Folding in two pieces, the state between them kept as JSON, is folding at once."""
    at, told = 0.0, []
    for passed, n, revision in steps:
        at += passed
        told.append(Level("memory", revision, T + at, n, f"{n}") if n > 7 else reading(at, revision, n, n // 3))
    text = "errors > 1 && memory > stable.errors || requests / stable.requests > 2"
    asked = condition(text)
    between = json.loads(json.dumps(data.dump(run(text, told[:cut]))))
    assert run(text, told) == fold(asked, data.load(Conditional, between), ARMS, FACTS, told[cut:])


@given(STEPS)
def test_no_data_is_never_true_or_false(steps: list[tuple[float, int, str]]) -> None:
    """Whatever comes, a condition on a sample that is never told stays undecided."""
    told = [reading(i, revision, n, n // 3) for i, (_, n, revision) in enumerate(steps)] + both(90)[120:]
    state = run("queue > errors || !(queue < 3)", told)
    assert (None, None) == (state.holds, state.held)


NAMES = ("errors", "requests", "p99_ms", "stable.errors")
NUMBERS = st.recursive(
    st.one_of(st.sampled_from(NAMES), st.floats(0, 1e6).map(repr), st.integers(0, 99).map(str)),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+-*/"), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        inner.map(lambda t: f"-{t}"),
    ),
    max_leaves=5,
)
BOOLEANS = st.recursive(
    st.one_of(
        st.tuples(NUMBERS, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), NUMBERS).map(" ".join),
        st.sampled_from(["true", "false"]),
    ),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["&&", "||"]), inner).map(" ".join),
        inner.map(lambda t: f"!({t})"),
    ),
    max_leaves=5,
)


@given(BOOLEANS, st.tuples(*[st.floats(-1e6, 1e6)] * 4), st.sets(st.sampled_from(NAMES)))
def test_it_is_cel(text: str, values: tuple[float, ...], lacking: set[str]) -> None:
    """What is decided is decided so by CEL too, asked by a library of others' making; without a sample CEL has no answer."""
    cel = pytest.importorskip("cel", reason="common-expression-language is not installed")
    from penstock.manifest.expression import spoken

    known = {name: value for name, value in zip(NAMES, values, strict=True) if name not in lacking}
    ours = evaluated(read(text), known)
    asked = {name: value for name, value in known.items() if "." not in name}
    asked["stable"] = {"errors": known["stable.errors"]} if "stable.errors" in known else {}
    try:
        theirs = cel.compile(spoken(read(text))).execute(asked)
    except (RuntimeError, TypeError, ValueError, KeyError):
        theirs = None
    if ours is not None:
        assert ours == theirs
    elif "/" not in text:  # what is divided by nothing is infinite to CEL, and undecided to us
        assert theirs is None
