"""The report of a release as data: everything that anybody asks about it afterwards, drawn from the records alone.

Rendered as a page, as Markdown and as JSON; all three say the same, because none of them computes anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from penstock.core import data
from penstock.core.calibration import Calibration
from penstock.core.harm import harm_of
from penstock.core.reading import Reading
from penstock.core.report_checks import CheckLine, LeftOut, Took, check_lines, left_out, took
from penstock.core.report_evidence import Channel, slow_beyond, timed
from penstock.core.report_people import Hotfix, Question, hotfix_of, questions_of
from penstock.core.report_series import Mark, Series, series_of
from penstock.core.report_times import Wait, Waited, deployment_s, waited, waits
from penstock.core.report_words import components, headline, hurried, next_actions

Row = Mapping[str, Any]
FORMAT = 1

_WENT_BACK = ("rolled_back", "superseded", "stuck")


@dataclass(frozen=True)
class Known:
    """What the records hold of a release: plain rows, and its readings. `answers` are those to any release of its commit."""

    row: Row
    events: Sequence[Row] = ()
    checks: Sequence[Row] = ()
    evidence: Sequence[Row] = ()
    looks: Sequence[Row] = ()
    notes: Sequence[Row] = ()
    readings: Sequence[Reading] = ()
    now: float = 0.0
    due: Sequence[Row] = ()
    answers: Sequence[Row] = ()
    orders: Sequence[Row] = ()


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
    """A release, whole. Times are seconds since the epoch (UTC), spans are seconds.

    `harmed` are requests that failed or were too slow beyond what stable would have made, None where nothing was taken back;
    `hurried` says who promoted it before the evidence did.
    """

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
    checks: tuple[CheckLine, ...]
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
    checks_took: Took | None = None
    left_out: tuple[LeftOut, ...] = ()
    questions: tuple[Question, ...] = ()
    waits: tuple[Wait, ...] = ()
    waited: Waited = field(default_factory=Waited)
    hotfix: Hotfix | None = None
    calibration: Calibration | None = None
    own_requests: str = ""
    judged: tuple[Channel, ...] = ()
    judged_baking: tuple[Channel, ...] = ()
    hurried: str = ""


@dataclass(frozen=True)
class People:
    """What people said to a release, and whether it is a hotfix."""

    questions: tuple[Question, ...]
    hotfix: Hotfix | None


def tell(known: Known) -> Report:
    """The report of a release, as far as it has come."""
    row, facts, plan = known.row, known.row["facts"], known.row["plan"] or {}
    ended = row["ended_at"] or (row["changed_at"] if row["state"] == "baking" else None)
    until = ended or known.now
    duration_s = max(0.0, until - row["asked_at"])
    idle = waited(facts, known.events, until)
    waiting_s = min(duration_s, idle.seconds)
    arms, checks, people = _arms(row), check_lines(known.checks, known.events), _people(known)
    judged = timed(_judged(facts, "watch"), known.readings, row["revision"] or "")
    means, pushed = {arm.role: arm.mean_ms for arm in arms}, hurried(row, known.events, known.orders)
    slow = slow_beyond(means.get("candidate"), means.get("stable"), judged)
    return Report(
        row["number"], row["service"], row["environment"], row["revision"] or row["commit_id"][:12], row["commit_id"],
        row["kind"], row["state"], row["cause"], headline(row, people.hotfix, pushed), row["sentence"],
        f"{row['person']} (uid {row['uid']}) on {row['host']}", row["asked_at"], row["ended_at"], duration_s,
        duration_s - waiting_s, waiting_s, deployment_s(known.events), facts.get("back_s"),
        row["state"] == "rolled_back", plan.get("strategy", ""), (plan.get("stable") or {}).get("id", ""),
        components(row, plan), arms, harm_of(row, known.readings, judged), _issues(known, checks, slow), _well(known, arms, checks),
        (*_late(checks), *_noted(known, "lesson")), _actions(known, people, checks), _monitoring(row, plan),
        tuple(_note(n) for n in known.notes), checks, _timeline(known),
        tuple(facts.get("commits", ())), _changes(plan), tuple(e for e in known.evidence if e["name"] != "report"),
        _how_back(row, plan), plan.get("way_back", "") if row["state"] in ("released", "baking") else "",
        facts.get("head", {}), _series(known), contacts=tuple(plan.get("contacts", ())),
        follow_ups=tuple(follow_up(row, known.now) for row in known.due), awaits=_awaits(known.due),
        own_requests=_own(row), checks_took=took(known.checks), left_out=left_out(plan), questions=people.questions,
        waits=waits(known.events, until), waited=idle, hotfix=people.hotfix,
        calibration=_calibration(facts), judged=judged, judged_baking=_judged(facts, "bake"),
        hurried=pushed,
    )  # fmt: skip


def _judged(facts: Row, phase: str) -> tuple[Channel, ...]:
    return tuple(data.load(Channel, one) for one in facts.get("judged", {}).get(phase, ()))


def _calibration(facts: Row) -> Calibration | None:
    found = facts.get("calibration")
    return data.load(Calibration, found) if found else None


def _people(known: Known) -> People:
    questions = questions_of(known.row, known.answers, known.events, known.now)
    return People(questions, hotfix_of(known.row, questions))


def _arms(row: Row) -> tuple[Arm, ...]:
    found = []
    for revision, sums in row["facts"].get("served", {}).items():
        mean = (
            sums.get("duration_us", 0) / sums["requests"] / 1000
            if sums["requests"] and sums.get("duration_us")
            else None
        )
        role = "candidate" if revision == row["revision"] else "stable"
        found.append(Arm(revision, role, sums["requests"], sums["errors"], mean))
    return tuple(sorted(found, key=lambda arm: arm.role))


def _own(row: Row) -> str:
    """What Penstock's own requests came to on both arms; empty where it sent none."""
    sums = row["facts"].get("served_synthetic", {})
    told = [
        f"{one['errors']:,} of {one['requests']:,} failed on {revision}"
        f" ({'candidate' if revision == row['revision'] else 'stable'})"
        for revision, one in sorted(sums.items(), key=lambda item: item[0] != row["revision"])
    ]
    return "; ".join(told)


def _issues(known: Known, checks: Sequence[CheckLine], slow: str) -> tuple[Note, ...]:
    """What went wrong, in order: measured, and told by people. `slow`: what the mean says, and no quantile."""
    found = [
        Note(f"check {c.name} {c.state}{'' if c.blocks else ', which does not block'}: {c.sentence}", at=c.at, kind="check")
        for c in checks if not c.is_good
    ]  # fmt: skip
    found += [
        Note(e["text"], at=e["at"], kind=e["kind"])
        for e in known.events
        if (e["kind"] == "note" and not e["key"].startswith("passed:"))
        or (e["key"] == "back" and known.row["state"] not in ("drilled", "calibrated"))
    ]
    found += [_note(n) for n in known.notes if n["kind"] in ("issue", "user-report")]
    found += [Note(slow, at=known.row["ended_at"], kind="latency")] if slow else []
    return tuple(sorted(found, key=lambda note: note.at or 0.0))


def _late(checks: Sequence[CheckLine]) -> tuple[Note, ...]:
    """Lines that took longer than their sort of work should."""
    return tuple(
        Note(f"{c.name} took {c.seconds:.0f} s; the pace of {c.pace} is {c.pace_s:.0f} s", at=c.at, kind="late")
        for c in checks if c.late_s
    )  # fmt: skip


def _well(known: Known, arms: Sequence[Arm], checks: Sequence[CheckLine]) -> tuple[Note, ...]:
    row, found = known.row, []
    passed = [c for c in checks if c.state == "passed"]
    if passed and len(passed) == len(checks):
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


def _actions(known: Known, people: People, checks: Sequence[CheckLine]) -> tuple[Note, ...]:
    """Action items: what the outcome asks for, and what people added."""
    testimony = sum(1 for e in known.evidence if e["name"].startswith("testimony/"))
    asked = next_actions(known.row, people.hotfix, people.questions, checks, testimony)
    return (*map(Note, asked), *_noted(known, "action"))


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
