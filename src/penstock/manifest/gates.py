"""What stands between a revision and an environment, beside its checks: people, other environments, haste, debts."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from penstock.manifest.approvals import Approvals, Hotfix
from penstock.manifest.checks import Checks, Pace
from penstock.manifest.groups import one_or_several
from penstock.manifest.section import Duration, Name, Section, wrong
from penstock.manifest.waivers import Waiver
from penstock.manifest.when import Glob


def _or_any(value: Any) -> Any:
    """One glob is a list of one; `none` takes away what holds elsewhere."""
    if value == []:
        raise wrong("a list of no branches", "nothing could ever be released there", "main, or none for any branch")
    return () if value == "none" else one_or_several(value)


Branches = Annotated[tuple[Glob, ...], BeforeValidator(_or_any)]


class Gates(Section):
    """`after`: where this very artifact ran before, and for how many seconds at least. `hotfix` None: there is none.

    `branches`: globs of the branches that may be released there; () for anything. With a target that `expires` they make
    a template of the environment: each such branch gets one of its own.
    """

    branches: Branches = ()
    approvals: Approvals = ()
    after: dict[Name, Duration] = Field(default={})
    hotfix: Hotfix | None = None
    waivers: dict[str, Waiver] = Field(default={})
    checks: Checks = Checks()
    pace: Pace = Pace()
