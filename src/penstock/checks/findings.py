"""The check `findings`: what analysers of code and templates found, judged by how bad it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from pydantic import Field, model_validator

from penstock.checks import findings_plain, findings_sarif
from penstock.checks.findings_allowed import SEVERITIES, LetThrough, Limit, above, fits
from penstock.checks.findings_json import Unreadable, line, read
from penstock.checks.findings_sarif import Analysis, Found
from penstock.checks.findings_told import bounded, counted, listed, table
from penstock.checks.reported import Produced, Reported, produce, unjudged
from penstock.core.finding import CheckRequest, Finding, Last, Outcome, State
from penstock.core.masking import concealed
from penstock.core.target import Evidence
from penstock.manifest.section import Flag, wrong

KEPT = 4000


class Ignored(LetThrough):
    """A rule, some paths, or a rule in some paths."""

    rule: str = ""
    path: str = ""

    @model_validator(mode="after")
    def _something(self) -> Ignored:
        if not self.rule and not self.path:
            raise wrong("this lets everything through", "it names neither a rule nor a path",
                        "rule: B101, path: tests/**, or both", code="missing-key")  # fmt: skip
        return self

    def covers(self, found: Found) -> bool:
        """Whether it is meant by this."""
        return (not self.rule or fits(self.rule, found.rule)) and (not self.path or fits(self.path, found.path))

    def __str__(self) -> str:
        return f"{self.rule or 'everything'} in {self.path}" if self.path else self.rule


class _Steady:
    """Steady, unless something that is let through ends one day, or the last release is compared with."""

    def __get__(self, section: FindingsSection | None, _: type) -> bool:
        return section is None or not (section.new_only or any(one.until for one in section.ignore))


class FindingsSection(Reported):
    """`at_most`: the worst that is allowed; `new_only`: of what is new; `ignore`: let through by name."""

    steady: ClassVar[bool] = _Steady()  # type: ignore[assignment]

    at_most: Limit = "medium"
    new_only: Flag = False
    ignore: tuple[Ignored, ...] = Field(default=(), max_length=200)

    @model_validator(mode="after")
    def _has_a_report(self) -> FindingsSection:
        if not self.report:
            raise wrong("there is no `report` to judge", "what an analyser found stands in a file",
                        "report: findings.sarif", code="missing-key")  # fmt: skip
        return self


@dataclass(frozen=True)
class Sorted:
    """What is counted, and what is not: `open` without what a tool suppressed and what is ignored."""

    open: tuple[Found, ...]
    suppressed: tuple[Found, ...]
    ignored: tuple[tuple[Found, Ignored], ...]
    expired: tuple[Ignored, ...]


class FindingsCheck:
    """Passes when no analyser found anything worse than `at_most`.

    Reads SARIF 2.1.0, as CodeQL, semgrep, trivy, checkov, ruff, gosec, ESLint and cfn-lint write it, and the own JSON of
    bandit, semgrep and ESLint. Severity is the first of these that is there: a score (`security-severity`: from 9
    critical, from 7 high, from 4 medium, above 0 low), the tool's own word (bandit's `issue_severity`, trivy's and
    gosec's tag), or the level (error is high, warning is medium, note is low, none is info).

    No report, a report without a run, a run that did not come to its end, or a file that an analyser could not parse is
    *errored*: it was not inspected. What a tool itself suppresses (`# nosec`, `// eslint-disable`) is counted and shown
    with its reason, and does not block.

    - `report`: the file that the analyser writes, or several; `*` is a glob.
    - `run`: the command that writes it. Left out where a check that this one `needs` has written it.
    - `env`, `sees`: the command's own variables, and the secrets it gets.
    - `at_most`: the worst severity that is allowed, medium if left out; one of none, info, low, medium, high, critical.
    - `new_only`: whether only what the last release did not have counts, false if left out. A finding is known again by
      the tool's fingerprint, else by rule, path and the text of its line: what moves down a file stays known. Where there
      is no last release, or it did not measure this, worse findings are all listed and the check is *undecided*, which
      does not block where nothing can be compared with.
    - `ignore`: what is let through, each with a `reason`.
    - `ignore.rule`, `ignore.path`: a rule's name and a glob of paths, one of them or both; `**` crosses folders.
    - `ignore.reason`: why. It stands in the evidence.
    - `ignore.until`: the last day on which it counts, in UTC; for good if left out. Over, it is said, and blocks.

    Bad:   lint: bandit -r src               # fails on every note, or with `|| true` on nothing
    Good:  sast: {is: findings, run: bandit -r src -f sarif -o b.sarif, report: b.sarif, new_only: true}
    """

    def run(self, request: CheckRequest) -> Outcome:
        """Have the reports written, read them all, judge them together."""
        section = FindingsSection.model_validate(request.section)
        produced = produce(section, request)
        if isinstance(produced, Outcome):
            return concealed(produced, request.secrets)
        outcome = judged(section, produced, request.folder, request.last, request.now)
        return concealed(outcome, request.secrets)


def judged(section: FindingsSection, produced: Produced, folder: str, last: Last, now: float) -> Outcome:
    """What the reports say about the commit."""
    analyses = []
    for report in produced.reports:
        try:
            analyses.append(parsed(report.data, folder))
        except Unreadable as error:
            return unjudged(f"`{report.path}` {error}", "a report in SARIF 2.1.0", produced.ended)
    analysis = Analysis(
        tuple(tool for one in analyses for tool in one.tools),
        _numbered([found for one in analyses for found in one.found]),
        tuple(what for one in analyses for what in one.not_inspected),
    )
    if why := _broken_off(analysis, produced):
        return unjudged(why, "run it by hand, and read what it says", produced.ended)
    outcome = verdict(section, analysis, last, now)
    seconds = produced.ended.seconds if produced.ended else 0.0
    return replace(outcome, evidence=(*outcome.evidence, *produced.evidence()), duration_s=seconds)


def parsed(data: bytes, folder: str) -> Analysis:
    """What one report says, whoever wrote it; Unreadable for one that is none."""
    report = read(data)
    if isinstance(report, list):
        if not report:
            raise Unreadable("is an empty list, which does not say that anything was inspected")
        if not isinstance(report[0], dict) or "filePath" not in report[0]:
            raise Unreadable("is a list of another kind than ESLint writes")
        return findings_plain.eslint(report, folder)
    if not isinstance(report, dict):
        raise Unreadable("is neither a map nor a list")
    if "runs" not in report and "metrics" in report and "results" in report:
        return findings_plain.bandit(report, folder)
    if "runs" not in report and "paths" in report and "results" in report:
        return findings_plain.semgrep(report, folder)
    return findings_sarif.read(report, folder)


def verdict(section: FindingsSection, analysis: Analysis, last: Last, now: float) -> Outcome:
    """The judgement on what was found and inspected in whole."""
    lot = _sorted(section, analysis.found, now)
    worse = [one for one in lot.open if above(one.severity, section.at_most)]
    known = _known(last) if section.new_only else None
    counts = worse if known is None else [one for one in worse if one.identity not in known]
    nothing_before = section.new_only and known is None
    state: State = "passed" if not counts else "undecided" if nothing_before else "failed"
    sentence = _sentence(section, lot, worse, counts, nothing_before)
    findings = [_told(one, section) for one in counts] + [_over(one) for one in lot.expired]
    evidence = _evidence(analysis, lot)
    return Outcome(state, sentence, bounded(findings, evidence.name), (evidence,), measured=_measured(lot))


def _numbered(found: list[Found]) -> tuple[Found, ...]:
    """The worst first. Of several that are the same but for their line, each has an identity of its own."""
    seen: Counter[str] = Counter()
    numbered = []
    for one in sorted(found, key=lambda f: (-SEVERITIES.index(f.severity), f.path, f.line, f.rule)):
        seen[one.identity] += 1
        count = seen[one.identity]
        numbered.append(replace(one, identity=f"{one.identity}.{count}") if count > 1 else one)
    return tuple(numbered)


def _broken_off(analysis: Analysis, produced: Produced) -> str:
    """Why not all was inspected; empty when it was."""
    if analysis.not_inspected:
        more = len(analysis.not_inspected) - 1
        return line(f"not all was inspected: {analysis.not_inspected[0]}", 250) + (f" and {more} more" if more else "")
    code = produced.ended.code if produced.ended else 0
    if code < 0:
        return f"the command was ended by signal {-code}"
    if code and not analysis.found:
        return f"the command ended with {code}, and its report has no finding: it broke off"
    return ""


def _sorted(section: FindingsSection, found: tuple[Found, ...], now: float) -> Sorted:
    counts, suppressed, ignored = [], [], []
    holding = [one for one in section.ignore if one.holds(now)]
    for one in found:
        by = next((rule for rule in holding if rule.covers(one)), None)
        if one.passed_over:
            suppressed.append(one)
        elif by:
            ignored.append((one, by))
        else:
            counts.append(one)
    over = [rule for rule in section.ignore if rule not in holding and any(rule.covers(one) for one in counts)]
    return Sorted(tuple(counts), tuple(suppressed), tuple(ignored), tuple(over))


def _known(last: Last) -> frozenset[str] | None:
    """What the last release had; None when nobody knows."""
    before = (last.measured or {}).get("known") if last.commit else None
    return frozenset(map(str, before)) if isinstance(before, list | tuple) else None


def _measured(lot: Sorted) -> Mapping[str, Any]:
    counts = {word: n for word in SEVERITIES if (n := sum(one.severity == word for one in lot.open))}
    return {"known": [one.identity for one in lot.open[:KEPT]], "counts": counts}


def _sentence(
    section: FindingsSection, lot: Sorted, worse: list[Found], counts: list[Found], nothing_before: bool
) -> str:
    total = len(lot.open)
    aside = [
        f"{len(worse) - len(counts)} were there before" if len(counts) < len(worse) else "",
        f"{len(lot.suppressed)} suppressed" if lot.suppressed else "",
        f"{len(lot.ignored)} ignored" if lot.ignored else "",
        f"{len(lot.expired)} `ignore` is over" if len(lot.expired) == 1 else "",
        f"{len(lot.expired)} `ignore` are over" if len(lot.expired) > 1 else "",
        "there is no last release to compare with" if nothing_before else "",
    ]
    tail = "; ".join(part for part in aside if part)
    new = " new" if section.new_only and not nothing_before else ""
    limit = f"worse than {section.at_most}" if section.at_most != "none" else "more than is allowed"
    if counts:
        head = f"{len(counts)}{new} of {total} findings {'is' if len(counts) == 1 else 'are'} {limit}"
        return listed(head, [line(f"{one.rule} at {one.where}", 70) for one in counts], tail)
    severities = counted((one.severity for one in lot.open), SEVERITIES[::-1])
    said = f"0{new} of {total} findings ({severities}) are {limit}" if total else "no findings"
    return f"{said}; {tail}" if tail else said


def _told(one: Found, section: FindingsSection) -> Finding:
    allowed = f"{one.severity}, and at most {section.at_most} is allowed"
    remedy = f"mend it, or let it through with `ignore` and a reason{f'; see {one.remedy}' if one.remedy else ''}"
    return Finding(line(f"{one.rule}: {one.message}", 500), allowed, remedy, one.where, one.severity)


def _over(rule: Ignored) -> Finding:
    return Finding(f"the `ignore` of {rule} ended on {rule.until}", f"it was: {rule.reason}",
                   "mend what it let through, or give it another day", severity="info")  # fmt: skip


def _evidence(analysis: Analysis, lot: Sorted) -> Evidence:
    rows: list[tuple[str, ...]] = [(one.severity, one.rule, one.where, one.message, "") for one in lot.open]
    rows += [(one.severity, one.rule, one.where, one.message, one.passed_over) for one in lot.suppressed]
    rows += [(one.severity, one.rule, one.where, one.message, f"ignored: {by.reason}") for one, by in lot.ignored]
    rows.append(("", "", "", f"inspected by {', '.join(dict.fromkeys(analysis.tools))}", ""))
    return table("findings", ("severity", "rule", "where", "what", "let through"), rows)
