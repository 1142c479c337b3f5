"""The gates in the checklist: every question with its answers, other environments, the window, a freeze."""

from __future__ import annotations

from collections.abc import Iterator

from penstock.core.report_people import Question
from penstock.render.checklist_item import Item, age
from penstock.render.picture import Seen


def gates(seen: Seen) -> list[Item]:
    """What stands between the checks and the first change, in the order in which the plan has it."""
    return [*(_question(seen, one) for one in seen.questions if one.question), *_after(seen), *_times(seen)]


def _question(seen: Seen, one: Question) -> Item:
    void = [said.person for said in one.said if said.why_not]
    more = f"; void: {', '.join(void)}" if void else ""
    if one.state == "given":
        return Item("done", one.line, f"yes of {', '.join(one.yes)}{more}")
    if one.state == "rejected":
        no = next((said for said in one.said if said.verb == "reject" and not said.why_not), None)
        return Item("bad", one.line, f"no of {no.person}: {no.reason or 'without a reason'}" if no else "rejected")
    if one.state == "unanswered":
        return Item("bad", one.line, f"not answered in time: {one.lacking}")
    if seen.is_over or one.asked_at is None:
        return Item("never" if seen.is_over else "wait", one.line, "not answered" if one.asked_at else f"asks {one.of}")
    have = f", yes of {', '.join(one.yes)}" if one.yes else ""
    return Item("now", one.line, f"{age(max(0.0, seen.now - one.asked_at))}{have}; asks {one.of}{more}")


def _after(seen: Seen) -> Iterator[Item]:
    for name in (seen.plan.get("gates") or {}).get("after") or ():
        yield Item(_state(seen, f"its time in {name} ", "after"), f"after {name}", "it must have run there")


def _times(seen: Seen) -> Iterator[Item]:
    if (seen.plan.get("gates") or {}).get("windows"):
        yield Item(_state(seen, "for the window: ", "window"), "window", "")
    if seen.row["state"] == "awaiting" and "for the freeze by " in seen.row["waiting"]:
        said = seen.row["waiting"].partition("for the freeze by ")[2]
        yield Item("now", "frozen", f"by {said.partition(' to end')[0]}")


def _state(seen: Seen, waiting: str, cause: str) -> str:
    row = seen.row
    if row["state"] == "awaiting":
        return "now" if waiting in row["waiting"] else "done"
    if row["state"] == "blocked" and row["cause"] == cause:
        return "bad"
    if seen.keys.keys() & {"shift:0", "prepare"} or "in_line_from" in row["facts"]:
        return "done"
    return "never" if seen.is_over else "wait"
