"""What a report says of an outcome: its headline, and what to do next."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from penstock.core.ending import EXIT_CODES
from penstock.core.report_checks import CheckLine
from penstock.core.report_people import Hotfix, Question
from penstock.core.verdict_words import GATE

Row = Mapping[str, Any]

HEADLINES = {
    "released": "was released to {where}",
    "baking": "was released to {where} and is still being watched",
    "blocked": "was not released to {where}: it was blocked before anything was changed",
    "aborted": "was not released to {where}: somebody stopped it before anything was changed",
    "rolled_back": "was rolled back in {where}",
    "superseded": "gave way to a newer release in {where}",
    "stuck": "needs a person in {where}",
    "drilled": "rehearsed its rollback in {where}",
    "calibrated": "was held against itself in {where}",
}
_BESIDE = {"drill": "a candidate to rehearse with", "calibrate": "a copy"}
_HURRIED = re.compile(r"advance: (.+) asked to go on to 100 %")
BACK = {
    "verdict": "its requests went worse than those of what ran before", "check": "a check failed", "health": "it was not healthy",
    "crash_loop": "it kept crashing", "person": "somebody stopped it", "start": "it did not start in time",
    "freeze": "a freeze began", "limit": "it broke a limit", "condition": "it met `fail_if`",
}  # fmt: skip
BLOCKED = {
    "rejected": "somebody who was asked said no", "unanswered": "not everybody who was asked answered in time",
    "unanswerable": "nobody may answer what it asks", "after": "it has not run where it must have run before",
    "freeze": "nothing is released while a freeze is in force", "window": "it was outside the hours for releases",
}  # fmt: skip


def headline(row: Row, hotfix: Hotfix | None, pushed: str = "") -> str:
    """The outcome in one sentence that a manager understands; of a hotfix it says that it is one.

    `pushed`: who promoted it before the evidence did, and why (`hurried`).
    """
    stands = pushed and row["state"] in ("released", "baking")
    return f"{'Hotfix ' if hotfix else ''}{_outcome(row)}{f', {pushed}' if stands else ''}".rstrip(".") + "."


def hurried(row: Row, events: Sequence[Row], orders: Sequence[Row]) -> str:
    """Who promoted it before the evidence or its time did, and why; empty where nobody did."""
    moves = (_HURRIED.fullmatch(event["text"]) for event in events if event["kind"] == "move")
    person = next((move[1] for move in moves if move), "")
    if not person:
        return ""
    reasons = [
        one["reason"] for one in orders if one["verb"] == "promote" and one["person"] == person and one["reason"]
    ]
    live = row["facts"].get("live", {})
    accepted = live.get("acceptance", 0.0) >= live.get("acceptance_limit", 20.0) and live.get("odds", 1.0) < GATE
    early = "before its time was over" if accepted else "before it was accepted"
    return f"promoted by {person} {early}{f': {reasons[-1]}' if reasons else ''}"


def components(row: Row, plan: Row) -> tuple[str, ...]:
    """What became of every unit."""
    before = ((plan.get("stable") or {}).get("units")) or {}
    after = (plan.get("candidate") or {}).get("units") or {}
    copies, found = plan.get("places", {}), []
    for name in sorted({*before, *after}):
        what = "removed" if name not in after else "added" if before and name not in before else "replaced"
        done, stays = _became(row, what if before else "placed")
        count = copies.get(name, {}).get("instances") if stays and name in after else None
        found.append(f"{name}: {done}" + (f", {count} instances" if count else ""))
    return tuple(found)


def _became(row: Row, what: str) -> tuple[str, bool]:
    """What happened to a unit that the plan wants `what` (replaced, added, …); and whether it is so now."""
    kind, state = row["kind"], row["state"]
    if state in ("blocked", "aborted"):
        return "not touched", False
    if state == "stuck":
        return f"neither wholly {what} nor put back", False
    if kind in _BESIDE:
        return f"{_BESIDE[kind]} beside it{', and taken away again' if state in EXIT_CODES else ''}", False
    if state in ("rolled_back", "superseded"):
        return f"{what}, then put back", False
    if state not in ("released", "baking"):
        return f"to be {what}", True
    return ("put back" if kind == "rollback" and what == "replaced" else what), True


def _outcome(row: Row) -> str:
    what, where = f"{row['service']} {row['revision'] or row['commit_id'][:12]}", row["environment"]
    if row["cause"] == "nothing_to_do":
        return f"{what} runs in {where} already; nothing was done"
    if row["kind"] == "rollback" and row["state"] in ("released", "baking"):
        return f"{where} went back to {what}"
    if row["state"] == "awaiting":
        return f"{what} is not released to {where} yet: it waits {row['waiting']}"
    if row["state"] == "blocked" and row["cause"] in BLOCKED:
        return f"{what} was not released to {where}, and nothing was changed: {BLOCKED[row['cause']]}"
    told = HEADLINES.get(row["state"], "is under way to {where}").format(where=where)
    if row["kind"] == "calibrate" and (row["state"], row["cause"]) == ("rolled_back", "verdict"):
        return f"{what}, an identical copy of what serves, was sent back in {where}: the verdict is too strict for this traffic"
    reason = BACK.get(row["cause"], "") if row["state"] == "rolled_back" else ""
    return f"{what} {told}{': ' + reason if reason else ''}"


def next_actions(
    row: Row, hotfix: Hotfix | None, questions: Sequence[Question], checks: Sequence[CheckLine], testimony: int
) -> Iterator[str]:
    """What the outcome asks for. `testimony`: how many pieces of the candidate's own were kept."""
    if row["kind"] == "calibrate" and row["facts"].get("calibration", {}).get("patch"):
        yield "put the patch of this calibration into `verdict`, or find out why two arms of one version differ"
    elif row["state"] == "rolled_back" and row["kind"] != "calibrate":
        kept = f"; its logs and last answers are kept as evidence ({testimony} {'file' if testimony == 1 else 'files'})"
        yield f"find out why {row['revision']} was rolled back, and release a commit that mends it{kept if testimony else ''}"
    if row["state"] == "stuck":
        yield row["sentence"]
    if row["state"] == "awaiting":
        yield from _answers(row, questions)
    if row["state"] == "blocked":
        yield from _after_a_gate(row, questions)
    yield from (_debt(line) for line in checks if line.waived)
    if hotfix and hotfix.left_out and row["promoted_at"]:
        yield f"make up for what this hotfix left out: {', '.join(hotfix.left_out)}"


def _debt(line: CheckLine) -> str:
    assert line.waived is not None, "asked of what is waived"
    return f"mend what `{line.name}` finds: {line.waived.owner} waived it until {line.waived.until}"


def _answers(row: Row, questions: Sequence[Question]) -> Iterator[str]:
    for one in questions:
        if one.state == "waiting":
            yield f"answer `{one.line}` ({one.lacking}): {command(row['number'], one)}"


def _after_a_gate(row: Row, questions: Sequence[Question]) -> Iterator[str]:
    again = f"`penstock release {row['commit_id'][:12]} --to {row['environment']}`"
    if row["cause"] == "rejected":
        who = ", ".join(
            a.person for one in questions if one.state == "rejected" for a in one.said if a.verb == "reject"
        )
        yield f"settle it with {who or 'who said no'}, then order it anew: {again}"
    if row["cause"] == "unanswered":
        silent = [f"`{one.line}` ({one.lacking})" for one in questions if one.state == "unanswered"]
        yield f"order it anew when {', '.join(silent) or 'what it asks'} can be answered: {again}"
    if row["cause"] == "unanswerable":
        yield "let somebody else order it, or name more people in the group: whoever wrote or ordered it does not count"
    if row["cause"] == "after":
        first = next(iter(((row["plan"] or {}).get("gates") or {}).get("after") or ()), "")
        if first:
            yield f"release it there first: `penstock release {row['commit_id'][:12]} --to {first}`"
    if row["cause"] == "window":
        yield f"order it anew when the window is open: {again}; `windows: {{outside: wait}}` would wait for it"
    if row["cause"] == "freeze":
        yield f"order it anew when the freeze is over (`penstock freeze --list`): {again}"


def command(number: int, question: Question) -> str:
    """What to type to answer a question well."""
    verb = "approve" if question.of_plan else "confirm"
    if question.signed:
        return f"`penstock {verb} {number} --line {question.line} --sign KEY --as NAME`"
    return f"`penstock {verb} {number}`"
