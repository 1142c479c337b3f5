"""`groups`: people, and how to reach them when a release needs somebody."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field, field_validator, model_validator

from penstock.manifest.section import Section, wrong

FIRST = ("on-call", "operations")
"""Whoever is called so is reached first."""

_REACH = re.compile(r"([a-z][a-z0-9+.-]{0,38}):(\S{1,250})")
_PERSON = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,99}")
_EXAMPLE = "slack:releases, mail:ana@example.com or pagerduty:PABC123"


class Reach(Section):
    """One way to reach a group: a scheme, and where."""

    written: ClassVar[frozenset[str] | None] = frozenset()

    scheme: str
    where: str

    @model_validator(mode="before")
    @classmethod
    def _read(cls, value: Any) -> Any:
        return _parts(value) if isinstance(value, str) else value

    def __str__(self) -> str:
        return f"{self.scheme}:{self.where}"


def _parts(text: str) -> dict[str, str]:
    found = _REACH.fullmatch(text)
    if not found:
        why = "it is a scheme, a colon, and where on that way, without spaces"
        raise wrong(f"`{text[:60]}` does not say how to reach anybody", why, _EXAMPLE)
    scheme, where = found[1], found[2]
    if scheme in ("mail", "mailto") and not re.fullmatch(r"[^@]+@[^@]+", where):
        raise wrong(f"`{where[:60]}` is not an address of mail", "an address has one @", "mail:ana@example.com")
    return {"scheme": scheme, "where": where}


def one_or_several(value: Any) -> Any:
    """One value is a list of one."""
    return (value,) if isinstance(value, str) else value


class Group(Section):
    """Some people by name, one or several ways to reach them, or both."""

    people: tuple[str, ...] = ()
    reach: Annotated[tuple[Reach, ...], BeforeValidator(one_or_several)] = Field(default=())

    @field_validator("people")
    @classmethod
    def _names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if not _PERSON.fullmatch(name):
                why = "a person is one word, as in a list of who may sign: letters, digits and . _ @ + -"
                raise wrong(f"`{name[:60]}` cannot be a person's name", why, "[ana, bo]")
            if value.count(name) > 1:
                raise wrong(f"`{name}` stands here twice", "a group has each of its people once", "one of the two")
        return value

    @model_validator(mode="after")
    def _somebody(self) -> Group:
        if not self.people and not self.reach:
            why = "a group is for asking somebody"
            raise wrong("this group has neither people nor a way to reach them", why,
                        "{people: [ana, bo], reach: slack:releases}", code="missing-key")  # fmt: skip
        return self


def contacts(groups: Mapping[str, Group]) -> tuple[str, ...]:
    """A line a group: how to reach it, and who that is."""
    return tuple(f"{name}: {_told(group)}" for name, group in groups.items())


def whom_to_reach(groups: Mapping[str, Group]) -> str:
    """Whom to reach when a person is needed: on-call and operations, else everybody with a `reach`; else empty."""
    first = {name: group for name, group in groups.items() if name in FIRST}
    asked = first or {name: group for name, group in groups.items() if group.reach}
    told = [f"{name}: {', '.join(map(str, group.reach)) or ', '.join(group.people)}" for name, group in asked.items()]
    return f"reach {'; '.join(told)}" if told else ""


def _told(group: Group) -> str:
    ways, people = ", ".join(map(str, group.reach)), ", ".join(group.people)
    return f"{ways} ({people})" if ways and people else ways or people
