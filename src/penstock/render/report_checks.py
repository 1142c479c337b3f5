"""The checklist in a report: the words that page and Markdown share, and the Markdown itself."""

from __future__ import annotations

from penstock.core.finding import Finding
from penstock.core.report import Report
from penstock.core.report_checks import CheckLine
from penstock.render.markdown import items, one_line, table
from penstock.render.words import span

HEADS = ("moment", "line", "verdict", "took", "what it found", "evidence")
SHORT = 12  # characters of a digest


def markdown(report: Report) -> str:
    """The table, what was left out, and below it every finding."""
    if not (report.checks or report.left_out):
        return ""
    rows = [
        (line.moment, line.name, verdict(line), took(line), line.told, ", ".join(f"{n} `{d[:SHORT]}`" for n, d in line.evidence))
        for line in report.checks
    ]  # fmt: skip
    parts = ["## Checklist", table(HEADS, rows) if rows else "", together(report), _left_out(report), _findings(report)]
    return "\n\n".join(part for part in parts if part)


def verdict(line: CheckLine) -> str:
    """How a line ended, and what that was worth: `failed, does not block`, `passed, as in release 5`."""
    said = [line.state]
    if line.waived:
        was = f"{line.was}, " if line.was != line.state else ""
        said = [f"{was}waived by {line.waived.owner} until {line.waived.until}: {line.waived.reason}"]
    if line.again:
        said.append(f"as in release {line.again}")
    if not line.is_good and not line.stopped:
        said.append("does not block" if not line.blocks else "does not block: there was nothing yet to compare with")
    elif not line.blocks:
        said.append("would not block")
    return ", ".join(said)


def took(line: CheckLine) -> str:
    """How long a line took against the pace of its sort of work."""
    if line.again:
        return "–"
    if line.late_s:
        return f"{span(line.seconds)}: LATE by {span(line.late_s)} ({line.pace} {span(line.pace_s)})"
    return span(line.seconds) + (f" of {span(line.pace_s)}" if line.pace_s else "")


def together(report: Report) -> str:
    """All checks by the clock on the wall, against the pace of all."""
    all_of_it = report.checks_took
    if all_of_it is None:
        return ""
    said = f"Together, by the clock: {span(all_of_it.seconds)}"
    if all_of_it.pace_s is None:
        return f"{said}."
    late = f": LATE by {span(all_of_it.late_s)}" if all_of_it.late_s else ""
    return f"{said}, of {span(all_of_it.pace_s)}{late}."


def left_out(report: Report) -> list[str]:
    """The lines that were not asked, each with its reason."""
    return [f"{one.name}: {one.reason}" for one in report.left_out]


def title(line: CheckLine) -> str:
    """Above the findings of a line: how many there are, and whether all of them are shown."""
    shown = len(line.findings)
    return f"{line.name} ({line.moment}): {line.found} found" + (f", the first {shown}" if line.found > shown else "")


def said(finding: Finding) -> str:
    """A finding in one paragraph, without its place: condition, effect, remedy."""
    severity = f"[{finding.severity}] " if finding.severity else ""
    effect = f". So: {finding.effect}" if finding.effect else ""
    return f"{severity}{finding.condition}{effect}" + (f". Do: {finding.remedy}" if finding.remedy else "")


def _left_out(report: Report) -> str:
    return f"Left out:\n\n{items(left_out(report))}" if report.left_out else ""


def _findings(report: Report) -> str:
    parts = [
        f"{one_line(title(line))}:\n\n" + items(f"{_place(one)}{said(one)}" for one in line.findings)
        for line in report.checks if line.findings
    ]  # fmt: skip
    return "\n\n".join(["### Findings", *parts]) if parts else ""


def _place(one: Finding) -> str:
    where = one.where.replace("`", "'")
    return f"`{where}` " if where else ""
