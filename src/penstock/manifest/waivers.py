"""`waivers`: lines of the checklist that may fail for a while, and who answers for that."""

from __future__ import annotations

from datetime import date

from pydantic import field_validator

from penstock.manifest.section import Section, wrong


class Waiver(Section):
    """Who answers for it, why, and until the end of which day (`until`, an ISO date)."""

    owner: str
    reason: str
    until: str

    @field_validator("owner", "reason")
    @classmethod
    def _words(cls, value: str) -> str:
        if not value.strip():
            why = "whoever reads the report must know who let it pass, and why"
            raise wrong("this is empty", why, "{owner: ana, reason: upstream fix awaited, until: 2026-12-31}")
        return " ".join(value.split())

    @field_validator("until")
    @classmethod
    def _day(cls, value: str) -> str:
        try:
            return date.fromisoformat(value).isoformat()
        except ValueError as error:
            why = "a waiver ends: it is a debt, not a rule"
            raise wrong(f"`{value[:30]}` is not a date", why, "a day such as 2026-12-31") from error
