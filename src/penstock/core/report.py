"""The report of a release as data: everything that anybody asks about it afterwards, drawn from the records alone.

Rendered as a page, as Markdown and as JSON; all three say the same, because none of them computes anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from penstock.core.reading import Reading
from penstock.core.report_series import Mark, Series, series_of

Row = Mapping[str, Any]
FORMAT = 1

HEADLINES = {
    "released": "was released to {where}",
    "baking": "was released to {where} and is still being watched",
    "blocked": "was not released to {where}: it was blocked before anything was changed",
    "aborted": "was not released to {where}: somebody stopped it before anything was changed",
    "rolled_back": "was rolled back in {where}",
    "superseded": "gave way to a newer release in {where}",
    "stuck": "needs a person in {where}",
    "drilled": "rehearsed its rollback in {where}",
}
_HARMLESS = ("passed", "skipped", "waived")
_WENT_BACK = ("rolled_back", "superseded", "stuck")


@dataclass(frozen=True)
class Known:
    """What the records hold of a release: plain rows, and its readings."""

    row: Row
    events: Sequence[Row] = ()
    checks: Sequence[Row] = ()
    evidence: Sequence[Row] = ()
    looks: Sequence[Row] = ()
    notes: Sequence[Row] = ()
    readings: Sequence[Reading] = ()
    now: float = 0.0
    due: Sequence[Row] = ()


@dataclass(frozen=True)
class Arm:
    """What one revision served while the release ran; `mean_ms` None: no times are known."""

    revision: str
    role: str
    requests: int
    errors: int
    mean_ms: float | None


@dataclass(frozen=True)
class Note:
    """What a person added; `by` empty: Penstock measured it."""

    text: str
    by: str = ""
    at: float | None = None
    kind: str = ""


@dataclass(frozen=True)
class Change:
    """A name in the configuration that is not as it was; never a value."""

    name: str
    what: str


@dataclass(frozen=True)
class FollowUp:
    """A reminder: what is asked, of whom, until when; `done_at` None: it is open. `command` ticks it."""

    name: str
    ask: str
    by: str
    due_at: float
    overdue: bool
    done_at: float | None
    done_by: str
    text: str
    command: str


@dataclass(frozen=True)
class Report:
    """A release, whole. Times are seconds since the epoch (UTC), spans are seconds."""

    number: int
    service: str
    environment: str
    revision: str
    commit: str
    kind: str
    state: str
    cause: str
    headline: str
    sentence: str
    asked_by: str
    asked_at: float
    ended_at: float | None
    duration_s: float
    active_s: float
    waiting_s: float
    deployment_s: float | None
    until_safe_s: float | None
    rollback_required: bool
    strategy: str
    before: str
    components: tuple[str, ...]
    arms: tuple[Arm, ...]
    harmed: int | None
    issues: tuple[Note, ...]
    went_well: tuple[Note, ...]
    could_improve: tuple[Note, ...]
    actions: tuple[Note, ...]
    monitoring: str
    notes: tuple[Note, ...]
    checks: tuple[Row, ...]
    timeline: tuple[Row, ...]
    commits: tuple[Row, ...]
    configuration: tuple[Change, ...]
    evidence: tuple[Row, ...]
    how_back: str
    way_back: str
    head: Row
    series: Series = field(default_factory=Series)
    format: int = FORMAT
    contacts: tuple[str, ...] = ()
    follow_ups: tuple[FollowUp, ...] = ()
    awaits: str = ""


def tell(known: Known) -> Report:
    """The report of a release, as far as it has come."""
    row, facts, plan = known.row, known.row["facts"], known.row["plan"] or {}
    ended = row["ended_at"] or (row["changed_at"] if row["state"] == "baking" else None)
    duration_s = max(0.0, (ended or known.now) - row["asked_at"])
    waiting_s = min(duration_s, _waiting_s(known, ended or known.now))
    arms = _arms(row)
    return Report(
        row["number"], row["service"], row["environment"], row["revision"] or row["commit_id"][:12], row["commit_id"],
        row["kind"], row["state"], row["cause"], _headline(row), row["sentence"],
        f"{row['person']} (uid {row['uid']}) on {row['host']}", row["asked_at"], row["ended_at"], duration_s,
        duration_s - waiting_s, waiting_s, _deployment_s(known), facts.get("back_s"), row["state"] == "rolled_back",
        plan.get("strategy", ""), (plan.get("stable") or {}).get("id", ""), _components(plan), arms, _harmed(row, arms),
        _issues(known), _well(known, arms), _noted(known, "lesson"), _actions(known), _monitoring(row, plan),
        tuple(_note(n) for n in known.notes), tuple(known.checks), _timeline(known),
        tuple(facts.get("commits", ())), _changes(plan), tuple(e for e in known.evidence if e["name"] != "report"),
        _how_back(row, plan), plan.get("way_back", "") if row["state"] in ("released", "baking") else "",
        facts.get("head", {}), _series(known), contacts=tuple(plan.get("contacts", ())),
        follow_ups=tuple(follow_up(row, known.now) for row in known.due), awaits=_awaits(known.due),
    )  # fmt: skip


def _headline(row: Row) -> str:
    """The outcome in one sentence that a manager understands."""
    what = f"{row['service']} {row['revision'] or row['commit_id'][:12]}"
    if row["cause"] == "nothing_to_do":
        return f"{what} runs in {row['environment']} already; nothing was done."
    if row["kind"] == "rollback" and row["state"] in ("released", "baking"):
        return f"{row['environment']} went back to {what}."
    told = HEADLINES.get(row["state"], "is under way to {where}").format(where=row["environment"])
    reason = {"verdict": "it failed more requests than what ran before", "check": "a check failed",
              "health": "it was not healthy", "crash_loop": "it kept crashing", "person": "somebody stopped it",
              "start": "it did not start in time"}.get(row["cause"], "")  # fmt: skip
    return f"{what} {told}{': ' + reason if reason and row['state'] == 'rolled_back' else ''}."


def _waiting_s(known: Known, until: float) -> float:
    """In line, and held by a person: time in which nothing could be done."""
    total = float(known.row["facts"].get("in_line_s", 0.0))
    began: float | None = None
    for event in known.events:
        held = event["kind"] == "wait" and "asked to hold" in event["text"]
        if held and began is None:
            began = event["at"]
        elif began is not None and event["kind"] in ("move", "back", "end"):
            total, began = total + event["at"] - began, None
    return total + (until - began if began is not None else 0.0)


def _deployment_s(known: Known) -> float | None:
    """From the first thing that was placed until the candidate served all, or nothing of it did."""
    began = next((e["at"] for e in known.events if e["key"] == "shift:0"), None)
    done = next((e["at"] for e in known.events if e["key"] in ("promoted", "back:done")), None)
    return max(0.0, done - began) if began is not None and done is not None else None


def _components(plan: Row) -> tuple[str, ...]:
    before = ((plan.get("stable") or {}).get("units")) or {}
    after = (plan.get("candidate") or {}).get("units") or {}
    copies = plan.get("places", {})
    found = []
    for name in sorted({*before, *after}):
        what = "removed" if name not in after else "added" if before and name not in before else "replaced"
        count = copies.get(name, {}).get("instances")
        found.append(
            f"{name}: {what if before else 'placed'}" + (f", {count} instances" if count and name in after else "")
        )
    return tuple(found)


def _arms(row: Row) -> tuple[Arm, ...]:
    found = []
    for revision, sums in row["facts"].get("served", {}).items():
        mean = (
            sums.get("duration_us", 0) / sums["requests"] / 1000 if sums["requests"] and "duration_us" in sums else None
        )
        role = "candidate" if revision == row["revision"] else "stable"
        found.append(Arm(revision, role, sums["requests"], sums["errors"], mean))
    return tuple(sorted(found, key=lambda arm: arm.role))


def _harmed(row: Row, arms: Iterable[Arm]) -> int | None:
    if row["state"] not in (*_WENT_BACK, "drilled"):
        return None
    return sum(arm.errors for arm in arms if arm.role == "candidate")


def _issues(known: Known) -> tuple[Note, ...]:
    """What went wrong, in order: measured, and told by people."""
    found = [
        Note(f"check {c['name']} {c['state']}: {c['sentence']}", at=c["at"], kind="check")
        for c in known.checks if c["state"] not in _HARMLESS
    ]  # fmt: skip
    found += [
        Note(e["text"], at=e["at"], kind=e["kind"])
        for e in known.events
        if e["kind"] == "note" or (e["key"] == "back" and known.row["state"] != "drilled")
    ]
    found += [_note(n) for n in known.notes if n["kind"] in ("issue", "user-report")]
    return tuple(sorted(found, key=lambda note: note.at or 0.0))


def _well(known: Known, arms: Sequence[Arm]) -> tuple[Note, ...]:
    row, found = known.row, []
    passed = [c for c in known.checks if c["state"] == "passed"]
    if passed and len(passed) == len(known.checks):
        found.append(Note(f"all {len(passed)} checks passed" if len(passed) > 1 else "its check passed"))
    back_s = row["facts"].get("back_s")
    if row["state"] == "drilled" and back_s is not None:
        failed = sum(arm.errors for arm in arms)
        total = sum(arm.requests for arm in arms)
        cost = f"{failed:,} of {total:,} requests failed" if total else "there was no traffic to fail"
        found.append(
            Note(f"the rollback works: nothing reached the candidate {back_s:.1f} s after the word; {cost} meanwhile")
        )
    if row["state"] == "rolled_back" and back_s is not None:
        found.append(Note(f"it was found and taken back by itself; nothing reached the candidate {back_s:.1f} s later"))
    quiet = [arm for arm in arms if arm.requests and not arm.errors]
    found += [Note(f"not one of {arm.requests:,} requests failed on {arm.revision} ({arm.role})") for arm in quiet]
    return tuple(found)


def _noted(known: Known, kind: str) -> tuple[Note, ...]:
    return tuple(_note(n) for n in known.notes if n["kind"] == kind)


def _actions(known: Known) -> tuple[Note, ...]:
    """Action items: what the outcome asks for, and what people added."""
    row, found = known.row, []
    if row["state"] == "rolled_back":
        kept = [e["name"] for e in known.evidence if e["name"].startswith("testimony/")]
        where = (
            f"; its logs and last answers are kept as evidence ({len(kept)} {'file' if len(kept) == 1 else 'files'})"
            if kept
            else ""
        )
        found.append(Note(f"find out why {row['revision']} was rolled back, and release a commit that mends it{where}"))
    if row["state"] == "stuck":
        found.append(Note(row["sentence"]))
    return (*found, *_noted(known, "action"))


def _monitoring(row: Row, plan: Row) -> str:
    bake_s = plan.get("bounds", {}).get("bake_s", 0.0)
    if row["state"] == "baking":
        return f"errors, health, crashes and logs are watched until {bake_s:.0f} s have passed; then this report is completed"
    if row["state"] == "released" and bake_s:
        return f"it was watched for {bake_s:.0f} s after promotion, and nothing was found"
    if row["state"] == "released":
        return "nothing is watched any more by Penstock: `bake` is not set for this environment"
    if row["state"] in _WENT_BACK:
        return "what serves now is what served before; no further watching was asked for"
    return ""


def _note(row: Row) -> Note:
    return Note(row["text"], row["person"], row["at"], row["kind"])


def _timeline(known: Known) -> tuple[Row, ...]:
    asked = known.row["asked_at"]
    plain = [{"after_s": max(0.0, e["at"] - asked), "kind": e["kind"], "text": e["text"]} for e in known.events]
    told = [
        {"after_s": max(0.0, n["at"] - asked), "kind": n["kind"], "text": f"{n['person']}: {n['text']}"}
        for n in known.notes
    ]
    told += [
        {"after_s": max(0.0, d["done_at"] - asked), "kind": "due", "text": f"{d['person']} ticks {d['name']}{_with(d)}"}
        for d in known.due if d["done_at"] is not None
    ]  # fmt: skip
    return tuple(sorted([*plain, *told], key=lambda line: float(line["after_s"])))


def _with(row: Row) -> str:
    return f": {row['text']}" if row["text"] else ""


def follow_up(row: Row, now: float) -> FollowUp:
    """A reminder as it stands now."""
    is_open = row["done_at"] is None
    return FollowUp(
        row["name"], row["ask"], row["by_group"], row["due_at"], is_open and row["due_at"] < now, row["done_at"],
        row["person"], row["text"], f"penstock due {row['release']} {row['name']} --done" if is_open else "",
    )  # fmt: skip


def _awaits(due: Sequence[Row]) -> str:
    """What the report is still without."""
    names = [row["name"] for row in due if row["done_at"] is None]
    what = f"{len(names)} of {len(due)} follow-ups" if len(due) > 1 else "its follow-up"
    return f"this report awaits {what}: {', '.join(names)}" if names else ""


def _changes(plan: Row) -> tuple[Change, ...]:
    """Names of the environment and of secrets that came, went or changed between stable and candidate."""
    if not plan.get("stable"):
        return ()
    old, new = _settings(plan["stable"]), _settings(plan["candidate"])
    found = [Change(name, "added") for name in sorted(new.keys() - old.keys())]
    found += [Change(name, "removed") for name in sorted(old.keys() - new.keys())]
    found += [Change(name, "changed") for name in sorted(old.keys() & new.keys()) if old[name] != new[name]]
    return tuple(found)


def _settings(revision: Row) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, unit in (revision.get("units") or {}).items():
        found[f"{name}: command"] = unit.get("argv")
        found[f"{name}: health"] = unit.get("health")
        found |= {f"{name}: {key}": value for key, value in (unit.get("env") or {}).items()}
        found |= {f"{name}: secret {key}": True for key in unit.get("sees") or ()}
    return found


def _how_back(row: Row, plan: Row) -> str:
    if not plan.get("stable") or row["state"] not in ("released", "baking"):
        return ""
    return f"penstock rollback {row['environment']} --to {plan['stable']['id']}"


def _series(known: Known) -> Series:
    marks = [mark for mark in map(_mark, known.events) if mark]
    facts = known.row["facts"]
    live = facts.get("live", {})
    return series_of(
        known.readings, known.looks, marks, known.row["revision"] or "", live.get("odds_limit", 100.0),
        live.get("acceptance_limit", 20.0),
    )  # fmt: skip


def _mark(event: Row) -> Mark | None:
    """The moves among the events: every shift of traffic, promotion, and the end of going back."""
    key, weight = event["key"], event["data"].get("weight_permille")
    if key.startswith("shifted:") and weight:
        return Mark(event["at"], "shift", str(event["text"]), weight)
    if key == "promoted":
        return Mark(event["at"], "promoted", "promoted", 1000)
    return Mark(event["at"], "back", str(event["text"]), 0) if key == "back:done" else None
