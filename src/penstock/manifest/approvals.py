"""`approvals`, `after` and `hotfix`: who must say yes, where it must have run before, and what haste may leave out."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from penstock.manifest.groups import one_or_several
from penstock.manifest.section import Count, Duration, Section, wrong
from penstock.manifest.when import Conditions

Skip = Literal["after", "windows", "freezes", "approvals", "confirmations", "soak"]
DAY_S = 86400.0


class Escalation(Section):
    """Whom else to ask, when nobody of the first has answered for a while."""

    after_s: Duration = Field(alias="after", gt=0)
    to: str


class Approval(Section):
    """So many people of some groups, asked for so long. Several groups: at least one of each, and `at_least` in all.

    Times count from when it is asked: `remind` once, `escalate` to another group, given up after `within`. An approval that
    was given is good for `good_for`. Whoever wrote a commit of the release, or ordered it, does not count, unless `authors`
    says so.
    """

    at_least: Count = Field(default=1, ge=1, le=50)
    by: Annotated[tuple[str, ...], BeforeValidator(one_or_several)]
    within_s: Duration = Field(default=3 * DAY_S, alias="within", gt=0)
    good_for_s: Duration = Field(default=3 * DAY_S, alias="good_for", gt=0)
    remind_s: Duration | None = Field(default=None, alias="remind", gt=0)
    escalate: Escalation | None = None
    authors: Literal["excluded", "count"] = "excluded"
    signed: Literal["true", "false"] | None = None
    when: Conditions = ()
    unless: Conditions = ()

    @field_validator("by")
    @classmethod
    def _somebody(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value or len(set(value)) < len(value):
            raise wrong("`by` names nobody, or somebody twice", "it says who may approve", "release-managers")
        return value

    @model_validator(mode="after")
    def _in_order(self) -> Approval:
        for key, at_s in (("remind", self.remind_s), ("escalate", self.escalate.after_s if self.escalate else None)):
            if at_s is not None and at_s >= self.within_s:
                raise wrong(f"`{key}` comes after it is given up", f"nobody is asked after {self.within_s:g}s",
                            "a shorter time, or a longer `within`", at=key)  # fmt: skip
        if self.at_least > 1 and self.signed == "false":
            why = "one account of this machine is one person: several people prove themselves by signatures"
            raise wrong("several approvals cannot be unsigned", why, "the line without `signed`", at="signed")
        return self

    @property
    def needs_signatures(self) -> bool:
        """Whether only signed answers count: one account is one person, so several people sign."""
        return self.signed == "true" or self.at_least > 1 or len(self.by) > 1


def one_or_more(value: Any) -> Any:
    """One map is a list of one."""
    return [value] if isinstance(value, dict) else value


class Hotfix(Section):
    """Who may let a hotfix through, and which gates it may leave out; nothing else is ever left out."""

    by: str
    skips: tuple[Skip, ...] = ()

    @field_validator("skips")
    @classmethod
    def _each_once(cls, value: tuple[Skip, ...]) -> tuple[Skip, ...]:
        if len(set(value)) < len(value):
            raise wrong("something stands here twice", "a gate is left out once", "each word once")
        return value


Approvals = Annotated[tuple[Approval, ...], BeforeValidator(one_or_more)]
