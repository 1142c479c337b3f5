"""The check `licences`: what packages say, what it means, and what is allowed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from penstock.checks.licences import LicencesCheck, LicencesSection, Package, judged, read
from penstock.checks.licences_spdx import Rules, all_of, understood
from penstock.checks.tests_reading import Unreadable
from penstock.core import data
from penstock.core.finding import CheckRequest, Outcome

RECORDED = Path(__file__).parent / "recorded" / "licences"
REPORTS = ["pip-licenses.json", "license-checker.json", "cyclonedx.json", "package-lock.json"]
ALLOW = ["MIT", "Apache-2.0", "BSD-*", "ISC"]
Make = Callable[..., CheckRequest]


def of_packages(section: dict[str, Any], **packages: str) -> Outcome:
    """The outcome of packages, each with one licence."""
    found = [Package(name, "1.0", (said,)) for name, said in packages.items()]
    return judged(LicencesSection.model_validate(section), found, None)


def run(make: Make, section: dict[str, Any]) -> Outcome:
    """The outcome of a section as a manifest writes it."""
    plain = data.dump(LicencesSection.model_validate(section))
    return LicencesCheck().run(make(json.loads(json.dumps(plain)), env={"PATH": "/usr/bin:/bin"}))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "pip-licenses.json",
            "2 of 8 packages under a licence that is not allowed: certifi@2026.10.18 (Mozilla Public",
        ),
        ("license-checker.json", "6 of 14 packages under a licence that is not allowed: "),
        ("cyclonedx.json", "2 of 8 packages under a licence that is not allowed: certifi@2026.10.18 (MPL-2.0; "),
        ("package-lock.json", "3 packages under licences that are allowed"),
    ],
)
def test_every_format_is_known_by_its_content(name: str, said: str) -> None:
    """Each names its packages, and what is not allowed is named with its licence."""
    packages = read((RECORDED / name).read_bytes())
    outcome = judged(LicencesSection.model_validate({"allow": ALLOW}), packages, None)
    assert outcome.sentence.startswith(said)
    assert ("passed" if "that are allowed" in said else "failed") == outcome.state
    assert len(packages) == outcome.measured["packages"] == sum(outcome.measured["licences"].values())


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("MIT", "MIT"), ("MIT License", "MIT"), ("MIT*", "MIT"), ("(MIT OR Apache-2.0)", "MIT OR Apache-2.0"),
        ("License :: OSI Approved :: Apache Software License", "Apache-2.0"), ("BSD License", "BSD-unspecified"),
        ("mit or (Apache-2.0 and ISC)", "mit OR (Apache-2.0 AND ISC)"),
        ("A OR B AND C", "A OR (B AND C)"), ("(A OR B) AND C", "(A OR B) AND C"),
        ("GPL-2.0-only WITH Classpath-exception-2.0", "GPL-2.0-only WITH Classpath-exception-2.0"),
        ("GNU General Public License v3 (GPLv3)", "GPL-3.0-only"), ("GPLv2+", "GPL-2.0-or-later"), ("GPL", "GPL-unspecified"),
        ("GNU Lesser General Public License v2.1 or later (LGPLv2.1+)", "LGPL-2.1-or-later"),
        ("GNU Affero General Public License v3", "AGPL-3.0-only"), ("GPL-3.0", "GPL-3.0"),
        ("", "None"), ("UNKNOWN", "None"), ("NOASSERTION", "None"), ("SEE LICENSE IN LICENSE.md", "None"),
        ("Custom: https://example.com", "None"), ("do what you want", "None"), ("MIT AND", "None"), ("(MIT", "None"),
        ("MIT, BSD", "None"), ("(" * 150 + "MIT" + ")" * 150, "None"),
    ],
)  # fmt: skip
def test_what_a_text_means(text: str, meant: str) -> None:
    """SPDX expressions by their rules, the usual words by what they mean, and nothing for what nobody knows."""
    assert meant == str(understood(text))


@pytest.mark.parametrize(
    ("said", "allow", "deny", "good"),
    [
        ("MIT", ["MIT"], [], True), ("mit", ["MIT"], [], True), ("MIT-0", ["MIT"], [], False),
        ("MIT OR GPL-3.0-only", ["MIT"], [], True), ("MIT AND GPL-3.0-only", ["MIT"], [], False),
        ("MIT AND ISC", ["MIT", "ISC"], [], True), ("BSD-3-Clause", ["BSD-*"], [], True), ("BSD License", ["BSD-*"], [], True),
        ("GPL-3.0-only", [], ["GPL-*"], False), ("LGPL-3.0-only", [], ["GPL-*"], True), ("GPL", [], ["GPL-*"], False),
        ("MIT OR GPL-3.0-only", [], ["GPL-*"], True), ("MIT AND GPL-3.0-only", [], ["GPL-*"], False),
        ("GPL-3.0-only", ["*"], ["GPL-*"], False), ("GNU GPL v3", [], ["GPL-*"], False),
        ("GPL-2.0-only WITH Classpath-exception-2.0", [], ["GPL-*"], False),
        ("GPL-2.0-only WITH Classpath-exception-2.0", ["*WITH Classpath-exception-2.0"], ["GPL-*"], True),
        ("Apache-2.0 WITH LLVM-exception", ["Apache-2.0"], [], True),
    ],
)  # fmt: skip
def test_what_is_allowed(said: str, allow: list[str], deny: list[str], good: bool) -> None:
    """Of OR one suffices, of AND all must be; what is denied is never allowed, but for a named exception."""
    expression = understood(said)
    assert expression is not None
    assert good == Rules(tuple(allow), tuple(deny)).accept(expression)


def test_of_a_list_all_hold() -> None:
    """Several licences without a word between them must all be allowed, and be known."""
    assert "MIT AND ISC" == str(all_of(["MIT", "ISC License (ISCL)"]))
    assert "MPL-2.0" == str(all_of(["MPL-2.0", "License :: OSI Approved :: Mozilla Public License 2.0 (MPL 2.0)"]))
    assert (None, None) == (all_of(["MIT", "UNKNOWN"]), all_of([]))


def test_an_unknown_licence_is_a_finding() -> None:
    """It fails, unless it is only to be reported; either way it is named."""
    outcome = of_packages({"deny": ["GPL-*"]}, a="MIT", b="UNKNOWN")
    assert ("failed", "1 of 2 packages without a known licence: b@1.0 (UNKNOWN)") == (outcome.state, outcome.sentence)
    reported = of_packages({"deny": ["GPL-*"], "unknown": "report"}, a="MIT", b="UNKNOWN")
    assert ("passed", outcome.sentence, "low") == (reported.state, reported.sentence, reported.findings[0].severity)


def test_words_that_are_allowed_as_they_are_are_allowed() -> None:
    """A licence that only its own words name may be allowed by them; nothing at all may not."""
    assert "passed" == of_packages({"allow": ["Our House Licence, v1"]}, a="Our House Licence, v1").state
    assert "failed" == of_packages({"allow": ["Our House Licence, v1", "UNKNOWN "]}, a="").state


def test_an_excepted_package_is_no_matter() -> None:
    """By its name, or by name and version; another version of it is one."""
    for name, state in (("a", "passed"), ("a@1.0", "passed"), ("a@2.0", "failed"), ("b", "failed")):
        assert state == of_packages({"allow": "MIT", "except": {name: "bought"}}, a="GPL-3.0-only").state


def test_the_report_and_the_command(request_for: Make, tmp_path: Path) -> None:
    """package-lock.json is read where no report is named; a command that failed left nothing to judge."""
    assert "errored" == run(request_for, {"allow": ALLOW}).state
    (tmp_path / "package-lock.json").write_bytes((RECORDED / "package-lock.json").read_bytes())
    assert "passed" == run(request_for, {"allow": ALLOW}).state
    section = {"allow": ALLOW, "report": "l.json", "except": {"x": "y"}}
    assert "passed" == run(request_for, {**section, "run": "cp package-lock.json l.json"}).state
    failed = run(request_for, {**section, "run": {"sh": "cp package-lock.json l.json; exit 1"}})
    assert ("errored", "the command ended with 1, so its report may not be whole") == (failed.state, failed.sentence)
    assert "errored" == run(request_for, {**section, "run": {"sh": "head -c 99 package-lock.json > l.json"}}).state


@pytest.mark.parametrize(
    ("report", "said"),
    [
        (b"", "is no whole JSON"), (b"<bom/>", "is no whole JSON"), (b"[]", "names no package"), (b"{}", "names no package"),
        (b"3", "names no package"), (b'[{"Name": "a"}]', "is no report of pip-licenses"), (b"[1]", "is no report of pip"),
        (b'{"a@1": {}}', "is no report of license-checker"), (b'{"error": "x"}', "is no report of license-checker"),
        (b'{"bomFormat": "CycloneDX"}', "names no package"),
        (b'{"bomFormat": "CycloneDX", "components": [{}]}', "is no CycloneDX as we know it"),
        (b'{"lockfileVersion": 1, "dependencies": {}}', "is a package-lock.json of the old kind"),
        (b'[{"Name": "a", "License": "MIT"}, ' + b"[" * 200_000, "is nested too deeply"),
    ],
)  # fmt: skip
def test_what_is_no_report_is_refused(report: bytes, said: str) -> None:
    """Empty, cut, of another kind, or made to hurt: it is not judged, and what is wrong is said."""
    with pytest.raises(Unreadable) as refused:
        read(report)
    assert str(refused.value).startswith(said)


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({}, "neither `allow` nor `deny` is here"),
        ({"allow": "MIT", "unknown": "ignore"}, "block"),
        ({"allow": "MIT", "except": {"a": " "}}, "`a` is excepted without a reason"),
        ({"allow": "MIT", "forbid": "GPL"}, "Extra inputs"),
    ],
)
def test_a_section_that_cannot_be_is_refused(section: dict[str, Any], said: str) -> None:
    """What could never be judged is refused when the manifest is read."""
    with pytest.raises(ValidationError) as refused:
        LicencesSection.model_validate(section)
    assert said in str(refused.value)


KEYS = [
    "bomFormat",
    "components",
    "licenses",
    "license",
    "name",
    "Name",
    "License",
    "packages",
    "lockfileVersion",
    "a@1",
]
LEAF = st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just("CycloneDX")
JSON = st.recursive(
    LEAF,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=80, deadline=None)
@given(st.one_of(st.binary(max_size=60), JSON.map(lambda value: json.dumps(value).encode())))
def test_any_bytes_are_judged_or_refused(report: bytes) -> None:
    """No report makes the check stumble."""
    try:
        outcome = judged(LicencesSection(allow=("MIT",)), read(report), None)
    except Unreadable:
        return
    assert outcome.state in ("passed", "failed")


@settings(max_examples=80, deadline=None)
@given(st.text(alphabet="MITGPL ()ANDORWH-.+*", max_size=40))
def test_any_text_means_something_or_nothing(text: str) -> None:
    """No licence makes the reader stumble, and what it means is read as the same again."""
    meant = understood(text)
    assert meant is None or str(understood(str(meant))) == str(meant)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(REPORTS), st.integers(0, 9000))
def test_a_cut_report_is_never_judged(name: str, at: int) -> None:
    """A report without its end is not whole, wherever it was cut."""
    whole = (RECORDED / name).read_bytes().rstrip()
    with pytest.raises(Unreadable):
        read(whole[: at % len(whole)])


@pytest.mark.parametrize(
    ("said", "means"),
    [
        ("MIT/Apache-2.0", "MIT OR Apache-2.0"), ("Apache License, 2.0", "Apache-2.0"), ("BSD (3-clause)", "BSD-3-Clause"),
        ("OSI Approved :: MIT License", "MIT"), ("Simplified BSD", "BSD-2-Clause"), ("MIT-License", "MIT"),
        ("Apache Software License 2.0", "Apache-2.0"), ("Apache-2.0 WITH LLVM-exception", "Apache-2.0 WITH LLVM-exception"),
        ("MIT WITH Commons-Clause", "None"),
    ],
)  # fmt: skip
def test_words_for_a_licence_are_understood(said: str, means: str) -> None:
    """Commas, brackets and slashes are as people write them; a condition that takes rights away makes it unknown."""
    assert means == str(understood(said))


def test_a_bill_in_spdx_is_read() -> None:
    """What was concluded counts before what was declared; the document's own subject is none of its packages."""
    bill = {
        "spdxVersion": "SPDX-2.3",
        "packages": [
            {"name": "shop", "SPDXID": "SPDXRef-shop", "licenseConcluded": "NOASSERTION"},
            {
                "name": "a",
                "SPDXID": "SPDXRef-a",
                "versionInfo": "1",
                "licenseConcluded": "GPL-3.0-only",
                "licenseDeclared": "MIT",
            },
            {
                "name": "b",
                "SPDXID": "SPDXRef-b",
                "versionInfo": "2",
                "licenseConcluded": "NOASSERTION",
                "licenseDeclared": "MIT",
            },
        ],
        "relationships": [{"relationshipType": "DESCRIBES", "relatedSpdxElement": "SPDXRef-shop"}],
    }
    read_of_it = [(str(one), one.licences) for one in read(json.dumps(bill).encode())]
    assert [("a@1", ("GPL-3.0-only",)), ("b@2", ("MIT",))] == read_of_it
