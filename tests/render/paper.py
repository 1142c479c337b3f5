"""Records of a release that never ran, as they would stand at some moment: what pictures are drawn from in tests."""

from __future__ import annotations

import json
from typing import Any

from penstock.records import answers, checks, events, looks, releases
from penstock.records.store import Store
from penstock.render.picture import Seen
from penstock.render.tell import ordered

Row = dict[str, Any]

BEGAN = 1_793_616_120.0  # 2026-11-02 10:42:00 UTC
DIGEST = "5e1f" * 16
CANDIDATE, STABLE = "9a1b2c3-5d6e7f", "1c22de0-5d6e7f"


class Paper:
    """A release that is written down line by line; `seen` is what a viewer sees so many seconds after the order."""

    def __init__(self, *, first: bool = False, may_leave_early: bool = False) -> None:
        self.events: list[Row] = []
        self.looks: list[Row] = []
        self.orders: list[Row] = []
        self.checks: list[Row] = []
        self.answers: list[Row] = []
        self._early = may_leave_early
        self.stable = None if first else {"id": STABLE}
        self.row: Row = {
            "number": 7, "service": "shop", "environment": "production", "kind": "release", "asked": "HEAD",
            "commit_id": "9a1b2c3" * 5 + "00000", "revision": None, "state": "waiting", "cause": "", "sentence": "",
            "waiting": "", "options": {}, "plan": None, "facts": {}, "uid": 1000, "person": "ana", "host": "here",
            "asked_at": BEGAN, "started_at": None, "changed_at": None, "promoted_at": None, "ended_at": None,
        }  # fmt: skip

    def tell(self, at: float, key: str, kind: str, text: str, **data: Any) -> Paper:
        self.events.append({"id": len(self.events) + 1, "release": 7, "key": key, "at": BEGAN + at, "kind": kind,
                            "text": text, "data": data})  # fmt: skip
        return self

    def build(self) -> Paper:
        """Taken up, and building."""
        self.row |= {"state": "planned", "started_at": BEGAN + 1, "changed_at": BEGAN + 1}
        return self.tell(1, "began", "stage", "release 7 of shop to production: HEAD").tell(
            1.1, "build:began", "stage", "building"
        )

    def draw(self) -> Paper:
        """Built, planned, and checked."""
        self.build().tell(5.2, "build:done", "done", "built 8ad58de3dd29", digest="8ad58de3dd29")
        self.row |= {"revision": CANDIDATE, "plan": self.plan()}
        self.tell(5.3, "plan:1", "plan", "plan drawn: candidate placed, 5 %, 50 %, 100 %")
        return self.check(5.4, "revision", "tests", 9.0).check(14.4, "before", "configuration", 0.2)

    def check(self, at: float, moment: str, name: str, took: float, state: str = "passed") -> Paper:
        begun = f"check:{moment}:{name}"
        self.tell(at, f"{begun}:began", "check", f"{moment}: {name}", name=name, moment=moment, state="running")
        return self.tell(at + took, begun, "check", f"{moment}: {name} {state}: as expected", name=name, moment=moment,
                         state=state, seconds=took)  # fmt: skip

    def line(self, at: float, moment: str, name: str, took: float, state: str, sentence: str, **facts: Any) -> Paper:
        """A check whose row says more than its event does."""
        row = {"release": 7, "moment": moment, "name": name, "state": state, "sentence": sentence, "seconds": took,
               "at": BEGAN + at + took, "kind": name, "facts": facts}  # fmt: skip
        self.checks.append(row)
        return self.check(at, moment, name, took, state)

    def ask(self, at: float) -> Paper:
        """Three questions, of a hotfix; asked from then on."""
        self.row["options"] = {"hotfix": "payments fail since noon"}
        self.row["plan"] |= {"format": 2, "digest": DIGEST, "gates": GATES}
        self.row["facts"] |= {"asked": {DIGEST: BEGAN + at}}
        for one in GATES["asked"]:
            self.tell(at, f"ask:{one['line']}:{DIGEST}", "ask", f"{one['line']}: {one['question']}", line=one["line"],
                      digest=DIGEST, by=list(one["by"]), at_least=one["at_least"], signed=one["signed"])  # fmt: skip
        return self

    def say(self, at: float, line: str, verb: str, person: str, reason: str = "", digest: str = "") -> Paper:
        """Somebody answers; to another plan, if a digest is given."""
        about = digest or (self.row["commit_id"] if line == "told" else DIGEST)
        self.answers.append({
            "id": len(self.answers) + 1, "release": 7, "line": line, "verb": verb, "person": person, "uid": 1, "host": "here",
            "reason": reason, "at": BEGAN + at, "digest": about, "until": None, "signed": "x" if line == "approval" else "",
        })  # fmt: skip
        return self

    def wait(self, at: float, waiting: str) -> Paper:
        self.row |= {"state": "awaiting", "waiting": waiting}
        return self.tell(at, f"awaiting:{at}", "wait", f"waiting {waiting}")

    def shift(self, at: float, rung: int, took: float) -> Paper:
        self.row |= {"state": "rolling_out"}
        step = self.row["plan"]["rungs"][rung]
        weight = {"rung": rung, "weight_permille": step["weight_permille"]}
        self.tell(at, f"shift:{rung}", "stage", step["name"], **weight)
        self.tell(at + took, f"shifted:{rung}", "done", f"{step['name']}: in force", **weight)
        self.row["facts"] |= weight
        return self

    def canary(self) -> Paper:
        """At 5 % since second 20."""
        self.draw().shift(15, 0, 3.2).check(18.3, "candidate", "products", 0.2)
        return self.tell(18.6, "watch:0:advance", "move", "advance: candidate placed: done").shift(18.6, 1, 1.4)

    def watch(self, since: int, until: int, failing: tuple[int, ...] = (), rate: int = 40) -> Paper:
        """A look a second: a twentieth of the requests go to the candidate; `failing` are its errors, by look."""
        errors = 0
        for second in range(since, until + 1):
            n = second - since
            errors += failing[n % len(failing)] if failing else 0
            asked = max(0, n - 3) * rate
            self.looks.append({
                "release": 7, "at": BEGAN + second + 0.3, "weight_permille": 50, "odds": 1.0, "acceptance": 1.0,
                "candidate_requests": asked // 20, "candidate_errors": errors, "stable_requests": asked,
                "stable_errors": asked // 400, "candidate_ms": 12.0 + n % 3 if asked else None,
                "stable_ms": 11.0 + n % 2 if asked else None,
            })  # fmt: skip
        last = self.looks[-1]
        arms = {a: {"requests": last[f"{a}_requests"], "errors": last[f"{a}_errors"]} for a in ("candidate", "stable")}
        self.row["facts"]["live"] = {
            **arms, "odds": 1.0, "odds_limit": 100.0, "acceptance": 1.0, "acceptance_limit": 20.0, "sentence": "",
            "move": "", "watched_s": float(until - since), "dropped": {}, "source": "",
        }  # fmt: skip
        return self

    def evidence(self, against: float, accepting: float) -> Paper:
        self.row["facts"]["live"] |= {"odds": against, "acceptance": accepting}
        return self

    def go_back(self, at: float, why: str, cause: str = "verdict") -> Paper:
        self.row |= {"cause": cause, "sentence": why}
        return self.tell(at, "back", "back", f"going back ({cause}): {why}", cause=cause)

    def end(self, at: float, state: str, sentence: str, cause: str = "") -> Paper:
        self.row |= {"state": state, "cause": cause, "sentence": sentence, "changed_at": BEGAN + at}
        self.row["ended_at"] = None if state == "baking" else BEGAN + at
        return self.tell(at, f"end:{state}", "end", f"{state}: {sentence}", state=state, cause=cause)

    def write(self, store: Store) -> Paper:
        """The same, in real records: the row as it is now, and what was told and looked at since the last time."""
        json_columns = {name: json.dumps(self.row[name]) for name in ("plan", "facts", "options") if self.row[name]}
        if releases.get(store, 7) is None:
            releases.create(store, BEGAN, **{**self.row, "options": {}, "facts": "{}", "plan": None})
        fixed = ("number", "plan", "facts", "options")
        releases.update(store, 7, **{n: v for n, v in self.row.items() if n not in fixed}, **json_columns)
        for event in self.events:
            events.tell(store, event["at"], 7, event["key"], event["kind"], event["text"], event["data"])
        for row in self.checks:
            told = {name: row[name] for name in ("kind", "state", "sentence", "seconds", "facts")}
            checks.keep(store, row["at"], 7, row["moment"], row["name"], **told)
        for said in self.answers[len(answers.of(store, 7)) :]:
            told = {name: said[name] for name in ("reason", "digest", "until", "signed")}
            answers.give(store, said["at"], 7, said["line"], said["verb"], said, **told)
        for look in self.looks:
            looks.add(store, 7, {name: value for name, value in look.items() if name != "release"})
        return self

    def seen(self, at: float) -> Seen:
        told = [ordered(self.row), *self.events]
        return Seen(self.row, told, self.looks, self.orders, BEGAN + at, self.checks, self.answers)

    def plan(self) -> Row:
        """The plan, as the row has it."""
        names = (("candidate placed", 0, 0.0), ("5 %", 50, 60.0), ("50 %", 500, 120.0), ("100 %", 1000, 0.0))
        rungs = [
            {"name": n, "weight_permille": w, "duration_s": d, "may_leave_early": self._early, "judged": d > 0}
            for n, w, d in names
        ]
        return {
            "stable": self.stable, "candidate": {"id": CANDIDATE}, "rungs": rungs, "prepares": False,
            "nothing_to_do": "", "undecided_then": "roll_back", "start_within_s": 120.0,
            "checks": {"revision": ["tests"], "before": ["configuration"], "candidate": ["products"], "promoted": ["health"]},
            "bounds": {"undecided_hold_s": 7200.0, "rollback_within_s": 300.0, "bake_s": 3600.0},
        }  # fmt: skip


def asked(line: str, question: str, by: dict[str, list[str]], **more: Any) -> Row:
    """A question, as a plan has it."""
    return {"line": line, "question": question, "at_least": 1, "by": by, "within_s": 28800.0, "good_for_s": 0.0,
            "remind_s": 0.0, "escalate_s": 0.0, "escalate_to": {}, "authors_count": False, "signed": False,
            "of_plan": True, **more}  # fmt: skip


GATES: Row = {
    "asked": [
        asked("told", "Stakeholders told?", {"managers": ["bo", "chris"]}, of_plan=False, authors_count=True),
        asked("hotfix", "Let this hotfix through to production, without: windows?", {"on-call": ["dee"]}),
        asked("approval", "Release it to production?", {"managers": ["bo", "chris"], "security": ["eve"]}, at_least=2,
              signed=True),
    ],
    "after": {"staging": 3600.0}, "authors": ["ana"], "left_out": [["load", "no path of src/** has changed"]],
    "hotfix": "payments fail since noon", "skips": ["windows"], "windows": False, "freezes": True,
}  # fmt: skip


def checking() -> Seen:
    """Lines side by side: some ended, three run at once, the rest is to come."""
    paper = Paper().build().tell(5.2, "build:done", "done", "built 8ad58de3dd29", digest="8ad58de3dd29")
    names = ["lint", "types", "tests", "licences", "leaks", "coverage", "vulnerabilities"]
    paper.row |= {"revision": CANDIDATE, "plan": paper.plan()}
    paper.row["plan"]["checks"]["revision"] = names
    paper.tell(5.3, "plan:1", "plan", "plan drawn: candidate placed, 5 %, 50 %, 100 %")
    paper.check(5.4, "revision", "lint", 3.0).check(5.4, "revision", "licences", 4.0)
    for name in ("types", "tests", "leaks"):
        paper.tell(9.5, f"check:revision:{name}:began", "check", f"revision: {name}", name=name, moment="revision",
                   state="running")  # fmt: skip
    return paper.seen(31)


def awaiting() -> Paper:
    """A hotfix waits for people, for its time in staging, and for a freeze to end; two lines were waived, one was late."""
    paper = Paper().build().tell(5.2, "build:done", "done", "built 8ad58de3dd29", digest="8ad58de3dd29")
    paper.row |= {"revision": CANDIDATE, "plan": paper.plan()}
    revision = ["lint", "types", "unit", "licences", "vulnerabilities", "coverage", "leaks"]
    before = ["integration", "configuration", "headroom", "reachable", "reviews"]
    paper.row["plan"]["checks"] |= {"revision": revision, "before": before}
    paper.tell(5.3, "plan:1", "plan", "plan drawn: candidate placed, 5 %, 50 %, 100 %")
    waiver = {"owner": "eve", "reason": "upstream", "until": "2026-12-31"}
    under = "failed, waived by eve until 2026-12-31 (upstream): "
    paper.line(5.4, "revision", "lint", 3, "passed", "good").line(5.4, "revision", "types", 9, "passed", "good")
    paper.line(5.4, "revision", "unit", 0, "passed", "as 2 h ago in release 5: 1,204 tests passed", again=5)
    paper.line(5.4, "revision", "licences", 1, "waived", f"{under}GPL in pay", waived=waiver)
    paper.line(5.4, "revision", "vulnerabilities", 7, "waived", f"{under}2 holes", waived=waiver)
    paper.line(5.4, "revision", "coverage", 2, "failed", "71 % are covered", blocks=False)
    paper.line(14.5, "before", "integration", 362, "passed", "88 tests passed", pace="tests", pace_s=300.0, late_s=62.0)
    for name in ("configuration", "headroom", "reachable", "reviews"):
        paper.line(14.5, "before", name, 0.3, "passed", "good")
    paper.check(5.4, "revision", "leaks", 1.2)
    waiting = (
        "for one of each: security to answer `approval` (bo said yes); for its time in staging to pass (Mon 2026-11-02"
        " 11:30 UTC); for the freeze by max to end: quarter end"
    )
    paper.ask(377).say(400, "approval", "approve", "mallory").say(410, "told", "confirm", "chris", "by mail")
    paper.say(420, "hotfix", "approve", "dee", "I watch it").say(430, "approval", "approve", "bo")
    paper.tell(401, "void:approval:1", "ask", "approval: mallory: not one of managers, security")
    return paper.wait(431, waiting)


def rejected() -> Seen:
    """One of those who were asked said no."""
    paper = awaiting().say(500, "approval", "reject", "eve", "not before the audit")
    return paper.end(501, "blocked", "`approval`: eve rejected it: not before the audit", "rejected").seen(800)


def in_line() -> Seen:
    """Built and checked, and another release is ahead."""
    paper = Paper().draw()
    paper.row |= {"state": "waiting", "waiting": "for release 6 to end"}
    return paper.tell(15, "waiting:6", "wait", "waiting for release 6 to end; `--supersede` would end it").seen(200)


def canary() -> Paper:
    """At 5 %, with some evidence."""
    return Paper(may_leave_early=True).canary().watch(20, 52, (0, 0, 0, 0, 1)).evidence(12.4, 1.0)


def held() -> Seen:
    """Ana holds it at 5 %, past its time."""
    paper = Paper().canary().watch(20, 95).evidence(0.6, 7.3)
    paper.orders.append({"verb": "hold", "person": "ana", "reason": "lunch", "at": BEGAN + 60})
    paper.row["waiting"] = "ana asked to hold; `penstock promote` or `penstock abort` ends it"
    return paper.seen(96)


def source_down() -> Seen:
    """The readings stopped coming at second 40."""
    paper = Paper().canary().watch(20, 40)
    paper.row["facts"]["live"] |= {"source": "the access log cannot be read", "watched_s": 18.0}
    return paper.seen(75)


def undecided() -> Seen:
    """The last increment is over, and the evidence is not enough."""
    paper = Paper().canary().watch(20, 80).shift(80, 2, 0.8).watch(81, 205).evidence(0.4, 11.0)
    paper.row["waiting"] = (
        "not accepted yet: about 4 min more at this rate; so far 0 of 244 requests failed on the candidate"
    )
    return paper.seen(206)


WHY = "14 of 66 requests failed on the candidate, 0 of 534 on stable; the odds against a healthy candidate are 170 to 1"


def going_back() -> Paper:
    """The verdict has just been reached."""
    paper = Paper().canary().watch(20, 34, (0, 1)).evidence(168.3, 1.0)
    return paper.tell(34.5, "watch:1:abort", "move", f"abort: {WHY}", cause="verdict").go_back(34.5, WHY)


def rolled_back() -> Seen:
    """Gone back, verified, over."""
    paper = going_back().tell(
        34.9, "back:done", "back", f"nothing goes to {CANDIDATE} any more, after 0.4 s", took_s=0.4
    )
    paper.check(35, "verified", "products", 0.2)
    paper.row["facts"]["served"] = {
        STABLE: {"requests": 2401, "errors": 0, "duration_us": 5104478},
        CANDIDATE: {"requests": 107, "errors": 18, "duration_us": 294825},
    }
    return paper.end(40, "rolled_back", f"{WHY}; {STABLE} serves again after 0.4 s", "verdict").seen(400)


def stuck() -> Seen:
    """Could not go back in time: a person is asked, and told what to run."""
    sentence = (
        "could not go back within 300 s (the target is still working); look with `penstock doctor`, then run "
        f"`penstock rollback --to {STABLE} production`"
    )
    return going_back().tell(335, "back:stuck", "back", sentence).end(335, "stuck", sentence, "verdict").seen(900)


def promoted() -> Paper:
    """All of it went well."""
    paper = Paper().canary().watch(20, 80).shift(80, 2, 0.8).watch(81, 201).evidence(0.2, 24.0)
    paper.shift(201, 3, 2.5).check(204, "promoted", "health", 0.1)
    return paper.tell(204.3, "promoted", "done", f"{CANDIDATE} serves")


def cases() -> dict[str, Seen]:
    """Every state that has a picture of its own."""
    serves = f"{CANDIDATE} serves all of production"
    return {
        "ordered": Paper().seen(1),
        "building": Paper().build().seen(4),
        "checking": checking(),
        "awaiting": awaiting().seen(700),
        "rejected": rejected(),
        "in-line": in_line(),
        "canary": canary().seen(53),
        "held": held(),
        "source-down": source_down(),
        "undecided": undecided(),
        "going-back": going_back().seen(35),
        "rolled-back": rolled_back(),
        "stuck": stuck(),
        "baking": promoted().end(206, "baking", f"{serves}; watched for 3600 s more").seen(230),
        "released": promoted().end(3806, "released", f"{CANDIDATE} serves; the bake of 3600 s ended well").seen(9000),
    }
