"""What `penstock check` found, for a person: lines as they end, then a table, then the findings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from penstock.core.finding import Finding, State
from penstock.render.cells import clean, cut
from penstock.render.columns import columns
from penstock.render.picture import Line, Screen, Span, fitted, line
from penstock.render.words import span

SHOWN = 20  # findings of a line
MARKS: dict[str, tuple[str, str, str]] = {
    "passed": ("✓", "ok", "good"), "skipped": ("·", "..", "dim"), "waived": ("~", "~~", "now"),
    "failed": ("✗", "!!", "bad"), "errored": ("✗", "!!", "bad"), "undecided": ("?", "??", "now"),
}  # fmt: skip


@dataclass(frozen=True)
class CheckedLine:
    """How one line ended. `stops`: a release would not go on. `elsewhere` findings are left out, as their files did not
    change; `again` is the run that its answer is taken from, 0 for this one.
    """

    name: str
    moment: str
    kind: str
    state: State
    sentence: str
    seconds: float
    stops: bool = False
    blocks: bool = True
    pace: str = ""
    pace_s: float = 0.0
    late: bool = False
    findings: tuple[Finding, ...] = ()
    elsewhere: int = 0
    again: int = 0
    waiver: Mapping[str, str] = field(default_factory=dict)
    evidence: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Checked:
    """One run of the checks here. `open` are questions to people, `left_out` lines that are not asked, each with a reason.

    `base` is the commit that `--changed` compared with, `kept` the folder of logs and evidence, `notes` are said above all.
    """

    service: str
    environment: str
    moments: tuple[str, ...]
    commit: str
    tree: str
    run: int
    at: float
    seconds: float
    lines: tuple[CheckedLine, ...]
    open: tuple[tuple[str, str], ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()
    base: str = ""
    kept: str = ""
    notes: tuple[str, ...] = ()

    @property
    def stops(self) -> tuple[CheckedLine, ...]:
        """The lines after which a release would not go on."""
        return tuple(one for one in self.lines if one.stops)

    @property
    def sentence(self) -> str:
        """`2 of 14 lines block: tests, lint`, and what of the others is not simply good."""
        stops = self.stops
        count = f"{len(self.lines)} lines" if len(self.lines) != 1 else "1 line"
        if stops:
            names = ", ".join(one.name for one in stops)
            said = f"{len(stops)} of {count} {'block' if len(stops) > 1 else 'blocks'}: {names}"
        else:
            said = f"{count}, nothing blocks"
        beside = [one for one in self.lines if not one.stops and one.state not in ("passed", "skipped")]
        if beside:
            said += "; does not block: " + ", ".join(f"{one.name} ({one.state})" for one in beside)
        return said


def mark(state: str, on: Screen) -> Span:
    """A sign for how a line ended."""
    rich, plain, style = MARKS[state]
    return (plain if on.ascii_only else rich), style


def ended(one: CheckedLine, on: Screen) -> Line:
    """A line, as it ends."""
    sign, style = mark(one.state, on)
    took = "remembered" if one.again else span(one.seconds)
    return fitted(line((f" {sign} ", style), (one.name, ""), (f"  {one.state}, {took}", style or ""),
                       (f"  {one.sentence}", "dim")), on)  # fmt: skip


def running(now: Sequence[tuple[str, float]], waiting: int, on: Screen) -> Line:
    """What still runs, in one line."""
    names = on.dot.join(f"{name} {seconds:.0f} s" for name, seconds in now)
    more = f"{on.dot}{waiting} to come" if waiting else ""
    return fitted(line((f" {'>>' if on.ascii_only else '▸'} ", "now"), (names, "strong"), (more, "dim")), on)


def screen(checked: Checked, on: Screen, cells: int | None) -> list[Line]:
    """Everything at the end: the table, the findings, what is left open or out, and the sum in one sentence."""
    notes = [line((text, "dim")) for text in checked.notes]
    parts = [
        notes,
        _table(checked, on, cells),
        *(_findings(one) for one in checked.lines),
        _open(checked),
        _left_out(checked),
    ]
    last = line((checked.sentence, "bad" if checked.stops else "good"), (f"  ({span(checked.seconds)})", "dim"))
    made: list[Line] = []
    for part in (*parts, [last]):
        made += [*([()] if made and part else []), *part]
    return made


def _table(checked: Checked, on: Screen, cells: int | None) -> list[Line]:
    several = len(checked.moments) > 1
    header = ["line", "verdict", "time", "pace", "found", *(["waived by"] if _any_waived(checked) else []), "says"]
    rows: list[list[Span]] = []
    for one in checked.lines:
        sign, style = mark(one.state, on)
        name = f"{one.moment}: {one.name}" if several else one.name
        waiver: list[Span] = [(one.waiver.get("owner", ""), "")] if _any_waived(checked) else []
        rows.append([
            (f"{sign} {name}", style if one.state != "passed" else ""), (one.state, style),
            ("remembered" if one.again else span(one.seconds), "dim" if one.again else ""),
            (_pace(one), "bad" if one.late else "dim"), (_found(one), ""), *waiver, (one.sentence, "dim"),
        ])  # fmt: skip
    return columns(header, rows, cells) if rows else []


def _any_waived(checked: Checked) -> bool:
    return any(one.waiver for one in checked.lines)


def _pace(one: CheckedLine) -> str:
    return f"over {span(one.pace_s)}" if one.late else f"of {span(one.pace_s)}" if one.pace_s else ""


def _found(one: CheckedLine) -> str:
    """How many; with those in files that did not change: `2 +4`."""
    counts = [str(len(one.findings))] if one.findings else []
    return " ".join([*counts, *([f"+{one.elsewhere}"] if one.elsewhere else [])])


def _findings(one: CheckedLine) -> list[Line]:
    """The findings of a line, at most 20; a pass keeps its own to itself, unless it says how bad they are."""
    told = [f for f in one.findings if one.state != "passed" or f.severity]
    if not told:
        return []
    made = [line((one.name, "strong"))]
    for finding in told[:SHOWN]:
        made += _finding(finding)
    if len(told) > SHOWN:
        made.append(line((f"  and {len(told) - SHOWN} more: --format json has them all", "dim")))
    return made


def _finding(finding: Finding) -> list[Line]:
    place = f"{finding.where}: " if finding.where else ""
    severity: list[Span] = [(f" [{finding.severity}]", "bad")] if finding.severity in ("critical", "high") else []
    severity = severity or ([(f" [{finding.severity}]", "dim")] if finding.severity else [])
    made = [line("  ", (clean(place), "now"), clean(finding.condition), *severity)]
    rest = [clean(text) for text in (finding.effect.splitlines() or [""]) if text.strip() and text != finding.condition]
    made += [line((f"    {cut(text, 200)}", "dim")) for text in rest[-3:]]
    if finding.remedy:
        made.append(line(("    do: ", "dim"), clean(finding.remedy)))
    return made


def _open(checked: Checked) -> list[Line]:
    return _listed("asked of people, and open here", checked.open)


def _left_out(checked: Checked) -> list[Line]:
    return _listed(f"{len(checked.left_out)} not asked", checked.left_out)


def _listed(title: str, found: Iterable[tuple[str, str]]) -> list[Line]:
    rows = list(found)
    wide = max((len(name) for name, _ in rows), default=0)
    return (
        [line((title, "dim")), *(line(f"  {clean(n).ljust(wide)}  ", (clean(t), "dim")) for n, t in rows)]
        if rows
        else []
    )


def plain(told: CheckedLine) -> dict[str, Any]:
    """One line as plain data."""
    return {
        "name": told.name, "moment": told.moment, "kind": told.kind, "state": told.state, "sentence": told.sentence,
        "seconds": round(told.seconds, 3), "stops": told.stops, "blocks": told.blocks, "pace": told.pace,
        "pace_s": told.pace_s, "late": told.late, "again": told.again, "waiver": dict(told.waiver),
        "elsewhere": told.elsewhere, "evidence": dict(told.evidence), "findings": [vars(f) for f in told.findings],
    }  # fmt: skip
