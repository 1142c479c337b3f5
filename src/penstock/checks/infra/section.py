"""The keys that all checks of declared infrastructure have."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, field_validator

from penstock.checks.reported import a_path_inside
from penstock.manifest.check import CheckSection
from penstock.manifest.groups import one_or_several
from penstock.manifest.section import Command, Flag, Section, Variable, wrong

Severity = Literal["critical", "high", "medium", "low", "info", "none"]
Several = Annotated[tuple[str, ...], BeforeValidator(one_or_several)]


def day(text: Any) -> Any:
    """`2026-12-31` as a date; nothing stays nothing."""
    if text is None or isinstance(text, dt.date):
        return text
    try:
        return dt.date.fromisoformat(str(text))
    except ValueError as error:
        raise wrong(
            f"`{str(text)[:40]}` is not a day", "it says until when something is ignored", "2026-12-31"
        ) from error


class Ignored(Section):
    """A finding that is known and borne: of a rule, on a resource (`*` for several), why, and until when."""

    rule: str
    resource: str = "*"
    reason: str
    until: Annotated[dt.date | None, BeforeValidator(day)] = None

    @field_validator("reason")
    @classmethod
    def _said(cls, value: str) -> str:
        if not value.strip():
            raise wrong(
                "this `reason` is empty", "whoever reads it later wants to know why", "the reason, in one sentence"
            )
        return value


class Judged(CheckSection):
    """`file` (made by `run`, or as it lies in the commit), and what may be found in it."""

    pace: ClassVar[str] = "quality"

    file: Several = ()
    run: Command | None = None
    env: dict[Variable, str] = Field(default_factory=dict)
    sees: tuple[str, ...] | None = ()
    at_most: Severity = "medium"
    ignore: tuple[Ignored, ...] = ()
    production: Flag | None = None

    @field_validator("file")
    @classmethod
    def _inside(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(a_path_inside(one) for one in value)

    def in_production(self, environment: str) -> bool:
        """Whether what is declared is for production: as `production` says, else by the environment's name."""
        return self.production if self.production is not None else environment == "production"
