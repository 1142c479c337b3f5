"""The checklist on the report's page: the table, what was left out, every finding, and the evidence it is linked to."""

from __future__ import annotations

from html import escape

from penstock.core.finding import Finding
from penstock.core.report import Report
from penstock.core.report_checks import CheckLine
from penstock.render.page_parts import Markup, coloured, inline, items, paragraph, section, table
from penstock.render.report_checks import HEADS, SHORT, left_out, said, title, together, took, verdict
from penstock.render.words import count


def checks(report: Report) -> str:
    """The section of the checklist; nothing where nothing was asked."""
    places = _places(report)
    rows = [
        (line.moment, line.name, _verdict(line), _took(line), line.told, _evidence(line, places))
        for line in report.checks
    ]
    parts = [table(HEADS, rows, look="wide") if rows else "", _paragraph(together(report), late=_is_late(report))]
    if report.left_out:
        parts.append(f"<h3>Left out</h3>{items(left_out(report))}")
    parts += [_findings(line) for line in report.checks if line.findings]
    return section("Checklist", "".join(parts)) if rows or report.left_out else ""


def evidence(report: Report) -> str:
    """Every piece, each with a place that the checklist links to."""
    rows = [
        (Markup(f'<span id="evidence-{n}">{escape(str(e["name"]))}</span>'), str(e["digest"]), count(e["size"]))
        for n, e in enumerate(report.evidence)
    ]
    return section("Evidence", table(("what", "SHA-256", "bytes"), rows, numbers=1)) if rows else ""


def _places(report: Report) -> dict[str, int]:
    return {str(e["name"]): n for n, e in enumerate(report.evidence)}


def _evidence(line: CheckLine, places: dict[str, int]) -> Markup:
    return Markup("<br>".join(_piece(line, name, digest, places) for name, digest in line.evidence))


def _piece(line: CheckLine, name: str, digest: str, places: dict[str, int]) -> str:
    place = places.get(f"{line.moment}/{line.name}/{name}")
    shown = escape(name) if place is None else f'<a href="#evidence-{place}">{escape(name)}</a>'
    return f"{shown} <code>{escape(digest[:SHORT])}</code>"


def _verdict(line: CheckLine) -> Markup:
    look = "wait" if line.waived or not (line.is_good or line.stopped) else "good" if line.is_good else "bad"
    return coloured(verdict(line), look)


def _took(line: CheckLine) -> str:
    return coloured(took(line), "wait") if line.late_s else took(line)


def _is_late(report: Report) -> bool:
    return bool(report.checks_took and report.checks_took.late_s)


def _paragraph(text: str, *, late: bool) -> str:
    return paragraph(text, "wait" if late else "soft")


def _findings(line: CheckLine) -> str:
    return f"<h3>{inline(title(line))}</h3>{items(map(_finding, line.findings))}"


def _finding(one: Finding) -> Markup:
    return Markup((f"<code>{escape(one.where)}</code> " if one.where else "") + inline(said(one)))
