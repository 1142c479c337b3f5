"""Plain limits: what breaks them, what never does, and that pieces are the whole."""

from __future__ import annotations

import json
from dataclasses import replace
from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core import data
from penstock.core.limits import Arms, Limit, LimitState, broken, fold, in_order, rule, spoken, unjudged, unmeasured
from penstock.core.limits_asked import limits_asked
from penstock.core.reading import Level, Reading
from penstock.manifest.measures import CountLimit, Measures

T = 1_700_000_000.0
ARMS = Arms("new", "old")
ERRORS = Limit("errors", "count", 9, per_s=300, periods=2)
ORDERS = Limit("orders", "count", 5, least=True, per_s=600)
AVERAGE = Limit("duration", "mean", 5.0, unit="s", per_s=60, periods=2)
SLOWER = Limit("duration", "mean", 1.1, relative=True, unit="s", per_s=60)
MEMORY = Limit("memory", "gauge", 0.9, "memory_share", unit="%", for_s=300)
LEAK = Limit("memory", "gauge", 1.3, relative=True, unit="B", for_s=300)
ALL = (ERRORS, ORDERS, AVERAGE, SLOWER, MEMORY, LEAK)


def reading(
    at: float, revision: str = "new", requests: int = 10, errors: int = 0, seconds: float = 1, **more
) -> Reading:
    """One second of an arm's requests, `at` seconds after T; each took `seconds`."""
    took = round(requests * seconds * 1e6)
    return Reading("web", revision, T + at, T + at + 1, requests, errors, more.pop("era", 1), duration_us=took, **more)


def level(at: float, value: float, instance: str = "web-1", revision: str = "new", name: str = "memory_share") -> Level:
    return Level(name, revision, T + at, value, instance)


def run(limit: Limit, told: list[Reading | Level], arms: Arms = ARMS) -> LimitState:
    return fold(limit, LimitState(), arms, told)


def said(limit: Limit, told: list[Reading | Level]) -> str:
    return broken(limit, run(limit, told))


def test_too_many_in_several_periods() -> None:
    """Periods in a row break a limit, the last of them as soon as it is above; one period by itself does not."""
    once = [reading(s, errors=10 if s == 0 else 0) for s in range(0, 900, 10)]
    twice = [reading(s, errors=10 if s in (0, 400) else 0) for s in range(0, 410, 10)]
    apart = [reading(s, errors=10 if s in (0, 650) else 0) for s in range(0, 900, 10)]
    assert "" == said(ERRORS, once)
    assert "" == said(ERRORS, apart)
    assert "" == said(ERRORS, [reading(0, errors=10), reading(700, errors=10)])
    assert "errors: 10 in 5m, 2 times in a row; at most 9" == said(ERRORS, twice)


def test_a_count_of_the_whole_release() -> None:
    """Without a period everything counts from the first on, and gaps forget nothing."""
    throttles = Limit("throttles", "count", 1)
    told = [reading(s, events=(("throttles", 1),)) for s in (0, 5000)]
    assert "" == said(throttles, told[:1])
    assert "throttles: 2; at most 1" == said(throttles, told)


def test_too_few_are_held_against_whole_periods_only() -> None:
    """A least number convicts when its time is over and nothing of it is missing."""
    whole = [reading(s, events=(("orders", int(s % 200 == 0)),)) for s in range(602)]
    assert "orders: 3 in 10m; at least 5" == said(ORDERS, whole)
    assert "" == said(ORDERS, whole[:600])
    assert "" == said(ORDERS, whole[:100] + whole[200:])
    assert "" == said(ORDERS, [replace(one, events=()) if one.start == T + 7 else one for one in whole])


def test_stables_presence_is_not_the_candidates() -> None:
    """A candidate that is not told of is not too few, however long stable goes on; nor is one that comes back."""
    limit = Limit("orders", "count", 5, least=True, per_s=60)

    def arm(revision: str, *seconds: int) -> list[Reading]:
        return [reading(s, revision, events=(("orders", int(revision == "old")),)) for s in seconds]

    stable = arm("old", *range(400))
    for mine in (arm("new", *range(30)), arm("new", *range(30), *range(90, 140)), arm("new", *range(0, 400, 20))):
        told = sorted(mine + stable, key=lambda one: one.start)
        assert ("", "") == (said(limit, told), unmeasured(limit, run(limit, told), T + 400))
    whole = sorted(arm("new", *range(62)) + stable, key=lambda one: one.start)
    assert "orders: 0 in 1m; at least 5" == said(limit, whole)


def test_an_average_is_judged_when_its_time_is_over() -> None:
    """A mean above its limit in each of several periods breaks it; of a handful of requests it is not judged."""
    slow = [reading(s, seconds=6) for s in range(121)]
    assert "duration: 6 s on average of 600 requests in 1m, 2 times in a row; at most 5 s" == said(AVERAGE, slow)
    assert "" == said(AVERAGE, slow[:120])
    assert "" == said(AVERAGE, [reading(s, requests=1, seconds=60) for s in range(0, 600, 10)])


def test_an_average_beside_stable() -> None:
    """A relative mean is compared with stable's in the same period, under one split; without stable it is not judged."""
    both = [reading(s, arm, seconds=sec) for s in range(62) for arm, sec in (("new", 1.2), ("old", 1.0))]
    sentence = said(SLOWER, both)
    assert "duration: 1.2 s on average of 600 requests in 1m, and stable's 1 s; at most 1.1 times that" == sentence
    assert "" == said(SLOWER, [one for one in both if one.revision == "new"])
    moved = [replace(one, era=1 if one.start < T + 30 else 2) for one in both]
    assert "" == said(SLOWER, moved)
    assert "" == said(SLOWER, [replace(one, era=0) for one in both])


def test_high_for_so_long() -> None:
    """One instance beyond its limit for all the time breaks it; a value inside, or a gap, begins anew."""
    high = [level(s, 0.93) for s in range(0, 301, 10)]
    assert "memory: web-1 has 93 %, and has been beyond 90 % for 5m" == said(MEMORY, high)
    assert "" == said(MEMORY, high[:-1])
    assert "" == said(MEMORY, [replace(one, value=0.5) if one.at == T + 200 else one for one in high])
    assert "" == said(MEMORY, [one for one in high if not T + 100 < one.at < T + 200])
    assert "" == said(MEMORY, [replace(one, instance=f"web-{n % 2}") for n, one in enumerate(high[:20])])


def test_at_once() -> None:
    """A gauge without a time is broken by one value."""
    cpu = Limit("cpu", "gauge", 0.8, unit="%")
    assert "cpu: web-1 has 85 %; at most 80 %" == said(cpu, [level(0, 0.85, name="cpu")])


def test_beside_the_median_of_stable() -> None:
    """A relative gauge is held against the median of stable's instances as they are then; without them nobody is convicted."""
    told = []
    for s in range(0, 301, 10):
        told += [level(s, v, i, "old", "memory") for i, v in (("a", 400e6), ("b", 460e6), ("c", 900e6))]
        told.append(level(s, 700e6, name="memory"))
    sentence = "memory: web-1 has 700 MB, and has been beyond 1.3 times stable's 460 MB for 5m"
    assert sentence == said(LEAK, told)
    assert "" == said(LEAK, [one for one in told if one.revision == "new"])


def test_what_stable_breaks_too_convicts_nobody() -> None:
    """An absolute limit of a gauge is not held against a candidate whose stable breaks it as well."""
    told = [level(s, 0.95, revision=arm) for s in range(0, 601, 10) for arm in ("old", "new")]
    assert "" == said(MEMORY, told)


@pytest.mark.parametrize("value", [nan, inf, -inf])
def test_no_value_is_nothing(value: float) -> None:
    """What a source tells without a value is as if it had told nothing."""
    assert LimitState() == run(MEMORY, [level(s, value) for s in range(0, 900, 10)])


def test_what_is_left_out() -> None:
    """Open readings, requests of Penstock's own and other revisions break no limit."""
    bad = reading(0, errors=99)
    limit = Limit("errors", "count", 9)
    assert "" != said(limit, [bad])
    for harmless in (replace(bad, final=False), replace(bad, synthetic=True), replace(bad, revision="older")):
        assert "" == said(limit, [harmless])


def test_a_number_that_is_not_told() -> None:
    """A source that never told a number, or stopped, is at fault by name; errors are told with every request."""
    assert "memory: the source has told no memory_share" == unmeasured(MEMORY, LimitState(), T)
    once = run(MEMORY, [level(0, 0.5)])
    assert "" == unmeasured(MEMORY, once, T + 90)
    assert "memory: the source has told no memory_share for 200 s" == unmeasured(MEMORY, once, T + 200)
    silent = [reading(s) for s in range(200)]
    never = "orders: the source has told no orders; where there are none it is to say 0"
    assert never == unmeasured(ORDERS, run(ORDERS, silent), T + 200)
    counted = replace(silent[0], events=(("orders", 0),))
    assert "orders: the source has told no orders for 199 s" == unmeasured(ORDERS, run(ORDERS, [counted, *silent]), T)
    assert "" == unmeasured(ERRORS, LimitState(), T + 9000)


def test_a_number_of_one_arm_alone() -> None:
    """What only stable tells of is not told of the candidate; what is compared needs both."""
    both = [
        reading(s, arm, events=(("orders", 1),) if arm == "old" else ()) for s in range(3) for arm in ("old", "new")
    ]
    orders = "orders: the source has told no orders of the candidate; where there are none it is to say 0"
    assert orders == unmeasured(ORDERS, run(ORDERS, both), T)
    assert "" == unmeasured(ORDERS, run(ORDERS, [replace(one, events=(("orders", 0),)) for one in both]), T)
    assert "" == unmeasured(ORDERS, run(ORDERS, [one for one in both if one.revision == "old"]), T)
    mine = run(LEAK, [level(0, 1e9, name="memory")])
    assert "memory: the source has told no memory of stable" == unmeasured(LEAK, mine, T)
    assert "" == unmeasured(MEMORY, run(MEMORY, [level(0, 0.5)]), T)


def test_requests_without_their_time() -> None:
    """No request takes no time: where a source does not tell how long they took, an average is lacking, and convicts nobody."""
    silent = [reading(s, arm, seconds=0) for s in range(200) for arm in ("old", "new")]
    assert "duration: the source has told no duration" == unmeasured(AVERAGE, run(AVERAGE, silent), T)
    half = [replace(one, duration_us=9000) if one.revision == "new" else one for one in silent]
    assert "duration: the source has told no duration of stable" == unmeasured(SLOWER, run(SLOWER, half), T)
    assert "" == said(SLOWER, half)
    assert "" == unmeasured(AVERAGE, run(AVERAGE, half), T)
    assert "" == unmeasured(AVERAGE, LimitState(), T)
    assert "" == unmeasured(AVERAGE, run(AVERAGE, [reading(0, requests=0)]), T)


def test_a_factor_of_nothing_is_no_limit() -> None:
    """While stable's gauge is 0 the candidate is not held against it, and that is said; its own limit judges then."""
    queue = Limit("queue", "gauge", 1.3, relative=True)
    told = [level(s, 7 if arm == "new" else 0, arm, arm, "queue") for s in range(0, 301, 10) for arm in ("old", "new")]
    state = run(queue, told)
    assert ("", "") == (broken(queue, state), unmeasured(queue, state, T + 300))
    assert "queue is not held against stable's while that is 0" == unjudged(queue, state)
    assert "queue: new has 7; at most 5" == said(Limit("queue", "gauge", 5), told)
    later = [level(310, 2, "old", "old", "queue"), level(311, 7, "new", "new", "queue")]
    assert "queue: new has 7; at most 1.3 times stable's 2" == said(queue, [*told, *later])
    assert "" == unjudged(queue, run(queue, [*told, *later]))
    assert "" == unjudged(MEMORY, run(MEMORY, [level(0, 0, revision="old")]))


@pytest.mark.parametrize("arms", [("old", "new"), ("old",)])
def test_a_moment_of_nothing_begins_the_time_anew(arms: tuple[str, ...]) -> None:
    """Beside stable at 0 nobody is beyond it, also where the candidate tells nothing just then."""
    told = [
        level(s, value, arm, arm, "memory")
        for s in range(0, 601, 10)
        for arm, value in (("old", 0 if s == 150 else 1e6), ("new", 9e6))
        if arm in arms or s != 150
    ]
    assert "" == said(LEAK, [one for one in told if one.at <= T + 450])
    assert "memory: new has 9 MB, and has been beyond 1.3 times stable's 1 MB for 5m" == said(LEAK, told)


def test_stretches_of_nothing_are_not_beyond() -> None:
    """Two queues that are empty most of the time are alike, however full the one is now and then beside the other."""
    queue = Limit("queue", "gauge", 1.3, relative=True, for_s=60)
    told = [
        level(s, full if s % 20 == 0 else 0, arm, arm, "queue")
        for s in range(0, 600, 5)
        for arm, full in (("old", 1), ("new", 2))
    ]
    assert "" == said(queue, told)


REVISIONS = st.sampled_from(["new", "old", "older"])
TOLD = st.lists(
    st.tuples(st.floats(0.5, 200), st.integers(0, 30), REVISIONS, st.integers(0, 2), st.booleans()), max_size=40
)


def stream(steps: list[tuple[float, int, str, int, bool]]) -> list[Reading | Level]:
    """Readings and levels in the order of a source, with gaps."""
    at, told = 0.0, []
    for passed, n, revision, era, is_level in steps:
        at += passed
        one = level(at, n / 20, f"web-{n % 3}", revision, "memory_share" if n % 2 else "memory")
        counted = reading(at, revision, n, n // 2, n / 3, era=era, events=(("orders", n),) if n % 5 else ())
        told.append(one if is_level else counted)
    return told


@given(TOLD, st.integers(0, 40), st.sampled_from(ALL))
def test_pieces_are_the_whole(steps: list, cut: int, limit: Limit) -> None:
    """Folding in two pieces, the state between them kept as JSON, is folding at once."""
    told = stream(steps)
    between = json.loads(json.dumps(data.dump(run(limit, told[:cut]))))
    assert run(limit, told) == fold(limit, data.load(LimitState, between), ARMS, told[cut:])


@given(TOLD, st.sampled_from([MEMORY, LEAK]), st.integers(0, 40), st.floats(91, 1e5))
def test_a_gap_convicts_nobody(steps: list, limit: Limit, cut: int, gap: float) -> None:
    """What breaks no limit before a gap, and none after it, breaks none with the gap between the two."""
    told = stream(steps)
    early, later = told[:cut], [shifted(one, gap) for one in told[cut:]]
    if not said(limit, early) and not said(limit, later):
        assert "" == said(limit, early + later)


@given(TOLD, st.integers(0, 40), st.floats(91, 1e5))
def test_silence_is_not_too_few(steps: list, cut: int, gap: float) -> None:
    """What was not told is not held against a least number: a gap put in somewhere convicts nobody of it."""
    told = [replace(one, events=(("orders", 9),)) for one in stream(steps) if isinstance(one, Reading)]
    assert "" == said(ORDERS, told[:cut] + [shifted(one, gap) for one in told[cut:]])


def shifted(one: Reading | Level, by: float) -> Reading | Level:
    return (
        replace(one, at=one.at + by) if isinstance(one, Level) else replace(one, start=one.start + by, end=one.end + by)
    )


@given(st.lists(st.integers(0, 3), max_size=300))
def test_at_most_is_at_most(errors: list[int]) -> None:
    """Nobody is convicted who has no period with more than the limit."""
    told = [reading(s, errors=n) for s, n in enumerate(errors)]
    limit = Limit("errors", "count", 9, per_s=60)
    periods = [sum(errors[s : s + 60]) for s in range(0, len(errors), 60)]
    assert any(n > 9 for n in periods) == bool(said(limit, told))


def test_readings_and_levels_are_told_in_order() -> None:
    """A level is told when it is taken, a reading when its second is over."""
    told = list(in_order([reading(0), reading(2)], [level(0.5, 1), level(1.5, 1)]))
    assert [0.5, 1, 1.5, 3] == [one.at - T if isinstance(one, Level) else one.end - T for one in told]


def test_what_a_manifest_asks_for() -> None:
    """Each bound of each key is a limit of its own; memory in per cent is held against its share."""
    asked = Measures.model_validate(
        {
            "throttles": {"at_most": "0"},
            "duration": {"average": {"at_most": "5s", "against_stable": "1.1x"}},
            "memory": {"at_most": "90%", "for": "5m", "against_stable": "1.3x"},
            "measures": {"queue-length": {"is": "gauge", "query": "q", "at_most": "512MB"}},
        }
    )
    errors = CountLimit.model_validate({"at_most": "9 per 5m", "periods": "2"})
    assert (
        ERRORS,
        Limit("throttles", "count", 0),
        Limit("duration", "mean", 5.0, unit="s", per_s=300, periods=2),
        Limit("duration", "mean", 1.1, relative=True, unit="s", per_s=300, periods=2),
        MEMORY,
        LEAK,
        Limit("queue-length", "gauge", 512e6, unit="B"),
    ) == limits_asked(asked, errors)


def test_values_as_people_say_them() -> None:
    """A value is said with its unit, in three digits."""
    values = [(0.934, "%"), (512e6, "B"), (12, "B"), (5.21, "s"), (0.0569, "s"), (800, "")]
    assert ["93.4 %", "512 MB", "12 B", "5.21 s", "56.9 ms", "800"] == [spoken(value, unit) for value, unit in values]
    large = [(12.5, "%"), (1200, "s"), (0.9997, "s"), (1_234_567, ""), (1234.5, ""), (2e15, "B")]
    assert ["1,250 %", "1,200 s", "1,000 ms", "1,234,567", "1,234.5", "2,000 TB"] == [spoken(*one) for one in large]


def test_counts_as_people_say_them() -> None:
    """Thousands stand apart, and a count is said in full."""
    many = [reading(s, requests=1000, seconds=6) for s in range(121)]
    assert "duration: 6 s on average of 60,000 requests in 1m, 2 times in a row; at most 5 s" == said(AVERAGE, many)
    limit = Limit("errors", "count", 1_234_567)
    assert "errors: 1,234,568; at most 1,234,567" == said(limit, [reading(0, errors=1_234_568)])
    assert "errors: at most 1,234,567 in the whole release" == rule(limit)


def test_the_state_stays_small() -> None:
    """However many instances come and go, only those of the last moments are remembered."""
    limit = replace(MEMORY, for_s=1e9)
    state = run(limit, [level(n * 30, 1, f"web-{n}") for n in range(500)])
    assert 4 == len(state.beyond)
    assert 500 > len(json.dumps(data.dump(state)))


def test_limits_in_words() -> None:
    """A plan lists every limit with its number and its time."""
    assert [
        "errors: at most 9 in 5m, 2 times in a row",
        "orders: at least 5 in 10m",
        "duration: at most 5 s on average in 1m, 2 times in a row",
        "duration: at most 1.1 times stable's on average in 1m",
        "memory: at most 90 %, or beyond it for less than 5m",
        "memory: at most 1.3 times stable's, or beyond it for less than 5m",
        "throttles: at most 0 in the whole release",
    ] == [rule(limit) for limit in (*ALL, Limit("throttles", "count", 0))]
