"""Bars and sparklines out of characters: what they are drawn with depends on the terminal, what they say does not."""

from __future__ import annotations

from itertools import pairwise
from math import ceil, log
from typing import Any

Row = dict[str, Any]

SPAN_S = 600.0  # a sparkline shows the last ten minutes at the most
_STEPS = "▁▂▃▄▅▆▇█"
_ASCII_STEPS = "_.:-=+*#"


def traffic(permille: int, cells: int, *, ascii_only: bool) -> tuple[str, str]:
    """Stable's and the candidate's part of a bar; whoever has any traffic has a cell of it."""
    mine = round(cells * permille / 1000)
    if 0 < permille < 1000:
        mine = min(cells - 1, max(1, mine))
    return (("." if ascii_only else "░") * (cells - mine), ("#" if ascii_only else "█") * mine)


def towards(value: float, limit: float, cells: int, *, ascii_only: bool) -> tuple[str, str]:
    """How far odds have come on their way from 1 to 1 to the limit, on a log scale: the part done, the part to go."""
    share = log(value) / log(limit) if value > 1 and limit > 1 else 0.0
    done = min(cells, int(cells * share))
    return (("#" if ascii_only else "█") * done, ("-" if ascii_only else "─") * (cells - done))


def failing(looks: list[Row], arm: str, cells: int) -> list[float | None]:
    """The share of failed requests of an arm over time, oldest first; None where it had no requests."""
    found = []
    for pairs in _cells(looks, cells):
        asked = sum(max(0, look[f"{arm}_requests"] - before[f"{arm}_requests"]) for before, look in pairs)
        failed = sum(max(0, look[f"{arm}_errors"] - before[f"{arm}_errors"]) for before, look in pairs)
        found.append(failed / asked if asked else None)
    return found


def taking(looks: list[Row], arm: str, cells: int) -> list[float | None]:
    """How long an arm's requests took over time, in milliseconds, oldest first; None where nothing is known."""
    found = []
    for pairs in _cells(looks, cells):
        told = [look[f"{arm}_ms"] for _, look in pairs if look.get(f"{arm}_ms") is not None]
        found.append(sum(told) / len(told) if told else None)
    return found


def _cells(looks: list[Row], cells: int) -> list[list[tuple[Row, Row]]]:
    """Looks, each with the one before it, by the cell of a sparkline that it falls into.

    A cell is a whole number of seconds, and begins at a multiple of it: so cells move on, and do not change behind one.
    """
    if len(looks) < 2:
        return []
    end = looks[-1]["at"]
    recent = [look for look in looks if look["at"] > end - SPAN_S]
    step = max(1, ceil((end - recent[0]["at"]) / cells))
    first = max(int(recent[0]["at"] // step), int(end // step) - cells + 1)
    found: dict[int, list[tuple[Row, Row]]] = {cell: [] for cell in range(first, int(end // step) + 1)}
    for before, look in pairwise(recent):
        if (cell := int(look["at"] // step)) in found:
            found[cell].append((before, look))
    return list(found.values())


def sparkline(values: list[float | None], top: float, *, ascii_only: bool) -> str:
    """A character a value, between nothing and `top`; a blank where there is no value."""
    steps = _ASCII_STEPS if ascii_only else _STEPS
    return "".join(" " if value is None else steps[_level(value, top, len(steps))] for value in values)


def _level(value: float, top: float, steps: int) -> int:
    if value <= 0 or top <= 0:
        return 0
    return min(steps - 1, max(1, ceil(value / top * (steps - 1))))
