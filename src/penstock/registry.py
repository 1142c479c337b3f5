"""(group, name) → class. Built-ins stand in a table and come in by the same door as anybody's entry points."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
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
    """What the manifest's reader needs: the section of every target and check."""
    groups = {"target": "target.section", "check": "check.section"}
    return {key: {name: find(group, name) for name in BUILT_IN[group]} for key, group in groups.items()}
