"""`target: {is: command}`: a user's own commands, speaking JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from penstock.core.target import Capabilities
from penstock.manifest.leased import Leased
from penstock.manifest.section import Command, Count, Duration, Flag, Section, count, not_acted_on, wrong


class DeclaredCapabilities(Section):
    """What the commands can do, in the words of the Target port. What is not declared is off."""

    split: Literal["none", "permille"] = "none"
    coexist: Literal["1", "2", "many"] = "1"
    place_apart: Flag = False
    reach_unsplit: Flag = False
    arms: Flag = False
    atomic: Flag = False
    cancel: Flag = False
    fence: Flag = False
    pinned_to_host: Flag = False
    way_back: Literal["shift", "replace", "reapply"] = "reapply"
    settle_s: Duration = Field(default=0.0, alias="settle")
    slow: Flag = False
    dead_man: Flag = False
    stamp: Flag = False


def _instances(value: Any) -> Any:
    return {k: count(v) for k, v in value.items()} if isinstance(value, dict) else count(value)


class CommandSection(Leased):
    """`observe` prints what is there, `converge` reads on its input what shall be and makes it so.

    `shift` moves traffic only, `back` takes the way back, `preview` says what would happen, `testimony` what
    a revision logged. Each call may take `within_s`; each runs at the root of the checkout, and gets the
    secrets in `sees` (None: all).
    """

    not_yet: ClassVar[frozenset[str]] = frozenset({"in", "lock", "reach", "heartbeat"})

    observe: Command | None = None
    converge: Command
    preview: Command | None = None
    shift: Command | None = None
    back: Command | None = None
    testimony: Command | None = None
    sees: tuple[str, ...] | None = None
    instances: Annotated[int | dict[str, int], BeforeValidator(_instances)] = 1
    keep_revisions: Count = Field(default=3, ge=2, le=100)
    within_s: Duration = Field(default=600.0, alias="within", gt=0)
    capabilities: DeclaredCapabilities = DeclaredCapabilities()

    @model_validator(mode="after")
    def _shift_needs_split(self) -> CommandSection:
        if self.capabilities.arms:
            raise not_acted_on(
                "`arms` of commands", "leave it out: readings come from a source, and commands have none yet"
            )
        if self.shift and self.capabilities.split == "none":
            raise wrong(
                "`shift` is there, and the capabilities declare no split",
                "without a split there is no traffic to move",
                "capabilities: {split: permille, coexist: 2}",
                at="shift",
            )
        return self

    def instances_of(self, unit: str) -> int:
        """How many instances of a unit are asked for."""
        return self.instances.get(unit, 1) if isinstance(self.instances, dict) else self.instances

    def declared(self) -> Capabilities:
        """The capabilities, as the Target port has them."""
        return Capabilities(**self.capabilities.model_dump())

    def misfits(self, units: Mapping[str, bool]) -> list[ValueError]:
        """Every name under `instances` is a unit's."""
        names = self.instances if isinstance(self.instances, dict) else {}
        return [
            wrong(f"there is no unit `{name}`", "`instances` names the units", "a unit's name", at="instances")
            for name in names
            if name not in units
        ]
