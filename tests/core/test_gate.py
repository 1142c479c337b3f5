"""Questions to people: who may answer, what counts, when it is over."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.brought import is_author
from penstock.core.gate import Answer, Asked, Ran, may_ever, ran_before, stands
from penstock.core.loosened import kept, loosened
from penstock.testing.simulation import environment

GROUPS = {"managers": ("ana", "bo"), "security": ("dee", "bo")}
ASKED = Asked("approval", "Release it?", 2, GROUPS, within_s=1000.0, good_for_s=500.0, remind_s=100.0, escalate_s=200.0,
              escalate_to={"bosses": ("max",)})  # fmt: skip
PEOPLE = ["ana", "bo", "dee", "max", "eve"]

answers = st.lists(
    st.builds(
        Answer, st.just("approval"), st.sampled_from(["approve", "reject"]), st.sampled_from(PEOPLE),
        st.integers(0, 1500).map(float), st.sampled_from(["p1", "p2"]), st.just(""),
        st.one_of(st.none(), st.integers(0, 2000).map(float)), st.booleans(), st.sampled_from(["", "forged"]),
    ),
    max_size=8,
)  # fmt: skip


def counts(
    asked: Asked, given: list[Answer], digest: str, authors: set[str], since: float, now: float
) -> set[tuple[str, str]]:
    """(person, verb) of every answer that counts, found the long way: person by person."""
    found = set()
    for person in PEOPLE:
        mine = [a for a in given if a.person == person]
        if not mine:
            continue
        last = sorted(mine, key=lambda a: a.at)[-1]
        allowed = {p for people in asked.by.values() for p in people}
        if asked.escalate_s and now - since >= asked.escalate_s:
            allowed |= {p for people in asked.escalate_to.values() for p in people}
        if last.digest != digest or last.doubt or (asked.signed and not last.signed) or person not in allowed:
            continue
        if last.verb == "approve":
            if person in authors and not asked.authors_count:
                continue
            if now - last.at >= asked.good_for_s:
                continue
        if last.until is not None and now >= last.until:
            continue
        found.add((person, last.verb))
    return found


@given(answers, st.sets(st.sampled_from(PEOPLE)), st.integers(0, 1600).map(float), st.booleans(), st.booleans())
def test_it_is_given_exactly_when_enough_answers_count(
    given: list[Answer], authors: set[str], now: float, signed: bool, authors_count: bool
) -> None:
    """Given: no rejection counts, two yes count, and somebody of each group, or whoever was asked instead, is among them."""
    asked = replace(ASKED, signed=signed, authors_count=authors_count)
    counted = counts(asked, given, "p1", authors, 0.0, now)
    yes = {person for person, verb in counted if verb == "approve"}
    enough = len(yes) >= 2 and all(yes & {*people, "max"} for people in GROUPS.values())
    found = stands(asked, given, "p1", authors, 0.0, now)
    rejected = any(verb == "reject" for _, verb in counted)
    expected = "rejected" if rejected else "given" if enough else "unanswered" if now >= 1000 else "waiting"
    assert expected == found.state
    if not rejected:
        assert yes == set(found.by)


@given(answers, st.integers(0, 990).map(float))
def test_nothing_changes_before_it_wakes(given: list[Answer], now: float) -> None:
    """While only time passes, a question stands as it did until `wakes_at`, which lies ahead."""
    given = [a for a in given if a.at <= now]
    found = stands(ASKED, given, "p1", (), 0.0, now)
    if found.wakes_at is not None:
        assert now < found.wakes_at
        before = stands(ASKED, given, "p1", (), 0.0, found.wakes_at - 0.001)
        assert (found.state, found.by) == (before.state, before.by)


@given(answers, st.integers(0, 1600).map(float))
def test_an_answer_to_another_plan_never_counts(given: list[Answer], now: float) -> None:
    """Without the answers to other plans a question stands the same, but for what is said of them."""
    own = [a for a in given if a.digest == "p1"]
    others = [replace(a, digest="p9") for a in own]
    alone = stands(ASKED, [], "p1", (), 0.0, now)
    assert alone.state == stands(ASKED, others, "p1", (), 0.0, now).state


def test_void_answers_are_said_with_their_reason() -> None:
    """Each answer that does not count says why."""
    given = [
        Answer("approval", "approve", "ana", 1.0, "old"), Answer("approval", "approve", "bo", 1.0, "p1"),
        Answer("approval", "approve", "eve", 1.0, "p1"), Answer("approval", "approve", "dee", 1.0, "p1", doubt="forged"),
    ]  # fmt: skip
    found = stands(ASKED, given, "p1", {"bo"}, 0.0, 2.0)
    assert (
        "ana: given to another plan, so it is void",
        "bo: wrote or ordered this release, and does not count",
        "eve: not one of managers, security",
        "dee: forged",
    ) == found.void


@pytest.mark.parametrize(
    ("authors", "may"), [((), True), (("bo",), True), (("ana", "bo"), True), (("ana", "bo", "dee"), False)]
)
def test_a_question_that_nobody_can_answer_is_known_at_once(authors: tuple[str, ...], may: bool) -> None:
    """Two are needed; whoever wrote the release does not count."""
    assert may == (may_ever(ASKED, authors) == "")


@pytest.mark.parametrize(
    ("ran", "blocks", "until"),
    [
        (Ran(), "this very artifact was never released to staging", None),
        (Ran(100.0, 7), "it was rolled back in staging since (release 7)", None),
        (Ran(100.0), "", 3700.0),
        (Ran(-3600.0), "", None),
    ],
)
def test_where_it_ran_before(ran: Ran, blocks: str, until: float | None) -> None:
    """Never there and rolled back since block; too short is waited for."""
    found = ran_before({"staging": 3600.0}, {"staging": ran}, 200.0)
    assert (blocks, until) == (found[0], found[2])


@pytest.mark.parametrize(
    ("person", "mine"),
    [("ana", True), ("Ana", True), ("ana@example.com", True), ("an", False), ("lopez", False), ("ana lopez", True)],
)
def test_whose_commit_it_is(person: str, mine: bool) -> None:
    """By name, by address, or by what stands before its @."""
    assert mine == is_author(person, ("Ana Lopez", "ana@example.com"))


def test_one_key_is_one_person() -> None:
    """Whatever names stand beside it: the second answer with a key does not count, and says whose it was."""
    given = [
        Answer("approval", "approve", "ana", 1.0, "p1", key="SHA256:a"),
        Answer("approval", "approve", "dee", 2.0, "p1", key="SHA256:a"),
    ]
    found = stands(ASKED, given, "p1", (), 0.0, 3.0)
    assert "waiting" == found.state
    assert ("dee: signed with the same key as ana",) == found.void


def test_what_ran_too_shortly_before_something_else_took_its_place_is_said() -> None:
    """An hour is asked for, and it served for three seconds: that it was released two hours ago does not help."""
    blocks, _, _ = ran_before({"staging": 3600.0}, {"staging": Ran(0.0, until=3.0)}, 7200.0)
    assert "it ran in staging for 3 s only, and then something else did" == blocks


OLD = Asked("approval", "Release it?", 2, {"managers": ("ana", "bo")}, signed=True)


@pytest.mark.parametrize(
    ("new", "holds"),
    [
        (OLD, False),
        (replace(OLD, at_least=3), False),
        (replace(OLD, by={"managers": ("ana",)}), False),
        (replace(OLD, at_least=1), True),
        (replace(OLD, by={"managers": ("ana", "bo", "mallory")}), True),
        (replace(OLD, by={"friends": ("ana", "bo")}), True),
        (replace(OLD, signed=False), True),
        (replace(OLD, authors_count=True), True),
        (replace(OLD, escalate_s=1.0, escalate_to={"friends": ("mallory",)}), True),
    ],
)
def test_the_stricter_holds_once(new: Asked, holds: bool) -> None:
    """An approval that the serving manifest demands is demanded this once, unless the new one demands as much."""
    assert holds == bool(list(kept([new], [OLD])))


def test_what_was_loosened_is_said() -> None:
    """Environments, windows and lines that are demanded no more, and waivers that are new."""
    before = environment().model_copy(update={"after": {"staging": 3600.0, "qa": 60.0}})
    after = environment().model_copy(update={"after": {"staging": 60.0}})
    assert ("`after: qa` is demanded no more", "`after: staging` is shorter than before") == loosened(after, before)
    assert () == loosened(after, None)
