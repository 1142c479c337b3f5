"""Stable and candidate beside each other: who has the traffic, who fails, and what the evidence comes to."""

from __future__ import annotations

from penstock.render.bars import failing, sparkline, towards, traffic
from penstock.render.cells import fill, width
from penstock.render.picture import Line, Row, Screen, Seen, line
from penstock.render.words import count, odds, share

LABEL = 11  # cells before every figure
WIDEST = 80
LEAST_TOP = 0.05  # a sparkline's highest step is at least 5 %: a single error is no mountain


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
    """A line an arm: its failed requests over time, and so far."""
    told = {arm: _counted(seen.live[arm]) for arm in ("candidate", "stable")}
    room = max(map(width, told.values())) + 12
    cells = max(4, min(60, screen.width - LABEL - room))
    series = {arm: failing(seen.looks, arm, cells) for arm in told}
    top = max((value for values in series.values() for value in values if value), default=0.0)
    made = []
    for arm, words in told.items():
        drawn = sparkline(series[arm], max(top, LEAST_TOP), ascii_only=screen.ascii_only)
        style = "bad" if arm == "candidate" and seen.live[arm]["errors"] else arm
        chart = fill(drawn, cells, right=True) if drawn.strip() else fill("", cells)
        made.append(
            line(label("failing" if arm == "candidate" else ""), (fill(arm, 10), arm), (chart, style), f" {words}")
        )
    return made


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
