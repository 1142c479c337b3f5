"""Stable and candidate beside each other: who has the traffic, who fails, and what the evidence comes to."""

from __future__ import annotations

from collections.abc import Callable

from penstock.render.bars import failing, sparkline, taking, towards, traffic
from penstock.render.cells import fill, width
from penstock.render.picture import Line, Row, Screen, Seen, line
from penstock.render.words import count, milliseconds, odds, share

LABEL = 11  # cells before every figure
WIDEST = 80
ARMS = ("candidate", "stable")
ROOMY = 30  # rows from which there is room for more than failures
LEAST_TOP = 0.05  # a sparkline's highest step is at least 5 %: a single error is no mountain


Draw = Callable[[list[Row], str, int], list[float | None]]


def arms(seen: Seen, screen: Screen) -> list[Line]:
    """The traffic, and the failing requests of both; nothing before anything was moved."""
    if "shift:0" not in seen.keys or not seen.plan.get("rungs"):
        return []
    made = [_traffic(seen, screen)]
    if seen.live and seen.plan.get("stable") and seen.is_judged:
        made += _failures(seen, screen)
    return made


def evidence(seen: Seen, screen: Screen) -> list[Line]:
    """How far the odds have come: against the candidate, and for it. Only where candidate and stable are compared."""
    live = seen.live
    if not live or not seen.is_judged or not seen.looks:
        return []
    cells = max(8, min(WIDEST, screen.width - LABEL - 53))
    back = _towards("against it", "bad", live["odds"], live["odds_limit"], "that send it back", cells, screen)
    on = _towards("for it", "good", live["acceptance"], live["acceptance_limit"], "that accept it", cells, screen)
    return [back, on]


def label(text: str) -> tuple[str, str]:
    """What stands before a figure."""
    return (fill(text, LABEL), "dim")


def _traffic(seen: Seen, screen: Screen) -> Line:
    permille = _weight(seen)
    rest, mine = f"stable {(1000 - permille) / 10:g} % ", f" {permille / 10:g} % candidate"
    if not seen.plan.get("stable"):
        rest, mine = "nobody ", f" {permille / 10:g} % the first revision"
    cells = max(10, min(WIDEST, screen.width - LABEL - width(rest) - width(mine)))
    old, new = traffic(permille, cells, ascii_only=screen.ascii_only)
    return line(label("traffic"), rest, (old, "stable"), (new, "candidate"), (mine, "candidate"))


def _weight(seen: Seen) -> int:
    """What is in force now: after going back, nothing goes to the candidate."""
    if "back:done" in seen.keys:
        return 0
    return int(seen.row["facts"].get("weight_permille", 0))


def _failures(seen: Seen, screen: Screen) -> list[Line]:
    """A line an arm: its failed requests over time, and so far; where there is room, how long they take as well."""
    told = {arm: _counted(seen.live[arm]) for arm in ARMS}
    made = _charts("failing", failing, told, LEAST_TOP, seen, screen)
    took = {arm: _took(seen.looks, arm) for arm in ARMS}
    if screen.height < ROOMY or not any(took.values()):
        return made
    return made + _charts("taking", taking, took, 0.0, seen, screen)


def _charts(name: str, draw: Draw, told: dict[str, str], least: float, seen: Seen, screen: Screen) -> list[Line]:
    """The same quantity on both arms, on one scale."""
    cells = max(4, min(60, screen.width - LABEL - max(map(width, told.values())) - 12))
    series = {arm: draw(seen.looks, arm, cells) for arm in ARMS}
    top = max([least, *(value for values in series.values() for value in values if value)])
    made = []
    for arm, words in told.items():
        drawn = sparkline(series[arm], top, ascii_only=screen.ascii_only)
        is_bad = name == "failing" and arm == "candidate" and seen.live[arm]["errors"]
        chart = fill(drawn, cells, right=True) if drawn.strip() else fill("", cells)
        head = label(name if arm == "candidate" else "")
        made.append(line(head, (fill(arm, 10), arm), (chart, "bad" if is_bad else arm), f" {words}"))
    return made


def _took(looks: list[Row], arm: str) -> str:
    """The newest mean time, in words."""
    newest = next((look[f"{arm}_ms"] for look in reversed(looks) if look.get(f"{arm}_ms") is not None), None)
    return f"{milliseconds(newest)} a request" if newest is not None else ""


def _counted(arm: Row) -> str:
    failed = f"{count(arm['errors'])} of {count(arm['requests'])} requests"
    return f"{failed} ({share(arm['errors'], arm['requests'])})" if arm["requests"] else "no requests judged yet"


def _towards(name: str, style: str, value: float, limit: float, what: str, cells: int, screen: Screen) -> Line:
    done, rest = towards(value, limit, cells, ascii_only=screen.ascii_only)
    edge = "|" if screen.ascii_only else "┤"
    said = f"{chance(value)}{': past' if value >= limit else ' of'} the {odds(limit)} {what}"
    return line(label(name), (done, style), (rest, "dim"), (edge, style), f" {said}")


def chance(value: float) -> str:
    """Odds as they are said on the way to a limit: `12 to 1`; below even odds there is nothing to say yet."""
    if value <= 1:
        return "nothing yet"
    return odds(value) if value < 1e6 else "over 1,000,000 to 1"
