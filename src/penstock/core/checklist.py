"""The lines of one moment: which may begin, which never will, and what their ends mean together. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from penstock.core.finding import GOOD, Finding, Outcome, State


@dataclass(frozen=True)
class Line:
    """One line of a moment: what it waits for, and whether the release waits for it."""

    name: str
    needs: tuple[str, ...] = ()
    blocks: bool = True


@dataclass(frozen=True)
class Waiver:
    """A line that may fail until the end of a day: who answers for it, and why. `until` is an ISO date."""

    owner: str
    reason: str
    until: str

    def holds(self, today: date) -> bool:
        """Whether it is not over yet; it holds on its last day."""
        return today <= date.fromisoformat(self.until)


def ready(lines: Sequence[Line], ended: Mapping[str, State], running: Collection[str]) -> list[str]:
    """What may begin now, in the order of the file: all that it needs has passed."""
    return [
        line.name
        for line in lines
        if line.name not in ended and line.name not in running and all(ended.get(n) in GOOD for n in line.needs)
    ]


def never(lines: Sequence[Line], ended: Mapping[str, State]) -> dict[str, str]:
    """What will not begin any more, and which need of it was no pass, or will not begin either."""
    found: dict[str, str] = {}
    known = -1
    while len(found) > known:
        known = len(found)
        for line in lines:
            bad = next((n for n in line.needs if n in found or (n in ended and ended[n] not in GOOD)), None)
            if line.name not in ended and bad:
                found.setdefault(line.name, bad)
    return found


def not_run(need: str) -> Outcome:
    """How a line ends whose need was no pass: it inspected nothing, which is no pass either."""
    said = f"not run: `{need}`, which it needs, did not pass"
    return Outcome("errored", said, (Finding(said, "nothing was inspected", f"mend `{need}` first"),))


def blocking(line: Line, state: State, *, comparable: bool) -> bool:
    """Whether a release does not go on after this. Undecided where there was nothing yet to compare with does not block."""
    if not line.blocks or state in GOOD:
        return False
    return state != "undecided" or comparable


def waived(outcome: Outcome, waiver: Waiver | None, today: date) -> Outcome:
    """The outcome under a waiver: what is no pass is waived while it holds; what it found stays."""
    if waiver is None:
        return outcome
    if outcome.state in GOOD:
        return replace(outcome, sentence=f"{outcome.sentence} (its waiver by {waiver.owner} is not needed any more)")
    if not waiver.holds(today):
        over = f"{outcome.sentence} (its waiver by {waiver.owner} ended on {waiver.until})"
        return replace(outcome, sentence=over)
    said = f"{outcome.state}, waived by {waiver.owner} until {waiver.until} ({waiver.reason}): {outcome.sentence}"
    return replace(outcome, state="waived", sentence=said)


def late(seconds: float, pace_s: float) -> bool:
    """Whether work took longer than its pace allows."""
    return seconds > pace_s > 0


def told(outcome: Outcome) -> dict[str, Any]:
    """An outcome as plain data, for its evidence: everything but the evidence itself."""
    findings = [vars(finding) for finding in outcome.findings]
    return {
        "state": outcome.state, "sentence": outcome.sentence, "findings": findings, "measured": dict(outcome.measured),
    }  # fmt: skip
