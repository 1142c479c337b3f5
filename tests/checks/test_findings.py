"""The check `findings`: reports as the tools wrote them, and as nobody should."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from inspect import getdoc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from penstock.checks.findings import FindingsCheck, FindingsSection, judged, parsed
from penstock.checks.findings_allowed import fits, severity_of_score
from penstock.checks.findings_json import Unreadable
from penstock.checks.findings_told import ROOM, listed
from penstock.checks.reported import Produced, Report
from penstock.checks.running import Ended
from penstock.core import data
from penstock.core.finding import CheckRequest, Last, Outcome
from penstock.manifest.check import CheckSection
from penstock.manifest.pages import of_check
from penstock.manifest.shape import keys

RECORDED = Path(__file__).parent / "recorded" / "findings"
FOLDER = "/srv/shop"
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC).timestamp()
NEVER = Last()
Make = Callable[..., CheckRequest]


def recorded(name: str) -> bytes:
    """One recorded report."""
    return (RECORDED / name).read_bytes()


def judge(*reports: bytes, last: Last = NEVER, ended: Ended | None = None, **section: Any) -> Outcome:
    """The outcome for reports, by a section as a manifest writes it."""
    read = FindingsSection.model_validate({"report": "f.sarif", **section})
    plain = FindingsSection.model_validate(data.dump(read))
    assert read == plain
    files = tuple(Report(f"{n}.sarif", text) for n, text in enumerate(reports))
    return judged(plain, Produced(ended, files), FOLDER, last, NOW)


def sarif(*results: dict[str, Any], **run: Any) -> bytes:
    """A log of one run."""
    whole = {"tool": {"driver": {"name": "T"}}, "results": list(results), **run}
    return json.dumps({"version": "2.1.0", "runs": [whole]}).encode()


def result(
    rule: str = "R1", level: str = "error", path: str = "src/a.py", line: int = 3, **more: Any
) -> dict[str, Any]:
    """One result of a run."""
    place = {"physicalLocation": {"artifactLocation": {"uri": path}, "region": {"startLine": line}}}
    return {"ruleId": rule, "level": level, "message": {"text": "it is so"}, "locations": [place], **more}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ruff.sarif", ["F401 high src/app.py:1", "S602 high src/app.py:5", "S101 high src/app.py:6",
                        "S324 high src/app.py:7", "S608 high src/app.py:9"]),
        ("ruff-clean.sarif", []),
        ("bandit.sarif", ["B602 high src/app.py:5", "B324 high src/app.py:7", "B608 medium src/app.py:9",
                          "B404 low src/app.py:2", "B101 low src/app.py:6"]),
        ("bandit.json", ["B602 high src/app.py:5", "B324 high src/app.py:7", "B608 medium src/app.py:9",
                         "B404 low src/app.py:2", "B101 low src/app.py:6"]),
        ("cfn-lint.sarif", ["E3002 high template.yaml:6", "E3012 high template.yaml:7", "E3024 high template.yaml:7"]),
        ("checkov.sarif", ["CKV_AWS_18 high template.yaml:3", "CKV_AWS_21 high template.yaml:3"]),
        ("eslint.sarif", ["no-eval high app.js:2", "no-undef high app.js:2", "no-unused-vars medium app.js:2",
                          "eqeqeq medium app.js:2"]),
        ("eslint.json", ["no-eval high app.js:2", "no-undef high app.js:2", "no-unused-vars medium app.js:2",
                         "eqeqeq medium app.js:2"]),
        ("semgrep.sarif", ["sql-format high src/app.py:9", "md5 medium src/app.py:7"]),
        ("semgrep.json", ["sql-format high src/app.py:9", "md5 medium src/app.py:7"]),
        ("codeql.sarif", ["py/sql-injection high src/app.py:41",
                          "py/clear-text-logging-sensitive-data low src/app.py:44"]),
        ("trivy.sarif", ["AVD-AWS-0086 high template.yaml:3", "AVD-AWS-0089 low template.yaml:3"]),
    ],
)  # fmt: skip
def test_every_tool_is_read_alike(name: str, expected: list[str]) -> None:
    """Rule, severity and place of each finding, whoever wrote the report."""
    outcome = judge(recorded(name), at_most="none")
    found = [f"{f.condition.partition(':')[0]} {f.severity} {f.where}" for f in outcome.findings]
    assert sorted(expected) == sorted(found)
    assert ("failed" if expected else "passed") == outcome.state
    assert [] == [f for f in outcome.findings if not f.condition.partition(": ")[2] or not f.remedy]


@pytest.mark.parametrize(
    "name", ["bandit-broken.sarif", "bandit-broken.json", "eslint-broken.sarif", "eslint-broken.json"]
)
def test_a_file_that_was_not_parsed_is_no_pass(name: str) -> None:
    """An analyser that could not read a file did not inspect all of it."""
    outcome = judge(recorded(name))
    assert "errored" == outcome.state
    assert "not all was inspected" in outcome.sentence
    assert "bad." in outcome.sentence


@pytest.mark.parametrize(
    ("limit", "state", "sentence"),
    [
        ("none", "failed", ("5 of 5 findings are more than is allowed: B602 at src/app.py:5, B324 at src/app.py:7, "
                           "B608 at src/app.py:9, B404 at src/app.py:2, B101 at src/app.py:6")),
        ("low", "failed", ("3 of 5 findings are worse than low: B602 at src/app.py:5, B324 at src/app.py:7, "
                          "B608 at src/app.py:9")),
        ("medium", "failed", "2 of 5 findings are worse than medium: B602 at src/app.py:5, B324 at src/app.py:7"),
        ("high", "passed", "0 of 5 findings (2 high, 1 medium, 2 low) are worse than high"),
    ],
)  # fmt: skip
def test_what_is_worse_than_allowed_fails(limit: str, state: str, sentence: str) -> None:
    """The limit decides, and the sentence names what is above it."""
    assert (state, sentence) == ((found := judge(recorded("bandit.sarif"), at_most=limit)).state, found.sentence)


@pytest.mark.parametrize(
    ("own", "of_rule", "level", "expected"),
    [
        ({}, {}, "error", "high"),
        ({}, {}, "warning", "medium"),
        ({}, {}, "note", "low"),
        ({}, {}, "none", "info"),
        ({}, {}, None, "medium"),
        ({}, {"security-severity": "9.0"}, "note", "critical"),
        ({}, {"security-severity": "7"}, "note", "high"),
        ({}, {"security-severity": "6.9"}, "error", "medium"),
        ({}, {"security-severity": 0.1}, "error", "low"),
        ({}, {"security-severity": "0.0"}, "error", "info"),
        ({}, {"security-severity": "NaN"}, "error", "high"),
        ({"issue_severity": "LOW"}, {}, "error", "low"),
        ({}, {"tags": ["security", "CRITICAL"]}, "note", "critical"),
        ({}, {"tags": ["security", "high"]}, "note", "low"),
    ],
)
def test_severity_is_score_then_word_then_level(own: Any, of_rule: Any, level: str | None, expected: str) -> None:
    """The most exact of what a report says of a result's severity counts."""
    one = result(level="x", properties=own) | {"level": level}
    rules = {"driver": {"name": "T", "rules": [{"id": "R1", "properties": of_rule}]}}
    assert expected == parsed(sarif(one, tool=rules), FOLDER).found[0].severity


def test_bands_of_scores() -> None:
    """CVSS scores fall into CVSS's own bands."""
    scores = [0, 0.1, 3.9, 4, 6.9, 7, 8.9, 9, 10]
    bands = ["info", "low", "low", "medium", "medium", "high", "high", "critical", "critical"]
    assert bands == [severity_of_score(score) for score in scores]


@pytest.mark.parametrize(
    ("report", "said"),
    [
        (b"", "is empty"),
        (b"  \n", "is empty"),
        (b"\xff\xfe{", "is no UTF-8"),
        (b"{", "is no JSON"),
        (b"[" * 200_000, "is nested too deeply"),
        (b'{"version": NaN}', "is no JSON"),
        (b"3", "is neither a map nor a list"),
        (b"[]", "does not say that anything was inspected"),
        (b'[{"code": "F401"}]', "is a list of another kind"),
        (b"{}", "names no SARIF version"),
        (b'{"version": "2.0.0", "runs": []}', "is SARIF of version `2.0.0`"),
        (b'{"version": "2.1.0", "runs": []}', "has no run in it"),
        (b'{"version": "2.1.0"}', "has no `runs`"),
        (b'{"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "T"}}}]}', "has no results of T"),
        (b'{"version": "2.1.0", "runs": [{"results": []}]}', "has no `tool` of a run"),
        (b'{"version": "2.1.0", "runs": {"a": 1}}', "has no `runs` as it should be"),
        (b'{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": []}', "names no SARIF version"),
        (b'{"dependencies": [], "fixes": []}', "names no SARIF version"),
        (b"<?xml version='1.0'?><testsuites/>", "is no JSON"),
        (b'{"metrics": {"_totals": {}}, "results": [], "errors": []}', "names no file that bandit looked at"),
        (b'{"paths": {"scanned": []}, "results": [], "errors": []}', "names no file that semgrep looked at"),
        (sarif(result(level="fatal")), "has a result of the level `fatal`"),
    ],
)  # fmt: skip
def test_what_is_no_report_is_no_pass(report: bytes, said: str) -> None:
    """Broken, empty, without a run, or another tool's: errored, and why."""
    outcome = judge(report)
    assert "errored" == outcome.state
    assert said in outcome.sentence


@pytest.mark.parametrize(
    ("run", "said"),
    [
        ({"invocations": [{"executionSuccessful": False}]}, "T says that it did not come to its end"),
        (
            {"invocations": [{"executionSuccessful": True, "toolExecutionNotifications": [
                {"level": "error", "message": {"text": "rule R7 timed out"}}]}]},
            "T: rule R7 timed out",
        ),
    ],
)  # fmt: skip
def test_a_run_that_failed_is_no_pass(run: dict[str, Any], said: str) -> None:
    """An invocation that failed, or noted an error, did not inspect all, whatever it found."""
    for results in ((), (result(),)):
        outcome = judge(sarif(*results, **run))
        assert ("errored", True) == (outcome.state, said in outcome.sentence)


@pytest.mark.parametrize(
    ("code", "report", "state"),
    [
        (0, "ruff-clean.sarif", "passed"),
        (1, "ruff-clean.sarif", "errored"),
        (2, "ruff-clean.sarif", "errored"),
        (-9, "ruff.sarif", "errored"),
        (1, "ruff.sarif", "failed"),
        (0, "ruff.sarif", "failed"),
    ],
)
def test_an_exit_code_that_the_report_does_not_explain(code: int, report: str, state: str) -> None:
    """A tool that ended badly and found nothing broke off."""
    assert state == judge(recorded(report), ended=Ended(code, "", 1.0)).state


def test_one_bad_report_of_several_is_no_pass() -> None:
    """All reports are judged, and each has to be one."""
    assert "errored" == judge(recorded("ruff.sarif"), b"{}").state
    assert "10 of 10" in judge(recorded("ruff.sarif"), recorded("bandit.sarif"), at_most="none").sentence


def test_suppressions_are_counted_and_shown() -> None:
    """What the code suppresses does not block; its reason stands in the evidence."""
    outcome = judge(recorded("eslint-suppressed.sarif"))
    assert ("passed", "no findings; 1 suppressed") == (outcome.state, outcome.sentence)
    assert "suppressed in the code: legacy, see SHOP-12" in outcome.evidence[0].text


@pytest.mark.parametrize(
    ("suppressions", "state"),
    [
        ([], "failed"),
        ([{"kind": "external"}], "passed"),
        ([{"kind": "external", "status": "accepted"}], "passed"),
        ([{"kind": "external", "status": "underReview"}], "failed"),
        ([{"kind": "external", "status": "rejected"}], "failed"),
        ([{"kind": "inSource"}, {"kind": "external", "status": "rejected"}], "failed"),
    ],
)
def test_only_an_accepted_suppression_counts(suppressions: list[Any], state: str) -> None:
    """A suppression that is under review or rejected lets nothing through."""
    assert state == judge(sarif(result(suppressions=suppressions))).state


@pytest.mark.parametrize(
    ("ignore", "state"),
    [
        ({"rule": "R1"}, "passed"),
        ({"rule": "R*"}, "passed"),
        ({"path": "src/**"}, "passed"),
        ({"rule": "R1", "path": "tests/**"}, "failed"),
        ({"rule": "R2", "path": "src/**"}, "failed"),
        ({"rule": "R1", "until": "2026-11-21"}, "passed"),
        ({"rule": "R1", "until": "2026-11-20"}, "failed"),
    ],
)
def test_what_is_ignored_by_name(ignore: dict[str, str], state: str) -> None:
    """A rule, a path or both; on its last day it still counts, on the next it is said to be over."""
    outcome = judge(sarif(result()), ignore=[{"reason": "a test", **ignore}])
    assert state == outcome.state
    assert ("1 ignored" in outcome.sentence) == (state == "passed")
    over = ignore.get("until") == "2026-11-20"
    assert over == ("1 `ignore` is over" in outcome.sentence)
    assert over == any("ended on 2026-11-20" in f.condition for f in outcome.findings)


@pytest.mark.parametrize(
    ("glob", "path", "expected"),
    [
        ("tests/**", "tests/a/b.py", True),
        ("tests/*", "tests/a/b.py", False),
        ("**/a.py", "a.py", True),
        ("**/a.py", "x/y/a.py", True),
        ("a?.py", "ab.py", True),
        ("a.py", "axpy", False),
        ("tests/**", "src/tests/a.py", False),
    ],
)
def test_globs_of_paths(glob: str, path: str, expected: bool) -> None:
    """`*` stays in a folder, `**` crosses them, all else is itself."""
    assert expected == fits(glob, path)


def last_of(*reports: bytes) -> Last:
    """The last release, that measured these reports."""
    measured = json.loads(json.dumps(data.dump(dict(judge(*reports, at_most="critical").measured))))
    return Last(commit="a" * 40, measured=measured)


def test_only_what_is_new_counts() -> None:
    """What the last release had does not block, further down the file too; one more of the same does."""
    before = sarif(result(line=3, message={"text": "line 3 is 130 long"}), result("R2"))
    moved = [result(line=30, message={"text": "line 30 is 131 long"}), result("R2", line=9)]
    outcome = judge(sarif(*moved), new_only="true", last=last_of(before))
    assert "passed" == outcome.state
    assert "0 new of 2 findings (2 high) are worse than medium; 2 were there before" == outcome.sentence
    more = judge(sarif(*moved, result("R2", line=12)), new_only="true", last=last_of(before))
    assert ("failed", 1) == (more.state, len(more.findings))
    assert "1 new of 3 findings is worse than medium: R2 at src/a.py:12; 2 were there before" == more.sentence


def test_a_fingerprint_names_a_finding() -> None:
    """The tool's own fingerprint counts more than the text; one that is the same for all counts nothing."""
    one = result(partialFingerprints={"hash/v1": "39fa2ee980eb94b0:1"}, message={"text": "a"})
    same = result(partialFingerprints={"hash/v1": "39fa2ee980eb94b0:1"}, message={"text": "b"}, line=99)
    assert "passed" == judge(sarif(same), new_only="true", last=last_of(sarif(one))).state
    none = [result(fingerprints={"matchBasedId/v1": "requires login"}, message={"text": word}) for word in "ab"]
    assert "failed" == judge(sarif(none[1]), new_only="true", last=last_of(sarif(none[0]))).state


def test_a_finding_is_the_same_in_another_folder() -> None:
    """Where the files lay does not matter: each release has a folder of its own."""
    elsewhere = recorded("ruff.sarif").replace(b"/srv/shop", b"/srv/other")
    here = [one.identity for one in parsed(recorded("ruff.sarif"), "/srv/shop").found]
    assert here == [one.identity for one in parsed(elsewhere, "/srv/other").found]
    both = [sarif(result(message={"text": f"see {folder}/src/b.py"})) for folder in ("/srv/shop", "/srv/other")]
    found = [parsed(both[0], "/srv/shop").found[0], parsed(both[1], "/srv/other").found[0]]
    assert found[0].identity == found[1].identity
    assert len(here) == len(set(here))


@pytest.mark.parametrize("last", [Last(), Last(commit="a" * 40), Last(commit="a" * 40, measured={"known": 3})])
def test_nothing_to_compare_with_is_said(last: Last) -> None:
    """Without a last release what is worse is undecided and all listed; what is not, passes."""
    outcome = judge(recorded("bandit.sarif"), new_only="true", last=last)
    assert ("undecided", 2) == (outcome.state, len(outcome.findings))
    assert outcome.sentence.endswith("there is no last release to compare with")
    clean = judge(recorded("ruff-clean.sarif"), new_only="true", last=last)
    assert ("passed", "no findings; there is no last release to compare with") == (clean.state, clean.sentence)


def test_only_its_own_line_names_a_finding_of_bandit() -> None:
    """The lines around it, which bandit shows as well, may change."""
    whole = json.loads(recorded("bandit.json"))
    before = [one.identity for one in parsed(json.dumps(whole).encode(), FOLDER).found]
    for one in whole["results"]:
        rows = one["code"].splitlines()
        one["code"] = "\n".join(row if row.startswith(f"{one['line_number']} ") else f"{row} # else" for row in rows)
    assert before == [one.identity for one in parsed(json.dumps(whole).encode(), FOLDER).found]


@pytest.mark.parametrize(("level", "state"), [("error", "errored"), ("warn", "passed")])
def test_an_error_of_semgrep_is_no_pass(level: str, state: str) -> None:
    """semgrep notes what it could not inspect; a warning of it is none."""
    whole = {**json.loads(recorded("semgrep.json")), "errors": [{"level": level, "message": "rule timed out"}]}
    outcome = judge(json.dumps(whole).encode(), at_most="critical")
    assert (state, state == "errored") == (outcome.state, "semgrep: rule timed out" in outcome.sentence)


def test_what_was_let_through_is_not_known() -> None:
    """When a suppression or an `ignore` goes, what it let through is new."""
    ignored = judge(sarif(result()), ignore=[{"rule": "R1", "reason": "a test"}])
    assert [] == ignored.measured["known"]
    assert [] == judge(sarif(result(suppressions=[{"kind": "inSource"}]))).measured["known"]


def test_results_that_say_all_is_well_are_none() -> None:
    """A result of the kind `pass`, and one that is no longer there, are no findings."""
    report = sarif(result(kind="pass"), result(kind="notApplicable"), result(baselineState="absent"))
    assert ("passed", "no findings") == ((outcome := judge(report)).state, outcome.sentence)


def test_a_huge_report_is_told_in_bounds() -> None:
    """Twenty thousand findings: a hundred told, the evidence cut and said so, what is measured bounded."""
    outcome = judge(sarif(*(result(f"R{n}", message={"text": "x" * 50}) for n in range(20_000))))
    assert (100, "and 19901 more") == (len(outcome.findings), outcome.findings[-1].condition)
    assert outcome.sentence.startswith("20000 of 20000 findings are worse than medium: R0 at src/a.py:3, ")
    assert len(outcome.sentence) <= 300
    assert len(outcome.evidence[0].text.encode()) <= ROOM
    assert "[cut here: " in outcome.evidence[0].text[-60:]
    assert 4000 == len(outcome.measured["known"])
    assert len(json.dumps(dict(outcome.measured))) < 80_000


def test_a_sentence_of_very_many_is_made_at_once() -> None:
    """However many names there are, five at most are tried."""
    began = time.process_time()
    assert "h: a, a, a, a, a and 299995 more" == listed("h", ["a"] * 300_000)
    assert time.process_time() - began < 0.5


def test_control_characters_are_not_told() -> None:
    """What could move a terminal's cursor stands in no text of an outcome."""
    bad = "a\x1b[2Jb\r\nc\u202ed"
    outcome = judge(sarif(result(bad, path=bad, message={"text": bad})))
    texts = [outcome.sentence, *(w for f in outcome.findings for w in (f.condition, f.where))]
    assert all(sign.isprintable() for sign in "".join(texts))
    assert "\x1b" not in outcome.evidence[0].text


@given(st.one_of(st.binary(max_size=200), st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(
        ["version", "runs", "tool", "driver", "name", "results", "ruleId", "message", "text", "locations", "level",
         "rules", "id", "invocations", "metrics", "paths", "scanned", "errors", "filePath", "messages", "properties"]),
        inner, max_size=5), max_leaves=25).map(lambda value: json.dumps(value).encode())))  # fmt: skip
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_an_outcome(report: bytes) -> None:
    """Whatever lies in a report's file, the check ends in an outcome."""
    assert judge(report).state in ("passed", "failed", "errored")


@given(st.sampled_from(sorted(path.name for path in RECORDED.glob("*.*") if path.suffix != ".md")), st.data())
@settings(max_examples=150, deadline=None)
def test_a_damaged_report_does_not_pass(name: str, choose: Any) -> None:
    """What was cut off, or overwritten in places, never passes where the whole did not."""
    whole = recorded(name).rstrip()
    if judge(whole).state == "passed":
        return
    at = choose.draw(st.integers(0, len(whole) - 1))
    assert "errored" == judge(whole[:at]).state
    assert "passed" != judge(whole[:at] + b"\0" + whole[at + 1 :]).state


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"run": "ruff check"}, "there is no `report` to judge"),
        ({"report": "a", "at_most": "severe"}, "Input should be"),
        ({"report": "a", "ignore": [{"rule": "R"}]}, "reason"),
        ({"report": "a", "ignore": [{"rule": "R", "reason": " "}]}, "this reason is empty"),
        ({"report": "a", "ignore": [{"reason": "b"}]}, "this lets everything through"),
        ({"report": "a", "ignore": [{"rule": "R", "reason": "b", "until": "2027-W01-1"}]}, "is not a day"),
        ({"report": "a", "ignore": [{"rule": "R", "reason": "b", "until": "soon"}]}, "is not a day"),
        ({"report": "../a"}, "leads out of the repository"),
    ],
)
def test_a_section_that_cannot_be_is_refused(section: dict[str, Any], said: str) -> None:
    """What could never be judged is refused when the manifest is read."""
    with pytest.raises(ValidationError) as refused:
        FindingsSection.model_validate(section)
    assert said in str(refused.value)


def test_it_is_steady_unless_the_day_or_another_release_counts() -> None:
    """An end of an `ignore`, and a comparison, are no part of the commit."""
    ignore = [{"rule": "R", "reason": "b"}]
    assert FindingsSection.model_validate({"report": "a", "ignore": ignore}).steady
    assert not FindingsSection.model_validate({"report": "a", "new_only": "true"}).steady
    assert not FindingsSection.model_validate({"report": "a", "ignore": [{**ignore[0], "until": "2027-01-01"}]}).steady


def test_every_key_has_its_item() -> None:
    """What can be written is explained."""
    own = set(keys(FindingsSection)) - set(keys(CheckSection))
    own |= {f"ignore.{key}" for key in ("rule", "path", "reason", "until")}
    assert own == set(of_check(getdoc(FindingsCheck) or ""))


def test_a_command_writes_the_report(request_for: Make, tmp_path: Path) -> None:
    """A report that a command writes is judged; a command that writes none is errored, whatever it exits with."""
    section = FindingsSection.model_validate(
        {"run": ["cp", str(RECORDED / "bandit.sarif"), "f.sarif"], "report": "f.sarif"}
    )
    made = request_for(data.dump(section), folder=str(tmp_path), env={"PATH": "/usr/bin:/bin"})
    outcome = FindingsCheck().run(made)
    assert ("failed", "findings") == (outcome.state, outcome.evidence[0].name)
    for word in ("true", "false"):
        section = FindingsSection.model_validate({"run": word, "report": "other.sarif"})
        made = request_for(data.dump(section), folder=str(tmp_path), env={"PATH": "/usr/bin:/bin"})
        assert "errored" == FindingsCheck().run(made).state


def test_a_report_names_no_secret(request_for: Make, tmp_path: Path) -> None:
    """A secret that an analyser quotes is masked in every text."""
    secret = "s3cr3t/t0ken"
    (tmp_path / "f.sarif").write_bytes(sarif(result(message={"text": f"hard-coded {secret}"}, path=f"src/{secret}")))
    section = data.dump(FindingsSection.model_validate({"report": "f.sarif", "sees": ["TOKEN"]}))
    outcome = FindingsCheck().run(request_for(section, folder=str(tmp_path), secrets={"TOKEN": secret}))
    assert "failed" == outcome.state
    assert secret not in repr(outcome)


def test_unreadable_says_where() -> None:
    """The parser raises one error of its own, and it names the part."""
    with pytest.raises(Unreadable, match="`rules`"):
        parsed(sarif(tool={"driver": {"name": "T", "rules": 3}}), FOLDER)
