"""(group, name) → class. Built-ins stand in a table and come in by the same door as anybody's entry points."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from inspect import getdoc
from typing import Any

from penstock.errors import UserError

BUILT_IN: dict[str, dict[str, str]] = {
    "target": {
        "local": "penstock.providers.local.target:LocalTarget",
        "command": "penstock.providers.command.target:CommandTarget",
    },
    "target.section": {
        "local": "penstock.providers.local.section:LocalSection",
        "command": "penstock.providers.command.section:CommandSection",
    },
    "keeper": {
        "local": "penstock.providers.local.target:bring_up",
    },
    "metrics": {
        "local": "penstock.providers.local.metrics:LocalMetrics",
    },
    "check": {
        "command": "penstock.checks.command:CommandCheck",
        "drill": "penstock.checks.drill:DrillCheck",
        "http": "penstock.checks.http:HttpCheck",
    },
    "check.section": {
        "command": "penstock.checks.command:CommandSection",
        "drill": "penstock.checks.drill:DrillSection",
        "http": "penstock.checks.http:HttpSection",
    },
}


def find(group: str, name: str) -> Any:
    """The class registered under a name: a built-in, else an entry point of the group `penstock.GROUP`."""
    place = BUILT_IN.get(group, {}).get(name)
    if place:
        module, _, attribute = place.partition(":")
        return getattr(import_module(module), attribute)
    from importlib.metadata import entry_points  # costs some milliseconds: only when a name is no built-in

    for point in entry_points(group=f"penstock.{group}", name=name):
        return point.load()
    raise UserError(
        "no-kind", f"there is no {group} named `{name}`", next=f"one of: {', '.join(BUILT_IN.get(group, {}))}"
    )


def kinds() -> Mapping[str, Mapping[str, Any]]:
    """What the manifest's reader needs: the section of every target and check, each loaded when it is asked for."""
    return {"target": Sections("target.section"), "check": Sections("check.section")}


class Sections(Mapping[str, Any]):
    """kind -> its section. The built-in ones are listed; anybody's own, from an entry point, is found by its name."""

    def __init__(self, group: str) -> None:
        self._group = group

    def __getitem__(self, name: str) -> Any:
        try:
            return find(self._group, name)
        except UserError as error:
            raise KeyError(name) from error

    def __contains__(self, name: object) -> bool:
        return name in BUILT_IN[self._group] or (isinstance(name, str) and self.get(name) is not None)

    def __iter__(self) -> Iterator[str]:
        return iter(BUILT_IN[self._group])

    def __len__(self) -> int:
        return len(BUILT_IN[self._group])


class Checks(Mapping[str, Any]):
    """kind -> its check, made when it is first asked for."""

    def __init__(self) -> None:
        self._made: dict[str, Any] = {}

    def __getitem__(self, kind: str) -> Any:
        if kind not in self._made:
            self._made[kind] = find("check", kind)()
        return self._made[kind]

    def __iter__(self) -> Iterator[str]:
        return iter(BUILT_IN["check"])

    def __len__(self) -> int:
        return len(BUILT_IN["check"])


def pages() -> dict[str, str]:
    """kind of check -> its manual page: the docstring of its class."""
    return {name: getdoc(find("check", name)) or "" for name in BUILT_IN["check"]}
