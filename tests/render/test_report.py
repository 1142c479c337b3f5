"""The report says the same in every form, hides nothing, and lets nothing from outside become part of its page."""

from __future__ import annotations

import dataclasses
import json
import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core import data
from penstock.core.reading import Reading
from penstock.core.recording import pack, unpack
from penstock.core.report import Known, Report, tell
from penstock.core.report_series import POINTS, series_of
from penstock.core.report_words import components
from penstock.manifest.groups import Group
from penstock.manifest.later import Reminder
from penstock.records import due, notes
from penstock.records.known import known
from penstock.render.compare import compare
from penstock.render.page import page
from penstock.render.report import markdown
from penstock.testing.simulation import Simulation, environment
from tests.render.careful import careful

GOLDEN = Path(__file__).parent / "golden"
WHO = {"uid": 7, "person": "ana", "host": "here"}
HOSTILE = "<script>alert('x')</script>\n| a | b |\n# head \"quoted\" & </main>"


def rolled_back(folder: Path) -> Known:
    """A release that the verdict sent back, with what people added: on paper, the same at every run."""
    sim = Simulation(folder)
    sim.metrics.fail(sim.candidate.id, 0.3)
    sim.release()
    now = sim.clock.now()
    notes.add(sim.store, now + 60, 1, "user-report", "I could not pay", WHO)
    notes.add(sim.store, now + 61, 1, "lesson", "the smoke check should pay, too", WHO)
    notes.add(sim.store, now + 62, 1, "action", "add a check that pays", WHO)
    found = known(sim.store, folder / "evidence", 1, now + 100)
    assert found is not None
    return found


def released(folder: Path) -> Known:
    sim = Simulation(folder)
    sim.release()
    found = known(sim.store, folder / "evidence", 1, sim.clock.now())
    assert found is not None
    return found


def followed(folder: Path) -> Known:
    """A release that went well, with groups and reminders: one ticked, one overdue, one of a hostile manifest."""
    groups = {"on-call": Group.model_validate({"reach": "pagerduty:P1", "people": ["ana"]})}
    asked = {
        "review": ("Lessons written down?", "7d"),
        "documents": ("Documents up to date?", "1d"),
        "odd": (HOSTILE, "9d"),
    }
    later = {n: Reminder.model_validate({"ask": a, "by": "on-call", "due": d}) for n, (a, d) in asked.items()}
    sim = Simulation(folder, asked=environment().model_copy(update={"groups": groups, "later": later}))
    sim.release()
    now = sim.clock.now() + 2 * 86400
    due.tick(sim.store, now, 1, "review", "bo", "yes, and | told")
    found = known(sim.store, folder / "evidence", 1, now + 100)
    assert found is not None
    return found


def stable_words(text: str) -> str:
    """Without what differs from run to run and from one zlib to the next: digests and sizes of the evidence."""
    text = re.sub(r"[0-9a-f]{16}…|[0-9a-f]{64}", "DIGEST", text)
    return re.sub(r"`DIGEST` \| [\d,]+ \|", "`DIGEST` | SIZE |", text)


@pytest.mark.parametrize("make", [rolled_back, released, followed, careful], ids=lambda make: str(make.__name__))
def test_the_words_are_as_written_down(tmp_path: Path, make: object) -> None:
    """The Markdown of a known release is the golden file; PENSTOCK_GOLDEN=write makes it anew."""
    text = stable_words(markdown(tell(make(tmp_path))))  # type: ignore[operator]
    path = GOLDEN / f"report-{make.__name__}.md"  # type: ignore[attr-defined]
    if os.environ.get("PENSTOCK_GOLDEN") == "write":
        path.write_text(text)
    assert path.read_text() == text


def test_it_answers_what_a_team_writes_by_hand(tmp_path: Path) -> None:
    """Every line of a hand-written release report is there, in page and Markdown."""
    report = tell(rolled_back(tmp_path))
    for text in (page(report), markdown(report)):
        for asked in (
            "Date", "Duration", "Components updated", "Issues encountered", "Error rate", "Average response time",
            "Deployment duration", "Rollback required", "Lessons learned", "What went well", "What could be improved",
            "Action items", "Monitoring", "Timeline", "Commits" if report.commits else "Evidence", "Active, waiting",
        ):  # fmt: skip
            assert asked in text, asked
        assert "I could not pay" in text
        assert "add a check that pays" in text


def test_harmed_is_what_failed_beyond_what_stable_would_have_made(tmp_path: Path) -> None:
    """Harm is the excess over stable's rate in the same seconds, said in the words of simulations; a calibration harms nobody."""
    found = rolled_back(tmp_path)
    report = tell(found)
    mine = [r for r in found.readings if r.revision == report.revision]
    failed = sum(r.errors for r in mine)
    assert report.harmed is not None
    assert 0.9 * failed < report.harmed <= failed
    assert f"{report.harmed} requests, failed or too slow beyond what stable would have made" in markdown(report)
    assert report.rollback_required
    arm = next(arm for arm in report.arms if arm.role == "candidate")
    assert sum(r.requests for r in mine) == arm.requests
    row = {**found.row, "kind": "calibrate", "state": "calibrated"}
    assert tell(dataclasses.replace(found, row=row)).harmed is None


def test_who_promoted_without_evidence_is_in_the_headline(tmp_path: Path) -> None:
    """A person's order before acceptance stands in headline and outcome with its reason; after it, it only saved time."""
    found = released(tmp_path)
    move = {
        "key": "watch:2:advance",
        "at": 1.0,
        "kind": "move",
        "text": "advance: ana asked to go on to 100 %",
        "data": {},
    }
    order = {"verb": "promote", "person": "ana", "reason": "the sale starts"}
    facts = found.row["facts"]
    early = {**facts, "live": {**facts["live"], "acceptance": 3.0}}
    report = tell(dataclasses.replace(found, row={**found.row, "facts": early}, events=[move], orders=[order]))
    said = "promoted by ana before it was accepted: the sale starts"
    assert report.headline.endswith(f"was released to production, {said}.")
    assert f"| Outcome | released, {said} |" in markdown(report)
    late = {**facts, "live": {**facts["live"], "acceptance": 30.0, "odds": 1.0}}
    report = tell(dataclasses.replace(found, row={**found.row, "facts": late}, events=[move]))
    assert report.headline.endswith("promoted by ana before its time was over.")
    assert "" == tell(found).hurried


@pytest.mark.parametrize(
    ("kind", "state", "said"),
    [("release", "released", "web: replaced, 4 instances"), ("release", "rolled_back", "web: replaced, then put back"),
     ("rollback", "released", "web: put back, 4 instances"), ("release", "blocked", "web: not touched"),
     ("calibrate", "calibrated", "web: a copy beside it, and taken away again"),
     ("drill", "drilled", "web: a candidate to rehearse with beside it, and taken away again"),
     ("release", "rolling_out", "web: to be replaced, 4 instances")],
)  # fmt: skip
def test_components_say_what_became_of_them(kind: str, state: str, said: str) -> None:
    """Only what serves was replaced."""
    plan = {"stable": {"units": {"web": {}}}, "candidate": {"units": {"web": {}}}, "places": {"web": {"instances": 4}}}
    assert (said,) == components({"kind": kind, "state": state}, plan)


def test_waiting_is_told_apart(tmp_path: Path) -> None:
    """Time in line and time held by a person are waiting; the rest is active; both add up."""
    found = released(tmp_path)
    asked, ended = found.row["asked_at"], found.row["ended_at"]
    held = [
        {"key": "h", "at": asked + 2, "kind": "wait", "text": "ana asked to hold; …", "data": {}},
        {"key": "m", "at": asked + 7, "kind": "move", "text": "advance", "data": {}},
    ]
    row = {**found.row, "facts": {**found.row["facts"], "in_line_s": 3.0}}
    report = tell(dataclasses.replace(found, row=row, events=held))
    assert 8.0 == report.waiting_s
    assert pytest.approx(ended - asked) == report.waiting_s + report.active_s


def test_a_page_stands_alone(tmp_path: Path) -> None:
    """No script, nothing fetched from anywhere, under a megabyte."""
    text = page(tell(rolled_back(tmp_path)))
    assert not re.search(r"<script|<link|<img|url\(|@import|https?://|javascript:| on\w+=", text)
    assert 1_000_000 > len(text.encode())


def test_every_form_lists_what_is_followed_up(tmp_path: Path) -> None:
    """Page, Markdown and data have every reminder, how it stands, and whom to reach; what is awaited is said."""
    report = tell(followed(tmp_path))
    assert [("documents", True, False), ("review", False, True), ("odd", False, False)] == [
        (one.name, one.overdue, one.done_at is not None) for one in report.follow_ups
    ]
    for text in (page(report), markdown(report)):
        assert "This report awaits 2 of 3 follow-ups: documents, odd." in text
        assert "on-call: pagerduty:P1 (ana)" in text
        assert "bo ticks review" in text
    assert "<script" not in page(report)
    rows = re.findall(r"^\| (?:documents|review|odd) \|.*$", markdown(report), re.MULTILINE)
    assert [6, 6, 6] == [len(re.findall(r"(?<!\\)\|", row)) for row in rows]


def test_words_from_outside_stay_words(tmp_path: Path) -> None:
    """Whatever a check, a commit, a person or a name says: it breaks neither the page nor a table."""
    found = rolled_back(tmp_path)
    plan = {**found.row["plan"], "way_back": HOSTILE}
    facts = {**found.row["facts"], "commits": [{"id": "f" * 40, "author": HOSTILE, "subject": HOSTILE, "at": 0.0}]}
    row = {**found.row, "sentence": HOSTILE, "person": HOSTILE, "plan": plan, "facts": facts}
    check = {"moment": "candidate", "name": HOSTILE, "state": "failed", "sentence": HOSTILE, "seconds": 1.0, "at": 1.0}
    note = {"text": HOSTILE, "person": HOSTILE, "at": 1.0, "kind": "issue"}
    report = tell(dataclasses.replace(found, row=row, checks=[check], notes=[note]))
    assert "<script" not in page(report)
    assert 1 == page(report).count("</main>")
    for line in markdown(report).splitlines():
        if line.startswith("| candidate"):
            assert 7 == len(re.findall(r"(?<!\\)\|", line)), line


def test_data_is_the_report(tmp_path: Path) -> None:
    """The JSON form holds the whole report and is read back as it was."""
    report = tell(rolled_back(tmp_path))
    assert report == data.load(Report, json.loads(json.dumps(data.dump(report))))


def test_compared_with_itself_nothing_differs(tmp_path: Path) -> None:
    """A release beside itself has no difference, beside another one it has."""
    one = tell(rolled_back(tmp_path))
    assert [] == [row for row in compare(one, one) if row[1] != row[2]]
    (tmp_path / "other").mkdir()
    other = tell(released(tmp_path / "other"))
    assert "Rollback required" in {name for name, a, b in compare(one, other) if a != b}


readings = st.builds(
    Reading, unit=st.sampled_from(["web", "api"]), revision=st.sampled_from(["a", "b"]),
    start=st.integers(0, 10**6).map(float), end=st.just(0.0), requests=st.integers(0, 10**6),
    errors=st.integers(0, 100), era=st.integers(0, 9), late=st.integers(0, 9), duration_us=st.integers(0, 10**9),
    sampled=st.booleans(), position=st.text(max_size=8),
).map(lambda r: dataclasses.replace(r, end=r.start + 1.0))  # fmt: skip


@given(st.lists(readings, max_size=40))
def test_readings_are_kept_whole(found: list[Reading]) -> None:
    """Packed, written as JSON and unpacked, readings are what they were, in their order."""
    assert found == unpack(json.loads(json.dumps(pack(found))))


@given(st.integers(1, 5000), st.integers(0, 4999))
def test_no_peak_is_thinned_away(count: int, peak: int) -> None:
    """However long a release was: few points, and the largest odds among them."""
    looks = [
        {"at": float(n), "weight_permille": 50, "odds": 500.0 if n == peak % count else 1.0, "acceptance": 1.0}
        for n in range(count)
    ]
    series = series_of([], looks, [], "c", 100.0, 20.0)
    assert POINTS + 1 >= len(series.odds)
    assert 500.0 == max(value for _, value in series.odds)
