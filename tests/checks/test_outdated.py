"""The check `outdated`: what has a newer version, and when that is too much."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from penstock.checks.outdated import OutdatedCheck, OutdatedSection, Package, judged, read
from penstock.checks.tests_reading import Unreadable
from penstock.core import data
from penstock.core.finding import CheckRequest, Outcome

RECORDED = Path(__file__).parent / "recorded" / "outdated"
Make = Callable[..., CheckRequest]


def of(name: str, section: dict[str, Any]) -> Outcome:
    """The outcome of a recorded report."""
    return judged(OutdatedSection.model_validate(section), read((RECORDED / name).read_bytes()), None)


def run(make: Make, section: dict[str, Any], path: str = "/usr/bin:/bin") -> Outcome:
    """The outcome of a section as a manifest writes it."""
    plain = data.dump(OutdatedSection.model_validate(section))
    return OutdatedCheck().run(make(plain, env={"PATH": path}))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("npm.json", "2 packages outdated, 1 by a major version: semver 6.3.2 (7.8.6), ms 2.0.0 (2.1.3)"),
        ("pip.json", "3 packages outdated, 2 by a major version: pip 23.2.1 (26.3), pkginfo 1.13.3 (2.0), findpython"),
        ("uv.json", "3 packages outdated, 2 by a major version: pip 23.2.1 (26.3), pkginfo 1.13.3 (2.0), findpython"),
    ],
)
def test_every_format_is_known_by_its_content(name: str, said: str) -> None:
    """Each names its packages, those behind by a major version first."""
    outcome = of(name, {"at_most": "9"})
    assert ("passed", True) == (outcome.state, outcome.sentence.startswith(said))
    assert {"outdated": int(said[0]), "major": int(said.split(", ")[1][0])} == outcome.measured


@pytest.mark.parametrize(
    ("section", "state", "said"),
    [
        ({}, "failed", "; more than the 0 of `at_most`"),
        ({"at_most": "1"}, "failed", "; more than the 1 of `at_most`"),
        ({"at_most": "2"}, "passed", "(2.1.3)"),
        ({"major": {"at_most": "1"}}, "passed", "(2.1.3)"),
        ({"major": {"at_most": "0"}}, "failed", "; 1 by a major version, more than the 0 of `major`"),
        ({"at_most": "9", "major": {"at_most": "0"}}, "failed", "more than the 0 of `major`"),
    ],
)
def test_what_is_too_much(section: dict[str, Any], state: str, said: str) -> None:
    """More than `at_most` of all or of the major ones fails; of all none is allowed where nothing is said."""
    outcome = of("npm.json", section)
    assert (state, True) == (outcome.state, outcome.sentence.endswith(said))


@pytest.mark.parametrize(
    ("current", "latest", "major"),
    [("1.9", "2.0", True), ("1.9", "1.10", False), ("9.0", "10.0", True), ("v1", "v2", True), ("1!1.0", "1!2.0", True),
     ("0.1", "0.9", False), ("abc", "def", False), ("2.0", "1.0", False)],
)  # fmt: skip
def test_a_major_version_is_the_first_number(current: str, latest: str, major: bool) -> None:
    """It is behind by one when the first number is lower."""
    assert major == Package("a", current, latest).major


def test_nothing_outdated_is_good() -> None:
    """An empty list, and a package that is its own newest, are no finding."""
    for report in (b"[]", b"{}", b'{"a": {"current": "1", "wanted": "1", "latest": "1"}}'):
        outcome = judged(OutdatedSection(), read(report), None)
        assert ("passed", "no package is outdated", ()) == (outcome.state, outcome.sentence, outcome.findings)


def test_what_is_not_installed_counts_by_what_is_wanted() -> None:
    """npm names no current version then; a package in several places is one of each."""
    assert [Package("a", "1", "2")] == read(b'{"a": {"wanted": "1", "latest": "2"}}')
    assert 2 == len(read(b'{"a": [{"current": "1", "latest": "3"}, {"current": "2", "latest": "3"}]}'))


def test_a_package_may_be_called_error() -> None:
    """What npm says of a package of that name is no error of npm."""
    assert [Package("error", "1", "2")] == read(b'{"error": {"current": "1", "latest": "2"}}')


@pytest.mark.parametrize(
    ("report", "said"),
    [
        (b"", "is empty"), (b" \n", "is empty"), (b"no", "is no whole JSON"), (b"3", "is no report of outdated packages"),
        (b'{"error": {"code": "ENOTFOUND", "summary": "no\\u001b[31mbody"}}', "is an error of npm: nobody"),
        (b'[{"name": "a"}]', "is no report of outdated packages: an entry"), (b"[3]", "is no report of outdated packages"),
        (b'{"a": 3}', "is no report of outdated packages: an entry"), (b"[" * 200_000, "is nested too deeply"),
        (b'[{"Name": "a", "Version": "1", "License": "MIT"}]', "is no report of outdated packages: an entry"),
    ],
)  # fmt: skip
def test_what_is_no_report_is_refused(report: bytes, said: str) -> None:
    """Empty, cut, an error, of another kind, or made to hurt: it is not judged, and what is wrong is said."""
    with pytest.raises(Unreadable) as refused:
        read(report)
    assert str(refused.value).startswith(said)


@pytest.mark.parametrize(
    ("script", "state"),
    [
        ("cp npm.json o.json; exit 1", "passed"),
        ("cp npm.json o.json", "passed"),
        ("cp npm.json o.json; exit 2", "errored"),
        ("echo '[]' > o.json; echo 'WARNING: Retrying (Retry(total=4)) after connection broken'", "errored"),
        ("head -c 40 npm.json > o.json", "errored"),
        ("exit 0", "errored"),
    ],
)
def test_the_command_and_its_report(script: str, state: str, request_for: Make, tmp_path: Path) -> None:
    """npm ends with 1 where anything is outdated; a registry that was not reached is no good news."""
    (tmp_path / "npm.json").write_bytes((RECORDED / "npm.json").read_bytes())
    assert state == run(request_for, {"run": {"sh": script}, "report": "o.json", "at_most": "9"}).state


@pytest.mark.parametrize(("project", "asked"), [("package.json", "npm"), ("pyproject.toml", "pip")])
def test_who_is_asked_where_nothing_is_said(project: str, asked: str, request_for: Make, tmp_path: Path) -> None:
    """npm where there is a package.json, else pip; where it is not there, nothing was inspected."""
    (tmp_path / project).touch()
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / asked).write_text("#!/bin/sh\necho '[]'\n")
    (tools / asked).chmod(0o755)
    (tools / "sh").symlink_to("/bin/sh")
    assert "passed" == run(request_for, {}, str(tools)).state
    (tools / asked).unlink()
    (tmp_path / "outdated.json").unlink()
    assert "errored" == run(request_for, {}, str(tools)).state


def test_a_section_that_cannot_be_is_refused() -> None:
    """What could never be judged is refused when the manifest is read."""
    for section, said in (
        ({"run": "npm outdated --json"}, "without `report`"),
        ({"at_most": "few"}, "not a whole number"),
    ):
        with pytest.raises(ValidationError) as refused:
            OutdatedSection.model_validate(section)
        assert said in str(refused.value)


LEAF = st.none() | st.integers() | st.text(max_size=6)
KEYS = ["name", "version", "latest_version", "current", "latest", "wanted", "error"]
JSON = st.recursive(
    LEAF,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=10,
)


@settings(max_examples=80, deadline=None)
@given(st.one_of(st.binary(max_size=60), JSON.map(lambda value: json.dumps(value).encode())))
def test_any_bytes_are_judged_or_refused(report: bytes) -> None:
    """No report makes the check stumble."""
    try:
        outcome = judged(OutdatedSection(), read(report), None)
    except Unreadable:
        return
    assert outcome.state in ("passed", "failed")
