"""What a picture is made of: lines of styled words, for a terminal of a certain size and ability."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from penstock.core.report_checks import CheckLine, check_lines
from penstock.core.report_people import Hotfix, Question, hotfix_of, questions_of
from penstock.core.report_times import OF_PEOPLE
from penstock.render.cells import clean, cut, fill, width

Row = dict[str, Any]
Span = tuple[str, str]  # text, and one of STYLES
Line = tuple[Span, ...]

# Meaning, not colour: who draws decides what they look like. All are readable on light and on dark ground.
STYLES = ("", "strong", "dim", "good", "bad", "now", "candidate", "stable")


@dataclass(frozen=True)
class Screen:
    """A terminal: its size, whether it shows more than ASCII, and how far its clock is from UTC."""

    width: int
    height: int
    ascii_only: bool = False
    offset_s: int = 0

    @property
    def ellipsis(self) -> str:
        return "..." if self.ascii_only else "…"

    @property
    def dot(self) -> str:
        return " - " if self.ascii_only else " · "

    def narrowed(self, cells: int) -> Screen:
        """The same terminal, as if it were so wide."""
        return Screen(cells, self.height, self.ascii_only, self.offset_s)

    def clock(self, at: float) -> str:
        """A moment as this terminal's clock shows it."""
        return datetime.fromtimestamp(at + self.offset_s, UTC).strftime("%H:%M:%S")

    def day(self, at: float, now: float) -> str:
        """The same, with its day where that is not today."""
        then, today = (datetime.fromtimestamp(t + self.offset_s, UTC) for t in (at, now))
        return then.strftime("%H:%M:%S" if then.date() == today.date() else "%a %Y-%m-%d %H:%M")


TURNS = {
    "drill": ("rehearsing its rollback", "it goes back, as rehearsed"),
    "calibrate": ("held against itself", "it goes back, as planned"),
}
"""What a release of a kind that is never promoted does meanwhile, and at its end."""


@dataclass(frozen=True)
class Seen:
    """All that the records say of a release: what a picture is a function of.

    `looks` are the watch's figures, a row a second; only the last ten minutes of them matter. `orders` are those that
    stand, `now` is the second in which it is looked at. `checks` are the lines that ended, `answers` what people said to
    any release of the commit.
    """

    row: Row
    events: list[Row]
    looks: list[Row] = field(default_factory=list)
    orders: list[Row] = field(default_factory=list)
    now: float = 0.0
    checks: list[Row] = field(default_factory=list)
    answers: list[Row] = field(default_factory=list)

    @cached_property
    def keys(self) -> dict[str, Row]:
        return {event["key"]: event for event in self.events}

    @property
    def is_over(self) -> bool:
        return self.row["state"] not in ("ordering", "waiting", "planned", "awaiting", "rolling_out")

    @cached_property
    def lines(self) -> dict[tuple[str, str], CheckLine]:
        """The lines of the checklist that ended, by moment and name."""
        return {(one.moment, one.name): one for one in check_lines(self.checks)}

    @cached_property
    def questions(self) -> tuple[Question, ...]:
        """What people are asked, and how it stands."""
        return questions_of(self.row, self.answers, self.events, self.now)

    @property
    def waits_for_people(self) -> bool:
        """Whether somebody has a question to answer now."""
        return self.row["state"] == "awaiting" and OF_PEOPLE in self.row["waiting"]

    @property
    def hotfix(self) -> Hotfix | None:
        """The hotfix that it is, if it is one."""
        return hotfix_of(self.row, self.questions)

    @property
    def live(self) -> Row:
        """The figures of the rollout; what a bake counted afterwards compares nobody, and is not among them."""
        promoted = self.keys.get("promoted")
        if promoted and self.looks and self.looks[-1]["at"] > promoted["at"]:
            return {}
        return self.row["facts"].get("live") or {}

    @property
    def plan(self) -> Row:
        return self.row["plan"] or {}

    @property
    def held_by(self) -> str:
        """Who holds the release where it is; the last word between hold and promote counts."""
        said = [order for order in self.orders if order["verb"] in ("hold", "promote")]
        return str(said[-1]["person"]) if said and said[-1]["verb"] == "hold" else ""

    @property
    def turns(self) -> str:
        """What a release that is never promoted does at its last increment; empty for every other."""
        return TURNS[self.row["kind"]][1] if self.row["kind"] in TURNS else ""

    @property
    def is_judged(self) -> bool:
        """Whether candidate and stable are compared at all in this release."""
        return any(rung["judged"] for rung in self.plan.get("rungs", ()))


def line(*spans: Span | str) -> Line:
    """A line of spans; a bare text has no style."""
    return tuple((span, "") if isinstance(span, str) else span for span in spans)


def fitted(spans: Line, screen: Screen) -> Line:
    """The line made harmless, in what the terminal can show, and cut at its width."""
    room, made = screen.width, []
    for raw, style in spans:
        text = clean(raw, ascii_only=screen.ascii_only)
        if width(text) > room:
            text = cut(text, room, screen.ellipsis)
            made.append((text, style))
            break
        made.append((text, style))
        room -= width(text)
    return tuple(span for span in made if span[0])


def text_of(spans: Line) -> str:
    """The line's words alone."""
    return "".join(text for text, _ in spans)


def beside(left: list[Line], right: list[Line], screen: Screen, cells: int) -> list[Line]:
    """Two columns, the left one so many cells wide."""
    column = screen.narrowed(cells)
    made = []
    for number in range(max(len(left), len(right))):
        first = fitted(left[number], column) if number < len(left) else ()
        gap = fill("", cells - width(text_of(first)) + 2)
        made.append((*first, (gap, ""), *(right[number] if number < len(right) else ())))
    return made
