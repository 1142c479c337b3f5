"""The check `coverage`: how much of the code ran in its tests, of all of it and of what changed."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field, model_validator

from penstock.checks import coverage_changed
from penstock.checks.coverage_changed import Changed
from penstock.checks.coverage_formats import Files, read, together
from penstock.checks.findings_told import bounded, table
from penstock.checks.reported import Produced, Reported, produce, unjudged
from penstock.checks.running import Ended
from penstock.checks.tests_reading import Unreadable, several, shown
from penstock.core.finding import CheckRequest, Finding, Outcome
from penstock.core.masking import concealed
from penstock.core.target import Evidence
from penstock.errors import PenstockError
from penstock.manifest.section import Fraction, Section, wrong

_POINTS = re.compile(r"[0-9]+(?:\.[0-9]+)?pp")
_NO_LESS = 1e-9  # floats that differ by less are the same
_RUNS = 5


def points(text: Any) -> float:
    """`0.5pp` as 0.005: points of per cent."""
    if isinstance(text, int | float) and not isinstance(text, bool):
        return float(text)
    if not isinstance(text, str) or not _POINTS.fullmatch(text) or float(text[:-2]) > 100:
        raise wrong(f"`{str(text)[:60]}` are no points", "a drop is counted in points of per cent: pp", "0.1pp")
    return float(text[:-2]) / 100


class Drop(Section):
    """`at_most` so many points less than in the last release."""

    at_most: Annotated[float, BeforeValidator(points)] = Field(ge=0, le=1)


class CoverageSection(Reported):
    """`report` with `at_least` so much of all, `changed_lines` of what changed, and a `drop` of at most so much.

    The last release is compared with where it is first asked: after that the commit has passed, wherever it goes.
    """

    steady: ClassVar[bool] = True

    pace: ClassVar[str] = "tests"

    at_least: Fraction = Field(default=0.8, ge=0, le=1)
    drop: Drop = Drop(at_most=0.001)
    changed_lines: Fraction | None = Field(default=None, ge=0, le=1)

    @model_validator(mode="after")
    def _a_report(self) -> CoverageSection:
        if not self.report:
            why = "which lines ran stands in the report that the tests' own tool writes"
            instead = "report: coverage.json, which `pytest --cov --cov-report=json` writes"
            raise wrong("this coverage has no report", why, instead, code="missing-key", at="report")
        return self


class CoverageCheck:
    """Passes when enough of the code ran in its tests, and not less than in the last release.

    The report is coverage.py's or Istanbul's JSON, Cobertura, Clover or JaCoCo XML, LCOV, or Go's profile.
    Lines are counted; in Go statements, as its own tool does, and in a report of coverage.py that has branches, those
    as well. Of several reports a line ran if it ran in one. On the first release there is nothing to compare with:
    that is said, and `at_least` decides.

    - `report`: the report, one path or several, `*` and `**` allowed.
    - `run`: the command that writes it. Left out where a check that this one `needs` did; if it ends with
      anything but 0, the check fails.
    - `at_least`: how much of all must have run, 80% if left out.
    - `drop`: `{at_most: 0.1pp}`, how many points less than in the last release are allowed, 0.1pp if left
      out; with 100pp it is not compared.
    - `changed_lines`: how much of the lines that are new since the last release must have run; not asked if left
      out. Files are found by the end of their paths; those that the report does not know do not count.
    - `env`: variables of its own for the command.
    - `sees`: the secrets that the command gets, as variables.

    Bad:   coverage: pytest --cov                  # passes, however little ran
    Good:  coverage: {is: coverage, report: coverage.json, at_least: 85%, changed_lines: 90%}
    """

    def run(self, request: CheckRequest) -> Outcome:
        """Run the command, read its reports, and compare."""
        section = CoverageSection.model_validate(request.section)
        produced = produce(section, request)
        if isinstance(produced, Produced):
            produced = _judged_of(section, produced, request)
        return concealed(produced, request.secrets)


def _judged_of(section: CoverageSection, produced: Produced, request: CheckRequest) -> Outcome:
    reports = []
    for report in produced.reports:
        try:
            reports.append(read(report.data))
        except Unreadable as error:
            what = f"the report `{shown(report.path)}` {error}"
            return unjudged(what, "a report in one of these formats, written to its end", produced.ended)
    files = together(reports, request.folder)
    changed: Changed | None = None
    if section.changed_lines is not None and request.last.commit:
        try:
            changed = coverage_changed.of(coverage_changed.changed(request, section.within_s), files)
        except (Unreadable, PenstockError, OSError) as error:
            what = f"what changed since the last release {shown(error)}"
            return unjudged(what, "a repository that has the last release's commit", produced.ended)
    return judged(section, files, changed, produced.ended, request.last.measured)


def judged(
    section: CoverageSection, files: Files, changed: Changed | None, ended: Ended | None, last: Mapping[str, Any] | None
) -> Outcome:
    """What the coverage of all files, and of the changed lines, says about the commit."""
    counts = [file.counts() for file in files.values()]
    covered, total = sum(ran for ran, _ in counts), sum(weight for _, weight in counts)
    share = covered / total if total else 0.0
    before = _before(last)
    found = [*_ended(ended), *_too_little(section, share, before, changed)]
    sentence = (
        f"{percent(share)} covered ({covered} of {total}){_compared(share, before)}{_of_changes(section, changed)}"
    )
    if found:
        sentence = f"{sentence}: {'; '.join(finding.condition for finding in found)}"
    findings = bounded([*found, *_bare(changed)], "coverage")
    measured = {"percent": round(share * 100, 4), "covered": covered, "total": total, "files": len(files)}
    evidence = (_table(files), *((Evidence("output", "text/plain", ended.output),) if ended else ()))
    seconds = ended.seconds if ended else 0.0
    return Outcome("failed" if found else "passed", shown(sentence, 300), findings, evidence, seconds, measured)


def percent(share: float) -> str:
    """A share with two digits, never rounded up: 79.996 % is not 80."""
    return f"{math.floor(share * 10000 + 1e-6) / 100:g} %"


def _before(last: Mapping[str, Any] | None) -> float | None:
    said = (last or {}).get("percent")
    return said / 100 if isinstance(said, int | float) and not isinstance(said, bool) else None


def _compared(share: float, before: float | None) -> str:
    if before is None:
        return ", with no last release to compare with"
    return f", {percent(before)} in the last release" if abs(share - before) >= 0.00005 else ", as in the last release"


def _of_changes(section: CoverageSection, changed: Changed | None) -> str:
    if section.changed_lines is None:
        return ""
    if changed is None:
        return ", nor to tell changed lines by"
    if not changed.total:
        return ", no line of code changed"
    return f", {percent(changed.share)} of {several(changed.total, 'changed line')}"


def _too_little(section: CoverageSection, share: float, before: float | None, changed: Changed | None) -> list[Finding]:
    found = []
    if share < section.at_least - _NO_LESS:
        said = f"less than the {percent(section.at_least)} of `at_least`"
        found.append(
            Finding(said, "what never ran in a test is not tested", "tests for the files at the top of the table")
        )
    # What is remembered was rounded, so a difference of a rounding is none.
    if before is not None and before - share > section.drop.at_most + 1e-6:
        said = f"{(before - share) * 100:.2f} points less, more than the {section.drop.at_most * 100:g} of `drop`"
        found.append(Finding(said, "code was added without tests, or tests were lost", "tests for what was added"))
    if changed and section.changed_lines is not None and changed.share < section.changed_lines - _NO_LESS:
        said = f"less of the changed lines than the {percent(section.changed_lines)} of `changed_lines`"
        found.append(Finding(said, "what is new is what breaks", "tests for the lines that are named"))
    return found


def _ended(ended: Ended | None) -> list[Finding]:
    if ended is None or ended.code == 0:
        return []
    how = f"was ended by signal {-ended.code}" if ended.code < 0 else f"ended with {ended.code}"
    return [Finding(f"the command {how}", "not all tests may have run", "look into the output")]


def _bare(changed: Changed | None) -> list[Finding]:
    """A finding for each file of which changed lines did not run."""
    worst = sorted((changed.bare if changed else {}).items(), key=lambda item: -len(item[1]))
    return [
        Finding(
            f"{several(len(lines), 'changed line')} of `{shown(path)}` did not run: {runs(lines)}",
            "no test knows what they do", f"a test that runs `{shown(path)}` there", f"{shown(path, 300)}:{lines[0]}", "medium",
        )
        for path, lines in worst
    ]  # fmt: skip


def runs(numbers: list[int]) -> str:
    """`3, 8-10`: sorted numbers, those in a row together."""
    found: list[list[int]] = []
    for number in numbers:
        if found and number == found[-1][1] + 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    said = [str(first) if first == last else f"{first}-{last}" for first, last in found[:_RUNS]]
    return ", ".join(said) + (" ..." if len(found) > _RUNS else "")


def _table(files: Files) -> Evidence:
    """All files, those with the most that did not run first."""
    rows = [(shown(path, 300), *file.counts(), file) for path, file in files.items()]
    rows.sort(key=lambda row: (row[1] - row[2], row[0]))
    told = [
        (path, percent(ran / total) if total else "", str(ran), str(total),
         runs(sorted(number for number, hit in file.lines.items() if not hit)))
        for path, ran, total, file in rows
    ]  # fmt: skip
    return table("coverage", ("file", "covered", "ran", "of", "lines that did not run"), told)
