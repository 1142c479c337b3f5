"""The whole checklist as a document: every box there is on the way to an environment, ticked by what a release has shown."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from penstock.core import data, gate
from penstock.core.brought import Brought
from penstock.core.finding import GOOD
from penstock.core.gate import Asked
from penstock.core.plan_defaults import time_as_written
from penstock.core.questions import ASK, gates_of, in_words
from penstock.manifest import CheckEntry, Environment
from penstock.render.words import span

Row = Mapping[str, Any]
Mark = Literal["done", "open", "failed", "waived", "left_out"]
FORMAT = 1
MARKS: dict[Mark, str] = {"done": "x", "open": " ", "failed": "!", "waived": "~", "left_out": "-"}
TITLES = {
    "revision": "On the commit",
    "before": "Before any change",
    "candidate": "On the candidate",
    "promoted": "At 100 %",
}


@dataclass(frozen=True)
class Box:
    """One thing to be done; `says` is what it is, or what came of it. `at` is when, `evidence` digests by name."""

    name: str
    mark: Mark
    says: str
    at: float | None = None
    evidence: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Walked:
    """What the records hold of one release: its row, events by their keys, and rows of checks, answers and reminders."""

    row: Row
    events: Mapping[str, Row] = field(default_factory=dict)
    checks: Sequence[Row] = ()
    answers: Sequence[Row] = ()
    due: Sequence[Row] = ()
    now: float = 0.0

    @property
    def plan(self) -> Row:
        return self.row["plan"] or {}

    @property
    def is_let_in(self) -> bool:
        """Whether it is past everything that stands before the first change."""
        return bool(self.row["promoted_at"]) or "shift:0" in self.events

    def left_out(self, name: str) -> str:
        """Why a line is not asked; empty when it is."""
        gates = self.plan.get("gates") or {}
        return str(dict(map(tuple, gates.get("left_out", ()))).get(name, ""))


@dataclass(frozen=True)
class Document:
    """The list of an environment. `release` 0: nothing was ever released there."""

    service: str
    environment: str
    commit: str
    release: int
    state: str
    parts: tuple[tuple[str, tuple[Box, ...]], ...]
    hotfix: str = ""


def document(service: str, environment: Environment, commit: str, walked: Walked | None) -> Document:
    """Every box, in the order in which they come about; ticked by a release, if there is one."""
    parts = [
        ("Build", _build(environment, walked)),
        (TITLES["revision"], _lines(environment, "revision", walked)),
        (TITLES["before"], [*_lines(environment, "before", walked), *_gates(environment, walked)]),
        ("Rollout", _rollout(environment, walked)),
        (TITLES["candidate"], _lines(environment, "candidate", walked)),
        (TITLES["promoted"], _lines(environment, "promoted", walked)),
        ("Bake", _bake(environment, walked)),
        ("Later", _later(environment, walked)),
    ]
    row: Row = walked.row if walked else {"number": 0, "state": ""}
    hotfix = str((walked.plan.get("gates") or {}).get("hotfix", "")) if walked else ""
    kept = tuple((title, tuple(boxes)) for title, boxes in parts if boxes)
    return Document(service, environment.name, commit, int(row["number"]), str(row["state"]), kept, hotfix)


def markdown(found: Document) -> str:
    """A list with boxes; what went wrong, is waived or left out is marked by a sign of its own."""
    boxes = [box for _, part in found.parts for box in part]
    done = sum(box.mark == "done" for box in boxes)
    title = f"# {found.service} to {found.environment}: the checklist"
    if found.release:
        state = found.state.replace("_", " ")
        head = f"Release {found.release} of {found.commit[:12]}, {state}: {done} of {len(boxes)} done."
    else:
        head = f"Nothing was released there yet; this is the list of {found.commit[:12]}: {len(boxes)} boxes."
    parts = [title, head, *([f"A hotfix: {_plain(found.hotfix)}"] if found.hotfix else [])]
    parts += [f"## {name}\n\n" + "\n".join(_item(box, found.release) for box in part) for name, part in found.parts]
    marks = {box.mark for box in boxes} - {"done", "open"}
    if marks:
        words = {"failed": "`[!]` failed", "waived": "`[~]` waived", "left_out": "`[-]` not asked this time"}
        parts.append(", ".join(text for mark, text in words.items() if mark in marks) + ".")
    return "\n\n".join(parts) + "\n"


def as_json(found: Document) -> str:
    """The same as data: format 1, which only ever grows."""
    parts = [{"title": title, "boxes": [asdict(box) for box in boxes]} for title, boxes in found.parts]
    told = {**{k: v for k, v in vars(found).items() if k != "parts"}, "format": FORMAT, "parts": parts}
    return json.dumps(told, indent=1, ensure_ascii=False)


def _item(box: Box, release: int) -> str:
    facts = [f"release {release}"] if box.at else []
    facts += [datetime.fromtimestamp(box.at, UTC).strftime("%Y-%m-%d %H:%M")] if box.at else []
    facts += [f"evidence {digest[:8]}" for digest in list(box.evidence.values())[:1]]
    more = f" ({', '.join(facts)})" if facts else ""
    return f"- [{MARKS[box.mark]}] {_plain(box.name)}: {_plain(box.says)}{more}"


def _plain(text: str) -> str:
    """One line that Markdown shows as it is."""
    words = " ".join(text.split())
    for sign in "\\`*_[]<>|":
        words = words.replace(sign, f"\\{sign}")
    return words


def _build(environment: Environment, walked: Walked | None) -> list[Box]:
    says = _build_of(environment)
    done = walked.events.get("build:done") if walked else None
    began = walked.events.get("build:began") if walked else None
    if done:
        took = f", {span(done['at'] - began['at'])} of {span(environment.pace.build_s)}" if began else ""
        return [Box("build", "done", says + took, done["at"])]
    if walked and began and walked.row["ended_at"]:
        return [Box("build", "failed", str(walked.row["sentence"]), walked.row["ended_at"])]
    return [Box("build", "open", says)]


def _build_of(environment: Environment) -> str:
    build = environment.build
    if build is None:
        return "nothing is built: the files of the commit are what is released"
    run = (build.run.sh or " ".join(build.run.words)) if build.run else ""
    return run or f"{build.kind}, {build.requirements or 'with what the commit asks for'}"


def _lines(environment: Environment, moment: str, walked: Walked | None) -> list[Box]:
    ended = {row["name"]: row for row in walked.checks if row["moment"] == moment} if walked else {}
    made = []
    for name, entry in environment.checklist.get(moment, {}).items():  # type: ignore[call-overload]
        if entry.kind == ASK:
            continue  # it stands among the questions
        why = walked.left_out(name) if walked else ""
        if name in ended:
            made.append(_ended(name, ended[name]))
        elif why:
            made.append(Box(name, "left_out", why))
        else:
            made.append(Box(name, "open", _to_come(environment, entry)))
    return made


def _to_come(environment: Environment, entry: CheckEntry) -> str:
    said = [entry.kind, f"at most {time_as_written(entry.section.within_s)}"]
    said += [] if entry.section.blocks else ["does not block"]
    said += ["on some releases only"] if entry.section.when or entry.section.unless else []
    waiver = environment.waivers.get(entry.name)
    said += [f"may fail until {waiver.until}, says {waiver.owner}: {waiver.reason}"] if waiver else []
    return ", ".join(said)


def _ended(name: str, row: Row) -> Box:
    mark: Mark = "waived" if row["state"] == "waived" else "done" if row["state"] in GOOD else "failed"
    says = row["sentence"] if row["state"] in ("passed", "waived") else f"{row['state']}: {row['sentence']}"
    says += "" if mark != "failed" or row["facts"].get("blocks", True) else " (does not block)"
    return Box(name, mark, says, row["at"], row["facts"].get("evidence", {}))


def _gates(environment: Environment, walked: Walked | None) -> list[Box]:
    """Questions, other environments, windows: everything that is no check, and stands before the first change."""
    made = [_asked(asked, walked) for asked in _questions(environment, walked)]
    skips = (walked.plan.get("gates") or {}).get("skips", ()) if walked else ()
    for name, seconds in environment.after.items():
        says = f"this very artifact, {time_as_written(seconds)} ago at least, not rolled back since"
        made.append(_gate(f"after {name}", "after", says, skips, walked))
    if environment.windows:
        outside = "it waits" if environment.windows.outside == "wait" else "it is blocked"
        made.append(
            _gate("windows", "windows", f"in {environment.windows.timezone}; outside them {outside}", skips, walked)
        )
    return made


def _gate(name: str, word: str, says: str, skips: Sequence[str], walked: Walked | None) -> Box:
    if word in skips:
        return Box(name, "left_out", "left out by a hotfix")
    at = (
        walked.events.get("shift:0", {}).get("at") or walked.row["promoted_at"] if walked and walked.is_let_in else None
    )
    return Box(name, "done" if at else "open", says, at)


def _questions(environment: Environment, walked: Walked | None) -> list[Asked]:
    if walked and walked.plan:
        return [data.load(Asked, asked) for asked in (walked.plan.get("gates") or {}).get("asked", ())]
    return list(gates_of(environment, Brought(), "", "", {}).asked)


def _asked(asked: Asked, walked: Walked | None) -> Box:
    if walked is None:
        return Box(asked.line, "open", in_words(asked))
    authors = (walked.plan.get("gates") or {}).get("authors", ())
    digest = str(walked.plan.get("digest", "")) if asked.of_plan else str(walked.row["commit_id"])
    mine = [row for row in walked.answers if row["line"] == asked.line]
    until = walked.events.get("shift:0", {}).get("at", walked.now)
    stands = gate.stands(asked, [_answer(row) for row in mine], digest, authors, walked.row["asked_at"], until)
    at = max((row["at"] for row in mine), default=None)
    if stands.state in ("given", "rejected"):
        given = f"{in_words(asked)}: {stands.lacking or 'yes, by ' + ', '.join(stands.by)}"
        return Box(asked.line, "done" if stands.state == "given" else "failed", given, at)
    if stands.state == "unanswered":
        return Box(asked.line, "failed", f"{in_words(asked)}: not answered in time")
    have = f" ({', '.join(stands.by)} said yes)" if stands.by else ""
    return Box(asked.line, "open", f"{in_words(asked)}: waits for {stands.lacking}{have}")


def _answer(row: Row) -> gate.Answer:
    return gate.Answer(row["line"], row["verb"], row["person"], row["at"], row["digest"], row["reason"], row["until"],
                       bool(row["signed"]))  # fmt: skip


def _rollout(environment: Environment, walked: Walked | None) -> list[Box]:
    if walked and walked.plan:
        return list(_rungs(walked))
    increments = [
        Box(
            f"{one.weight_permille / 10:g} %",
            "open",
            f"{'up to' if one.may_leave_early else 'for'} {span(one.duration_s)}",
        )
        for one in environment.rollout.increments
    ]
    return [*increments, Box("100 %", "open", environment.rollout.strategy.replace("_", " "))]


def _rungs(walked: Walked) -> Iterator[Box]:
    back = walked.events.get("back")
    for number, rung in enumerate(walked.plan.get("rungs", ())):
        begun, in_force = walked.events.get(f"shift:{number}"), walked.events.get(f"shifted:{number}")
        after = walked.events.get(f"shift:{number + 1}")
        length = f"{'up to' if rung['may_leave_early'] else 'for'} {span(rung['duration_s'])}" if rung["judged"] else ""
        if begun and back and not after:
            yield Box(rung["name"], "failed", f"left: {walked.row['sentence']}", back["at"])
        elif in_force and (after or walked.row["promoted_at"]):
            yield Box(rung["name"], "done", length or "in force", in_force["at"])
        else:
            yield Box(rung["name"], "open", length or "not reached")


def _bake(environment: Environment, walked: Walked | None) -> list[Box]:
    made = []
    for period in environment.bake:
        limit = f", at most {period.errors.at_most * 100:g} % errors" if period.errors else ""
        says = f"watched for {span(period.for_s)}{limit}, otherwise {period.otherwise.replace('_', ' ')}"
        made.append(_baked(f"bake {time_as_written(period.for_s)}", says, walked))
    return made


def _baked(name: str, says: str, walked: Walked | None) -> Box:
    row: Row = walked.row if walked else {}
    if not row.get("promoted_at") or not row.get("ended_at"):
        return Box(name, "open", says)
    good = row["state"] == "released"
    return Box(name, "done" if good else "failed", says if good else str(row["sentence"]), row["ended_at"])


def _later(environment: Environment, walked: Walked | None) -> list[Box]:
    if walked and walked.due:
        return [_reminder(row, walked.now) for row in walked.due]
    return [
        Box(name, "open", f"{one.ask} ({one.by or 'anybody'}, {time_as_written(one.due_s)} after the end)")
        for name, one in environment.later.items()
        if not (walked and walked.row["ended_at"])
    ]


def _reminder(row: Row, now: float) -> Box:
    if row["done_at"]:
        said = f": {row['text']}" if row["text"] else ""
        return Box(row["name"], "done", f"{row['ask']} {row['person']}{said}", row["done_at"])
    due = datetime.fromtimestamp(row["due_at"], UTC).strftime("%Y-%m-%d")
    late = ", overdue" if row["due_at"] < now else ""
    return Box(row["name"], "open", f"{row['ask']} ({row['by_group'] or 'anybody'}, due {due}{late})")
