"""What stands between a revision and an environment, beside its checks: people, other environments, haste, debts."""

from __future__ import annotations

from pydantic import Field

from penstock.manifest.approvals import Approvals, Hotfix
from penstock.manifest.checks import Checks, Pace
from penstock.manifest.section import Duration, Name, Section
from penstock.manifest.waivers import Waiver


class Gates(Section):
    """`after`: where this very artifact ran before, and for how many seconds at least. `hotfix` None: there is none."""

    approvals: Approvals = ()
    after: dict[Name, Duration] = Field(default={})
    hotfix: Hotfix | None = None
    waivers: dict[str, Waiver] = Field(default={})
    checks: Checks = Checks()
    pace: Pace = Pace()
