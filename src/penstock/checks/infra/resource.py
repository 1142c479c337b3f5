"""What is declared, in one shape for all formats, and what a rule says of it."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from penstock.checks.infra.values import references, words

Dialect = Literal["cloudformation", "serverless", "terraform"]
_INDEX = re.compile(r"\[[^\]]*\]")  # `count` and `for_each`: which of several is not looked at
SEVERITIES = ("critical", "high", "medium", "low", "info")


@dataclass(frozen=True)
class Resource:
    """One thing declared. `kind` is ours, `type` the format's own; `facts` are what rules ask for, `own` all that was written.

    `called` is the name that it will have, where one is given: others may refer to it by that.
    """

    kind: str
    name: str
    facts: Mapping[str, Any]
    where: str = ""
    type: str = ""
    own: Any = None
    dialect: Dialect = "cloudformation"
    called: str = ""
    places: Mapping[str, str] = field(default_factory=dict)

    def place(self, *keys: str) -> str:
        """Where one of these keys stands; else where the resource does."""
        return next((self.places[key] for key in keys if key in self.places), self.where)

    def is_meant_by(self, value: Any) -> bool:
        """Whether a value refers to this one: by reference, or by the name that it will have."""
        mine = _INDEX.sub("", self.name)
        for one in references(value):
            meant = _INDEX.sub("", one)
            if meant == mine or meant.startswith(f"{mine}."):
                return True
        return bool(self.called) and "${" not in self.called and self.called in words(value)


@dataclass(frozen=True)
class Stack:
    """All that one file declares."""

    resources: tuple[Resource, ...]
    dialect: Dialect = "cloudformation"
    file: str = ""

    def of(self, *kinds: str) -> Iterable[Resource]:
        """Those of these kinds."""
        return (one for one in self.resources if one.kind in kinds)


@dataclass(frozen=True)
class Setting:
    """What is asked of a stack beside the rules: `require` are topics, `retention` days from and to."""

    production: bool = False
    require: frozenset[str] = frozenset()
    retention: tuple[int, int] | None = None
    today: dt.date = dt.date(2026, 11, 1)  # as long as nobody says which day it is


@dataclass(frozen=True)
class Hit:
    """What a rule found: the words of a finding, and what it can be ignored by."""

    rule: str
    severity: str
    resource: str
    condition: str
    effect: str
    remedy: str
    where: str = ""


Rule = Callable[[Stack, Setting], Iterable[Hit]]


def in_words(dialect: Dialect, cloudformation: str, terraform: str = "", serverless: str = "") -> str:
    """The remedy in the file's own language."""
    if dialect == "terraform":
        return terraform or cloudformation
    return serverless if dialect == "serverless" and serverless else cloudformation
