"""What people said and what the checklist came to, as reports tell it: whole, and told apart from what does not count."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from penstock.core import data
from penstock.core.report import Report, tell
from penstock.core.report_checks import check_lines, took
from penstock.core.report_people import questions_of
from penstock.core.report_times import waited, waits
from penstock.core.report_words import headline
from penstock.render.page import page
from penstock.render.report import markdown
from tests.render.careful import HOUR, Careful, careful
from tests.render.paper import BEGAN, DIGEST, awaiting
from tests.render.test_report import HOSTILE, released


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    return tell(careful(tmp_path_factory.mktemp("careful")))


def of(report: Report, line: str) -> Any:
    return next(one for one in report.questions if one.line == line)


def test_every_form_says_who_let_a_hotfix_through(report: Report) -> None:
    """Headline, page and Markdown: that it is one, who let it through, what was left out; and it is to be made up for."""
    assert report.headline.startswith("Hotfix ")
    for text in (page(report), markdown(report)):
        assert "payments fail since noon; let through by dee; left out: windows, soak" in text
    assert any("make up for what this hotfix left out: windows, soak" in note.text for note in report.actions)


def test_every_answer_is_there_and_what_does_not_count_says_why(report: Report) -> None:
    """Who, why, signed or not; a stranger's yes is in the report, and is not among those that let it through."""
    said = {one.person: one for one in of(report, "approval").said}
    assert {"mallory", "bo", "eve"} == set(said)
    assert "not one of managers, security" == said["mallory"].why_not
    assert ("seen, tried", True, "") == (said["bo"].reason, said["bo"].signed, said["bo"].why_not)
    assert ("bo", "eve") == of(report, "approval").yes
    assert ["given"] * 3 == [one.state for one in report.questions]
    for text in (page(report), markdown(report)):
        assert "let me in – does not count: not one of managers, security" in text


def test_waiting_for_people_is_nobodys_work(report: Report) -> None:
    """People, and freezes, have a duration of their own; all the waiting together is what the release waited."""
    assert 2 * HOUR == pytest.approx(report.waited.people_s, abs=90)
    assert 5000 + 3 * HOUR - 2 * HOUR == pytest.approx(report.waited.closed_s, abs=90)
    assert report.waiting_s == pytest.approx(report.waited.seconds)
    assert 120 > report.active_s
    assert any("freeze by max" in wait.text for wait in report.waits)


def test_time_in_line_and_time_for_people_are_counted_once() -> None:
    """A release that waited for people in the middle of its time in line waited as long as it did, and not longer."""
    events = [
        {"key": "waiting:6", "at": 100.0, "kind": "wait", "text": "waiting for release 6 to end", "data": {}},
        {"key": "awaiting:1:x", "at": 150.0, "kind": "wait", "text": "waiting for bo to answer `approval`", "data": {}},
        {"key": "passed:1:180", "at": 180.0, "kind": "note", "text": "every gate is open", "data": {}},
    ]
    found = waited({"in_line_from": 100.0, "in_line_s": 100.0}, events, 300.0)
    assert (70.0, 30.0, 100.0) == (found.in_line_s, found.people_s, found.seconds)
    assert [30.0] == [wait.seconds for wait in waits(events, 300.0)]


def test_a_wait_that_is_not_over_lasts_until_now() -> None:
    """Of a release that waits, everything up to this second is waiting."""
    seen = awaiting().seen(700)
    assert 269.0 == waited(seen.row["facts"], seen.events, BEGAN + 700).people_s


def test_the_last_word_counts_and_the_words_before_it_stay(tmp_path: Path) -> None:
    """Whoever said yes and then no has said both; only the no counts, and it ends the release."""
    made = Careful(tmp_path)
    made.say(600, "approval", "approve", "bo")
    made.say(700, "approval", "reject", "bo", "it does not start here")
    made.sim.walk(made.number)
    report = tell(made.known())
    said = of(report, "approval").said
    assert [("approve", "said something else later"), ("reject", "")] == [(one.verb, one.why_not) for one in said]
    assert ("blocked", "rejected", "rejected") == (report.state, report.cause, of(report, "approval").state)
    assert "settle it with bo" in report.actions[0].text


def test_a_yes_to_another_plan_is_told_and_does_not_count(tmp_path: Path) -> None:
    """The plan was drawn anew: what was said to the old one is in the report, as void."""
    made = Careful(tmp_path)
    made.say(600, "approval", "approve", "bo", digest="0" * 64)
    made.sim.walk(made.number)
    report = tell(made.known())
    assert ["given to another plan, so it is void"] == [one.why_not for one in of(report, "approval").said]
    assert "unanswered" == report.cause


def test_a_signature_that_does_not_hold_is_told_as_it_was_then() -> None:
    """What was found void for a reason that the answers alone do not give is void in the report, for that reason."""
    paper = awaiting().tell(
        431, "void:approval:2", "ask", "approval: bo: the key is not bo's by .penstock/allowed_signers"
    )
    seen = paper.seen(700)
    found = next(one for one in seen.questions if one.line == "approval")
    why = {one.person: one.why_not for one in found.said}
    assert "the key is not bo's by .penstock/allowed_signers" == why["bo"]
    assert () == found.yes


def test_an_answer_that_came_when_it_was_decided_says_so() -> None:
    """A yes after the release went on, or ended, let nobody through."""
    seen = awaiting().say(900, "approval", "approve", "eve").seen(1000)
    row = {**seen.row, "state": "aborted", "ended_at": BEGAN + 800}
    told = questions_of(row, seen.answers, seen.events, BEGAN + 1000)
    eve = next(said for one in told for said in one.said if said.person == "eve")
    assert "came when the release was beyond it" == eve.why_not


def test_an_answer_to_what_is_not_asked_any_more_stays_in_the_record() -> None:
    """A plan drawn again without a line loses no answer to it."""
    seen = awaiting().say(440, "approval-2", "approve", "eve").seen(700)
    lost = next(one for one in seen.questions if one.line == "approval-2")
    assert ["the plan does not ask it any more"] == [said.why_not for said in lost.said]


@pytest.mark.parametrize(
    ("cause", "words"),
    [("rejected", "said no"), ("unanswered", "in time"), ("unanswerable", "nobody may answer"), ("after", "has not run"),
     ("window", "outside the hours"), ("freeze", "freeze"), ("check", "blocked before anything was changed")],
)  # fmt: skip
def test_the_headline_says_why_it_was_blocked(cause: str, words: str) -> None:
    """A manager reads why nothing was changed, without knowing any word of ours."""
    row = {**awaiting().row, "state": "blocked", "cause": cause, "sentence": "…", "ended_at": BEGAN + 900}
    assert words in headline(row, None)
    assert "not released to production" in headline(row, None)


@pytest.mark.parametrize("cause", ["rejected", "unanswered", "unanswerable", "after", "window", "freeze"])
def test_the_next_step_is_something_to_do(tmp_path: Path, cause: str) -> None:
    """After every new end there is an action item, with the command where there is one."""
    found = released(tmp_path)
    seen = awaiting().seen(700)
    row = {**found.row, **seen.row, "state": "blocked", "cause": cause, "sentence": "…", "ended_at": BEGAN + 900}
    told = tell(dataclasses.replace(found, row=row, events=seen.events, answers=seen.answers))
    assert told.actions
    assert cause == "unanswerable" or "penstock " in told.actions[0].text


def test_what_is_waited_for_is_in_the_headline(tmp_path: Path) -> None:
    """A release that waits says for what, and the report says what to type."""
    found, seen = released(tmp_path), awaiting().seen(700)
    told = tell(dataclasses.replace(found, row=seen.row, events=seen.events, answers=seen.answers, now=seen.now))
    assert "is not released to production yet: it waits for one of each: security" in told.headline
    assert "`penstock approve 7 --line approval --sign KEY --as NAME`" in told.actions[0].text


def test_the_checklist_keeps_apart_what_is_apart(report: Report) -> None:
    """Waived, not blocking, undecided for want of a comparison, late and given again: each in its own words."""
    text = markdown(report)
    for words in (
        "| vulnerabilities | failed, waived by eve until 2026-12-31: the fix of upstream is awaited |",
        "| licences | errored, waived by eve until 2026-12-31: the fix of upstream is awaited |",
        "| coverage | failed, does not block |",
        "| load | undecided, does not block: there was nothing yet to compare with |",
        "| unit | passed, as in release 5 | – | 1,204 tests passed |",
        "LATE by 1 min 2 s",
        "`uv.lock:212` [high] CVE-2026-1234 in urllib3 1.26.4. So: a redirect may send a header on. Do: uv lock",
    ):
        assert words in text, words
    assert not any(line.stopped for line in report.checks)


def test_lines_side_by_side_count_once() -> None:
    """What ran at once took as long as the longest; moments add up; a pass given again took no time."""

    def row(moment: str, at: float, seconds: float, **facts: Any) -> dict[str, Any]:
        return {"moment": moment, "name": "x", "at": at, "seconds": seconds, "facts": facts}

    rows = [row("revision", 110, 10), row("revision", 130, 30), row("before", 200, 5, pace_all_s=30.0),
            row("revision", 500, 0, again=3)]  # fmt: skip
    found = took(rows)
    assert found is not None
    assert (35.0, 30.0, 5.0) == (found.seconds, found.pace_s, found.late_s)
    assert took([]) is None


def test_a_finding_that_is_not_shown_is_counted() -> None:
    """Twenty are kept with the line; how many there were is known from its event."""
    many = [{"condition": f"hole {n}", "effect": "", "remedy": "", "where": "", "severity": ""} for n in range(31)]
    row = {"moment": "revision", "name": "leaks", "state": "failed", "sentence": "31", "seconds": 1.0, "at": 1.0,
           "facts": {"findings": many[:20]}}  # fmt: skip
    event = {"key": "check:revision:leaks", "kind": "check", "data": {"findings": many}}
    (line,) = check_lines([row], [event])
    assert (20, 31) == (len(line.findings), line.found)


def test_what_was_left_out_is_told_with_its_reason(tmp_path: Path) -> None:
    """A line that was not asked stands in page and Markdown, and why."""
    found = careful(tmp_path)
    plan = {
        **found.row["plan"],
        "gates": {**found.row["plan"]["gates"], "left_out": [["load", "no path of src/** changed"]]},
    }
    told = tell(dataclasses.replace(found, row={**found.row, "plan": plan}))
    for text in (page(told), markdown(told)):
        assert "load: no path of src/** changed" in text


def test_records_of_before_still_have_their_report(tmp_path: Path) -> None:
    """A plan of the first format, and checks without facts, kind or gates: nothing is asked, nothing is left out."""
    found = released(tmp_path)
    plan = {name: value for name, value in found.row["plan"].items() if name != "gates"} | {"format": 1}
    row = {"moment": "revision", "name": "tests", "state": "failed", "sentence": "2 failed", "seconds": 3.0, "at": 9.0}
    told = tell(dataclasses.replace(found, row={**found.row, "plan": plan}, checks=[row]))
    assert ((), (), None, ()) == (told.questions, told.left_out, told.hotfix, told.waits)
    assert told.checks[0].stopped
    for text in (page(told), markdown(told)):
        assert "People" not in text
        assert "2 failed" in text
    assert "| revision | tests | failed | 3.0 s | 2 failed |  |" in markdown(told)


def test_the_data_holds_all_of_it(report: Report) -> None:
    """The JSON form is read back as it was, people and checklist in it; what a check measured is no part of it."""
    plain = json.loads(json.dumps(data.dump(report)))
    assert report == data.load(Report, plain)
    assert "measured" not in plain["checks"][0]


def test_what_people_say_breaks_neither_page_nor_table(tmp_path: Path) -> None:
    """Reasons, names, findings, waivers and left-out lines from outside stay words."""
    found = careful(tmp_path)
    waiver = {"owner": HOSTILE, "reason": HOSTILE, "until": "2026-12-31"}
    finding = dict.fromkeys(("condition", "effect", "remedy", "where", "severity"), f"{HOSTILE} `x`")
    facts = {"waived": waiver, "findings": [finding], "evidence": {HOSTILE: HOSTILE}, "again": 2}
    check = {"moment": "candidate", "name": HOSTILE, "state": "waived", "sentence": HOSTILE, "seconds": 1.0, "at": 1.0,
             "kind": HOSTILE, "facts": facts}  # fmt: skip
    said = [{**row, "person": HOSTILE, "reason": HOSTILE} for row in found.answers]
    row = {**found.row, "options": {"hotfix": HOSTILE}}
    report = tell(dataclasses.replace(found, row=row, checks=[check], answers=said))
    assert "<script" not in page(report)
    lines = [text for text in markdown(report).splitlines() if text.startswith(("| candidate |", "| approval |"))]
    assert 2 == len(lines)
    for text in lines:
        assert text.count("|") - text.count("\\|") in (6, 7)


def test_a_question_of_the_commit_may_be_answered_in_another_release() -> None:
    """What was confirmed of this commit for another environment counts here too, and says where it was said."""
    paper = awaiting()
    paper.answers[1]["release"] = 5
    told = next(one for one in paper.seen(700).questions if one.line == "told")
    assert ("given", [5]) == (told.state, [said.release for said in told.said])


def test_an_approval_of_another_release_is_none_of_this_one() -> None:
    """An approval is of a plan: what was said to another release is not even listed."""
    paper = awaiting()
    paper.answers[3]["release"] = 5
    assert ["mallory"] == [
        said.person for one in paper.seen(700).questions if one.line == "approval" for said in one.said
    ]


def test_who_answers_by_escalation_counts() -> None:
    """After a while another group may answer, and the report says what the release did."""
    paper = awaiting()
    gates = paper.row["plan"]["gates"]
    asked = [{**one, "escalate_s": 60.0, "escalate_to": {"leads": ["zoe"]}} for one in gates["asked"]]
    paper.row["plan"] = {**paper.row["plan"], "gates": {**gates, "asked": asked}}
    found = next(
        one for one in paper.say(500, "approval", "approve", "zoe").seen(700).questions if one.line == "approval"
    )
    assert ("given", ("bo", "zoe")) == (found.state, found.yes)
    assert DIGEST == paper.row["plan"]["digest"]
