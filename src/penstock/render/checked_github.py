"""What `penstock check` found, for GitHub: annotations in the log, and a table for the job's summary."""

from __future__ import annotations

from collections.abc import Iterator

from penstock.core.finding import Finding
from penstock.render.checked import Checked, CheckedLine
from penstock.render.checked_places import place_of
from penstock.render.words import span

_EACH = 10  # GitHub shows so many annotations of a sort for a step; one line shall not take all of them
_SIGNS = {"passed": "✅", "failed": "❌", "errored": "❌", "undecided": "❔", "waived": "🟡", "skipped": "➖"}  # fmt: skip


def commands(checked: Checked) -> Iterator[str]:
    """A workflow command for each finding of what is no pass: an error where it blocks, else a warning."""
    for told in checked.lines:
        if told.state in ("passed", "skipped"):
            continue
        found = told.findings or (Finding(told.sentence),)
        for finding in found[:_EACH]:
            yield _annotation(told, finding)
        if len(found) > _EACH:
            yield _annotation(told, Finding(f"{len(found) - _EACH} more findings: {told.sentence}"))


def summary(checked: Checked) -> str:
    """A table in Markdown, a row a line."""
    rows = [
        f"### Penstock: {_cell(checked.sentence)}",
        "",
        "| | line | verdict | time | found | |",
        "|---|---|---|---|---|---|",
    ]
    for told in checked.lines:
        took = "remembered" if told.again else span(told.seconds)
        late = f" (over {span(told.pace_s)})" if told.late else ""
        rows.append(
            f"| {_SIGNS[told.state]} | {_cell(told.name)} | {told.state} | {took}{late} | {len(told.findings) or ''} "
            f"| {_cell(told.sentence)} |"
        )
    rows += [f"\nNot asked: {', '.join(_cell(name) for name, _ in checked.left_out)}"] if checked.left_out else []
    rows += [f"\nAsked of people: {', '.join(_cell(name) for name, _ in checked.open)}"] if checked.open else []
    return "\n".join(rows) + "\n"


def _annotation(told: CheckedLine, finding: Finding) -> str:
    path, row, column = place_of(finding.where)
    told_of = {"file": path, "line": str(row) if row else "", "col": str(column) if column else "",
               "title": f"{told.name} {told.state}"}  # fmt: skip
    words = ",".join(f"{key}={_property(value)}" for key, value in told_of.items() if value)
    text = "\n".join(part for part in (finding.condition, finding.effect, finding.remedy) if part.strip())
    return f"::{'error' if told.stops else 'warning'} {words}::{_data(text)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _cell(text: str) -> str:
    plain = " ".join(text.split())
    for sign in "\\`*_|[]":
        plain = plain.replace(sign, f"\\{sign}")
    return plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
