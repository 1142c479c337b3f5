"""Events as programs and logs read them: the schema holds for real streams, and the documents name every kind."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from penstock.records import events, orders, releases
from penstock.render import actions
from penstock.render.tell import as_json, as_line, ordered
from penstock.testing.simulation import Simulation
from tests.cli import lines, penstock
from tests.render.paper import WHY, Paper, canary
from tests.site import Site

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "docs/reference/events.schema.json").read_text())
PAGE = (ROOT / "docs/reference/events.md").read_text()
KINDS = set(SCHEMA["properties"]["kind"]["enum"])
VALID = Draft202012Validator(SCHEMA)


def kinds_told() -> set[str]:
    """The second word of every `tell` in the steps; a kind that is no plain word would be found as such."""
    found = set()
    for path in (ROOT / "src/penstock/steps").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "tell":
                kind = node.args[1]
                found.add(kind.value if isinstance(kind, ast.Constant) else ast.unparse(kind))
    return found - {"self.clock.now()"}  # World.tell itself, which hands on what it is given


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    yield site
    site.close()


def test_the_schema_is_one() -> None:
    """It is a valid schema, and it refuses what is no event."""
    Draft202012Validator.check_schema(SCHEMA)
    good = json.loads(as_json(ordered(Paper().row)))
    assert VALID.is_valid(good)
    for wrong in ({"kind": "rumour"}, {"id": 1}, {"format": 2}, {"data": {}}, {"more": 1}):
        assert not VALID.is_valid({**good, **wrong}), wrong


def test_every_kind_that_is_told_is_in_the_schema_and_on_the_page() -> None:
    """The steps tell these kinds and no others; each has its line on the page."""
    assert KINDS == kinds_told() | {"ordered"}
    assert KINDS == set(re.findall(r"^\| `(\w+)` \|", PAGE.split("## Kinds")[1], re.MULTILINE))


def test_every_line_of_a_real_stream_is_valid(site: Site) -> None:
    """A real canary, and one whose check fails: every line of `--json` is what the schema says, from the order on."""
    canary_of = "{is: canary, increments: [50% for 1s], min_ready: 200ms, start_within: 20s}"
    check = "checklist: {candidate: {home: {get: /}, fails: {sh: 'test \"$PENSTOCK_RELEASE\" -lt 3'}}}"
    told = []
    for word in ("v1", "v2", "v3"):
        site.commit(site.manifest(rollout=canary_of, env=f"WORD: {word}", instances=1, extra=check), word)
        site.load(60) if word == "v2" else None
        done = penstock(site, "release", "--to", "production", "--json")
        stream = lines(done.out)
        assert [] == [error.message for line in stream for error in VALID.iter_errors(line)], done
        assert ("ordered", "end") == (stream[0]["kind"], stream[-1]["kind"])
        told += stream
        assert stream == lines(penstock(site, "events", str(stream[0]["release"]), "--json").out)
    assert {"ordered", "stage", "done", "plan", "check", "move", "back", "end"} <= {line["kind"] for line in told}
    plain = penstock(site, "watch", "3", "--plain").out
    assert "is ordered by" in plain.splitlines()[0]
    assert all(re.match(r"\d\d:\d\d:\d\dZ \w+ +\S", line) for line in plain.splitlines())


@pytest.mark.parametrize("trouble", ["none", "fails", "held", "down"])
def test_every_event_of_a_release_on_paper_is_valid(trouble: str, tmp_path: Path) -> None:
    """Rollback, hold and a source that is down, too."""
    sim = Simulation(tmp_path, 200.0)
    sim.metrics.fail(sim.candidate.id, 0.3 if trouble == "fails" else 0.001)
    begin = sim.clock.monotonic()
    number = sim.order()
    if trouble == "held":
        given = {"person": "ana", "uid": 1, "service": "shop", "release": number}
        for second, verb in ((20, "hold"), (60, "promote")):
            sim.clock.at(begin + second, lambda v=verb: orders.give(sim.store, sim.clock.now(), v, **given))
    if trouble == "down":
        sim.clock.at(begin + 15, lambda: setattr(sim.metrics, "down", "no route"))
    sim.walk(number)
    row = releases.get(sim.store, number)
    assert row
    told = [ordered(row), *events.after(sim.store, number)]
    assert [] == [error.message for event in told for error in VALID.iter_errors(json.loads(as_json(event)))]
    assert [event["id"] for event in told] == sorted({event["id"] for event in told})


def test_a_line_is_one_line() -> None:
    """Whatever a text holds, an event is one line of a log, and one line of JSON."""
    event = Paper().tell(1, "x", "note", "one\ntwo\x1b[31m\r\u2028three").events[0]
    assert "10:42:01Z note    one two?[31m  three" == as_line(event)
    assert 1 == len(as_json(event).splitlines())


def test_annotations_are_escaped_by_github_s_rules() -> None:
    """%, CR and LF in a message; colon and comma in a property, too."""
    assert "::error title=a%3Ab%2Cc%25::50 %25 of it%0Asecond, third: line" == actions.annotation(
        "error", "50 % of it\nsecond, third: line", "a:b,c%"
    )
    assert "::group::5 %25" == actions.group("5 %")


def test_no_event_becomes_a_command_of_github() -> None:
    """A text that looks like a command is shown, and never acted on."""
    evil = ["::set-output name=x::y", "##[error]no", "a\n::error::b", "  ::stop-commands::x"]
    told = [Paper().tell(1, str(n), "note", text).events[0] for n, text in enumerate(evil)]
    for line in actions.told(told):
        assert not line.lstrip().startswith("::"), line
        assert "##[" not in line


def test_groups_are_opened_and_closed_in_turn() -> None:
    """Groups never nest, none stays open, and annotations stand outside of them."""
    paper = canary().go_back(54, WHY).end(60, "rolled_back", WHY, "verdict")
    is_open = False
    for line in actions.told(paper.seen(61).events):
        if line.startswith("::group::"):
            assert not is_open
            is_open = True
        elif line == "::endgroup::":
            assert is_open
            is_open = False
        elif line.startswith("::"):
            assert not is_open
    assert not is_open
    assert 2 == sum(line.startswith("::error") for line in actions.told(paper.seen(61).events))


def test_a_summary_fits_and_says_when_it_was_cut() -> None:
    """Never more than GitHub accepts, cut between lines, of whole characters."""
    assert "short\n" == actions.summary("short\n")
    long = "ä line of the report\n" * 100_000
    cut = actions.summary(long)
    assert len(cut.encode()) <= 1024 * 1024
    assert "`penstock show` has all of it" in cut
    assert "" == actions.summary(long, 10)


def test_github_gets_groups_and_the_report(site: Site, tmp_path: Path) -> None:
    """In GitHub Actions a release prints groups and a notice, and appends its report to the step's summary."""
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    site.commit(site.manifest(rollout="{is: all_at_once, min_ready: 200ms, start_within: 20s}", instances=1))
    done = penstock(site, "release", "--to", "production", GITHUB_ACTIONS="true", GITHUB_STEP_SUMMARY=str(summary))
    assert 0 == done.code, done
    assert done.out.count("::group::") == done.out.count("::endgroup::") > 1
    assert "::notice title=Penstock%3A release 1::released" in done.out
    assert summary.read_text().startswith("before\n# Release 1")
