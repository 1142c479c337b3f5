"""The check `sbom`: bills of materials as the tools write them, and what is none."""

from __future__ import annotations

import json
from collections.abc import Callable
from inspect import getdoc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from penstock.checks.findings_told import ROOM
from penstock.checks.reported import Produced, Report
from penstock.checks.running import Ended
from penstock.checks.sbom import SbomCheck, SbomSection, judged
from penstock.checks.sbom_formats import Component
from penstock.core import data
from penstock.core.finding import CheckRequest, Last, Outcome
from penstock.manifest.check import CheckSection
from penstock.manifest.pages import of_check
from penstock.manifest.shape import keys

RECORDED = Path(__file__).parent / "recorded" / "sbom"
NAMES = ("cyclonedx-py.json", "npm-cyclonedx.json", "npm-spdx.json")
NEVER = Last()
Make = Callable[..., CheckRequest]


def recorded(name: str) -> bytes:
    """One recorded bill."""
    return (RECORDED / name).read_bytes()


def judge(*reports: bytes, last: Last = NEVER, ended: Ended | None = None, **section: Any) -> Outcome:
    """The outcome for bills, by a section as a manifest writes it."""
    read = SbomSection.model_validate({"report": "sbom.json", **section})
    plain = SbomSection.model_validate(data.dump(read))
    assert read == plain
    return judged(plain, Produced(ended, tuple(Report(f"{n}.json", text) for n, text in enumerate(reports))), last)


def bill(*components: dict[str, Any], **more: Any) -> bytes:
    """A CycloneDX bill of these."""
    parts = [{"type": "library", **one} for one in components]
    return json.dumps({"bomFormat": "CycloneDX", "specVersion": "1.6", "components": parts, **more}).encode()


def part(name: str, version: str, **more: Any) -> dict[str, Any]:
    """A component with a purl and a licence."""
    licences = [{"license": {"id": "MIT"}}]
    return {"name": name, "version": version, "purl": f"pkg:pypi/{name}@{version}", "licenses": licences, **more}


def last_of(*reports: bytes) -> Last:
    """The last release, that measured these bills."""
    return Last(commit="a" * 40, measured=json.loads(json.dumps(dict(judge(*reports).measured))))


@pytest.mark.parametrize(
    ("name", "sentence", "components"),
    [
        ("cyclonedx-py.json", "4 components (CycloneDX 1.6)", [["pkg:pypi/click", "8.1.7"],
            ["pkg:pypi/itsdangerous", "2.2.0"], ["pkg:pypi/jinja2", "3.1.4"], ["pkg:pypi/markupsafe", "3.0.4"]]),
        ("npm-cyclonedx.json", "1 component (CycloneDX 1.5)", [["pkg:npm/minimist", "1.2.0"]]),
        ("npm-spdx.json", "1 component (SPDX 2.3)", [["pkg:npm/minimist", "1.2.0"]]),
    ],
)  # fmt: skip
def test_every_format_is_read_alike(name: str, sentence: str, components: list[Any]) -> None:
    """Components by purl and version; what the bill is about is none of them; the bill itself is kept."""
    outcome = judge(recorded(name))
    assert ("passed", f"{sentence}; there is no last release to compare with") == (outcome.state, outcome.sentence)
    assert components == sorted(outcome.measured["components"])
    assert [recorded(name).decode()] == [piece.text for piece in outcome.evidence]


def test_both_formats_name_a_package_alike() -> None:
    """A bill in another format of the same packages changes nothing."""
    outcome = judge(recorded("npm-spdx.json"), last=last_of(recorded("npm-cyclonedx.json")))
    assert outcome.sentence.endswith("nothing changed since the last release")


def test_what_changed_stands_beside_the_bill() -> None:
    """Added, removed and changed versions are a table for reading, and fail nothing."""
    before = bill(part("a", "1"), part("b", "1"), part("c", "1"), part("d", "1"), part("d", "2"))
    outcome = judge(bill(part("a", "1"), part("b", "2"), part("d", "2"), part("e", "1")), last=last_of(before))
    assert ("passed", ()) == (outcome.state, outcome.findings)
    assert "4 components (CycloneDX 1.6); 1 added, 1 removed, 2 changed since the last release" == outcome.sentence
    expected = ["added\tpkg:pypi/e\t\t1", "removed\tpkg:pypi/c\t1\t", "changed\tpkg:pypi/b\t1\t2",
                "changed\tpkg:pypi/d\t1, 2\t2"]  # fmt: skip
    assert expected == outcome.evidence[1].text.splitlines()[1:]


@pytest.mark.parametrize(("at_least", "state"), [("4", "passed"), ("5", "failed")])
def test_a_bill_of_too_little_fails(at_least: str, state: str) -> None:
    """Fewer components than are due, and the figure stands first."""
    outcome = judge(recorded("cyclonedx-py.json"), at_least=at_least)
    assert state == outcome.state
    assert outcome.sentence.startswith("4 of at least 5 components" if state == "failed" else "4 components")
    assert "failed" == judge(bill()).state


def test_what_is_lacking_is_counted() -> None:
    """Packages without a licence, a version or a purl are counted; files and systems need none."""
    outcome = judge(bill(part("a", "1"), {"name": "b"}, part("c", "1", licenses=[]), {"name": "d", "type": "file"}))
    assert "2 without a licence, 1 without a version, 1 without a purl" in outcome.sentence


def test_nested_components_count_and_the_same_counts_once() -> None:
    """What a component is put together from is released too."""
    outcome = judge(bill(part("a", "1", components=[{"type": "library", **part("b", "1")}]), part("a", "1")))
    assert [["pkg:pypi/a", "1"], ["pkg:pypi/b", "1"]] == sorted(outcome.measured["components"])


def test_two_bills_are_one_release() -> None:
    """Several bills are counted together, and each is kept under a name of its own; one that is none spoils it."""
    outcome = judge(recorded("cyclonedx-py.json"), recorded("npm-spdx.json"))
    assert outcome.sentence.startswith("5 components (CycloneDX 1.6, SPDX 2.3)")
    assert ["bill", "bill-2"] == [piece.name for piece in outcome.evidence]
    assert "errored" == judge(recorded("cyclonedx-py.json"), b"{}").state


@pytest.mark.parametrize(
    ("report", "said"),
    [
        (b"", "is empty"),
        (b"<bom/>", "is no JSON"),
        (b"[]", "has no map at its top"),
        (b"{}", "is neither CycloneDX nor SPDX"),
        (b'{"version": "2.1.0", "runs": []}', "is neither CycloneDX nor SPDX"),
        (b'{"@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld", "@graph": []}', "is SPDX 3"),
        (b'{"spdxVersion": "SPDX-2.1", "packages": []}', "is SPDX-2.1, and SPDX 2.2 and 2.3 are read"),
        (b'{"spdxVersion": "SPDX-2.3"}', "has no `packages`"),
        (bill(specVersion="1.3"), "is CycloneDX 1.3"),
        (bill(bomFormat="Other"), "is Other 1.6"),
        (bill(components=None), "has no `components`"),
        (bill({"version": "1"}), "has no `name` of a component"),
        (bill({"name": " "}), "has a component with an empty name"),
        (bill({"name": "a", "type": None}), "has no `type` of a"),
        (b"[" * 100_000, "is nested too deeply"),
    ],
)
def test_what_is_no_bill_is_no_pass(report: bytes, said: str) -> None:
    """Broken, of another format or version, or with a component that is none: errored, and why."""
    outcome = judge(report)
    assert ("errored", True) == (outcome.state, said in outcome.sentence)


def test_a_command_that_failed_made_no_whole_bill() -> None:
    """A bill beside a bad exit code may be in part."""
    assert "errored" == judge(recorded("cyclonedx-py.json"), ended=Ended(1, "", 1.0)).state
    assert "passed" == judge(recorded("cyclonedx-py.json"), ended=Ended(0, "", 1.0)).state


def test_a_large_bill_is_kept_as_a_list() -> None:
    """More than evidence may be: the digest and the components; more than is measured: no comparison, and said."""
    large = bill(*(part(f"p{n}", "1", description="x" * 200) for n in range(3000)))
    outcome = judge(large)
    assert len(outcome.evidence[0].text.encode()) <= ROOM
    assert outcome.evidence[0].text.startswith("too large to be kept whole: {")
    assert "pkg:pypi/p0@1\t1\tMIT" in outcome.evidence[0].text
    assert (2000, 3000) == (len(outcome.measured["components"]), outcome.measured["count"])
    assert "one of the bills is too long to compare with" in judge(large, last=last_of(large)).sentence


@pytest.mark.parametrize(
    ("purl", "key"),
    [
        ("pkg:npm/%40scope/name@1.0?os=linux#sub", "pkg:npm/%40scope/name"),
        ("pkg:npm/@scope/name@1.0", "pkg:npm/@scope/name"),
        ("pkg:npm/@scope/name", "pkg:npm/@scope/name"),
        ("pkg:golang/example.org/a/b@v1.2.3", "pkg:golang/example.org/a/b"),
        ("", "name"),
    ],
)
def test_a_package_is_known_by_its_purl_without_a_version(purl: str, key: str) -> None:
    """The key of a component stays the same from version to version."""
    assert key == Component("name", "1.0", purl).key


@pytest.mark.parametrize("measured", [None, {}, {"components": 3}, {"components": [[1], "a", None], "count": 3}])
def test_what_was_measured_is_not_trusted(measured: Any) -> None:
    """A record of another version of this check is no reason to break off."""
    outcome = judge(recorded("npm-spdx.json"), last=Last(commit="a" * 40, measured=measured))
    assert ("passed", True) == (outcome.state, "to compare with" in outcome.sentence)


@given(st.one_of(st.binary(max_size=200), st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(
        ["bomFormat", "specVersion", "components", "name", "type", "version", "purl", "licenses", "license",
         "spdxVersion", "packages", "externalRefs", "relationships"]), inner, max_size=6),
    max_leaves=20).map(lambda value: json.dumps(value).encode())))  # fmt: skip
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_an_outcome(report: bytes) -> None:
    """Whatever lies in a bill's file, the check ends in an outcome."""
    assert judge(report).state in ("passed", "failed", "errored")


@given(st.sampled_from(NAMES), st.data())
@settings(max_examples=100, deadline=None)
def test_a_bill_that_was_cut_off_does_not_pass(name: str, choose: Any) -> None:
    """A part of a bill is none."""
    whole = recorded(name).rstrip()
    assert "errored" == judge(whole[: choose.draw(st.integers(0, len(whole) - 1))]).state


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"run": "make sbom"}, "there is no `report` to read"),
        ({"report": "a", "at_least": "0"}, "greater than or equal to 1"),
        ({"report": "/a"}, "leads out of the repository"),
    ],
)
def test_a_section_that_cannot_be_is_refused(section: dict[str, Any], said: str) -> None:
    """What could never be judged is refused when the manifest is read."""
    with pytest.raises(ValidationError) as refused:
        SbomSection.model_validate(section)
    assert said in str(refused.value)


def test_every_key_has_its_item() -> None:
    """What can be written is explained."""
    assert set(keys(SbomSection)) - set(keys(CheckSection)) == set(of_check(getdoc(SbomCheck) or ""))


def test_a_command_writes_the_bill(request_for: Make, tmp_path: Path) -> None:
    """A bill that a command writes is kept; a command that writes none is errored."""
    for source, state in ((RECORDED / "cyclonedx-py.json", "passed"), (tmp_path / "none", "errored")):
        section = SbomSection.model_validate({"run": ["cp", str(source), "sbom.json"], "report": "sbom.json"})
        made = request_for(data.dump(section), folder=str(tmp_path), env={"PATH": "/usr/bin:/bin"})
        assert state == SbomCheck().run(made).state
