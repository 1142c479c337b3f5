"""A line of the checklist that only a person can tick, before anything is changed."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field, field_validator

from penstock.manifest.check import CheckSection
from penstock.manifest.groups import one_or_several
from penstock.manifest.section import Duration, wrong

DAY_S = 86400.0


class AskSection(CheckSection):
    """What is asked, of which groups (none: anybody), for how long, and when they are reminded."""

    ask: str
    by: Annotated[tuple[str, ...], BeforeValidator(one_or_several)] = ()
    within_s: Duration = Field(default=3 * DAY_S, alias="within", gt=0)
    remind_s: Duration | None = Field(default=None, alias="remind", gt=0)

    @field_validator("ask")
    @classmethod
    def _words(cls, value: str) -> str:
        if not value.strip():
            raise wrong("this question is empty", "a person ticks what was asked", "Stakeholders told?")
        return " ".join(value.split())
