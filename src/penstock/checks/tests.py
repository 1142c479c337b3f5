"""The check `tests`: a suite that ran, and passed, by its own report."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import Field, model_validator

from penstock.checks.findings_told import bounded, text
from penstock.checks.reported import Produced, Report, Reported, produce, unjudged
from penstock.checks.running import Ended
from penstock.checks.tests_junit import Case, Suites, merged, read
from penstock.checks.tests_reading import Unreadable, several, shown
from penstock.core.finding import CheckRequest, Finding, Outcome
from penstock.core.masking import concealed
from penstock.core.target import Evidence
from penstock.manifest.section import Count, Section, wrong

_SLOWEST = 20
_SENTENCE = 300
_PLACE = re.compile(r"(?:^|[\s(])((?:[\w.@-]+/)*[\w.-]+\.(?:py|[cm]?[jt]sx?|go|php|rb|rs)):(\d+)", re.MULTILINE)
_FOREIGN = re.compile(r"(^|/)(node_modules|site-packages|vendor|\.venv|usr|opt)(/|$)")


class AtMost(Section):
    """`at_most` of something."""

    at_most: Count = Field(ge=0)


class TestsSection(Reported):
    """`report`, made by `run` or by what it needs; `at_least` tests, `flaky` ones at most."""

    __test__: ClassVar[bool] = False  # no test class, whatever its name begins with
    pace: ClassVar[str] = "tests"
    steady: ClassVar[bool] = True

    at_least: Count = Field(default=1, ge=1)
    flaky: AtMost | None = None

    @model_validator(mode="after")
    def _a_report(self) -> TestsSection:
        if not self.report:
            why = "which tests ran, and how each ended, stands in the report that the tests' own tool writes"
            instead = "report: tests.xml, which `pytest --junitxml=tests.xml` writes"
            raise wrong("these tests have no report", why, instead, code="missing-key", at="report")
        return self


class TestsCheck:
    """Passes when the report says that tests ran and none failed, and the command that ran them agrees.

    A test suite of which nothing ran is no pass: no test at all, or every one of them skipped. Neither is a
    command that fails although every test in its report passed (it crashed, or a limit of its own was not kept), nor
    one that ends with 0 although a test failed. A test that failed and passed when it was tried again is *flaky*: it
    passes, and is named.

    - `run`: the command that runs the tests and writes the report. Left out where a check that this one
      `needs` did.
    - `report`: the JUnit XML it writes (NUnit's own is read too): one path or several, `*` and `**` allowed.
    - `at_least`: how many tests must have run, 1 if left out. A suite that shrank by accident is found so.
    - `flaky`: `{at_most: N}`, how many tests may have needed another try; without it they are only named.
    - `env`: variables of its own for the command.
    - `sees`: the secrets that the command gets, as variables.

    Tests that were tried again are known by `flakyFailure` and `rerunFailure` (Surefire, nextest), and by standing
    twice in one suite of one report: of pytest and gotestsum always, of any other tool when the command ended with 0. In
    two reports, or two suites, they are two tests. What ran last time is compared in a remark, and decides nothing.

    Bad:   tests: {sh: "pytest -q || true"}        # passes, whatever fails
    Good:  tests: {is: tests, run: pytest -q --junitxml=tests.xml, report: tests.xml, at_least: 200}
    """

    __test__: ClassVar[bool] = False

    def run(self, request: CheckRequest) -> Outcome:
        """Run the command, read its reports, and say what failed."""
        section = TestsSection.model_validate(request.section)
        produced = produce(section, request)
        if isinstance(produced, Produced):
            produced = _judged_of(section, produced, request)
        return concealed(produced, request.secrets)


def _judged_of(section: TestsSection, produced: Produced, request: CheckRequest) -> Outcome:
    try:
        suites = [(report.path, _suites(report)) for report in produced.reports]
    except Unreadable as error:
        return unjudged(f"the report {error}", "a report in JUnit's XML, written to its end", produced.ended)
    return judged(section, suites, produced.ended, request.last.measured, request.folder)


def _suites(report: Report) -> Suites:
    try:
        return read(report.data)
    except Unreadable as error:
        raise Unreadable(f"`{shown(report.path)}` {error}") from error


@dataclass(frozen=True)
class Tally:
    """What all reports say together. `unnamed` are failures that a report counts, and names no test for."""

    ran: int
    bad: list[Case]
    flaky: list[Case]
    skipped: int
    unnamed: int
    cases: list[Case]

    def measured(self) -> dict[str, Any]:
        """The numbers that the next release is told of."""
        return {
            "ran": self.ran, "failed": len(self.bad), "skipped": self.skipped, "flaky": len(self.flaky),
            "seconds": round(sum(case.seconds for case in self.cases), 3),
        }  # fmt: skip


def tallied(reports: Sequence[Suites], code: int | None) -> Tally:
    """Every test of every report, once; `code` is what the command ended with, if there was one."""
    cases: list[Case] = []
    skipped = unnamed = 0
    for report in reports:
        skips = sum(case.end == "skipped" for case in report.cases)
        skipped += max(skips, report.skipped)
        unnamed += max(0, report.bad - sum(case.end == "failed" for case in report.cases))
        cases += merged(report.cases, reruns=report.reruns or code == 0)
    bad = [case for case in cases if case.end == "failed"]
    flaky = [case for case in cases if case.end == "passed" and case.again]
    ran = sum(case.end != "skipped" for case in cases)
    return Tally(ran, bad, flaky, skipped, unnamed, cases)


def judged(
    section: TestsSection,
    reports: Sequence[tuple[str, Suites]],
    ended: Ended | None,
    last: Mapping[str, Any] | None,
    folder: str,
) -> Outcome:
    """What the reports say about the commit."""
    tally = tallied([suites for _, suites in reports], ended.code if ended else None)
    findings = [_finding(case, folder) for case in tally.bad]
    findings += _about_the_whole(section, tally, ended)
    state = "failed" if findings else "passed"
    findings += [_finding_flaky(case) for case in tally.flaky]
    sentence = shown(_sentence(tally, findings if state == "failed" else (), last), _SENTENCE)
    evidence = (*_evidence(tally), *(_output(ended)))
    seconds = ended.seconds if ended else 0.0
    return Outcome(
        "failed" if state == "failed" else "passed", sentence, bounded(findings, "tests"), evidence, seconds,
        tally.measured(),
    )  # fmt: skip


def _sentence(tally: Tally, found: Sequence[Finding], last: Mapping[str, Any] | None) -> str:
    if tally.bad:
        return f"{len(tally.bad)} of {several(tally.ran, 'test')} failed: {_names(tally.bad)}"
    if found:
        return found[0].condition
    remarks = "".join(f"; {said}" for said in (_flaky_said(tally), _fewer(tally, last)) if said)
    skipped = f", {tally.skipped} skipped" if tally.skipped else ""
    return f"{several(tally.ran, 'test')} passed{skipped}{remarks}"


def _names(cases: Sequence[Case]) -> str:
    """As many names as fit into half a sentence."""
    said: list[str] = []
    for case in cases:
        if said and len(", ".join([*said, case.name])) > _SENTENCE // 2:
            break
        said.append(shown(case.name, _SENTENCE // 2))
    more = f" and {len(cases) - len(said)} more" if len(cases) > len(said) else ""
    return f"{', '.join(said)}{more}"


def _flaky_said(tally: Tally) -> str:
    return f"{len(tally.flaky)} flaky: {_names(tally.flaky)}" if tally.flaky else ""


def _fewer(tally: Tally, last: Mapping[str, Any] | None) -> str:
    before = (last or {}).get("ran")
    fewer = before - tally.ran if isinstance(before, int) else 0
    return f"{fewer} fewer than in the last release" if fewer > 0 else ""


def _about_the_whole(section: TestsSection, tally: Tally, ended: Ended | None) -> list[Finding]:
    """What is wrong beside single tests: none ran, too few, too many flaky, or the command says something else."""
    found = []
    if not tally.ran:
        found.append(_nothing_ran(tally))
    elif tally.ran < section.at_least:
        said = f"{several(tally.ran, 'test')} ran, fewer than the {section.at_least} of `at_least`"
        found.append(Finding(said, "what is not run is not tested", "find what was left out, or lower `at_least`"))
    if section.flaky and len(tally.flaky) > section.flaky.at_most:
        said = f"{len(tally.flaky)} flaky, more than the {section.flaky.at_most} of `flaky`: {_names(tally.flaky)}"
        found.append(Finding(said, "they failed before they passed", "make them pass at the first try"))
    if tally.unnamed:
        said = f"the report counts {several(tally.unnamed, 'failure')} that it names no test for"
        found.append(Finding(said, "something failed outside of a test", "look into the output"))
    return found + _disagreement(tally, ended)


def _nothing_ran(tally: Tally) -> Finding:
    said = f"no test ran: all {tally.skipped} were skipped" if tally.skipped else "no test ran: the report has none"
    return Finding(said, "nothing was tested, which is no pass", "a command that finds the tests, and runs them")


def _disagreement(tally: Tally, ended: Ended | None) -> list[Finding]:
    if ended is None:
        return []
    if ended.code and not tally.bad and tally.ran:
        how = f"was ended by signal {-ended.code}" if ended.code < 0 else f"ended with {ended.code}"
        said = f"the command {how} although {several(tally.ran, 'test')} in its report passed"
        return [Finding(said, "something else failed, or not all tests were reported", "look into the output")]
    if not ended.code and (tally.bad or tally.unnamed):
        said = "the command ended with 0 although its report says that tests failed"
        return [Finding(said, "whoever goes by the exit code takes this for a pass", "a command that fails with them")]
    return []


def _finding(case: Case, folder: str) -> Finding:
    effect = case.message or "it says nothing about it"
    remedy = f"run `{case.name}` by itself, and mend it or what it tests"
    return Finding(f"`{case.name}` failed", effect, remedy, _where(case, folder), "high")


def _finding_flaky(case: Case) -> Finding:
    said = f"`{case.name}` is flaky: it passed only when it was tried again"
    return Finding(said, case.message or "nobody can rely on it", "make it pass at the first try", severity="low")


def _where(case: Case, folder: str) -> str:
    """`path:line` inside the repository: as the report says, else the first own file that the failure names."""
    inside = folder.rstrip("/") + "/"
    if case.file:
        path = shown(case.file.removeprefix(inside), 300)
        own = not path.startswith("/") and ".." not in path.split("/")
        return (f"{path}:{case.line}" if case.line else path) if own else ""
    for path, line in _PLACE.findall(case.body.replace("file://", "").replace(inside, "")):
        if not _FOREIGN.search(path) and ".." not in path.split("/"):
            return f"{path}:{line}"
    return ""


def _evidence(tally: Tally) -> tuple[Evidence, ...]:
    slowest = sorted(tally.cases, key=lambda case: -case.seconds)[:_SLOWEST]
    lines = [f"{case.seconds:9.3f} s  {case.name}" for case in slowest if case.seconds]
    told = [f"{_how(case)}: {case.name}\n{_readable(case)}" for case in (*tally.bad, *tally.flaky)]
    found = [text("slowest tests", "text/plain", "\n".join(lines) + "\n")] if lines else []
    return (*found, text("tests", "text/plain", "\n".join(told))) if told else tuple(found)


def _how(case: Case) -> str:
    return "failed" if case.end == "failed" else "flaky"


def _readable(case: Case) -> str:
    return "".join(f"  {shown(line, 300)}\n" for line in (case.body or case.message).splitlines())


def _output(ended: Ended | None) -> tuple[Evidence, ...]:
    return (Evidence("output", "text/plain", ended.output),) if ended else ()
