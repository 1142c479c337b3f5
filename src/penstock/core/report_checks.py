"""The checklist of a release as its report tells it: how every line ended, what it found, and how long it took."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from penstock.core.finding import GOOD, Finding

Row = Mapping[str, Any]
_MOMENTS = ("revision", "before", "candidate", "promoted", "verified")
_STATES = ("failed", "errored", "undecided")
_FINDING = tuple(field.name for field in fields(Finding))


@dataclass(frozen=True)
class Waived:
    """Who answers for a line that is no pass, why, and until the end of which day."""

    owner: str
    reason: str
    until: str


@dataclass(frozen=True)
class CheckLine:
    """One line of the checklist, ended. Times are seconds; `at` is when it ended.

    `blocks` says whether the release waited for it, `compared` whether there was anything to compare with. `pace_s` is what
    its sort of work (`pace`) should take (0: nothing is said), `late_s` by how much that was passed. `evidence` are pairs of
    name and digest. `findings` are the first of `found`. `again` is the release whose pass was given again.
    """

    moment: str
    name: str
    state: str
    sentence: str
    seconds: float
    at: float
    kind: str = ""
    blocks: bool = True
    compared: bool = True
    pace: str = ""
    pace_s: float = 0.0
    late_s: float = 0.0
    evidence: tuple[tuple[str, str], ...] = ()
    findings: tuple[Finding, ...] = ()
    found: int = 0
    waived: Waived | None = None
    again: int | None = None

    @property
    def is_good(self) -> bool:
        """Whether a release goes on after it as a matter of course."""
        return self.state in GOOD

    @property
    def was(self) -> str:
        """How it ended before a waiver was held against it."""
        text = self.sentence
        return next((s for s in _STATES if self.waived and text.startswith(f"{s}, waived by ")), self.state)

    @property
    def stopped(self) -> bool:
        """Whether the release did not go on after it."""
        return not self.is_good and self.blocks and (self.compared or self.state != "undecided")

    @property
    def told(self) -> str:
        """What it found, without the words about its waiver and its being given again, which the report says beside it."""
        text = self.sentence
        if self.waived:
            of = f", waived by {self.waived.owner} until {self.waived.until} ({self.waived.reason}): "
            text = text.removeprefix(self.was + of)
        if self.again:
            before, of, after = text.partition(f" ago in release {self.again}: ")
            text = after if of and before.startswith("as ") else text
        return text


@dataclass(frozen=True)
class LeftOut:
    """A line that was not asked, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Took:
    """How long the moments' checks took by the clock on the wall, together; `pace_s` None: it is not known what they should."""

    seconds: float
    pace_s: float | None = None

    @property
    def late_s(self) -> float:
        """By how much the pace of all was passed."""
        return max(0.0, self.seconds - self.pace_s) if self.pace_s else 0.0


def check_lines(rows: Iterable[Row], events: Iterable[Row] = ()) -> tuple[CheckLine, ...]:
    """The lines, moment by moment, in the order in which they ended. What older records do not have is left at its default."""
    told = {event["key"]: event["data"].get("findings") or () for event in events if event["kind"] == "check"}
    found = (_line(row, told.get(f"check:{row['moment']}:{row['name']}", ())) for row in rows)
    return tuple(sorted(found, key=lambda line: (_place(line.moment), line.at)))


def _place(moment: str) -> int:
    return _MOMENTS.index(moment) if moment in _MOMENTS else len(_MOMENTS)


def _line(row: Row, told: Sequence[Row]) -> CheckLine:
    facts = row.get("facts") or {}
    findings = facts.get("findings") or told[:20]
    waiver = facts.get("waived")
    return CheckLine(
        row["moment"], row["name"], row["state"], row["sentence"], row["seconds"], row["at"], row.get("kind") or "",
        facts.get("blocks", True), facts.get("compared", True), facts.get("pace", ""), facts.get("pace_s", 0.0),
        facts.get("late_s", 0.0), tuple(sorted((facts.get("evidence") or {}).items())),
        tuple(_finding(one) for one in findings), max(len(findings), len(told)),
        Waived(waiver["owner"], waiver["reason"], waiver["until"]) if waiver else None, facts.get("again"),
    )  # fmt: skip


def _finding(plain: Row) -> Finding:
    return Finding(**{name: str(plain[name]) for name in _FINDING if plain.get(name)} | {
        "condition": str(plain.get("condition", ""))})  # fmt: skip


def left_out(plan: Row) -> tuple[LeftOut, ...]:
    """The lines that a plan does not ask; plans of the first format left none out."""
    return tuple(LeftOut(name, reason) for name, reason in (plan.get("gates") or {}).get("left_out") or ())


def took(rows: Sequence[Row]) -> Took | None:
    """From the first line's beginning to the last one's end, moment by moment: lines that ran side by side count once."""
    asked = [row for row in rows if not (row.get("facts") or {}).get("again")]
    if not asked:
        return None
    spans: dict[str, tuple[float, float]] = {}
    for row in asked:
        first, last = spans.get(row["moment"], (row["at"] - row["seconds"], row["at"]))
        spans[row["moment"]] = min(first, row["at"] - row["seconds"]), max(last, row["at"])
    paces = [facts["pace_all_s"] for row in asked if "pace_all_s" in (facts := row.get("facts") or {})]
    return Took(sum(last - first for first, last in spans.values()), paces[-1] if paces else None)
