"""Terraform's plan (`terraform show -json`) as resources, and as changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from penstock.checks.infra.reading import Unreadable
from penstock.checks.infra.resource import Resource, Stack
from penstock.checks.infra.secrets import is_plain_secret, is_secret_name
from penstock.checks.infra.terraform_kinds import facts_of
from penstock.checks.infra.values import LATER, items, leaves, table

_CALLED = ("bucket", "function_name", "identifier", "name", "cluster_identifier", "arn")


@dataclass(frozen=True)
class Change:
    """What a plan does to one resource: create, update, delete, replace, read, no-op or forget."""

    address: str
    type: str
    what: str
    why: str = ""


@dataclass(frozen=True)
class Plan:
    """A plan: what it changes, what drifted, and whether it is whole."""

    changes: tuple[Change, ...]
    drift: tuple[Change, ...]
    failed_checks: tuple[str, ...]
    whole: bool


def is_plan(found: Any) -> bool:
    """Whether a document is the JSON of a plan."""
    return (
        isinstance(found, Mapping)
        and isinstance(found.get("resource_changes", found.get("planned_values")), list | Mapping)
        and ("format_version" in found)
    )


def read_plan(found: Any) -> Plan:
    """The changes of a plan; Unreadable where it is none."""
    if not is_plan(found):
        raise Unreadable("it is not what `terraform show -json` writes of a plan")
    return Plan(
        tuple(_changes(found.get("resource_changes"))),
        tuple(_changes(found.get("resource_drift"))),
        tuple(
            str(table(one.get("address")).get("to_display"))
            for one in map(table, items(found.get("checks")))
            if one.get("status") in ("fail", "error")
        ),
        whole=found.get("errored") is not True,
    )


def _changes(said: Any) -> Iterator[Change]:
    if not isinstance(said, list | None):
        raise Unreadable("its changes are no list")
    for one in said or ():
        change = table(table(one).get("change"))
        actions = change.get("actions")
        if not isinstance(actions, list) or not isinstance(one.get("address"), str):
            raise Unreadable("a change of it has no address or no actions")
        if one.get("mode") != "data":
            yield Change(one["address"], str(one.get("type")), _what(actions), str(one.get("action_reason") or ""))


def _what(actions: list[Any]) -> str:
    if set(actions) == {"create", "delete"}:
        return "replace"
    return str(actions[0]) if len(actions) == 1 else "+".join(str(one) for one in actions)


def plan_stack(found: Mapping[str, Any], file: str, places: Mapping[str, str] | None = None) -> Stack:
    """The resources as they will be. `places` are where their blocks stand, by address without module and index."""
    read_plan(found)
    configured = dict(_configured(table(table(found.get("configuration")).get("root_module")), ""))
    outside = {_text(table(one).get("value")) for one in table(found.get("variables")).values()} - {""}
    resources = []
    for one in found.get("resource_changes") or ():
        change = one["change"]
        if not isinstance(change.get("after"), Mapping):
            continue  # it will not be there
        address, type_ = one["address"], str(one.get("type"))
        expressions = configured.get(_bare(address), {})
        own = _merged(change["after"], change.get("after_unknown"), expressions, _module(address))
        kind, facts = facts_of(type_, own)
        facts = {**facts, "env": _literals(own, expressions, table(change.get("after_sensitive")), outside)}
        called = next((str(own[key]) for key in _CALLED if isinstance(own.get(key), str)), "")
        where = (places or {}).get(_bare(address), "") or file
        resources.append(Resource(kind, address, facts, where, type_, own, "terraform", called))
    resources += _variables(
        table(table(table(found.get("configuration")).get("root_module")).get("variables")), file, places or {}
    )
    return Stack(tuple(resources), "terraform", "")


def _configured(module: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Address without index -> the expressions of its block."""
    for one in map(table, items(module.get("resources"))):
        yield prefix + str(one.get("address")), table(one.get("expressions"))
    for name, call in table(module.get("module_calls")).items():
        yield from _configured(table(table(call).get("module")), f"{prefix}module.{name}.")


def _bare(address: str) -> str:
    """An address without the indexes of `count` and `for_each`."""
    out, depth = [], 0
    for character in address:
        depth += (character == "[") - (character == "]")
        if depth == 0 and character != "]":
            out.append(character)
    return "".join(out)


def _module(address: str) -> str:
    parts = _bare(address).split(".")
    end = next((at for at in range(0, len(parts), 2) if parts[at] != "module"), 0)
    return "".join(f"{part}." for part in parts[:end])


def _merged(after: Any, unknown: Any, expression: Any, module: str) -> Any:
    """The values that are known, and `${...}` with what it refers to where a value is known later."""
    if unknown is True:
        refers = [f"${{{module}{one}}}" for one in items(table(expression).get("references"))[:20]]
        return "".join(refers) or LATER
    if isinstance(after, Mapping) or (isinstance(unknown, Mapping) and unknown):
        inner = table(expression)
        below = {
            key: inner.get(key, inner if "references" in inner else None) for key in (*table(after), *table(unknown))
        }
        return {key: _merged(table(after).get(key), table(unknown).get(key), below[key], module) for key in below}
    if isinstance(after, list) or (isinstance(unknown, list) and unknown):
        known, later = items(after), items(unknown)
        many = expression if isinstance(expression, list) else [expression] * max(len(known), len(later))
        return [
            _merged(
                known[at] if at < len(known) else None,
                later[at] if at < len(later) else None,
                many[at] if at < len(many) else None,
                module,
            )
            for at in range(max(len(known), len(later)))
        ]
    return after


def _literals(
    own: Any, expressions: Mapping[str, Any], sensitive: Mapping[str, Any], outside: set[str]
) -> dict[str, Any]:
    """The settings whose value stands in the configuration itself; what came from a variable is not among them."""
    found = {}
    for path, value in leaves(own):
        if (
            not path
            or path[0] not in expressions
            or not isinstance(value, str | int)
            or isinstance(value, bool)
            or "${" in str(value)
        ):
            continue
        name = path[-1] if not path[-1].isdecimal() else path[-2] if len(path) > 1 else path[-1]
        hidden, expression = sensitive.get(path[0]), expressions.get(path[0])
        constant = _has_constant(expression, value)
        from_outside = str(value) in outside or _within(hidden, path[1:])
        if constant or (not from_outside and not _only_refers(expression)):
            found[name] = value
    for name, text in _containers(own):
        if text not in outside and "${" not in text:
            found[name] = text
    return found


def _containers(own: Any) -> Iterator[tuple[str, str]]:
    """Variables of containers: a task definition holds them as a JSON text."""
    import json

    text = table(own).get("container_definitions")
    if not isinstance(text, str) or "${" in text[:3]:
        return
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return
    for one in items(found):
        for pair in map(table, items(table(one).get("environment"))):
            yield str(pair.get("name")), str(pair.get("value"))


def _has_constant(expression: Any, value: Any) -> bool:
    """Whether a value stands in the expression as it is."""
    return any(
        path[-2:-1] == ("constant_value",) or "constant_value" in path
        for path, one in leaves(expression)
        if one == value
    )


def _only_refers(expression: Any) -> bool:
    return (
        isinstance(expression, Mapping)
        and bool(expression.get("references"))
        and "constant_value" not in expression
        and (set(expression) == {"references"})
        and all(not str(one).startswith("local.") for one in items(expression["references"]))
        and len(items(expression["references"])) <= 2
    )


def _within(hidden: Any, path: tuple[str, ...]) -> bool:
    """Whether a place is marked as sensitive by what it comes from."""
    for key in path:
        if hidden is True:
            return True
        hidden = (
            hidden[int(key)]
            if isinstance(hidden, list) and key.isdecimal() and int(key) < len(hidden)
            else table(hidden).get(key)
        )
    return hidden is True


def _variables(said: Mapping[str, Any], file: str, places: Mapping[str, str]) -> Iterator[Resource]:
    """Variables with a secret as their default."""
    for name, one in said.items():
        facts = {"default": table(one).get("default"), "no_echo": True, "type": "String"}
        if is_secret_name(name) and is_plain_secret(name, facts["default"]):
            yield Resource("parameter", name, facts, places.get(f"var.{name}", "") or file, "variable", {}, "terraform")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
