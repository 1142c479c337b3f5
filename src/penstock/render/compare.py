"""Two releases side by side."""

from __future__ import annotations

from itertools import zip_longest
from textwrap import wrap

from penstock.core.report import Report
from penstock.render.report import facts

NAME, COLUMN = 34, 44


def compare(one: Report, other: Report) -> list[tuple[str, str, str]]:
    """(name, of the one, of the other) of every fact that either has, checks and configuration included."""
    left, right = _all(one), _all(other)
    return [(name, left.get(name, "–"), right.get(name, "–")) for name in {**left, **right}]


def text(one: Report, other: Report) -> str:
    """A table for a terminal; what differs is marked."""
    rows = [("", f"release {one.number}", f"release {other.number}"), *compare(one, other)]
    return "\n".join(line for row in rows for line in _row(*row))


def _all(report: Report) -> dict[str, str]:
    found = dict(facts(report))
    found["What happened"] = report.sentence
    found |= {f"check {c.moment}: {c.name}": c.state for c in report.checks}
    found |= {f"configuration {change.name}": change.what for change in report.configuration}
    found["Commits"] = str(len(report.commits))
    found["Issues encountered"] = str(len(report.issues))
    return found


def _row(name: str, left: str, right: str) -> list[str]:
    mark = " " if left == right or not name else "≠"
    columns = (wrap(name, NAME) or [""], wrap(left, COLUMN), wrap(right, COLUMN))
    return [
        f"{mark if not number else ' '} {a:<{NAME}} {b:<{COLUMN}} {c}".rstrip()
        for number, (a, b, c) in enumerate(zip_longest(*columns, fillvalue=""))
    ]
