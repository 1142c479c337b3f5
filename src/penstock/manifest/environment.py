"""An environment as it is in force: everything said for all, for one it is like, and for itself, resolved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, SerializeAsAny

from penstock.manifest.approvals import Approval, Hotfix
from penstock.manifest.bake import BakePeriod, span_s
from penstock.manifest.build import Build
from penstock.manifest.check import CheckSection
from penstock.manifest.checks import Checks, Pace
from penstock.manifest.groups import Group
from penstock.manifest.health import Health
from penstock.manifest.later import Reminder
from penstock.manifest.leased import Leased
from penstock.manifest.logs import Logs
from penstock.manifest.prepare import Prepare
from penstock.manifest.report import ReportForm
from penstock.manifest.rollout import Rollout
from penstock.manifest.secrets import SecretReference, seen
from penstock.manifest.section import Section
from penstock.manifest.unit import Unit
from penstock.manifest.verdict import Verdict
from penstock.manifest.waivers import Waiver
from penstock.manifest.windows import Windows

Kinds = Mapping[str, Mapping[str, type[Section]]]
"""What the registry knows: "target" and "check", each a map of kind -> its section."""

Moment = Literal["revision", "before", "candidate", "promoted"]
MOMENTS: tuple[Moment, ...] = ("revision", "before", "candidate", "promoted")


class CheckEntry(Section):
    """One line of the checklist: its name, when it is asked, its kind, and that kind's own section."""

    name: str
    moment: Moment
    kind: str
    section: SerializeAsAny[CheckSection]


class TargetEntry(Section):
    """Where the service runs: the kind of platform, and that kind's own section."""

    kind: str
    section: SerializeAsAny[Section]

    @property
    def expires_s(self) -> float | None:
        """How long after its last release an environment of a branch is taken down; None: it stays."""
        return self.section.expires_s if isinstance(self.section, Leased) else None


class Environment(Section):
    """One environment, fully resolved.

    `said` tells of every dotted key where it was said ("line 40", "production, line 12"), or that it is a
    "default". Whatever it `sees` are names, every glob written out. Times are in seconds; `$ENVIRONMENT` is
    filled in where `env` and `secrets` name it; in a template it still stands there.
    """

    name: str
    build: Build | None = None
    units: dict[str, Unit]
    prepare: Prepare | None = None
    health: Health | None = None
    env: dict[str, str] = Field(default_factory=dict)
    secrets: dict[str, SecretReference] = Field(default_factory=dict)
    groups: dict[str, Group] = Field(default_factory=dict)
    checklist: dict[Moment, dict[str, CheckEntry]] = Field(default_factory=dict)
    later: dict[str, Reminder] = Field(default_factory=dict)
    logs: Logs = Logs()
    report: ReportForm = ReportForm()
    target: TargetEntry
    rollout: Rollout = Rollout()
    verdict: Verdict = Verdict()
    bake: tuple[BakePeriod, ...] = ()
    rollback_within_s: float = 300.0
    unattended_s: float = 120.0
    keep_evidence_s: float = 400 * 86400.0
    approvals: tuple[Approval, ...] = ()
    after: dict[str, float] = Field(default_factory=dict)
    hotfix: Hotfix | None = None
    waivers: dict[str, Waiver] = Field(default_factory=dict)
    checks: Checks = Checks()
    pace: Pace = Pace()
    windows: Windows | None = None
    branches: tuple[str, ...] = ()
    said: dict[str, str] = Field(default_factory=dict)

    @property
    def bake_s(self) -> float:
        """How long a promoted revision is watched in all."""
        return span_s(self.bake)

    @property
    def is_template(self) -> bool:
        """Whether each branch that fits gets an environment of its own, made after this one."""
        return bool(self.branches) and self.target.expires_s is not None

    def sees(self, unit: str) -> tuple[str, ...]:
        """The names of the secrets that a unit gets."""
        return seen(self.units[unit].sees, self.secrets)


class Manifest(Section):
    """A whole manifest: what the service is called, and each environment as it is in force."""

    format: int
    service: str
    environments: dict[str, Environment]
