"""How bad is still allowed, and what is let through by name: with a reason, and for a time."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from functools import cache
from typing import Annotated, Literal

from pydantic import AfterValidator

from penstock.manifest.section import Section, wrong

Severity = Literal["info", "low", "medium", "high", "critical"]
Limit = Literal["none", "info", "low", "medium", "high", "critical"]
SEVERITIES: tuple[Severity, ...] = ("info", "low", "medium", "high", "critical")
_WORDS: dict[str, Severity] = {
    **{word: word for word in SEVERITIES},
    "informational": "info",
    "note": "low",
    "negligible": "low",
    "minor": "low",
    "moderate": "medium",
    "warning": "medium",
    "major": "high",
    "important": "high",
    "error": "high",
    "blocker": "critical",
}
_AS_REGEX = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


def severity_of(word: str) -> Severity | None:
    """The severity that a tool's word means; None for a word that is not known."""
    return _WORDS.get(word.strip().lower())


def severity_of_score(score: float) -> Severity:
    """A CVSS score from 0 to 10 as a severity, by the bands of CVSS itself."""
    bands: tuple[tuple[float, Severity], ...] = ((9, "critical"), (7, "high"), (4, "medium"))
    return next((name for least, name in bands if score >= least), "low" if score > 0 else "info")


def above(severity: Severity, limit: Limit) -> bool:
    """Whether it is worse than what is allowed."""
    return limit == "none" or SEVERITIES.index(severity) > SEVERITIES.index(limit)


def _a_day(text: str) -> str:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or day.isoformat() != text:  # fromisoformat knows weeks, too
        raise wrong(f"`{text[:40]}` is not a day", "a day is year, month and day", "2027-01-31")
    return text


def _a_reason(text: str) -> str:
    if not text.strip():
        raise wrong("this reason is empty", "whoever reads it later must know why it is let through",
                    "reason: not reachable from a request")  # fmt: skip
    return text


Day = Annotated[str, AfterValidator(_a_day)]
Reason = Annotated[str, AfterValidator(_a_reason)]


class LetThrough(Section):
    """Something that is found and let through: why, and until the end of which day (UTC)."""

    reason: Reason
    until: Day | None = None

    def holds(self, now: float) -> bool:
        """Whether it still counts; it does on its last day."""
        return self.until is None or datetime.fromtimestamp(now, UTC).date() <= date.fromisoformat(self.until)


@cache
def _pattern(glob: str) -> re.Pattern[str]:
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", glob)
    return re.compile("".join(_AS_REGEX.get(part) or re.escape(part) for part in parts))


def fits(glob: str, word: str) -> bool:
    """Whether a path or a rule is one that a glob means: `*` stays within a folder, `**` does not."""
    return _pattern(glob).fullmatch(word) is not None
