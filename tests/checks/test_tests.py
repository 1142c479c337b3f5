"""The check `tests`: reports of real runners, damaged ones, and what a command says beside them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from penstock.checks.running import Ended
from penstock.checks.tests import TestsCheck, TestsSection, judged
from penstock.checks.tests_junit import read
from penstock.checks.tests_reading import Unreadable
from penstock.core import data
from penstock.core.finding import CheckRequest, Last, Outcome

RECORDED = Path(__file__).parent / "recorded" / "tests"
PATH = {"PATH": "/usr/bin:/bin"}
SECTION = {"report": "t.xml"}
Make = Callable[..., CheckRequest]


def of(name: str, code: int | None = None, section: dict[str, Any] | None = None, last: Any = None) -> Outcome:
    """The outcome of a recorded report, after a command that ended so."""
    return of_xml((RECORDED / f"{name}.xml").read_bytes(), code, section, last)


def of_xml(xml: bytes, code: int | None = None, section: dict[str, Any] | None = None, last: Any = None) -> Outcome:
    """The outcome of a report, after a command that ended so."""
    ended = None if code is None else Ended(code, "the output", 1.0)
    model = TestsSection.model_validate({**SECTION, **(section or {})})
    return judged(model, [("t.xml", read(xml))], ended, last, "/srv/shop")


def run(make: Make, section: dict[str, Any], **more: Any) -> Outcome:
    """The outcome of a section as a manifest writes it."""
    plain = data.dump(TestsSection.model_validate(section))
    return TestsCheck().run(make(plain, **{"env": PATH, **more}))


@pytest.mark.parametrize(
    ("name", "code", "state", "sentence"),
    [
        ("pytest-passed", 0, "passed", "2 tests passed"),
        ("pytest-failed", 1, "failed", "2 of 4 tests failed: test_shop.test_wrong, test_shop.test_errs"),
        ("pytest-flaky", 0, "passed", "1 test passed; 1 flaky: test_shop.test_flaky"),
        ("pytest-none", 5, "failed", "no test ran: the report has none"),
        ("jest", 1, "failed", "1 of 2 tests failed: is wrong"),
        ("mocha", 1, "failed", "1 of 2 tests failed: shop is wrong"),
        ("vitest", 1, "failed", "1 of 3 tests failed: t/v.spec.mjs: shop > is wrong"),
        ("node", 1, "failed", "1 of 3 tests failed: is wrong"),
        ("surefire", 1, "failed", "2 of 4 tests failed: shop.ShopTest.wrong, shop.ShopTest.errs"),
        ("gotestsum", 0, "passed", "2 tests passed, 1 skipped; 1 flaky: example.com/shop: TestFlaky"),
        ("go-junit-report", 1, "failed", "2 of 3 tests failed: example.com/shop: TestPrices, example.com/shop: TestP"),
        ("phpunit", 1, "failed", "1 of 2 tests failed: Shop.PriceTest.testWrong"),
        ("nunit3", 1, "failed", "1 of 2 tests failed: Shop.PriceTest.Wrong"),
    ],
)
def test_every_runner_is_understood(name: str, code: int, state: str, sentence: str) -> None:
    """What failed is named in its author's words, what was skipped did not run, what needed another try is flaky."""
    outcome = of(name, code)
    assert state == outcome.state
    assert outcome.sentence.startswith(sentence)


@pytest.mark.parametrize(
    ("name", "message", "where"),
    [
        ("pytest-failed", "assert 3 == (1 + 1)", "test_shop.py:4"),
        ("jest", "Error: expect(received).toBe(expected)", "t/shop.test.js:2"),
        ("mocha", "1 == 2", "t/m.js:2"),
        ("vitest", "expected 2 to be 3", "t/v.spec.mjs:3"),
        ("node", "1 == 2", "t/n.mjs:2"),
        ("surefire", "expected: <3> but was: <2>", ""),
        ("phpunit", "PHPUnit\\Framework\\ExpectationFailed", "tests/PriceTest.php:14"),
        ("nunit3", "Expected: 3 But was: 2", ""),
    ],
)
def test_a_failure_says_what_and_where(name: str, message: str, where: str) -> None:
    """A finding has the failure's message, and the place in the repository where the report tells one."""
    finding = of(name, 1).findings[0]
    assert finding.effect.startswith(message)
    assert where == finding.where
    assert "high" == finding.severity


def test_what_is_measured_and_shown() -> None:
    """The numbers for the next release; the slowest first, the failures whole, and the command's output."""
    outcome = of("surefire", 1)
    assert {"ran": 4, "failed": 2, "skipped": 1, "flaky": 1, "seconds": 0.01} == outcome.measured
    assert ["slowest tests", "tests", "output"] == [e.name for e in outcome.evidence]
    assert outcome.evidence[0].text.splitlines()[0].endswith("0.004 s  shop.ShopTest.wrong")
    assert "at shop.ShopTest.wrong(ShopTest.java:6)" in outcome.evidence[1].text
    assert "flaky: shop.ShopTest.flaky" in outcome.evidence[1].text


def test_skipped_tests_that_a_report_only_counts_are_counted() -> None:
    """A runner that counts what it skipped, and does not name it, is believed."""
    assert 1 == of("mocha", 1).measured["skipped"]


@pytest.mark.parametrize("code", [1, 2, -9])
def test_a_command_that_fails_over_a_good_report_fails(code: int) -> None:
    """A suite that crashed after its last test, or a limit of the command's own, is no pass; both are said."""
    outcome = of("pytest-passed", code)
    assert "failed" == outcome.state
    how = "was ended by signal 9" if code < 0 else f"ended with {code}"
    assert f"the command {how} although 2 tests in its report passed" == outcome.sentence


def test_a_report_that_fails_after_a_good_command_fails() -> None:
    """Exit code 0 is not believed against the report, and that it lied is a finding."""
    outcome = of("pytest-failed", 0)
    assert "failed" == outcome.state
    assert any("ended with 0 although" in finding.condition for finding in outcome.findings)


def test_without_a_command_the_report_alone_decides() -> None:
    """A report that another check made is judged by what it says."""
    assert ("passed", "failed") == (of("pytest-passed").state, of("pytest-failed").state)


SKIPPED = b'<testsuite name="s" tests="2"><testcase name="a"><skipped/></testcase><testcase name="b" status="notrun"/></testsuite>'


def test_all_skipped_is_no_pass() -> None:
    """Where every test is skipped nothing was tested."""
    outcome = of_xml(SKIPPED, 0)
    assert ("failed", "no test ran: all 2 were skipped") == (outcome.state, outcome.sentence)


def test_a_suite_that_shrank_fails_only_by_a_limit() -> None:
    """Fewer tests than `at_least` fail; fewer than in the last release are a remark."""
    assert "2 tests ran, fewer than the 3 of `at_least`" == of("pytest-passed", 0, {"at_least": "3"}).sentence
    assert "failed" == of("pytest-passed", 0, {"at_least": "3"}).state
    outcome = of("pytest-passed", 0, {"at_least": "2"}, {"ran": 5})
    assert ("passed", "2 tests passed; 3 fewer than in the last release") == (outcome.state, outcome.sentence)


def test_flaky_tests_are_named_and_may_be_limited() -> None:
    """They pass with a finding each; above the limit they fail."""
    outcome = of("pytest-flaky", 0)
    assert ["low"] == [finding.severity for finding in outcome.findings]
    assert "passed" == of("pytest-flaky", 0, {"flaky": {"at_most": "1"}}).state
    limited = of("pytest-flaky", 0, {"flaky": {"at_most": "0"}})
    assert "failed" == limited.state
    assert "1 flaky, more than the 0 of `flaky`: test_shop.test_flaky" == limited.sentence


TWICE = (
    b'<testsuite name="s"><testcase classname="c" name="a">%s</testcase>'
    b'<testcase classname="c" name="a">%s</testcase></testsuite>'
)
APART = (
    b'<testsuites><testsuite name="s"><testcase name="a"><failure/></testcase></testsuite>'
    b'<testsuite name="s"><testcase name="a"/></testsuite></testsuites>'
)


@pytest.mark.parametrize(("code", "state"), [(0, "passed"), (1, "failed"), (None, "failed")])
def test_the_same_test_twice_is_a_rerun_when_the_command_agrees(code: int | None, state: str) -> None:
    """Failed and then passed: flaky where the command ended with 0; else two tests of one name, one of them bad."""
    assert state == of_xml(TWICE % (b"<failure/>", b""), code).state
    assert "failed" == of_xml(TWICE % (b"", b"<failure/>"), code).state


@pytest.mark.parametrize("code", [0, None])
def test_tests_of_one_name_in_two_suites_are_two(code: int | None) -> None:
    """What failed in one suite is not made good by another."""
    assert "failed" == of_xml(APART, code).state


def test_long_names_are_told_apart() -> None:
    """Two tests whose names differ only at their ends are two, and one's pass does not hide the other's failure."""
    xml = b'<testsuite name="pytest"><testcase name="%s1"><failure/></testcase><testcase name="%s2"/></testsuite>'
    assert 2 == of_xml(xml % (b"n" * 400, b"n" * 400), 0).measured["ran"]


@pytest.mark.parametrize(
    "xml",
    [
        b'<testsuite name="s" tests="2" failures="1"><testcase name="a"/></testsuite>',
        b'<testsuites errors="1"><testsuite name="s"><testcase name="a"/></testsuite></testsuites>',
        b'<testsuite name="s"><testcase name="a"/><error message="no database"/></testsuite>',
        b'<testsuite name="s"><testcase name="a" status="failed"/></testsuite>',
        b'<testsuite name="s"><testcase name="a"><skipped/><failure/></testcase><testcase name="b"/></testsuite>',
        b'<testsuite name="s"><testcase name="a"><failure/><skipped/></testcase><testcase name="b"/></testsuite>',
        b'<j:testsuite xmlns:j="urn:j" name="s"><j:testcase name="a"><j:failure/></j:testcase></j:testsuite>',
    ],
)
def test_a_failure_that_is_told_in_another_way_is_one(xml: bytes) -> None:
    """Only counted, of the suite itself, by a status, beside a skip, or in a namespace."""
    assert ("failed", "failed") == (of_xml(xml, 0).state, of_xml(xml).state)


BOMB = b'<!DOCTYPE t [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]><testsuite><testcase name="&b;"/></testsuite>'


@pytest.mark.parametrize(
    ("xml", "said"),
    [
        (b"", "is no whole XML: no element found in line 1"),
        (b"not XML", "is no whole XML"),
        (b"{}", "is no whole XML"),
        (b"<html><body/></html>", "is no JUnit report: it begins with <html>"),
        (b"<coverage/>", "is no JUnit report"),
        (BOMB, "declares a document type of its own"),
        (BOMB.decode().encode("utf-16"), "declares a document type of its own"),
        (b'<testsuite tests="12" failures="0"/>', "counts 12 tests, and names none"),
        (b'<testsuite><testcase name="\x1b[31m"/></testsuite>', "is no whole XML: not well-formed"),
        (b'<?xml version="1.0" encoding="klingon"?><testsuite/>', "is no XML that can be read"),
        (b"<testsuite>" * 500, "is nested too deeply"),
    ],
)
def test_what_is_no_whole_report_is_refused(xml: bytes, said: str) -> None:
    """Empty, cut, of another kind, or made to hurt: it is not judged, and what is wrong is said."""
    with pytest.raises(Unreadable) as refused:
        read(xml)
    assert str(refused.value).startswith(said)


def test_a_report_is_read_in_any_encoding_that_it_names() -> None:
    """Latin-1 and UTF-16 are read as they say; a document type that is only named is not fetched."""
    for encoding in ("iso-8859-1", "utf-16"):
        xml = f'<?xml version="1.0" encoding="{encoding}"?><testsuite><testcase name="öl"><failure/></testcase></testsuite>'
        assert "1 of 1 test failed: öl" == of_xml(xml.encode(encoding)).sentence
    named = b'<!DOCTYPE testsuite SYSTEM "http://127.0.0.1:1/junit.dtd"><testsuite><testcase name="a"/></testsuite>'
    assert "passed" == of_xml(named).state


@pytest.mark.parametrize(
    ("section", "state", "sentence"),
    [
        ({"run": {"sh": "cp old.xml t.xml; exit 1"}}, "failed", "2 of 4 tests failed"),
        ({"run": {"sh": "cp good.xml t.xml"}}, "passed", "2 tests passed"),
        ({"run": {"sh": "head -c 300 old.xml > t.xml"}}, "errored", "the report `t.xml` is no whole XML"),
        ({"run": "true"}, "errored", "there is no report `t.xml`; the command ended with 0"),
        ({"run": "no-such-program"}, "errored", "cannot run `no-such-program`"),
        ({"run": "true", "report": "old.xml"}, "errored", "`old.xml` was there before"),
        ({"run": "sleep 60", "within": "200ms"}, "errored", "the command was not over after 0.2 s"),
        ({"run": {"sh": "cp good.xml t.xml; sleep 60"}, "within": "300ms"}, "errored", "the command was not over"),
        ({"report": ["old.xml", "good.xml"]}, "failed", "2 of 6 tests failed"),
        ({"report": "*.xml"}, "failed", "2 of 6 tests failed"),
    ],
)
def test_a_command_and_its_report(section: Any, state: str, sentence: str, request_for: Make, tmp_path: Path) -> None:
    """The report that the command wrote is judged, and no other; several count together."""
    for name, kept in (("old.xml", "pytest-failed"), ("good.xml", "pytest-passed")):
        (tmp_path / name).write_bytes((RECORDED / f"{kept}.xml").read_bytes())
    outcome = run(request_for, {**SECTION, **section})
    assert state == outcome.state
    assert outcome.sentence.startswith(sentence)


def test_no_secret_is_in_an_outcome(request_for: Make, tmp_path: Path) -> None:
    """A secret that a test's name or message holds is masked wherever it would be shown."""
    xml = b'<testsuite><testcase name="s3cr3t-t0ken"><failure message="s3cr3t-t0ken">s3cr3t-t0ken</failure></testcase></testsuite>'
    (tmp_path / "t.xml").write_bytes(xml)
    outcome = run(request_for, SECTION, secrets={"TOKEN": "s3cr3t-t0ken"})
    assert "failed" == outcome.state
    assert "s3cr3t" not in repr(outcome)


def test_many_failures_are_bounded(request_for: Make) -> None:
    """At most a hundred findings, the last saying how many more; the sentence stays a sentence."""
    bad = b"".join(b'<testcase name="test_%d"><failure>%s</failure></testcase>' % (n, b"x" * 5000) for n in range(3000))
    outcome = of_xml(b"<testsuite>" + bad + b"</testsuite>", 1)
    assert 100 == len(outcome.findings)
    assert "and 2901 more" == outcome.findings[-1].condition
    assert 300 >= len(outcome.sentence)
    assert all(256 << 10 >= len(e.text.encode()) for e in outcome.evidence)


def test_a_huge_report_is_read_in_little_time() -> None:
    """Twenty megabytes of one test's output are no burden."""
    xml = (
        b'<testsuite><testcase name="a"><system-out>' + b"line\n" * (4 << 20) + b"</system-out></testcase></testsuite>"
    )
    assert "passed" == of_xml(xml, 0).state


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({}, "these tests have no report"),
        ({"report": "../t.xml"}, "leads out of the repository"),
        ({"report": "t.xml", "at_least": "0"}, "greater than or equal to 1"),
        ({"report": "t.xml", "flaky": {"at_least": "1"}}, "at_most"),
        ({"report": "t.xml", "minimum": "1"}, "Extra inputs"),
    ],
)
def test_a_section_that_cannot_be_is_refused(section: dict[str, Any], said: str) -> None:
    """What could never be judged is refused when the manifest is read."""
    with pytest.raises(ValidationError) as refused:
        TestsSection.model_validate(section)
    assert said in str(refused.value)


def test_the_last_release_is_remarked(request_for: Make, tmp_path: Path) -> None:
    """What ran in the last release is known to the check."""
    (tmp_path / "t.xml").write_bytes((RECORDED / "pytest-passed.xml").read_bytes())
    outcome = run(request_for, SECTION, last=Last("c0ffee", measured={"ran": 3}))
    assert "2 tests passed; 1 fewer than in the last release" == outcome.sentence


ALL = sorted(RECORDED.glob("*.xml"))


@settings(max_examples=60, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=300), st.text(alphabet="<>/testsuicasefailurname=\"' &;![]", max_size=200).map(str.encode)
    )
)
def test_any_bytes_are_judged_or_refused(xml: bytes) -> None:
    """No report makes the reader stumble."""
    try:
        outcome = of_xml(xml)
    except Unreadable:
        return
    assert outcome.state in ("passed", "failed")


@settings(max_examples=120, deadline=None)
@given(st.sampled_from(ALL), st.integers(0, 6000))
def test_a_cut_report_is_never_judged(path: Path, at: int) -> None:
    """A report without its end is not whole, wherever it was cut."""
    whole = path.read_bytes().rstrip()
    with pytest.raises(Unreadable):
        of_xml(whole[: at % len(whole)])
