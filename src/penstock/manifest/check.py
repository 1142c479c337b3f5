"""What every line of the checklist may say, whatever its kind."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import BeforeValidator, Field, field_validator

from penstock.manifest.groups import one_or_several
from penstock.manifest.section import Duration, Flag, Section, wrong
from penstock.manifest.when import Conditions

PACES = {"quality": 120.0, "build": 180.0, "tests": 300.0, "artifact": 120.0, "deploy": 180.0, "all": 900.0}
"""How long each sort of work should take at most, in seconds: passing it is reported."""


class CheckSection(Section):
    """The section of a kind of check: its own keys, and those that every line may have.

    `pace` is the sort of work it counts as. `steady` says that its answer follows from the commit, the section and what it
    sees, and from nothing else: asked again of the same, it may be answered from what is remembered. `reads_files`: it looks at
    the commit's files, and may run something there, so that it gets a copy of its own.
    """

    pace: ClassVar[str] = "quality"
    steady: ClassVar[bool] = False
    reads_files: ClassVar[bool] = True

    needs: Annotated[tuple[str, ...], BeforeValidator(one_or_several)] = ()
    blocks: Flag = True
    within_s: Duration = Field(default=600.0, alias="within", gt=0)
    when: Conditions = ()
    unless: Conditions = ()
    once_in_s: Duration | None = Field(default=None, alias="once_in")

    def names(self) -> frozenset[str]:
        """The secrets that it asks for beside `sees` and every `$NAME` in what it sends."""
        return frozenset()

    def looks_at_all(self) -> bool:
        """Whether it is about every secret that the environment has."""
        return False

    @field_validator("needs")
    @classmethod
    def _each_once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if value.count(name) > 1:
                raise wrong(f"`{name}` stands here twice", "a check is waited for once", "one of the two")
        return value
