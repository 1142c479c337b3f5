"""What a release waits for, until when, and what would end the wait sooner: from the records, in words for anybody."""

from __future__ import annotations

import re

from penstock.render import waits_gates
from penstock.render.arms import LABEL, label
from penstock.render.cells import wrap
from penstock.render.checklist import MOMENTS, watched_s
from penstock.render.checklist_item import age
from penstock.render.picture import Line, Screen, Seen, line
from penstock.render.waits_wait import Wait
from penstock.render.words import odds, span

ROOMY = 3  # of so many waits at once each has its times


def waiting(seen: Seen) -> Wait | None:
    """The wait of a release that is under way; None when it is over."""
    row, keys = seen.row, seen.keys
    if seen.is_over:
        return None
    if "back" in keys:
        return _going_back(seen)
    if aborted := _aborted(seen):
        return Wait(aborted, then="everything goes back to what ran before")
    if row["started_at"] is None:
        return Wait("a worker to take it up", then="it begins; that takes a second or three")
    if row["state"] == "waiting" and row["waiting"]:
        ahead = re.search(r"release (\d+) to end", row["waiting"])
        sooner = f"somebody ends that one: `penstock abort --release {ahead[1]}`" if ahead else ""
        return Wait(row["waiting"].removeprefix("for "), then="this one goes on by itself", sooner=sooner)
    if row["state"] == "awaiting":
        found = waits_gates.waits(seen)
        until = min((one.until for one in found if one.until is not None), default=None)
        return Wait("; ".join(one.what for one in found), until, "it is blocked")
    return _of_work(seen) or _of_rung(seen)


def lines(seen: Seen, screen: Screen) -> list[Line]:
    """The wait, in a line or two each: what for, until when, what ends it sooner."""
    wait = waiting(seen)
    if wait is None:
        return []
    if seen.row["state"] == "awaiting" and not _aborted(seen):
        found = waits_gates.waits(seen)
        return [made for one in found for made in _gate(one, seen, screen, roomy=len(found) <= ROOMY)]
    made = _paragraph("waits for", wait.what, screen, 2)
    if wait.until is not None:
        left = max(0.0, wait.until - seen.now)
        made += _paragraph("until", f"{screen.clock(wait.until)}, in {age(left)}; then {wait.then}", screen, 1)
    elif wait.then:
        made += _paragraph("then", wait.then, screen, 1)
    return made + (_paragraph("sooner if", wait.sooner, screen, 2) if wait.sooner else [])


def _gate(wait: Wait, seen: Seen, screen: Screen, *, roomy: bool) -> list[Line]:
    """One of several waits at once: what for, since and until when, and what to type."""
    made = _paragraph("waits for", wait.what, screen, 2)
    if roomy:
        since = f"for {age(max(0.0, seen.now - wait.since))}; " if wait.since is not None else ""
        until = f"until {screen.day(wait.until, seen.now)}, then {wait.then}" if wait.until else f"then {wait.then}"
        made += _paragraph("", since + until, screen, 1)
    if wait.type:
        made.append(line(label("type"), (wait.type.strip("`"), "strong")))
    return made


def _paragraph(name: str, text: str, screen: Screen, most: int) -> list[Line]:
    broken = wrap(text, screen.width - LABEL, most, screen.ellipsis)
    return [line(label(name if number == 0 else ""), words) for number, words in enumerate(broken)]


def _aborted(seen: Seen) -> str:
    for order in seen.orders:
        if order["verb"] in ("abort", "supersede"):
            why = f" ({order['reason']})" if order["reason"] else ""
            return f"the release to hear that {order['person']} ended it{why}"
    return ""


def _going_back(seen: Seen) -> Wait:
    keys, plan = seen.keys, seen.plan
    if "back:done" not in keys:
        until = keys["back"]["at"] + plan["bounds"]["rollback_within_s"]
        return Wait("all traffic to be back where it was", until, "a person is asked", "it is so; that takes seconds")
    return Wait("what serves again to be checked, and the candidate to be removed", then="the release is over")


def _of_work(seen: Seen) -> Wait | None:
    """Building, a check, a command, a shift: what has begun and not ended."""
    keys, row = seen.keys, seen.row
    if "build:began" in keys and "build:done" not in keys:
        return Wait("the build", then="the plan is drawn from what runs there")
    if checks := _of_checks(seen):
        return checks
    if "prepare" in keys and "prepare:done" not in keys:
        return Wait("the command `prepare` to end", then="the candidate is placed")
    begun = [number for number in range(len(seen.plan.get("rungs", ()))) if f"shift:{number}" in keys]
    if begun and f"shifted:{begun[-1]}" not in keys:
        began = row["facts"].get(f"rung{begun[-1]}_began") or keys[f"shift:{begun[-1]}"]["at"]
        name = seen.plan["rungs"][begun[-1]]["name"]
        until = began + seen.plan["start_within_s"] + 60
        return Wait(
            f"{name}: the new instances to be ready, and the traffic to be moved", until, "everything goes back"
        )
    return None if begun else Wait("the next line of the checklist")


def _of_checks(seen: Seen) -> Wait | None:
    """The checks that run at once; where it was not told which do, those of the moment that have not ended."""
    running = [key.split(":")[1:3] for key in seen.keys
               if key.startswith("check:") and key.endswith(":began") and key.removesuffix(":began") not in seen.keys]  # fmt: skip
    if running:
        names = ", ".join(f"`{name}`" for _, name in running)
        said, moment = f"the check{'s' if len(running) > 1 else ''} {names} to end", running[-1][0]
    elif moment := _moment(seen):
        asked = seen.plan["checks"][moment]
        ended = sum(f"check:{moment}:{name}" in seen.keys for name in asked)
        said = f"the checks {MOMENTS[moment]} to end: {ended} of {len(asked)} have"
    else:
        return None
    fails = "nothing is touched" if moment in ("revision", "before") else "everything goes back"
    return Wait(said, then=f"the next line of the checklist; if one fails, {fails}")


def _moment(seen: Seen) -> str:
    """The moment whose checks are under way, by what has ended; empty when none is."""
    keys, rungs = seen.keys, seen.plan.get("rungs", ())
    begun = {"revision": "build:done" in keys, "before": "build:done" in keys, "candidate": "shifted:0" in keys,
             "promoted": bool(rungs) and f"shifted:{len(rungs) - 1}" in keys}  # fmt: skip
    for moment, has_begun in begun.items():
        if any(f"check:{moment}:{name}" not in keys for name in seen.plan.get("checks", {}).get(moment, ())):
            return moment if has_begun else ""
    return ""


def _of_rung(seen: Seen) -> Wait:
    """The watch of a rung that is in force: held, without readings, for its time, or for the evidence."""
    plan = seen.plan
    number = max(n for n in range(len(plan["rungs"])) if f"shifted:{n}" in seen.keys)
    rung, live = plan["rungs"][number], seen.live
    if seen.held_by:
        return Wait(f"{seen.held_by}, who holds it at {rung['name']}", then="it stays so until somebody says otherwise",
                    sooner="`penstock promote`, `penstock abort`, or the candidate is found bad")  # fmt: skip
    if not rung["judged"] or number + 1 >= len(plan["rungs"]):
        return Wait("what is left to do: the checks at 100 %, and letting go of what was replaced")
    in_force, hold_s = seen.keys[f"shifted:{number}"]["at"], plan["bounds"]["undecided_hold_s"]
    latest = in_force + rung["duration_s"] + hold_s
    undecided = "it goes back" if plan["undecided_then"] == "roll_back" else "it is promoted all the same"
    if source := live.get("source"):
        return Wait(f"the readings, which cannot be had: {source}", latest, "it goes back", "they come again")
    watched = watched_s(seen, number)
    left = rung["duration_s"] - watched
    back = f"{odds(live.get('odds_limit', 100.0))} against it, an ill instance, `abort`"
    if left > 0:
        return _for_time(seen, number, left, back)
    return Wait(f"evidence: {seen.row['waiting'] or live.get('sentence', 'none yet')}", latest, undecided,
                "the odds for or against it reach their limit, or `penstock promote`")  # fmt: skip


def _for_time(seen: Seen, number: int, left: float, back: str) -> Wait:
    rungs = seen.plan["rungs"]
    rung, following = rungs[number], rungs[number + 1]["name"]
    at = seen.looks[-1]["at"] if watched_s(seen, number) else seen.keys[f"shifted:{number}"]["at"]
    last = number == len(rungs) - 2
    if last and seen.turns:
        return Wait(f"{rung['name']}: {span(left)} more of watching", at + left, seen.turns, f"sooner back: {back}")
    then = f"{following}, if it is accepted" if last else following
    sooner = f"accepted; or back: {back}" if rung["may_leave_early"] else f"it goes back: {back}"
    return Wait(f"{rung['name']}: {span(left)} more of watching", at + left, then, sooner)
