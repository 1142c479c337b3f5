"""What `penstock check` found says the same in every form; the checklist document ticks what the records say."""

from __future__ import annotations

import dataclasses
import json
import os
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock import registry
from penstock.core.finding import Finding
from penstock.manifest import Environment, read
from penstock.records import answers, checks, events, releases
from penstock.render import checked_github, checked_json, checked_junit, checked_sarif
from penstock.render.cells import width
from penstock.render.checked import Checked, CheckedLine, ended, running, screen
from penstock.render.checked_places import place_of
from penstock.render.checklist_document import Walked, as_json, document, markdown
from penstock.render.picture import Screen, text_of
from penstock.testing.simulation import Simulation
from tests.site import EXIT_CODES

GOLDEN = Path(__file__).parent / "golden" / "checked"
WIDE = Screen(120, 40)
HOSTILE = "<b>]]>&\"'\x00\x1b[31m|`\n::error::x%0A,:\ud800"
FINDINGS = (
    Finding(
        "`total` is assigned twice", "the first value is never read", "remove the first", "src/shop.py:12:5", "high"
    ),
    Finding("a line is too long", "", "", "src/a, b:c%.py:3", "low"),
)
LINES = (
    CheckedLine("tests", "revision", "tests", "passed", "410 passed", 41.3, pace="tests", pace_s=300.0,
         evidence={"output": "3f2a" * 16}),
    CheckedLine("lint", "revision", "findings", "failed", "2 findings of medium or worse", 3.2, True, findings=FINDINGS,
         pace="quality", pace_s=2.0, late=True, elsewhere=4),
    CheckedLine("old", "revision", "command", "waived", "failed, waived by ana until 2099-01-01 (awaited): no", 0.1,
         waiver={"owner": "ana", "reason": "awaited", "until": "2099-01-01"}, findings=(Finding("no"),)),
    CheckedLine("scan", "revision", "vulnerabilities", "errored", "the scanner is not there", 0.0, True),
    CheckedLine("size", "revision", "command", "undecided", "nothing to compare with", 0.2),
    CheckedLine("docs", "revision", "command", "passed", "as 5 min ago in run 7: ok", 0.0, again=7),
    CheckedLine("none", "revision", "tests", "skipped", "there is nothing to test", 0.0),
)  # fmt: skip
CHECKED = Checked(
    "shop", "production", ("revision",), "c" * 40, "t" * 40, 9, 1795272246.0, 45.0, LINES,
    (("told", "Is support told?"),), (("migrations", "no migration changed"),), notes=("3 files changed since abc",),
)  # fmt: skip


def golden(name: str, text: str) -> None:
    """Equal to the file of this name; with PENSTOCK_GOLDEN=write it is written."""
    path = GOLDEN / name
    if os.environ.get("PENSTOCK_GOLDEN") == "write":
        path.write_text(text)
    assert path.read_text() == text


def drawn(checked: Checked, on: Screen) -> str:
    return "".join(f"{text_of(spans).rstrip()}\n" for spans in screen(checked, on, on.width))


@pytest.mark.parametrize("on", [WIDE, Screen(80, 24, ascii_only=True)], ids=["wide", "ascii-80"])
def test_the_screen_is_as_it_was(on: Screen) -> None:
    """Table, findings, what is open and left out, and the sum: as in the file."""
    golden(f"screen-{on.width}.txt", drawn(CHECKED, on))


def test_a_terminal_is_never_passed() -> None:
    """No row of the table, no live line is wider than the terminal."""
    for cells in (20, 40, 80):
        on = Screen(cells, 20)
        live = [ended(one, on) for one in LINES] + [running([("a" * 30, 3.0), ("b", 1.0)], 4, on)]
        table = screen(dataclasses.replace(CHECKED, lines=LINES[:1], open=(), left_out=(), notes=()), on, cells)[:2]
        assert [] == [text_of(spans) for spans in (*live, *table) if width(text_of(spans)) > cells]


def test_more_than_twenty_findings_are_cut_and_counted() -> None:
    """The screen shows twenty findings of a line, and says how many more there are."""
    many = dataclasses.replace(LINES[1], findings=FINDINGS[:1] * 31)
    text = drawn(dataclasses.replace(CHECKED, lines=(many,)), WIDE)
    assert (20, True) == (text.count("is assigned twice"), "and 11 more" in text)


@pytest.mark.parametrize(
    ("form", "name"), [(checked_json, "told.json"), (checked_sarif, "told.sarif"), (checked_junit, "told.xml")]
)
def test_each_document_is_as_it_was(form: Any, name: str) -> None:
    """The documents for programs are as in the files."""
    golden(name, form.document(CHECKED).rstrip("\n") + "\n")


def test_annotations_and_summary_are_as_they_were() -> None:
    """GitHub's annotations are escaped as it asks, and the summary is a table."""
    golden("github.txt", "\n".join(checked_github.commands(CHECKED)) + "\n")
    golden("github.md", checked_github.summary(CHECKED))


def test_json_keeps_to_its_schema() -> None:
    """The document is valid by the schema that is documented, and the schema is one."""
    jsonschema.Draft202012Validator.check_schema(checked_json.SCHEMA)
    jsonschema.validate(json.loads(checked_json.document(CHECKED)), checked_json.SCHEMA)


def closed(required: list[str], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


# After the OASIS standard, section 3: the objects that are used here, closed as there, with all that they require.
TEXT, MESSAGE = {"type": "string"}, closed(["text"], text={"type": "string", "minLength": 1})
LEVEL = {"enum": ["none", "note", "warning", "error"]}
AT_LEAST_1 = {"type": "integer", "minimum": 1}
PLACE = closed(["artifactLocation"], artifactLocation=closed(["uri"], uri={"type": "string", "pattern": "^[^ ]+$"}, uriBaseId=TEXT),
               region=closed(["startLine"], startLine=AT_LEAST_1, startColumn=AT_LEAST_1))  # fmt: skip
RESULT = closed(
    ["message"], ruleId=TEXT, ruleIndex={"type": "integer", "minimum": 0}, level=LEVEL, message=MESSAGE,
    locations={"type": "array", "items": closed([], physicalLocation=PLACE)},
    suppressions={"type": "array", "items": closed(["kind"], kind={"enum": ["inSource", "external"]}, justification=TEXT)},
)  # fmt: skip
RULE = closed(["id"], id=TEXT, shortDescription=MESSAGE)
INVOCATION = closed(["executionSuccessful"], executionSuccessful={"type": "boolean"}, toolExecutionNotifications={
    "type": "array", "items": closed(["message"], level=LEVEL, message=MESSAGE)})  # fmt: skip
RUN = closed(
    ["tool"], tool=closed(["driver"], driver=closed(["name"], name=TEXT, rules={"type": "array", "items": RULE})),
    automationDetails=closed([], id=TEXT), invocations={"type": "array", "items": INVOCATION},
    results={"type": "array", "items": RESULT},
    originalUriBaseIds={"type": "object", "additionalProperties": closed([], uri=TEXT, description=MESSAGE)},
)  # fmt: skip
SARIF = closed(
    ["version", "runs"], **{"$schema": TEXT, "version": {"const": "2.1.0"}, "runs": {"type": "array", "items": RUN}}
)


def test_sarif_keeps_to_the_standard() -> None:
    """A run a line, whose tool is `penstock/LINE`; an errored one is no success and no result; a waived one is suppressed."""
    told = json.loads(checked_sarif.document(CHECKED))
    jsonschema.validate(told, SARIF)
    runs = {run["tool"]["driver"]["name"]: run for run in told["runs"]}
    assert [f"penstock/{one.name}" for one in LINES] == list(runs)
    assert (False, []) == (
        runs["penstock/scan"]["invocations"][0]["executionSuccessful"],
        runs["penstock/scan"]["results"],
    )
    assert "suppressions" in runs["penstock/old"]["results"][0]
    assert ["error", "note"] == [one["level"] for one in runs["penstock/lint"]["results"]]


def test_junit_counts_what_it_has() -> None:
    """failed is a failure, errored an error, the rest that is no pass is skipped; the sums are right."""
    suite = ET.fromstring(checked_junit.document(CHECKED)).find("testsuite")
    assert suite is not None
    assert {"tests": "7", "failures": "1", "errors": "1", "skipped": "3"} == {
        k: suite.attrib[k] for k in ("tests", "failures", "errors", "skipped")
    }
    assert (1, 1, 3) == tuple(len(suite.findall(f"testcase/{name}")) for name in ("failure", "error", "skipped"))


@given(st.text(max_size=60), st.text(max_size=30))
def test_nothing_that_is_found_breaks_a_document(text: str, where: str) -> None:
    """Whatever a finding says, XML is whole, JSON is JSON, an annotation is one line, and a row is one row."""
    bad = dataclasses.replace(
        LINES[1], sentence=HOSTILE + text, findings=(Finding(text + HOSTILE, HOSTILE, text, where + HOSTILE),)
    )
    found = dataclasses.replace(CHECKED, lines=(bad,))
    case = ET.fromstring(checked_junit.document(found).encode("utf-8", "replace")).find("testsuite/testcase")
    assert case is not None
    assert 1 == len(case)
    jsonschema.validate(json.loads(checked_sarif.document(found)), SARIF)
    jsonschema.validate(json.loads(checked_json.document(found)), checked_json.SCHEMA)
    (line,) = checked_github.commands(found)
    assert 1 == len(line.split("\n"))
    assert line.startswith("::error ")
    assert 2 == line.count("::", 0, line.index("lint failed") + 13)
    assert 5 == checked_github.summary(found).split("\n\nNot")[0].count("\n") + 1
    assert all("\n" not in text_of(spans) and "\x1b" not in text_of(spans) for spans in screen(found, WIDE, 120))


@pytest.mark.parametrize(
    ("where", "expected"),
    [("a.py", ("a.py", 0, 0)), ("a.py:3", ("a.py", 3, 0)), ("a.py:3:7", ("a.py", 3, 7)), ("a:b.py:3", ("a:b.py", 3, 0)),
     ("", ("", 0, 0)), ("https://example.org/a:3", ("", 0, 0)), ("/etc/passwd:1", ("", 0, 0))],
)  # fmt: skip
def test_a_place_is_taken_apart(where: str, expected: tuple[str, int, int]) -> None:
    """Path, line and column; what is no path of the repository is no place."""
    assert expected == place_of(where)


def test_the_sentence_says_what_blocks_and_what_does_not() -> None:
    """The sum names what blocks, and beside it what is no pass and does not."""
    assert "2 of 7 lines block: lint, scan; does not block: old (waived), size (undecided)" == CHECKED.sentence
    assert "1 line, nothing blocks" == dataclasses.replace(CHECKED, lines=LINES[:1]).sentence


MANIFEST = """penstock: 1
service: shop
run: serve
build: {is: command, run: make build}
groups:
  managers: {people: [ana, bo]}
  on-call: {people: [cy]}
waivers: {lint: {owner: ana, reason: a fix is awaited, until: 2099-01-01}}
checklist:
  revision:
    lint: ruff check
    tests: {run: pytest, within: 20m}
    docs: {run: mkdocs build, when: {paths: docs/**}, blocks: false}
  before:
    told: {ask: Is support told?, by: on-call}
    database-backed-up: ./backup.sh
  candidate:
    home: {get: /, expect: {status: 200}}
  promoted:
    smoke: ./smoke.sh
  later:
    review: {ask: Lessons written down?, by: on-call, due: 7d}
environments:
  production:
    target: {is: local, port: 8080, instances: 2}
    rollout: {is: canary, increments: [5% for 10m, 50% up to 30m]}
    bake: [{for: 1h, errors: {at_most: 1%}}]
    approvals: {by: managers}
    after: {staging: 1d}
  staging:
    target: {is: local, port: 8081, instances: 2}
"""


def production() -> Environment:
    return read(MANIFEST, "penstock.yaml", registry.kinds()).environments["production"]


def test_a_list_that_nothing_has_ticked() -> None:
    """Before the first release: every box is there, open, with what it asks and of whom."""
    golden("checklist-open.md", markdown(document("shop", production(), "c" * 40, None)))


def walked(**more: Any) -> Walked:
    """A release that was promoted: a line failed without blocking, one is waived, one left out; one reminder is open."""
    at = 1795000000.0
    row = {"number": 42, "state": "released", "sentence": "r2 serves all of production", "commit_id": "c" * 40,
           "promoted_at": at + 5000, "ended_at": at + 9000, "asked_at": at, "kind": "release",
           "plan": {"digest": "d" * 64, "rungs": [
               {"name": "5 %", "judged": True, "duration_s": 600.0, "may_leave_early": False},
               {"name": "50 %", "judged": True, "duration_s": 1800.0, "may_leave_early": True},
               {"name": "100 %", "judged": False, "duration_s": 0.0, "may_leave_early": False}],
               "gates": {"asked": [
                   {"line": "told", "question": "Is support told?", "by": {"on-call": ["cy"]}, "of_plan": False,
                    "authors_count": True},
                   {"line": "approval", "question": "Release it to production?", "by": {"managers": ["ana", "bo"]}}],
                   "authors": ["ana"], "left_out": [["docs", "no path of docs/** changed"]],
                   "skips": [], "hotfix": ""}}}  # fmt: skip
    keys = {"build:began": 1, "build:done": 61, "shift:0": 900, "shifted:0": 910, "shift:1": 1600, "shifted:1": 1610,
            "shift:2": 3500, "shifted:2": 3510, "promoted": 5000}  # fmt: skip
    told = {key: {"at": at + second, "data": {}} for key, second in keys.items()}
    ended = [
        _check("revision", "lint", "waived", "failed, waived by ana until 2099-01-01 (a fix is awaited): 3 findings", at + 70),
        _check("revision", "tests", "passed", "410 passed", at + 90, evidence={"output": "3f2a" * 16}),
        _check("before", "database-backed-up", "passed", "`./backup.sh` ended with 0", at + 95),
        _check("candidate", "home", "passed", "GET / answered 200", at + 920),
        _check("promoted", "smoke", "failed", "`./smoke.sh` ended with 1: <no> *stock*", at + 3520, blocks=False),
    ]  # fmt: skip
    said = [
        _answer("told", "confirm", "cy", at + 100, "c" * 40),
        _answer("approval", "approve", "bo", at + 200, "d" * 64),
    ]
    due = [{"name": "review", "ask": "Lessons written down?", "by_group": "on-call", "due_at": at + 600000,
            "done_at": None, "person": "", "text": ""}]  # fmt: skip
    return dataclasses.replace(Walked(row, told, ended, said, due, at + 10000), **more)


def _check(moment: str, name: str, state: str, sentence: str, at: float, **facts: Any) -> dict[str, Any]:
    return {"moment": moment, "name": name, "state": state, "sentence": sentence, "at": at, "facts": facts}


def _answer(line: str, verb: str, person: str, at: float, digest: str) -> dict[str, Any]:
    return {
        "line": line,
        "verb": verb,
        "person": person,
        "at": at,
        "digest": digest,
        "reason": "",
        "until": None,
        "signed": "",
    }


def test_a_list_that_a_release_has_ticked() -> None:
    """Every box with what ticked it: release, time, evidence; what failed, is waived or left out has a sign and its reason."""
    golden("checklist-released.md", markdown(document("shop", production(), "c" * 40, walked())))


def test_the_list_as_data_says_the_same() -> None:
    """JSON has every box of the Markdown, by the same marks."""
    found = document("shop", production(), "c" * 40, walked())
    told = json.loads(as_json(found))
    assert [box["name"] for part in told["parts"] for box in part["boxes"]] == [
        b.name for _, part in found.parts for b in part
    ]
    assert {"done", "open", "failed", "waived", "left_out"} == {
        box["mark"] for part in told["parts"] for box in part["boxes"]
    }


def test_who_waits_for_people_has_open_boxes() -> None:
    """A question without its answer is open, says whom it waits for, and an author's own yes does not tick it."""
    waiting = walked()
    row = {**waiting.row, "promoted_at": None, "ended_at": None, "state": "awaiting"}
    said = [_answer("approval", "approve", "ana", row["asked_at"] + 5, "d" * 64)]
    found = document("shop", production(), "c" * 40, dataclasses.replace(waiting, row=row, events={}, answers=said))
    boxes = {box.name: box for _, part in found.parts for box in part}
    assert ("open", "open", "open") == (boxes["approval"].mark, boxes["told"].mark, boxes["after staging"].mark)
    assert "managers" in boxes["approval"].says


def test_a_release_that_really_went_is_ticked(tmp_path: Path) -> None:
    """The words of real records are understood: a release on paper ticks its build, its rungs and nothing that it did not reach."""
    sim = Simulation(tmp_path)
    sim.release()
    row = releases.get(sim.store, 1)
    assert row is not None
    assert row["state"] in EXIT_CODES
    told = {event["key"]: event for event in events.after(sim.store, 1, limit=5000)}
    seen = Walked(row, told, checks.of(sim.store, 1), answers.of(sim.store, 1), (), sim.clock.now())
    boxes = {
        box.name: box.mark for _, part in document("shop", sim.asked, row["commit_id"], seen).parts for box in part
    }
    assert {"done"} == set(boxes.values()), boxes
    assert len(boxes) == 1 + len(row["plan"]["rungs"])


def test_a_release_that_went_back_says_how_far_it_came() -> None:
    """The increments before the one that was left are ticked, that one is marked with the reason, the rest are open."""
    whole = walked()
    at = whole.row["asked_at"]
    row = {
        **whole.row,
        "state": "rolled_back",
        "promoted_at": None,
        "sentence": "it failed more requests than what ran before",
    }
    told = {
        key: whole.events[key] for key in ("build:began", "build:done", "shift:0", "shifted:0", "shift:1", "shifted:1")
    }
    gone = dataclasses.replace(whole, row=row, events={**told, "back": {"at": at + 1700, "data": {}}}, due=())
    boxes = {box.name: box for _, part in document("shop", production(), "c" * 40, gone).parts for box in part}
    assert ["done", "failed", "open"] == [boxes[name].mark for name in ("5 %", "50 %", "100 %")]
    assert "more requests" in boxes["50 %"].says
    assert "open" == boxes["bake 1h"].mark
