"""The check `vulnerabilities`: audits as the tools write them, and every way in which silence is no pass."""

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

from penstock.checks.reported import Produced, Report
from penstock.checks.running import Ended
from penstock.checks.vulnerabilities import VulnerabilitiesCheck, VulnerabilitiesSection, commands, judged
from penstock.checks.vulnerabilities_reports import moment
from penstock.core import data
from penstock.core.finding import CheckRequest, Outcome
from penstock.manifest.check import CheckSection
from penstock.manifest.pages import of_check
from penstock.manifest.shape import keys

RECORDED = Path(__file__).parent / "recorded" / "vulnerabilities"
GOOD = {"pip-audit.json", "npm-2.json", "npm-1.json", "osv-scanner.json", "trivy.json", "grype.json", "snyk.json"}
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC).timestamp()
FRESH = NOW - 3600
Make = Callable[..., CheckRequest]


def recorded(name: str) -> bytes:
    """One recorded report."""
    return (RECORDED / name).read_bytes()


def judge(*reports: bytes, dated: float | None = FRESH, ended: Ended | None = None, **section: Any) -> Outcome:
    """The outcome for reports, by a section as a manifest writes it."""
    read = VulnerabilitiesSection.model_validate({"report": "a.json", **section})
    plain = VulnerabilitiesSection.model_validate(data.dump(read))
    assert read == plain
    files = tuple(Report(f"{n}.json", text) for n, text in enumerate(reports))
    return judged(plain, [Produced(ended, files)], dated, NOW)


def changed(name: str, **more: Any) -> bytes:
    """A recorded report with other values at its top; None takes a key away."""
    whole = {**json.loads(recorded(name)), **more}
    return json.dumps({key: value for key, value in whole.items() if value is not None}).encode()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("pip-audit.json", ["high flask 0.5 PYSEC-2018-66 -> flask 0.12.3", "high flask 0.5 PYSEC-2019-179 -> flask 1.0"]),
        ("npm-2.json", ["critical minimist <0.2.4 GHSA-xvch-5gv4-984h -> mkdirp 0.5.6",
                        "medium minimist <0.2.1 GHSA-vh95-rmgr-6w4m -> mkdirp 0.5.6"]),
        ("npm-1.json", ["low minimist 0.0.8 CVE-2020-7598 -> minimist >=0.2.1 <1.0.0 || >=1.2.3"]),
        ("osv-scanner.json", ["high github.com/gogo/protobuf 1.3.1 GHSA-c3h9-896r-86jm -> github.com/gogo/protobuf 1.3.2"]),
        ("trivy.json", ["high werkzeug 2.2.2 CVE-2023-25577 -> werkzeug 2.2.3",
                        "low werkzeug 2.2.2 CVE-2023-23934 -> werkzeug 2.2.3"]),
        ("grype.json", ["high werkzeug 2.2.2 GHSA-xg9f-g7g7-2323 -> werkzeug 2.2.3"]),
        ("snyk.json", ["critical minimist 0.0.8 SNYK-JS-MINIMIST-2429795 -> minimist 0.2.4 or 1.2.6"]),
    ],
)  # fmt: skip
def test_every_tool_is_read_alike(name: str, expected: list[str]) -> None:
    """Severity, package, version, number and remedy of each, whoever wrote the report."""
    outcome = judge(recorded(name), at_most="none")
    said = [f.condition.split(":")[0].replace(" has ", " ").split(",")[0] for f in outcome.findings]
    assert expected == [f"{f.severity} {s} -> {f.remedy}" for f, s in zip(outcome.findings, said, strict=True)]
    assert "failed" == outcome.state
    assert "passed" == judge(recorded(name), at_most="critical").state


def test_the_sentence_names_the_worst() -> None:
    """How many of how many, which, and how many packages were looked at."""
    outcome = judge(recorded("trivy.json"))
    sentence = (
        "1 of 2 known vulnerabilities is worse than medium: werkzeug 2.2.2 (CVE-2023-25577); 2 packages looked at"
    )
    assert ("failed", sentence) == (outcome.state, outcome.sentence)
    passed = judge(recorded("trivy.json"), at_most="high")
    assert "0 of 2 known vulnerabilities (1 high, 1 low) are worse than high; 2 packages looked at" == passed.sentence
    assert ["werkzeug CVE-2023-25577", "werkzeug CVE-2023-23934"] == passed.measured["vulnerabilities"]


@pytest.mark.parametrize(
    ("report", "said"),
    [
        (recorded("pip-audit-skipped.json"), "skips arrow and 2 more: Dependency not found on PyPI"),
        (recorded("pip-audit-empty.json"), "names no package that was looked at"),
        (recorded("npm-405.json"), "says that no advisories were reached: 405 Method Not Allowed"),
        (recorded("npm-empty.json"), "names no package that was looked at"),
        (changed("npm-2.json", vulnerabilities={}), "counts 2 vulnerable packages and names 0 advisories"),
        (changed("npm-1.json", advisories={}), "counts vulnerabilities and names none"),
        (changed("npm-2.json", metadata=None), "has no `metadata`"),
        (changed("osv-scanner.json", results=[]), "names no package that was looked at (osv-scanner does"),
        (changed("trivy.json", Results=None), "names no file of packages that was looked at"),
        (changed("trivy.json", Results=[{"Target": "k", "Class": "secret"}]), "names no file of packages"),
        (changed("grype.json", descriptor={"name": "grype", "timestamp": "2026-11-21T07:20:00Z"}), "no valid database"),
        (
            changed("grype.json", descriptor={"db": {"status": {"built": "2026-11-20T04:12:01Z", "valid": False}}}),
            "no valid",
        ),
        (changed("snyk.json", dependencyCount=0), "names no package that was looked at"),
        (changed("snyk.json", vulnerabilities=[]), "not all is well, and names no vulnerability"),
        (
            b'{"ok": false, "error": "Could not detect supported target files", "path": "."}',
            "no advisories were reached",
        ),
        (b"", "is empty"),
        (b"[]", "is an empty list"),
        (b"{}", "is of no format that is read"),
        (b"3", "has no map at its top"),
        (b"[" * 100_000, "is nested too deeply"),
        (b'{"version": "2.1.0", "runs": []}', "is of no format that is read"),
        (b'{"bomFormat": "CycloneDX", "components": []}', "is of no format that is read"),
        (b'{"results": [], "errors": [], "paths": {"scanned": ["a.py"]}}', "names no package that was looked at"),
        (b"No known vulnerabilities found\n", "is no JSON"),
    ],
)
def test_silence_is_no_pass(report: bytes, said: str) -> None:
    """No advisories, no packages, another format: errored, and why."""
    for limit in ("critical", "none"):
        outcome = judge(report, at_most=limit)
        assert "errored" == outcome.state
        assert said in outcome.sentence


@pytest.mark.parametrize(
    ("code", "report", "state"),
    [
        (0, "pip-audit.json", "failed"),
        (1, "pip-audit.json", "failed"),
        (0, "npm-1.json", "passed"),
        (-15, "pip-audit.json", "errored"),
    ],
)
def test_the_report_is_the_answer_not_the_exit_code(code: int, report: str, state: str) -> None:
    """Whatever a command exits with, its report decides; but one that was killed did not end."""
    assert state == judge(recorded(report), ended=Ended(code, "", 1.0), dated=None).state


def test_a_command_that_failed_and_found_nothing_broke_off() -> None:
    """A bad exit code that no vulnerability explains is no pass."""
    clean = {"dependencies": [{"name": "jinja2", "version": "3.1.4", "vulns": []}], "fixes": []}
    for code, state in ((0, "passed"), (1, "errored"), (2, "errored")):
        assert state == judge(json.dumps(clean).encode(), ended=Ended(code, "", 1.0), dated=None).state


@pytest.mark.parametrize(
    ("allowed", "state"),
    [("shop", "passed"), (["SHOP"], "passed"), ([], "errored"), ("sho", "errored")],
)
def test_what_may_be_skipped_is_named(allowed: Any, state: str) -> None:
    """A package that could not be audited is errored unless it is allowed by its name, in any case."""
    packages = [{"name": "jinja2", "version": "3.1.4", "vulns": []}, {"name": "Shop", "skip_reason": "it is local"}]
    report = json.dumps({"dependencies": packages, "fixes": []}).encode()
    assert state == judge(report, allow_skipped=allowed).state
    alone = json.dumps({"dependencies": packages[1:], "fixes": []}).encode()
    assert "errored" == judge(alone, allow_skipped=allowed).state


@pytest.mark.parametrize(
    ("id", "until", "state"),
    [
        ("CVE-2023-25577", None, "passed"),
        ("cve-2023-25577", None, "passed"),
        ("GHSA-xg9f-g7g7-2323", "2026-11-21", "passed"),
        ("GHSA-xg9f-g7g7-2323", "2026-11-20", "failed"),
        ("CVE-2023-2557", None, "failed"),
    ],
)
def test_what_is_ignored_goes_by_any_of_its_names(id: str, until: str | None, state: str) -> None:
    """A CVE and its GHSA mean the same; on its last day an `ignore` still counts, and then it is said to be over."""
    rule = {"id": id, "reason": "no form is parsed", **({"until": until} if until else {})}
    outcome = judge(recorded("grype.json"), ignore=[rule])
    assert state == outcome.state
    assert ("1 ignored" in outcome.sentence) == (state == "passed")
    over = until == "2026-11-20"
    assert over == ("1 `ignore` over" in outcome.sentence)
    assert over == (
        "its `ignore` ended on 2026-11-20 (no form is parsed)" in "".join(f.effect for f in outcome.findings)
    )
    assert ("no form is parsed" in outcome.evidence[0].text) == (state == "passed" or over)


@pytest.mark.parametrize(("unknown", "state"), [(None, "failed"), ("high", "failed"), ("low", "passed")])
def test_what_nobody_rates_counts_as_high(unknown: str | None, state: str) -> None:
    """A vulnerability without a severity is as bad as `unknown` says, and its finding says that nobody does."""
    outcome = judge(recorded("pip-audit.json"), **({"unknown": unknown} if unknown else {}))
    assert state == outcome.state
    assert all("nobody says how bad it is" in f.effect for f in outcome.findings)


@pytest.mark.parametrize(
    ("ago_h", "age", "state"),
    [
        (1, {}, "failed"),
        (23.9, {}, "failed"),
        (24.1, {}, "errored"),
        (24.1, {"at_most": "7d"}, "failed"),
        (2, {"at_most": "1h"}, "errored"),
        (-0.05, {}, "failed"),
        (-1, {}, "errored"),
        (None, {}, "errored"),
    ],
)
def test_a_report_may_be_only_so_old(ago_h: float | None, age: Any, state: str) -> None:
    """Older than `age`, of the future, or of an unknown date: errored, with vulnerabilities in it or without."""
    dated = None if ago_h is None else NOW - ago_h * 3600
    assert state == judge(recorded("pip-audit.json"), dated=dated, age=age).state
    assert ("passed" if state == "failed" else state) == judge(recorded("npm-1.json"), dated=dated, age=age).state


@pytest.mark.parametrize(("name", "key"), [("trivy.json", "CreatedAt"), ("grype.json", "descriptor")])
def test_a_report_that_says_its_date_is_believed(name: str, key: str) -> None:
    """The date in a report counts more than the one beside it, for a report that a command wrote, too."""
    old = json.loads(recorded(name))
    old[key] = {**old[key], "timestamp": "2026-11-01T00:00:00Z"} if key == "descriptor" else "2026-11-01T00:00:00Z"
    outcome = judge(json.dumps(old).encode(), dated=FRESH, at_most="critical")
    assert ("errored", True) == (outcome.state, "was made 20" in outcome.sentence)
    assert "errored" == judge(json.dumps(old).encode(), ended=Ended(0, "", 1.0), at_most="critical").state
    assert "passed" == judge(recorded(name), dated=None, at_most="critical").state


def test_moments(monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 3339, with nine decimals as Go writes them, and UTC where no zone is said, wherever this runs."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    at = datetime(2026, 11, 21, 7, 14, 5, tzinfo=UTC).timestamp()
    for text in ("2026-11-21T07:14:05Z", "2026-11-21T08:14:05.000000000+01:00", "2026-11-21 07:14:05"):
        assert at == moment(text)
    assert [None] * 4 == [moment(text) for text in ("", "yesterday", None, "2026-13-01")]
    monkeypatch.undo()
    time.tzset()


def test_the_same_hole_from_two_tools_counts_once() -> None:
    """Several reports are judged together; one that is none spoils it."""
    outcome = judge(recorded("trivy.json"), recorded("trivy.json"), at_most="none")
    assert outcome.sentence.startswith("2 of 2 known")
    assert "errored" == judge(recorded("trivy.json"), recorded("npm-405.json"), at_most="critical").state


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ({"README.md"}, []),
        ({"package-lock.json", "package.json"}, ["sh"]),
        ({"requirements.txt", "pyproject.toml"}, ["pip-audit"]),
        ({"pyproject.toml"}, ["pip-audit"]),
        ({"package-lock.json", "requirements.txt"}, ["sh", "pip-audit"]),
    ],
)
def test_what_lies_in_the_repository_says_what_to_run(names: set[str], expected: list[str]) -> None:
    """One audit for npm, one for Python, by the files that are there."""
    assert expected == [words[0] for words, _ in commands(frozenset(names))]


def ask(make: Make, folder: Path, programs: dict[str, str], **section: Any) -> Outcome:
    """Run the check with these programs, as shell scripts, on its PATH."""
    tools = folder.parent / f"{folder.name}-bin"
    tools.mkdir(exist_ok=True)
    for name, text in programs.items():
        (tools / name).write_text(f"#!/bin/sh\n{text}\n")
        (tools / name).chmod(0o755)
    plain = data.dump(VulnerabilitiesSection.model_validate(section))
    return VulnerabilitiesCheck().run(make(plain, folder=str(folder), env={"PATH": f"{tools}:/usr/bin:/bin"}, now=NOW))


NO_NPM = "exec 9>/dev/null; exit 127"


def test_without_run_and_report_the_tools_are_run(request_for: Make, tmp_path: Path) -> None:
    """npm and pip-audit, each where its files are; both have to answer."""
    (tmp_path / "package-lock.json").write_text("{}")
    npm = f"cat {RECORDED / 'npm-1.json'}; exit 1"
    assert "passed" == ask(request_for, tmp_path, {"npm": npm}).state
    (tmp_path / "requirements.txt").write_text("flask==0.5\n")
    pip = f'while [ "$1" != -o ]; do shift; done; cp {RECORDED / "pip-audit.json"} "$2"; exit 1'
    outcome = ask(request_for, tmp_path, {"npm": npm, "pip-audit": pip})
    assert ("failed", "2 of 3") == (outcome.state, outcome.sentence[:6])
    assert ["vulnerabilities", "output", "output-2"] == [piece.name for piece in outcome.evidence]
    skipped = pip.replace("pip-audit.json", "pip-audit-skipped.json").replace("exit 1", "exit 0")
    assert "errored" == ask(request_for, tmp_path, {"npm": npm, "pip-audit": skipped}).state


@pytest.mark.parametrize(("file", "tool"), [("package-lock.json", "npm"), ("requirements.txt", "pip-audit")])
def test_a_tool_that_is_absent_is_no_pass(file: str, tool: str, request_for: Make, tmp_path: Path) -> None:
    """Nothing was audited where the tool is not there, and the sentence names it."""
    (tmp_path / file).write_text("{}")
    absent = {"npm": NO_NPM} if tool == "npm" else {}
    outcome = ask(request_for, tmp_path, absent)
    assert "errored" == outcome.state
    assert outcome.sentence.startswith(("`npm` is not there", "cannot run `pip-audit`"))


def test_a_repository_without_known_files_is_no_pass(request_for: Make, tmp_path: Path) -> None:
    """Where nothing says what to audit, somebody has to."""
    outcome = ask(request_for, tmp_path, {})
    assert ("errored", True) == (outcome.state, "requirements.txt" in outcome.sentence)


def test_a_report_that_lies_there_needs_a_date_not_a_time_of_a_file(request_for: Make, tmp_path: Path) -> None:
    """A report that was just checked out is not a new one; a date beside it is believed."""
    (tmp_path / "a.json").write_bytes(recorded("pip-audit.json"))
    outcome = ask(request_for, tmp_path, {}, report="a.json")
    assert ("errored", True) == (outcome.state, "does not say when it was made" in outcome.sentence)
    for text, state in (
        ("2026-11-21T09:00:00Z\n", "failed"),
        ("2026-11-19T09:00:00Z", "errored"),
        ("soon", "errored"),
        ("", "errored"),
    ):
        (tmp_path / "a.date").write_text(text)
        assert state == ask(request_for, tmp_path, {}, report="a.json", dated="a.date").state
    assert "errored" == ask(request_for, tmp_path, {}, report="a.json", dated="none.date").state


def test_a_command_of_ones_own(request_for: Make, tmp_path: Path) -> None:
    """`run` with `report`: what it wrote is as old as now, and what lay there before is no report."""
    cat = f"cat {RECORDED / 'osv-scanner.json'} > a.json"
    assert "failed" == ask(request_for, tmp_path, {}, run={"sh": cat}, report="a.json").state
    assert "errored" == ask(request_for, tmp_path, {}, run="true", report="a.json").state


@given(st.one_of(st.binary(max_size=200), st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(
        ["dependencies", "name", "version", "vulns", "id", "aliases", "skip_reason", "auditReportVersion", "metadata",
         "vulnerabilities", "via", "advisories", "results", "packages", "package", "groups", "SchemaVersion", "Results",
         "Class", "matches", "descriptor", "db", "dependencyCount", "ok", "error"]),
        inner, max_size=6), max_leaves=25).map(lambda value: json.dumps(value).encode())))  # fmt: skip
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_an_outcome(report: bytes) -> None:
    """Whatever lies in a report's file, the check ends in an outcome."""
    assert judge(report).state in ("passed", "failed", "errored")


@given(st.sampled_from(sorted(GOOD)), st.data())
@settings(max_examples=150, deadline=None)
def test_a_damaged_report_does_not_pass(name: str, choose: Any) -> None:
    """What was cut off, or overwritten in places, never passes where the whole did not."""
    whole = recorded(name).rstrip()
    at = choose.draw(st.integers(0, len(whole) - 1))
    assert "errored" == judge(whole[:at], at_most="none").state
    assert "passed" != judge(whole[:at] + b"\0" + whole[at + 1 :], at_most="none").state


def test_many_are_told_in_bounds() -> None:
    """Five thousand vulnerabilities: a hundred told, the sentence and what is measured bounded."""
    vulns = [
        {"id": f"CVE-2026-{n:05}", "fix_versions": [], "aliases": [], "description": "x" * 900} for n in range(5000)
    ]
    report = {"dependencies": [{"name": "a" * 300 + "\x1b[2J", "version": "1", "vulns": vulns}]}
    outcome = judge(json.dumps(report).encode())
    assert (100, "and 4901 more") == (len(outcome.findings), outcome.findings[-1].condition)
    assert len(outcome.sentence) <= 300
    assert "\x1b" not in repr(outcome)
    assert 500 == len(outcome.measured["vulnerabilities"])


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"run": "pip-audit"}, "there is no `report` to judge"),
        ({"dated": "a.date"}, "`dated` stands without a report"),
        ({"run": "a", "report": "a", "dated": "a.date"}, "`dated` stands without a report"),
        ({"report": "a", "dated": "../a"}, "leads out of the repository"),
        ({"unknown": "none"}, "Input should be"),
        ({"at_most": "moderate"}, "Input should be"),
        ({"ignore": [{"id": "CVE-2026-1"}]}, "reason"),
        ({"ignore": [{"id": "a b", "reason": "c"}]}, "match pattern"),
        ({"age": {"at_most": "0s"}}, "greater than 0"),
    ],
)
def test_a_section_that_cannot_be_is_refused(section: dict[str, Any], said: str) -> None:
    """What could never be judged is refused when the manifest is read."""
    with pytest.raises(ValidationError) as refused:
        VulnerabilitiesSection.model_validate(section)
    assert said in str(refused.value)


def test_it_is_not_steady() -> None:
    """What was not known yesterday is known today: it is asked each time."""
    assert not VulnerabilitiesSection.steady


def test_every_key_has_its_item() -> None:
    """What can be written is explained."""
    own = set(keys(VulnerabilitiesSection)) - set(keys(CheckSection))
    own |= {"ignore.id", "ignore.reason", "ignore.until", "age.at_most"}
    assert own == set(of_check(getdoc(VulnerabilitiesCheck) or ""))
