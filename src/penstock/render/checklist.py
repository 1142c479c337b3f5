"""The checklist of a release: what is done, what is under way and for how long, what is to come."""

from __future__ import annotations

from penstock.core.finding import GOOD
from penstock.core.report_checks import CheckLine
from penstock.render.checklist_gates import gates
from penstock.render.checklist_item import Item, age
from penstock.render.picture import Row, Seen
from penstock.render.words import span

MOMENTS = {
    "revision": "on the commit",
    "before": "before any change",
    "candidate": "on the candidate",
    "promoted": "at 100 %",
    "verified": "on what serves again",
}


def items(seen: Seen) -> list[Item]:
    """Every line of the checklist, in the order in which they happen."""
    plan, keys = seen.plan, seen.keys
    found = [_work(seen, "build", "build:began", "build:done")] if seen.row["kind"] == "release" else []
    if not plan:
        return [*found, *_unplanned(seen)]
    if plan.get("nothing_to_do"):
        return [*found, Item("done", "nothing to do", plan["nothing_to_do"])]
    found += _checks(seen, "revision") + _checks(seen, "before") + gates(seen) + _line(seen)
    if plan.get("prepares"):
        found.append(_work(seen, "prepare", "prepare", "prepare:done"))
    for number in range(
        len(plan["rungs"]) - bool(seen.turns)
    ):  # the last one, 100 %, is not for a drill nor a calibration
        found.append(_rung(seen, number))
        found += _checks(seen, "candidate") if number == 0 else []
    found += [] if seen.turns else _checks(seen, "promoted")
    if "back" in keys:
        found += [_way_back(seen), *_checks(seen, "verified")]
    return found


def _unplanned(seen: Seen) -> list[Item]:
    if seen.is_over:
        return []
    return [Item("wait", "checks and rollout", "known as soon as the plan is drawn")]


def _work(seen: Seen, name: str, began: str, done: str) -> Item:
    """One thing with a beginning and an end."""
    start, end = seen.keys.get(began), seen.keys.get(done)
    if start is None:
        return Item("never" if seen.is_over else "wait", name)
    if end is not None:
        return Item("done", name, _took(end["at"] - start["at"]).removeprefix(", "))
    if seen.is_over or "back" in seen.keys:
        return Item("bad", name)
    return Item("now", name, _since(seen, start["at"]))


def _checks(seen: Seen, moment: str) -> list[Item]:
    asked = seen.plan.get("checks", {}).get("candidate" if moment == "verified" else moment, ())
    return [_check(seen, moment, name) for name in asked]


def _check(seen: Seen, moment: str, name: str) -> Item:
    began, ended = seen.keys.get(f"check:{moment}:{name}:began"), seen.keys.get(f"check:{moment}:{name}")
    where = MOMENTS[moment]
    if ended is not None:
        return _ended(name, where, ended["data"], seen.lines.get((moment, name)))
    if began is None:
        to_come = not seen.is_over and ("back" not in seen.keys or moment == "verified")
        return Item("wait", name, f"check {where}") if to_come else Item("never", name, "not reached")
    if seen.is_over:
        return Item("bad", name, f"check {where}: not ended")
    return Item("now", name, f"check {where}, {_since(seen, began['at'])}")


def _ended(name: str, where: str, told: Row, line: CheckLine | None) -> Item:
    """A line that ended, with what the records know of it beside the event: its waiver, its pace, whether it blocks."""
    state, took = told["state"], _took(told["seconds"])
    late = "LATE: " if line and line.late_s else ""
    if line and line.waived:
        return Item("waived", name, f"waived by {line.waived.owner} until {line.waived.until}: {line.was}")
    if line and line.again:
        return Item("done", name, f"{state}, as in release {line.again}")
    if state in GOOD:
        return Item("waived" if state == "waived" else "done", name, f"{late}{state}{took}")
    if line and not line.stopped:
        return Item("noted", name, f"{state}, not blocking{took}")
    return Item("bad", name, f"{state} {where}{took}")


def _took(seconds: float) -> str:
    return f", {span(seconds)}" if seconds >= 0.05 else ""


def _line(seen: Seen) -> list[Item]:
    """Its place in line, when it had to wait for one."""
    waited = [event for event in seen.events if event["key"].startswith("waiting:")]
    if not waited:
        return []
    ahead = ", ".join(event["key"].split(":")[1] for event in waited)
    if seen.row["state"] == "waiting":
        return [Item("now", "in line", f"behind release {ahead}: {_since(seen, waited[0]['at'])}")]
    return [Item("done" if "shift:0" in seen.keys else "never", "in line", f"behind release {ahead}")]


def _rung(seen: Seen, number: int) -> Item:
    rung, keys = seen.plan["rungs"][number], seen.keys
    begun, in_force = keys.get(f"shift:{number}"), keys.get(f"shifted:{number}")
    name, until = rung["name"], _left_at(seen, number)
    if begun is None:
        gone = seen.is_over or "back" in keys
        if until is not None and not gone:
            return Item("never", name, "passed over")
        return Item("never", name, "not reached") if gone else Item("wait", name, _length(rung))
    if "back" in keys and until == keys["back"]["at"]:
        return Item("bad", name, f"left after {span(until - begun['at'])}")
    if in_force is None:
        return Item("bad", name) if seen.is_over else Item("now", name, f"is put in force, {_since(seen, begun['at'])}")
    if until is not None or not rung["judged"]:
        ended = until if until is not None and rung["judged"] else in_force["at"]
        return Item("done", name, _took(ended - begun["at"]).removeprefix(", "))
    watched = min(watched_s(seen, number), rung["duration_s"])
    return Item("now", name, f"watched {watched:.0f} of {rung['duration_s']:.0f} s")


def watched_s(seen: Seen, number: int) -> float:
    """How long the rung in force was watched; figures of the rung before it do not count."""
    in_force = seen.keys.get(f"shifted:{number}")
    if in_force is None or not seen.looks or seen.looks[-1]["at"] < in_force["at"] - 0.1:
        return 0.0
    return float(seen.live.get("watched_s", 0.0))


def _left_at(seen: Seen, number: int) -> float | None:
    """When a rung was left: for the next one, for the way back, or at the release's end."""
    names = [f"shift:{later}" for later in range(number + 1, len(seen.plan["rungs"]))]
    later = [event["at"] for key in (*names, "back") if (event := seen.keys.get(key))]
    if later:
        return float(min(later))
    return float(seen.row["changed_at"]) if seen.is_over and seen.row["changed_at"] else None


def _length(rung: Row) -> str:
    if not rung["judged"]:
        return ""
    return f"{'up to' if rung['may_leave_early'] else 'for'} {span(rung['duration_s'])}"


def _way_back(seen: Seen) -> Item:
    done, began = seen.keys.get("back:done"), seen.keys["back"]
    if done is not None:
        return Item("done", "gone back", span(done["data"].get("took_s", done["at"] - began["at"])))
    if "back:stuck" in seen.keys or seen.is_over:
        return Item("bad", "going back", "did not come to its end")
    return Item("now", "going back", _since(seen, began["at"]))


def _since(seen: Seen, at: float) -> str:
    """How long something has been under way: by the second for two minutes, then by the minute."""
    return age(max(0.0, seen.now - at))
