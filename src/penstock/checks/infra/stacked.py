"""Checks over stacks: the keys that they share, and how their rules are asked."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from penstock.checks.infra.declared import read_stack
from penstock.checks.infra.reading import Unreadable
from penstock.checks.infra.resource import Hit, Setting, Stack
from penstock.checks.infra.section import Judged
from penstock.checks.reported import Report, unjudged
from penstock.core.finding import Outcome
from penstock.manifest.groups import one_or_several
from penstock.manifest.section import wrong

Topic = Literal[
    "alarms", "api_keys", "authorizer", "backups", "cors", "deletion_protection", "encryption", "lifecycle", "log_retention",
    "throttling", "versioning",
]  # fmt: skip
_DAYS = re.compile(r"(\d{1,5})d(?:\s+to\s+(\d{1,5})d)?")


def days(text: Any) -> Any:
    """`7d to 30d` as (7, 30); `30d` alone is exactly that."""
    if isinstance(text, list | tuple) or text is None:
        return text
    found = _DAYS.fullmatch(str(text))
    if not found:
        raise wrong(f"`{str(text)[:40]}` is no span of days", "it says how long logs may be kept", "7d to 30d")
    low, high = int(found[1]), int(found[2] or found[1])
    if low > high:
        raise wrong(f"`{text}` ends before it begins", "the shorter time comes first", f"{high}d to {low}d")
    return low, high


class Stacked(Judged):
    """`require` are topics whose findings block; `parameters` what the file is deployed with."""

    require: Annotated[tuple[Topic, ...], BeforeValidator(one_or_several)] = ()
    parameters: dict[str, str] = Field(default_factory=dict)
    log_retention: Annotated[tuple[int, int] | None, BeforeValidator(days)] = None

    def setting(self, environment: str, now: float) -> Setting:
        """What is asked of a stack."""
        asked = Setting(self.in_production(environment), frozenset(self.require), self.log_retention)
        return replace(asked, today=dt.datetime.fromtimestamp(now, dt.UTC).date()) if now else asked


def stacks(reports: tuple[Report, ...], given: Mapping[str, str], environment: str) -> list[Stack] | Outcome:
    """What each file declares; errored with the first that cannot be read, or when nothing at all is declared."""
    found = []
    for one in reports:
        try:
            found.append(read_stack(one.data, one.path, given, environment))
        except Unreadable as error:
            place = f"{one.path}:{error.line}" if error.line else one.path
            return unjudged(f"{place} cannot be read: {error.what}", "a file that the tool it is for accepts")
    if not any(stack.resources for stack in found):
        return unjudged(
            f"{', '.join(one.path for one in reports)[:200]} declares nothing", "the file that declares the resources"
        )
    return found


def infra_hits(found: list[Stack], setting: Setting) -> list[Hit]:
    """What all rules find in all stacks."""
    from penstock.checks.infra.rules import ALL

    return [hit for stack in found for rule in ALL for hit in rule(stack, setting)]


def named(found: list[Stack], paths: list[str]) -> str:
    """How many resources, in which files."""
    count = sum(1 for stack in found for one in stack.resources if one.kind not in ("parameter",))
    where = paths[0] if len(paths) == 1 else f"{len(paths)} files"
    return f"{count} resource{'' if count == 1 else 's'} of {where}"
