"""Where everything that is in force was said: `rollout.is` -> "production, line 12", or "default"."""

from __future__ import annotations

from collections.abc import Mapping

from penstock.manifest.environment import Environment
from penstock.manifest.gates import Gates
from penstock.manifest.node import Map, Node
from penstock.manifest.section import Section
from penstock.manifest.shape import written_out
from penstock.manifest.times import Times

DEFAULT = "default"


def said(found: Environment, keys: tuple[Times, Gates], tree: Map, build: Node | None) -> dict[str, str]:
    """Every dotted key that is in force in an environment, and where it was said."""
    said = said_of("build", found.build, build) if found.build else {}
    for name in ("env", "secrets", "groups"):
        said |= said_of_all(name, getattr(found, name), tree.get(name))
    said |= _said_of_units(found, tree.get("units")) | _said_of_checks(found, tree.get("checklist"))
    for name in ("prepare", "health", "rollout", "verdict", "logs", "report", "windows"):
        said |= said_of(name, getattr(found, name), tree.get(name))
    return said | _said_of_target(found, tree.get("target")) | _said_of_keys(keys, tree)


def said_of(name: str, value: object, node: Node | None) -> dict[str, str]:
    """One entry for each key, by its dotted name; none for a default that says nothing."""
    if isinstance(value, Section) and value.written is None:
        return _fields(name, value, node)
    if node is None:
        return {} if value in (None, (), {}) else {name: DEFAULT}
    return {name: str(node.place)}


def said_of_all(name: str, values: Mapping[str, object], node: Node | None) -> dict[str, str]:
    """The same for a map of named entries."""
    said: dict[str, str] = {}
    for key, value in values.items():
        said |= said_of(f"{name}.{key}", value, node.get(key) if isinstance(node, Map) else None)
    return said


def _fields(name: str, value: Section, node: Node | None) -> dict[str, str]:
    node = written_out(node, type(value)) if node else None
    said: dict[str, str] = {}
    for field, info in type(value).model_fields.items():
        below = node.get(info.alias or field) if isinstance(node, Map) else None
        said |= said_of(f"{name}.{info.alias or field}", getattr(value, field), below)
    return said


def _said_of_target(found: Environment, node: Node | None) -> dict[str, str]:
    kind = node.get("is") if isinstance(node, Map) else node
    fields = said_of("target", found.target.section, node if isinstance(node, Map) else None)
    return {"target.is": str(kind.place), **fields} if kind else fields


def _said_of_units(found: Environment, node: Node | None) -> dict[str, str]:
    """What a unit has from the service's `health` is told there."""
    said = said_of_all("units", found.units, node)
    heirs = tuple(f"units.{name}.health." for name, unit in found.units.items() if unit.health is found.health)
    return {key: where for key, where in said.items() if not key.startswith(heirs)}


def _said_of_checks(found: Environment, node: Node | None) -> dict[str, str]:
    said: dict[str, str] = {}
    for moment, entries in found.checklist.items():
        below = node.get(moment) if isinstance(node, Map) else None
        named = below.entries if isinstance(below, Map) else {}
        said |= {f"checklist.{moment}.{name}": str(named[name].value.place) for name in entries}
    later = node.get("later") if isinstance(node, Map) else None
    named = later.entries if isinstance(later, Map) else {}
    return said | {f"checklist.later.{name}": str(named[name].value.place) for name in found.later}


def _said_of_keys(sections: tuple[Times, Gates], tree: Map) -> dict[str, str]:
    """What stands at the top by keys of its own, and not below one."""
    said: dict[str, str] = {}
    for section in sections:
        for field, info in type(section).model_fields.items():
            key = info.alias or field
            said |= said_of(key, getattr(section, field), tree.get(key))
    return said
