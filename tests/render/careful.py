"""A careful release on paper: a hotfix that people let through, with a long checklist. The same at every run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from penstock.core.report import Known
from penstock.manifest.approvals import Approval, Hotfix
from penstock.manifest.asking import AskSection
from penstock.manifest.environment import CheckEntry
from penstock.manifest.groups import Group
from penstock.records import answers, checks, evidence, freezes
from penstock.records.known import known
from penstock.testing.simulation import Simulation, environment

HOUR = 3600.0
GROUPS = {"managers": ("bo", "chris"), "security": ("eve",), "on-call": ("dee",)}
WAIVER = {"owner": "eve", "reason": "the fix of upstream is awaited", "until": "2026-12-31"}
WAS = "{}, waived by eve until 2026-12-31 (the fix of upstream is awaited): "
FOUND = [
    {"condition": "CVE-2026-1234 in urllib3 1.26.4", "effect": "a redirect may send a header on", "where": "uv.lock:212",
     "remedy": "uv lock --upgrade-package urllib3", "severity": "high"},
    {"condition": "CVE-2026-1299 in jinja2 3.1.2", "effect": "", "where": "uv.lock:98", "remedy": "take 3.1.6",
     "severity": "medium"},
]  # fmt: skip
LINES: list[tuple[str, str, str, str, float, dict[str, Any]]] = [
    ("revision", "lint", "passed", "nothing found in 214 files", 4.2, {"pace": "quality", "pace_s": 120.0}),
    ("revision", "unit", "passed", "as 2 h 5 min ago in release 5: 1,204 tests passed", 0.0,
     {"pace": "tests", "pace_s": 300.0, "again": 5}),
    ("revision", "types", "passed", "no error in 214 files", 21.0, {"pace": "quality", "pace_s": 120.0}),
    ("revision", "vulnerabilities", "waived", WAS.format("failed") +
     "2 of 148 packages have known holes: urllib3, jinja2", 12.5,
     {"pace": "quality", "pace_s": 120.0, "waived": WAIVER, "findings": FOUND}),
    ("revision", "licences", "waived", WAS.format("errored") +
     "no report was written", 1.5, {"pace": "quality", "pace_s": 120.0, "waived": WAIVER}),
    ("revision", "coverage", "failed", "71 % of the changed lines are covered, and 80 % are asked for", 2.0,
     {"blocks": False, "pace": "tests", "pace_s": 300.0,
      "findings": [{"condition": "pay() is never called by a test", "effect": "", "remedy": "write one",
                    "where": "shop/pay.py:40", "severity": ""}]}),
    ("before", "integration", "passed", "88 tests passed", 362.0, {"pace": "tests", "pace_s": 300.0, "late_s": 62.0}),
    ("before", "configuration", "passed", "nothing is missing", 0.1, {"pace": "quality", "pace_s": 120.0}),
    ("before", "headroom", "skipped", "this target has no limits", 0.0, {"pace": "deploy", "pace_s": 180.0}),
    ("candidate", "products", "passed", "200 in 12 ms", 0.2, {"pace": "deploy", "pace_s": 180.0}),
    ("candidate", "load", "undecided", "p95 is 41 ms; there is no release to compare with", 30.0,
     {"pace": "tests", "pace_s": 300.0, "compared": False}),
    ("promoted", "home", "passed", "200 in 9 ms", 0.1, {"pace": "deploy", "pace_s": 180.0}),
]  # fmt: skip


def asked() -> dict[str, Any]:
    """What the manifest demands: two approvals of two people, a question, and what a hotfix may leave out."""
    question = AskSection.model_validate({"ask": "Stakeholders told?", "by": "managers"})
    return {
        "groups": {name: Group(people=people) for name, people in GROUPS.items()},
        "approvals": (Approval.model_validate(
            {"at_least": 2, "by": ["managers", "security"], "within": "8h", "remind": "1h"}),),
        "hotfix": Hotfix.model_validate({"by": "on-call", "skips": ["windows", "soak"]}),
        "checklist": {"before": {"told": CheckEntry(name="told", moment="before", kind="ask", section=question)}},
    }  # fmt: skip


class Careful:
    """The release, its simulation, and what people will say at which second."""

    def __init__(self, folder: Path, **changed: Any) -> None:
        self.folder = folder
        self.sim = Simulation(folder, asked=environment().model_copy(update={**asked(), **changed}), patience_s=60.0)
        self.number = self.sim.order(hotfix="payments fail since noon")

    def say(
        self, at: float, line: str, verb: str, person: str, reason: str = "", *, digest: str = "", signed: str = "x"
    ) -> None:  # fmt: skip
        """Somebody will answer, to the plan as it is then, or to another."""

        def give() -> None:
            row = self.sim.store.row("SELECT json_extract(plan, '$.digest') AS d FROM releases WHERE number = 1")
            about = digest or (self.sim.candidate.commit if line == "told" else row["d"] if row else "")
            who = {"person": person, "uid": 1, "host": "here"}
            answers.give(self.sim.store, self.sim.clock.now(), self.number, line, verb, who, reason=reason,
                         digest=about, signed=signed)  # fmt: skip

        self.sim.clock.at(at, give)

    def freeze(self, at: float, lasts_s: float) -> None:
        """Somebody will freeze everything, and thaw it later."""
        store, now, who = self.sim.store, self.sim.clock.now, {"person": "max", "uid": 1}
        self.sim.clock.at(
            at, lambda: freezes.begin(store, now(), who, "quarter end", service=None, environment=None, until=None)
        )
        self.sim.clock.at(at + lasts_s, lambda: freezes.thaw(store, now(), 1, "max", "over"))

    def check(self) -> None:
        """The whole checklist, written down as it ended."""
        begun = self.sim.store.row("SELECT asked_at FROM releases WHERE number = 1")
        assert begun
        at = begun["asked_at"]
        for moment, name, state, sentence, seconds, facts in LINES:
            title = f"{moment}/{name}/result"
            digest = evidence.keep(self.sim.store, self.folder / "evidence", at, 1, title, "text/plain", sentence)
            whole = {"blocks": True, "measured": {}, "evidence": {"result": digest}, "compared": True, "findings": [],
                     **facts}  # fmt: skip
            checks.keep(self.sim.store, at + seconds, 1, moment, name, kind=name, state=state, sentence=sentence,
                        seconds=seconds, facts=whole)  # fmt: skip

    def known(self) -> Known:
        """All that is remembered of it now."""
        found = known(self.sim.store, self.folder / "evidence", self.number, self.sim.clock.now())
        assert found is not None
        return found


def careful(folder: Path) -> Known:
    """Let through by two people after a void answer and a freeze, with 12 lines: two waived, one late, one given again."""
    made = Careful(folder)
    made.say(600, "approval", "approve", "mallory", "let me in")
    made.say(900, "hotfix", "approve", "dee", "I watch it", signed="")
    made.say(1200, "approval", "approve", "bo", "seen, tried")
    made.say(1800, "told", "confirm", "chris", "by mail", signed="")
    made.say(2 * HOUR, "approval", "approve", "eve")
    made.freeze(5000, 3 * HOUR)
    made.sim.walk(made.number)
    made.check()
    return made.known()
