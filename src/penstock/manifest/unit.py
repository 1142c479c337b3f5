"""`units`: the processes of a service, placed and rolled back together."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field

from penstock.manifest.health import Health
from penstock.manifest.section import Command, Section, Variable, not_acted_on


def or_no_traffic(value: Any) -> Any:
    """`none`: it takes no requests."""
    if isinstance(value, bool):
        return value
    if value != "none":
        raise not_acted_on("`traffic` with anything but `none`", "none, or leave the key out: a unit takes traffic")
    return False


def or_none(value: Any) -> Any:
    """`none` takes away what holds elsewhere."""
    return None if value == "none" else value


class Unit(Section):
    """One process: `run`, with `env` on top of the service's own.

    `sees` are the secrets it gets, as names or globs; None: all of them (a lone unit that says nothing).
    `health` is None when nobody asks; a unit that takes traffic and says nothing gets the service's.
    """

    not_yet: ClassVar[frozenset[str]] = frozenset(
        {"is", "handler", "deployment", "needs", "folder", "workspace", "vars", "in", "schedule", "beside"}
    )

    run: Command
    traffic: Annotated[bool, BeforeValidator(or_no_traffic)] = True
    env: dict[Variable, str] = Field(default_factory=dict)
    sees: tuple[str, ...] | None = None
    health: Annotated[Health | None, BeforeValidator(or_none)] = Field(default=None)

    @classmethod
    def short_for(cls, text: str) -> str:
        """A bare text is the command."""
        del text
        return "run"
