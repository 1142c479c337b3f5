"""Past releases by another policy: real records, made on paper, tried again."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner

from penstock.cli import root
from penstock.core import data
from penstock.core.known import Known
from penstock.core.plan import Plan
from penstock.core.rejudging import Rejudged, drawn, policy_by, rejudge
from penstock.core.report_series import Series
from penstock.errors import ManifestError, UserError
from penstock.manifest.section import Margin
from penstock.manifest.verdict import ErrorRules, Verdict
from penstock.records import audit, releases
from penstock.records.store import Row
from penstock.rejudging import Tried, case_of, past, read_policy, try_many
from penstock.release import bake
from penstock.render.rejudged import page
from penstock.state import State
from penstock.steps import Steps
from penstock.testing.simulation import MemoryJournal, Simulation, environment

SCHEMA = json.loads((Path(__file__).parents[1] / "docs/reference/replay.schema.json").read_text())
STRICT = Verdict(false_rollbacks=0.5, errors=ErrorRules(against_stable=Margin(ratio=1.0, points=0.0)))
LAX = Verdict(errors=ErrorRules(at_most="50%", against_stable="40x + 5pp", promote_at="50x + 9pp"))


@pytest.fixture
def folder() -> Iterator[Path]:
    """Records in memory where there is some."""
    place = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    yield place
    shutil.rmtree(place)


def released(folder: Path, errors: float, *, bake_s: float = 0.0) -> Simulation:
    """One release of a candidate that fails so often, walked to its end."""
    sim = Simulation(folder, asked=environment(bake_s=bake_s))
    sim.metrics.fail(sim.candidate.id, errors)
    sim.release()
    return sim


def kept(state: State, sim: Simulation, verdict: str) -> None:
    """A commit whose manifest says so, as what the release was made of."""
    repository = state.repository("shop")
    repository.mkdir(parents=True)
    manifest = f"penstock: 1\nservice: shop\nrun: x\nenvironments: {{production: {{target: {{is: local, port: 8080}}, verdict: {{{verdict}}}}}}}\n"  # noqa: E501
    (repository / "penstock.yaml").write_text(manifest)
    git = ["git", "-c", "user.name=ana", "-c", "user.email=ana@example.com"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "all"]):
        subprocess.run([*git, *words], cwd=repository, check=True)
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=repository, check=True, text=True, capture_output=True)
    releases.update(sim.store, 1, commit_id=head.stdout.strip())


def row_of(sim: Simulation, number: int = 1) -> Row:
    row = releases.get(sim.store, number)
    assert row
    return row


def tried(sim: Simulation, asked: Verdict, number: int = 1) -> Rejudged:
    lines = audit.read(sim.folder / "audit.log")
    return rejudge(case_of(sim.store, lines, sim.folder / "evidence", row_of(sim, number)), asked)


def all_of(sim: Simulation, asked: Verdict) -> Tried:
    rows = past(sim.store, "shop", None, 20)
    return try_many(sim.store, audit.read(sim.folder / "audit.log"), sim.folder / "evidence", rows, lambda _: asked)


@pytest.mark.parametrize("errors", [0.001, 0.01, 0.3])
def test_the_same_policy_changes_nothing(folder: Path, errors: float) -> None:
    """By the policy that decided it, a release comes to what it came to, at the same second."""
    sim = released(folder, errors)
    found = tried(sim, sim.asked.verdict)
    assert found.recorded == found.other
    assert () == found.notes
    assert (row_of(sim)["state"] == "rolled_back") == (found.recorded.outcome == "unhealthy")


def test_the_policy_of_then_is_made_again(folder: Path) -> None:
    """From the keys of `verdict`, the record and what was known comes the very policy that was kept as evidence."""
    sim = released(folder, 0.001, bake_s=30)
    case = case_of(sim.store, audit.read(sim.folder / "audit.log"), sim.folder / "evidence", row_of(sim))
    assert case.course.rules.policy == policy_by(sim.asked.verdict, case.course.rules, case.known)
    assert case.known == data.load(Known, row_of(sim)["facts"]["known"])


def test_a_stricter_policy_is_sooner(folder: Path) -> None:
    """Who asks for less evidence sends it back earlier, and harms no more."""
    found = tried(released(folder, 0.01), STRICT)
    assert "bad" == found.was
    assert found.sooner_s is not None
    assert 0 < found.sooner_s
    assert found.other.harmed <= found.recorded.harmed
    assert 100 == found.other.weight_permille


def test_what_was_not_measured_is_not_decided(folder: Path) -> None:
    """A laxer policy would have gone on where the record ends: nobody knows how that ends."""
    found = tried(released(folder, 0.02), LAX)
    assert "unhealthy" == found.recorded.outcome
    assert ("undecided", None) == (found.other.outcome, found.other.at_s)
    assert found.sooner_s is None


def test_moments_and_weights_are_those_of_the_log(folder: Path) -> None:
    """The second of the verdict lies just before the move that it caused, at the weight that was in force."""
    sim = released(folder, 0.3)
    found = tried(sim, sim.asked.verdict).recorded
    lines = list(audit.read(sim.folder / "audit.log"))
    shift = next(line["at"] for line in lines if line["what"] == "shift" and line["weight_permille"])
    move = next(line["at"] for line in lines if line["what"] == "move: abort")
    assert found.at_s is not None
    assert -3 < shift + found.at_s - move < 3
    assert 100 == found.weight_permille
    assert 100 < found.peak


def test_a_good_release_that_is_lost_is_counted(folder: Path) -> None:
    """Of what was released and stayed, the summary names what a policy would have sent back."""
    sim = released(folder, 0.0025)
    assert "released" == row_of(sim)["state"]
    found = all_of(sim, STRICT)
    assert ("shop/production/1",) == found.summary.lost
    assert 1 == found.summary.good
    assert 0 == found.summary.bad


def test_who_was_gone_back_from_is_not_good(folder: Path) -> None:
    """A release that a person took back afterwards says nothing for a policy that lets it through."""
    sim = released(folder, 0.001)
    number = sim.order("rollback")
    releases.update(sim.store, number, state="released", revision=sim.stable.id, promoted_at=sim.clock.now())
    assert "neither" == tried(sim, sim.asked.verdict).was


def test_a_bake_that_went_wrong_is_bad_from_its_second_on(folder: Path) -> None:
    """What the verdict sent back after its promotion counts as bad, at the second of the bake that showed it."""
    sim = released(folder, 0.001, bake_s=600)
    sim.clock.at(sim.clock.monotonic() + 100, lambda: sim.metrics.fail(sim.candidate.id, 0.5))
    plan = {name: value for name, value in row_of(sim)["plan"].items() if name != "digest"}
    bake(Steps(sim.world(1), MemoryJournal().run), data.load(Plan, plan))
    assert ("rolled_back", "verdict") == (row_of(sim)["state"], row_of(sim)["cause"])
    found = tried(sim, sim.asked.verdict)
    assert ("bad", "unhealthy", 1000) == (found.was, found.recorded.outcome, found.recorded.weight_permille)
    assert "healthy" == found.other.outcome
    assert found.recorded.at_s is not None
    assert found.reaches_s < found.recorded.at_s


def test_a_changed_record_is_refused_and_one_of_many_is_said(folder: Path) -> None:
    """Evidence that is not what was kept judges nothing: alone it is an error, among many it is named."""
    sim = released(folder, 0.001)
    sim.release()
    digest = next(line["readings"] for line in audit.read(sim.folder / "audit.log") if line.get("readings"))
    path = sim.folder / "evidence" / digest[:2] / digest
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(UserError) as caught:
        tried(sim, STRICT)
    assert "evidence-changed" == caught.value.code
    path.unlink()
    found = all_of(sim, STRICT)
    assert ["evidence-gone"] == [one.code for one in found.unread]
    assert [] == [one.release for one in found.releases if one.release == "shop/production/1"]


def test_what_readings_do_not_tell_is_named(folder: Path) -> None:
    """Conditions, limits and how errors are counted cannot be tried; response times that nobody recorded neither."""
    asked = read_policy(
        "fail_if: errors > 5\nmemory: {at_most: 1GB}\nerrors: {hung_after: 2s}\nlatency: {p99: {against_stable: 1.2x}}\n",
        "p",
    ).over(Verdict())
    found = tried(released(folder, 0.001), asked)
    assert ("memory", "fail_if", "errors.hung_after") == found.unjudged
    assert ("no response times were recorded: `latency` accepts nothing",) == found.notes
    assert "undecided" == found.other.outcome


@pytest.mark.parametrize("text", ["false_rollbacks: 2%\n", "verdict:\n  false_rollbacks: 2%\n"])
def test_a_policy_is_the_keys_of_verdict(text: str) -> None:
    """With the word `verdict` above them, or without it."""
    assert Verdict(false_rollbacks=0.02) == read_policy(text, "policy.yaml").over(Verdict())


@pytest.mark.parametrize(
    ("text", "code", "line", "column"),
    [
        ("errors:\n  at_mots: 5%\n", "unknown-key", 2, 3),
        ("false_rollbacks: 200%\n", "value", 1, 18),
        ("errors: {at_most: 5%}\nrollout:\n  increments: [5% for 1m]\n", "not-replayed", 2, 1),
        ("verdict: {false_rollbacks: 1%}\nincrements: [5% for 1m]\n", "not-replayed", 2, 1),
        ("traffic: {get: [/], rps: 5}\n", "not-replayed", 1, 1),
        ("verdict:\n  false_rollbacks: 1%\n  metrics: {is: json, url: 'http://127.0.0.1:1', step: 10s}\n", "not-replayed", 3, 3),
        ("metrics: none\n", "not-replayed", 1, 1),
        ("# nothing\n", "empty", 1, 1),
        ("{}\n", "empty", 1, 1),
        ("verdict: {}\n", "empty", 1, 1),
        ("errors: {}\n", "empty", 1, 1),
        ("a: [\n", "yaml", 2, 1),
    ],
)  # fmt: skip
def test_mistakes_have_their_place(text: str, code: str, line: int, column: int) -> None:
    """A file that is wrong is refused as a manifest is: with the line and the column, and what to write instead."""
    with pytest.raises(ManifestError) as caught:
        read_policy(text, "policy.yaml").over(Verdict())
    (problem, *_) = [one for one in caught.value.problems if one.code == code] or [None]
    assert problem, caught.value.problems
    assert (line, column) == (problem.line, problem.column)
    assert problem.instead
    assert "penstock: 1" != problem.instead


ASKED = {
    "false_rollbacks": "2%",
    "errors": {"at_most": "1%", "against_stable": "4x", "promote_at": "5x + 1pp", "hung_after": "2s"},
    "latency": {"p99": {"at_most": "500ms", "against_stable": "1.2x"}},
    "fail_if": {"if": "orders < 1", "over": "5m"},
    "measures": {"orders": {"is": "rate", "at_least_of_stable": "0.8x", "promote_at": "0.5x"}},
}
OWN = Verdict.model_validate(ASKED)


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("errors: {against_stable: 3x}", "errors", {**ASKED["errors"], "against_stable": "3x"}),  # type: ignore[dict-item]
        ("latency: none", "latency", None),
        ("latency: {p99: {at_most: none}}", "latency", {"p99": {"against_stable": "1.2x"}}),
        ("latency: {p50: {at_most: 1s}}", "latency", {**ASKED["latency"], "p50": {"at_most": "1s"}}),  # type: ignore[dict-item]
        ("fail_if: errors > 5", "fail_if", {"if": "errors > 5"}),
        ("fail_if: {over: 2m}", "fail_if", {"if": "orders < 1", "over": "2m"}),
        ("orders: {is: count, at_most: 9}", "measures", {"orders": {"is": "count", "at_most": "9"}}),
        ("throttles: none", "throttles", None),
    ],
)  # fmt: skip
def test_a_file_is_laid_over_the_releases_own(text: str, key: str, value: object) -> None:
    """What the file does not say stays as the release was judged; what it says replaces that key alone; `none` takes one away."""
    assert Verdict.model_validate({**ASKED, key: value}) == read_policy(text, "policy.yaml").over(OWN)


def test_what_fits_beside_the_releases_own_is_no_mistake() -> None:
    """A margin that is wider than the default's acceptance fits where the release's own is wider still, and only there."""
    found = read_policy("errors: {against_stable: 4.5x}", "policy.yaml")
    assert 5.0 == found.over(OWN).errors.promote_at.ratio
    with pytest.raises(ManifestError) as caught:
        found.over(Verdict())
    assert (1, 26) == (caught.value.problems[0].line, caught.value.problems[0].column)


def test_what_a_file_says_is_told_key_by_key() -> None:
    """As it was written, with the way to it."""
    found = read_policy("errors:\n  against_stable: 1.2x + 0.02pp\nlatency: none\n", "policy.yaml")
    assert ("errors.against_stable: 1.2x + 0.02pp", "latency: none") == found.said()


def test_a_file_that_fits_none_of_many_is_a_mistake(folder: Path) -> None:
    """Where no release can be judged because of the file, its mistake is shown, and not once for each."""
    sim = released(folder, 0.001)
    found = read_policy("false_rollbacks: 200%\n", "policy.yaml")
    rows = past(sim.store, "shop", None, 20)
    with pytest.raises(ManifestError):
        try_many(sim.store, audit.read(sim.folder / "audit.log"), sim.folder / "evidence", rows,
                 lambda _: found.over(Verdict()))  # fmt: skip


def test_the_page_draws_both(folder: Path) -> None:
    """Both policies' evidence is drawn over the same seconds, and nothing is fetched from elsewhere."""
    sim = released(folder, 0.01)
    case = case_of(sim.store, audit.read(sim.folder / "audit.log"), sim.folder / "evidence", row_of(sim))
    series: tuple[Series, Series] = drawn(case, STRICT)
    made = page(rejudge(case, STRICT), "<policy>", *series)
    assert series[0].errors == series[1].errors
    assert 2.0 == series[1].odds_limit
    assert 2 == made.count("Evidence against the candidate: ")
    assert "&lt;policy&gt;" in made
    assert "//" not in made.replace("<!doctype html>", "")


def test_the_command_says_it_as_text_and_as_data(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`penstock replay`: one release and many, for people and for programs; mistakes end with 2, not with a traceback."""
    state = State(folder / "state").make().root
    sim = released(state, 0.01)
    kept(State(state), sim, "false_rollbacks: 1%, errors: {at_most: 3%}")
    monkeypatch.setenv("PENSTOCK_STATE", str(state))
    policy = folder / "policy.yaml"
    policy.write_text("false_rollbacks: 40%\n")
    run = CliRunner()
    one = run.invoke(root, ["replay", "1", "--with", str(policy), "--html", str(folder / "page.html")])
    assert 0 == one.exit_code, one.output
    assert "policy.yaml would have sent it back" in one.output
    assert "earlier" in one.output
    assert "by the release's own `verdict`, with policy.yaml laid over it:\n  false_rollbacks: 40%\n" in one.output
    assert (folder / "page.html").read_text().startswith("<!doctype html>")
    many = run.invoke(root, ["replay", "--service", "shop", "--with", str(policy)])
    assert "policy.yaml would have cost 0 of 0 good releases" in many.output
    assert "of 1 bad one it would have sent back 1 sooner" in many.output
    plain = run.invoke(root, ["replay", "--service", "shop", "--with", str(policy), "--json"])
    told = json.loads(plain.output)
    jsonschema.validate(told, SCHEMA)
    assert ["false_rollbacks: 40%"] == told["over"]
    assert told["releases"][0]["sooner_s"] == told["summary"]["median_sooner_s"]
    wrong = run.invoke(root, ["replay", "1", "--last", "3"])
    assert 2 == wrong.exit_code
    none = run.invoke(root, ["replay", "--service", "other", "--with", str(policy)])
    assert isinstance(none.exception, UserError)
    assert "nothing-to-replay" == none.exception.code
