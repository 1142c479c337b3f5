"""A line of the checklist as it is drawn, and how so many of them share the lines that there are."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from penstock.render.picture import Line, Screen, line
from penstock.render.words import span

# "waived" failed under a waiver, "noted" failed and blocks nothing
MARKS = {"done": ("✓", "ok", "good"), "now": ("▸", ">>", "now"), "wait": ("·", "..", "dim"),
         "bad": ("✗", "!!", "bad"), "never": (" ", "  ", "dim"), "waived": ("~", "~~", "strong"),
         "noted": ("!", " !", "strong")}  # fmt: skip
_STRONG = {"now": "strong", "bad": "strong", "wait": "dim", "never": "dim"}


@dataclass(frozen=True)
class Item:
    """A line of the checklist; `state` is one of MARKS."""

    state: str
    name: str
    note: str = ""


def drawn(found: list[Item], room: int, screen: Screen) -> list[Line]:
    """As many lines as there is room for: what is done is folded first, then what is to come."""
    shown = folded(found, room, screen.dot)
    names = min(28, max((len(item.name) for item in shown if item.note), default=0))
    return [_drawn(item, names, screen) for item in shown]


def folded(found: list[Item], room: int, dot: str) -> list[Item]:
    """The items in at most `room` lines; what is under way or went wrong keeps a line of its own as long as it can."""
    if len(found) <= room:
        return found
    first = next((n for n, item in enumerate(found) if item.state != "done"), len(found))
    made = _as_one(found[:first], room - (len(found) - first), "{n} done: ", dot) + found[first:]
    if len(made) > room:
        made = [item for item in made if item.state != "never"]
    made = _folded_at_the_end(made, "wait", "then ", room, dot)
    made = _folded_at_the_end(made, "done", "then ", room, dot)
    for state in ("done", "now", "waived", "noted"):
        made = made if len(made) <= room else _runs_as_one(made, state, dot)
    return made[-max(1, room) :]


def _runs_as_one(some: list[Item], state: str, dot: str) -> list[Item]:
    """Neighbours in this state share a line: what ran, or runs, side by side."""
    made: list[Item] = []
    for is_it, run in groupby(some, key=lambda item: item.state == state):
        several = list(run)
        shared = [Item(state, dot.join(item.name for item in several))]
        made += shared if is_it and len(several) > 1 else several
    return made


def _folded_at_the_end(some: list[Item], state: str, before: str, room: int, dot: str) -> list[Item]:
    """The items of one state at the end share a line, as far as there are more items than lines."""
    begin = len(some) - next((n for n, item in enumerate(reversed(some)) if item.state != state), 0)
    if len(some) <= room:
        return some
    return some[:begin] + list(reversed(_as_one(some[begin:][::-1], room - begin, before, dot, turned=True)))


def _as_one(some: list[Item], room: int, before: str, dot: str, *, turned: bool = False) -> list[Item]:
    """Items of one state in so many lines, at least in one: the first ones share a line."""
    many = len(some) - max(0, room - 1)
    if len(some) <= max(1, room):
        return some
    names = [item.name for item in some[:many]]
    if turned:
        names.reverse()
    return [Item(some[0].state, before.format(n=many) + dot.join(names)), *some[many:]]


def _drawn(item: Item, names: int, screen: Screen) -> Line:
    rich, plain, style = MARKS[item.state]
    name = item.name.ljust(names) if item.note else item.name
    return line(
        (f" {plain if screen.ascii_only else rich} ", style),
        (name, _STRONG.get(item.state, "")),
        (f"  {item.note}" if item.note else "", "dim"),
    )


def age(seconds: float) -> str:
    """`7 s`, `1 min 20 s`, `12 min`, `2 h 5 min`: it changes seldom, so that a picture stands still when nothing happens."""
    return f"{seconds:.0f} s" if seconds < 9.95 else span(seconds if seconds < 120 else seconds // 60 * 60)
