"""The manifest as JSON Schema (2020-12), made from the sections and their pages: editors complete and check with it.

What it refuses, the reader refuses too. The reader knows more: names that lead nowhere, increments that do not rise,
units without a port, and all that YAML itself would lose.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from penstock.manifest import pages
from penstock.manifest.asking import AskSection
from penstock.manifest.build import KINDS as BUILDS
from penstock.manifest.build import Build
from penstock.manifest.checklist import METHODS
from penstock.manifest.environment import MOMENTS, Kinds
from penstock.manifest.forms import NONE, WRITTEN, Form, Schema, form, named, words
from penstock.manifest.groups import Group
from penstock.manifest.health import Health
from penstock.manifest.keys import LINE, NEEDED, TOP, as_written
from penstock.manifest.later import LATER, Reminder
from penstock.manifest.measures import Measure
from penstock.manifest.read import FORMAT, ONCE, OVERRIDABLE
from penstock.manifest.rollout import Rollout
from penstock.manifest.secrets import SecretReference
from penstock.manifest.section import Section
from penstock.manifest.shape import keys as keys_of
from penstock.manifest.unit import Unit

_NAME = "^[a-z][a-z0-9-]{0,38}$"
_VARIABLE = "^(?!(?:PORT|DATA|HOME|PENSTOCK_.*)$)[A-Za-z_][A-Za-z0-9_]{0,99}$"
SHARED = OVERRIDABLE - {"env", "secrets", "units", "groups", "checklist", "target"}


def schema(kinds: Kinds, checks: Mapping[str, str] = MappingProxyType({})) -> Schema:
    """The schema of a whole manifest, for the targets and checks there are; `checks` are the manual pages of the latter."""
    top = {name: _top(name, above=True) for name in TOP if name != "environments"}
    one = {name: _top(name, above=False) for name in TOP if name in OVERRIDABLE}
    one["like"] = {"type": "string", **_page("environments.NAME.like")}
    environment = {"type": "object", "properties": one, "additionalProperties": False}
    top["environments"] = {**named(environment, _NAME), "minProperties": 1, **_page("environments")}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"penstock.yaml, format {FORMAT}",
        "type": "object",
        "properties": top,
        "required": sorted(NEEDED & ONCE),
        "additionalProperties": False,
        "not": {"required": ["run", "units"]},
        "$defs": _definitions(kinds, checks),
    }


def _definitions(kinds: Kinds, checks: Mapping[str, str]) -> dict[str, Schema]:
    """What stands in several places: at the top and in each environment, or under any name."""
    found = {name: form(TOP[name], _whole(name)).schema for name in sorted(SHARED)}
    found["unit"] = _whole("units.NAME")(Unit).schema
    found["group"], found["reminder"] = _group(), _map(Reminder, "checklist.later.NAME")
    found["target"], found["check"] = _target(kinds.get("target", {})), _check(kinds.get("check", {}), checks)
    return found


def _group() -> Schema:
    """People, a way to reach them, or both."""
    empty: Schema = {"type": "array", "maxItems": 0}
    some = [{"properties": {key: {"not": empty}}, "required": [key]} for key in keys_of(Group)]
    return {**_map(Group, "groups.NAME"), "anyOf": some}


def _definition(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def _top(name: str, *, above: bool) -> Schema:
    """A key at the top of the file (`above`), or in an environment, where `none` may take away."""
    found = _shaped(name, removable=not above)
    may_be_none = name in ("env", "secrets", "groups", "checklist")
    return {**({"anyOf": [found, NONE]} if may_be_none else found), **_page(name)}


def _shaped(name: str, *, removable: bool) -> Schema:
    def entry(one: Schema) -> Schema:
        return {"anyOf": [one, NONE]} if removable else one

    if name == "service":
        return {"type": "string", "pattern": _NAME}
    if name == "env":
        return named({"type": ["string", "number", "boolean", "null"]}, _VARIABLE)
    if name == "secrets":
        return named(entry(WRITTEN[SecretReference].schema), _VARIABLE)
    if name in ("units", "groups"):
        return named(entry(_definition(name.removesuffix("s"))), _NAME)
    if name == "checklist":
        moment = {**named(entry(_definition("check"))), **_page("checklist.MOMENT")}
        moments: Schema = {one: {**entry(moment), **_page(one)} for one in MOMENTS}
        moments[LATER] = {**entry(named(entry(_definition("reminder")), _NAME)), **_page(LATER)}
        return {"type": "object", "properties": moments, "additionalProperties": False}
    return _definition(name) if name in (*SHARED, "target") else form(TOP[name], _whole(name)).schema


def _whole(name: str) -> Any:
    """What makes a section's schema; `name` is where its keys have their pages."""
    name = name.removesuffix(".steps")  # a step has the keys of the check itself
    return lambda model: Form("map", _section(model, "health" if model is Health else name))


def _section(model: type[Section], name: str) -> Schema:
    """A section: a map of its keys, or one word that is short for it."""
    short = _short(model)
    whole = _map(model, name)
    return {"anyOf": [whole, short]} if short else whole


def _map(model: type[Section], name: str, extra: Mapping[str, Schema] | None = None) -> Schema:
    known = keys_of(model)
    properties = {key: _key(model, key, kind, f"{name}.{key}") for key, kind in known.items()}
    found: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    needed = [i.alias or own for own, i in model.model_fields.items() if i.is_required() and (i.alias or own) in known]
    if "run" in known and "sh" not in known:
        properties["sh"] = {"type": ["string", "number", "boolean"], "minLength": 1, **_page("sh")}
        found["not"] = {"required": ["run", "sh"]}
        if "run" in needed:
            needed.remove("run")
            found["anyOf"] = [{"required": ["run"]}, {"required": ["sh"]}]
    if model.one_of:
        found["anyOf"] = [{"required": [key]} for key in model.one_of]
    properties |= extra or {}
    if model.named:  # under a name of the user's own
        found["additionalProperties"] = {**_map(Measure, f"{name}.NAME"), **_page(f"{name}.NAME")}
    return {**found, **({"required": needed} if needed else {})}


def _key(model: type[Section], key: str, kind: Any, name: str) -> Schema:
    field = next(info for own, info in model.model_fields.items() if (info.alias or own) == key)
    found = form(kind, _whole(name)).schema
    default = "" if field.is_required() else as_written(field.default, kind)
    return {**found, **_page(name), **({"default": default} if default else {})}


def _short(model: type[Section]) -> Schema | None:
    """The one word, or the command, that may stand for the whole section."""
    if model is Rollout:
        return form(keys_of(Rollout)["is"]).schema
    if model is Build:
        return {"anyOf": [words(BUILDS).schema, {"type": ["string", "number", "boolean"], "minLength": 1}]}
    return {"type": ["string", "number", "boolean"], "minLength": 1} if model.short_for("x") else None


def _target(kinds: Mapping[str, type[Section]]) -> Schema:
    """`is`, and then the keys of that platform."""
    bare = [
        kind for kind, model in kinds.items()
        if not model.one_of and not any(info.is_required() for info in model.model_fields.values())
    ]  # fmt: skip
    whole = {
        "type": "object",
        "properties": {"is": {"enum": sorted(kinds), "description": "The platform."}},
        "required": ["is"],
        "allOf": [_if_kind(kind, _map(model, f"target-{kind}", {"is": {}})) for kind, model in kinds.items()],
    }
    return {"anyOf": [whole, {"enum": bare}]} if bare else whole


def _if_kind(kind: str, then: Schema) -> Schema:
    return {"if": {"properties": {"is": {"const": kind}}, "required": ["is"]}, "then": then}


def _check(kinds: Mapping[str, type[Section]], told: Mapping[str, str]) -> Schema:
    """A command, or a map that says its kind, or shows it by a method, `steps`, `run` or `sh`."""
    asks: Schema = {"anyOf": [{"required": [key]} for key in (*METHODS, "steps")]}
    runs: Schema = {"anyOf": [{"required": ["run"]}, {"required": ["sh"]}], "not": asks}
    silent: Schema = {"not": {"required": ["is"]}}
    implied = {"http": asks, "command": runs}
    chosen: list[Schema] = []
    for kind, model in kinds.items():
        said: Schema = {"properties": {"is": {"const": kind}}, "required": ["is"]}
        shown = [{"allOf": [silent, implied[kind]]}] if kind in implied else []
        then = _described(_map(model, f"check-{kind}", {"is": {}}), pages.of_check(told.get(kind, "")))
        chosen.append({"if": {"anyOf": [said, *shown]}, "then": then})
    person: Schema = {"required": ["ask"]}
    chosen.append({"if": person, "then": _map(AskSection, LINE)})
    whole: Schema = {
        "type": "object",
        "properties": {"is": {"enum": sorted(kinds), "description": "The kind of check."}},
        "anyOf": [{"required": ["is"]}, asks, runs, person],
        "allOf": chosen,
    }
    return {"anyOf": [whole, {"type": ["string", "number", "boolean"], "minLength": 1}]}


def _described(section: Schema, own: Mapping[str, pages.Page]) -> Schema:
    """A section with what its check's own page says about its keys."""
    for key, found in section["properties"].items():
        if key in own and "description" not in found:
            found["description"] = own[key].summary.replace("`", "")
    return section


def _page(name: str) -> Schema:
    """The description of a key, from its page; a check's key may be one that every line of a checklist has."""
    kind, _, key = name.partition(".")
    page = pages.words().get(name) or (pages.words().get(f"{LINE}.{key}") if kind.startswith("check-") else None)
    return {"description": page.summary.replace("`", "")} if page else {}
