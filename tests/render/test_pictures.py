"""The live view's pictures: golden ones for every state, and the laws that hold for all of them.

A golden picture that changed on purpose: `PENSTOCK_GOLDEN=write pytest tests/render`, then look at the difference.
"""

from __future__ import annotations

import os
import random
from dataclasses import replace
from pathlib import Path

import pytest

from penstock import api
from penstock.cli.view import seen_of
from penstock.records import events, releases
from penstock.render.cells import width
from penstock.render.checklist import items
from penstock.render.checklist_item import MARKS, folded
from penstock.render.live import screen
from penstock.render.picture import STYLES, Screen, Seen, text_of
from penstock.render.tell import ordered
from penstock.state import State
from penstock.testing.simulation import Simulation, environment
from tests.render.paper import BEGAN, Paper, awaiting, canary, cases

GOLDEN = Path(__file__).parent / "pictures"
SCREENS = {
    "80x24": Screen(80, 24), "120x40": Screen(120, 40), "ascii": Screen(80, 24, ascii_only=True),
}  # fmt: skip
CASES = cases()
SIZES = [(20, 5), (40, 12), (79, 23), (80, 24), (109, 24), (110, 24), (120, 40), (200, 60), (300, 100), (1, 1)]


def picture(seen: Seen, on: Screen) -> list[str]:
    return [text_of(spans) for spans in screen(seen, on)]


@pytest.mark.parametrize("on", SCREENS)
@pytest.mark.parametrize("case", CASES)
def test_the_picture_is_the_golden_one(case: str, on: str) -> None:
    """Every state looks as it was last looked at by a person."""
    drawn = "\n".join(text.rstrip() for text in picture(CASES[case], SCREENS[on])) + "\n"
    path = GOLDEN / f"{case}-{on}.txt"
    if os.environ.get("PENSTOCK_GOLDEN") == "write":
        path.write_text(drawn)
    assert path.read_text() == drawn


def test_no_golden_picture_is_left_over() -> None:
    """Every file is the picture of a case."""
    assert {f"{case}-{on}.txt" for case in CASES for on in SCREENS} == {path.name for path in GOLDEN.iterdir()}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("ascii_only", [False, True])
def test_never_wider_or_higher_than_the_terminal(size: tuple[int, int], ascii_only: bool) -> None:
    """No line is wider than the terminal, no picture higher, and styles are known, in every state and at every size."""
    for case, seen in CASES.items():
        lines = screen(seen, Screen(*size, ascii_only=ascii_only))
        assert len(lines) <= size[1], case
        assert [] == [text_of(spans) for spans in lines if width(text_of(spans)) > size[0]], case
        assert {style for spans in lines for _, style in spans} <= set(STYLES)


def test_ascii_is_ascii() -> None:
    """Where nothing else can be shown, nothing else is sent, whatever the records hold."""
    paper = canary()
    paper.row["service"] = "größe–店"
    paper.tell(52, "note", "note", "naïve → “quoted” 🚀")
    assert all(text.isascii() for text in picture(paper.seen(53), Screen(80, 24, ascii_only=True)))


def test_what_others_wrote_is_harmless() -> None:
    """Control characters, escape sequences and turned writing of a log line never reach the terminal."""
    paper = canary()
    for n, evil in enumerate(["\x1b[2J\x1b[31mred", "two\nlines\r\x00\x07", "\u202eturned", "\x9b31m", "half \ud800"]):
        paper.tell(52, f"logs:{n}", "note", evil)
    drawn = "".join(picture(paper.seen(53), Screen(120, 40)))
    assert drawn.isprintable()
    drawn.encode()


def test_wide_characters_are_cut_between_them() -> None:
    """A line of wide characters fills at most the width, and is cut with an ellipsis."""
    paper = canary().tell(52, "note", "note", "店" * 200)
    last = picture(paper.seen(53), Screen(81, 24))[-3]
    assert last.endswith("店…")
    assert width(last) in (80, 81)


def test_the_same_records_are_the_same_picture() -> None:
    """Whoever began to look earlier, and has more old figures, sees the same."""
    paper = Paper().canary().watch(20, 1500, (0, 0, 0, 1))
    whole = paper.seen(1501)
    late = Seen(whole.row, whole.events, whole.looks[-660:], whole.orders, whole.now)
    for on in SCREENS.values():
        assert screen(whole, on) == screen(late, on)
        assert screen(whole, on) == screen(whole, on)


def test_who_begins_in_the_middle_sees_what_others_see() -> None:
    """Drawing every picture on the way leaves no trace in the last one."""
    paper = canary()
    for second in range(60):
        seen = paper.seen(53)
        early = [event for event in seen.events if event["at"] < BEGAN + second]
        screen(Seen(seen.row, early or [ordered(seen.row)], seen.looks[:second], [], BEGAN + second), Screen(80, 24))
    assert screen(canary().seen(53), Screen(80, 24)) == screen(paper.seen(53), Screen(80, 24))


def test_a_newcomer_reads_what_the_evidence_needs() -> None:
    """Both limits are said in words, beside the odds; who holds it, until when, and how to abort as well."""
    drawn = "\n".join(picture(CASES["canary"], Screen(80, 24)))
    for words in ("12 to 1 of the 100 to 1 that send it back", "of the 20 to 1 that accept it", "until      ",
                  "penstock abort --release 7"):  # fmt: skip
        assert words in drawn
    held = "\n".join(picture(CASES["held"], Screen(80, 24)))
    assert "held by ana" in held
    assert "penstock promote" in held


@pytest.mark.parametrize(
    "case", ["ordered", "building", "checking", "awaiting", "in-line", "held", "source-down", "undecided", "going-back"]
)
def test_what_is_under_way_says_what_it_waits_for(case: str) -> None:
    """No release that is under way leaves a viewer guessing, even on a small terminal."""
    assert any(text.startswith("waits for  ") for text in picture(CASES[case], Screen(80, 24)))


def test_nothing_changes_while_nothing_changes() -> None:
    """A release that only waits is the same picture for the rest of the minute."""
    seen = CASES["in-line"]
    later = Seen(seen.row, seen.events, seen.looks, seen.orders, seen.now + 20)
    assert screen(seen, Screen(80, 24)) == screen(later, Screen(80, 24))


@pytest.mark.parametrize("seed", range(12))
def test_every_moment_of_a_release_on_paper_has_its_picture(seed: int, tmp_path: Path) -> None:
    """Whole simulated releases with their troubles: at every fifth second the picture fits, and says what comes next."""
    chance = random.Random(seed)
    sim = Simulation(
        tmp_path, chance.choice([5.0, 200.0]), seed, environment(chance.choice(["canary", "rolling"]), hold_s=30)
    )
    sim.metrics.fail(sim.candidate.id, chance.choice([0.001, 0.3]))
    number = sim.order()
    desk, begin, drawn = api.Desk(State(tmp_path), sim.store), sim.clock.monotonic(), []

    def look() -> None:
        row = releases.get(sim.store, number)
        assert row
        seen = replace(seen_of(desk, row, [ordered(row), *events.after(sim.store, number)]), now=sim.clock.now())
        for size in ((80, 24), (120, 40), (30, 8)):
            lines = picture(seen, Screen(*size))
            assert len(lines) <= size[1]
            assert max(map(width, lines)) <= size[0]
        drawn.append("\n".join(picture(seen, Screen(80, 24))))

    if chance.random() < 0.3:
        sim.clock.at(begin + 30, lambda: setattr(sim.metrics, "down", "no route"))
    for second in range(0, 300, 5):
        sim.clock.at(begin + second, look)
    sim.walk(number)
    look()
    assert all("waits for" in text or "outcome" in text for text in drawn)
    assert "outcome" in drawn[-1]


@pytest.mark.parametrize(("case", "shown"), [("held", True), ("going-back", True), ("stuck", True), ("canary", False)])
def test_whom_to_reach_stands_where_a_person_is_needed(case: str, shown: bool) -> None:
    """The groups of the plan, where somebody holds, where it goes back or is stuck; and not where all goes well."""
    seen = CASES[case]
    plan = {**seen.plan, "contacts": ["on-call: pagerduty:PABC123"]}
    told = "\n".join(picture(replace(seen, row={**seen.row, "plan": plan}), Screen(120, 40)))
    assert shown == ("on-call: pagerduty:PABC123" in told)


def test_whoever_is_waited_for_reads_what_to_type() -> None:
    """Each of several waits has a line of its own, since and until when, and the command that ends it."""
    drawn = picture(CASES["awaiting"], Screen(80, 24))
    waits = [text for text in drawn if text.startswith("waits for  ")]
    assert ["one of each: security", "its time in staging", "the freeze by max"] == [
        next(words for words in ("one of each: security", "its time in staging", "the freeze by max") if words in text)
        for text in waits
    ]
    assert ["penstock approve 7 --line approval --sign KEY --as NAME", "penstock thaw"] == [
        text.removeprefix("type").strip() for text in drawn if text.startswith("type")
    ]
    assert any("for 5 min; until 18:48:17, then it is blocked" in text for text in drawn)
    assert any("waits for people" in text for text in drawn[:1])


def test_a_question_that_one_may_answer_here_is_answered_in_three_words() -> None:
    """What needs no signature is typed without one: approve, or confirm."""
    seen = awaiting().wait(500, "for managers to answer `told`; for on-call to answer `hotfix`").seen(600)
    drawn = picture(replace(seen, answers=[]), Screen(80, 24))
    assert ["penstock confirm 7", "penstock approve 7"] == [
        text.removeprefix("type").strip() for text in drawn if text.startswith("type")
    ]


def test_a_day_is_named_where_it_is_not_today() -> None:
    """A wait that ends on another day says on which."""
    seen = awaiting().seen(700)
    asked = [{**one, "within_s": 3 * 86400.0} for one in seen.plan["gates"]["asked"]]
    plan = {**seen.plan, "gates": {**seen.plan["gates"], "asked": asked}}
    drawn = "\n".join(picture(replace(seen, row={**seen.row, "plan": plan}), Screen(80, 24)))
    assert "until Thu 2026-11-05 10:48, then it is blocked" in drawn


def test_a_reason_with_our_words_in_it_is_one_wait() -> None:
    """Whoever freezes may write what he likes: it does not become a wait of its own."""
    waiting = "for the freeze by max to end: wait; for me; it opens; never"
    drawn = picture(awaiting().wait(500, waiting).seen(600), Screen(120, 40))
    assert 1 == sum("waits for  " in text for text in drawn)


@pytest.mark.parametrize("case", ["awaiting", "rejected"])
@pytest.mark.parametrize("on", SCREENS)
def test_a_hotfix_is_marked_in_every_picture(case: str, on: str) -> None:
    """In the first line, at every size; who let it through, and without what, below it."""
    drawn = picture(CASES[case], SCREENS[on])
    assert drawn[0].endswith("HOTFIX")
    assert "let through by dee" in drawn[2]
    assert "without windows" in drawn[2]
    assert not any("HOTFIX" in text for text in picture(CASES["released"], SCREENS[on]))


def test_each_line_that_runs_has_its_own_line_while_there_is_room() -> None:
    """Side by side: as many marks as checks run, and all of them are what is waited for."""
    drawn = picture(CASES["checking"], Screen(80, 24))
    assert 3 == sum(text.startswith(" ▸ ") for text in drawn)
    assert "waits for  the checks `types`, `tests`, `leaks` to end" in drawn


def test_where_no_beginning_was_told_the_moment_is_waited_for() -> None:
    """Without a word of what runs, it is said how many have ended."""
    seen = CASES["checking"]
    silent = [event for event in seen.events if not event["key"].endswith(":began") or "build" in event["key"]]
    drawn = picture(replace(seen, events=silent), Screen(80, 24))
    assert "waits for  the checks on the commit to end: 2 of 7 have" in drawn


def test_what_does_not_block_is_not_marked_as_what_does() -> None:
    """A waived line and one that blocks nothing have marks of their own; one that stopped the release keeps its cross."""
    seen = CASES["awaiting"]
    states = {item.name: item.state for item in items(seen)}
    assert ["waived", "waived", "noted", "done"] == [
        states[name] for name in ("licences", "vulnerabilities", "coverage", "integration")
    ]
    blocks = [{**row, "facts": {**row["facts"], "blocks": True}} for row in seen.checks]
    assert "bad" == {item.name: item.state for item in items(replace(seen, checks=blocks))}["coverage"]
    assert len(MARKS) == len({rich for rich, _, _ in MARKS.values()}) == len({plain for _, plain, _ in MARKS.values()})


def test_folding_loses_no_line_that_is_under_way() -> None:
    """However small: what runs, was waived or went wrong is named, as long as there are lines for the kinds of them."""
    found = items(CASES["awaiting"])
    for room in (6, 8, 12, 20):
        shown = " ".join(item.name for item in folded(found, room, " · "))
        assert len(folded(found, room, " · ")) <= room
        for name in ("licences", "coverage", "approval", "frozen"):
            assert name in shown, (room, name)
