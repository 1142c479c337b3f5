"""The form of a value: how a person writes it, and the same as JSON Schema. Taken from the sections' own types.

YAML types a scalar before its key does, so `2` is a number to an editor where Penstock reads text: what is text here
may be any scalar there, and a whole number may stand in quotes.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BeforeValidator, StringConstraints
from pydantic.fields import FieldInfo

from penstock.manifest.bake import or_period
from penstock.manifest.bound import Bound
from penstock.manifest.core_schema import yaml_value
from penstock.manifest.groups import Reach
from penstock.manifest.health import request_path
from penstock.manifest.latency import Slower
from penstock.manifest.leased import port_range
from penstock.manifest.measures import factor
from penstock.manifest.problems import choice
from penstock.manifest.rollout import Increment
from penstock.manifest.secrets import SecretReference
from penstock.manifest.section import Amount, Command, Margin, Section, count, duration, flag, fraction, permille
from penstock.manifest.shape import section_of
from penstock.manifest.unit import or_no_traffic, or_none

Schema = dict[str, Any]
SCALAR = ["string", "number", "boolean", "null"]
_TIME = r"(?:[0-9]+(?:\.[0-9]+)?(?:ms|s|m|h|d|w))+"
_SHARE = r"0*(?:100(?:\.0+)?|[0-9]{1,2}(?:\.[0-9]+)?)%"
_BOUNDS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}


@dataclass(frozen=True)
class Form:
    """What a value is called, in a few words, and its JSON Schema."""

    name: str
    schema: Schema = field(default_factory=dict)


TEXT = Form("text", {"type": SCALAR})
NONE: Schema = {"const": "none"}
COUNT = Form("whole number", {"type": ["integer", "string"], "pattern": "^[0-9]{1,9}$"})
_LINE: Schema = {"type": ["string", "number", "boolean"], "minLength": 1}
_WORDS: Schema = {"type": "array", "items": {"type": SCALAR}, "minItems": 1}
_SHELL: Schema = {
    "type": "object",
    "properties": {"sh": {**_LINE, "description": "One line for a shell."}},
    "required": ["sh"],
    "additionalProperties": False,
}
READ: dict[Any, Form] = {
    duration: Form("duration", {"type": "string", "pattern": f"^{_TIME}$"}),
    count: COUNT,
    flag: Form("true or false", {"type": ["boolean", "string"], "pattern": "^(true|false)$"}),
    fraction: Form("percentage", {"type": "string", "pattern": f"^{_SHARE}$"}),
    permille: Form("percentage", {"type": "string", "pattern": f"^{_SHARE}$"}),
    request_path: Form("path", {"type": "string", "pattern": r"^/\S*$"}),
    or_no_traffic: Form("none", NONE),
    factor: Form("factor", {"type": "string", "pattern": r"^\s*[0-9]+(?:\.[0-9]+)?x\s*$"}),
    port_range: Form("range of ports", {"type": "string", "pattern": "^[0-9]{1,5}-[0-9]{1,5}$"}),
}
WRITTEN: dict[type[Section], Form] = {
    Margin: Form(
        "margin",
        {"type": "string", "pattern": r"^\s*[0-9]+(?:\.[0-9]+)?x(?:\s*\+\s*[0-9]+(?:\.[0-9]+)?pp)?\s*$"},
    ),
    Slower: Form(
        "margin of times",
        {"type": "string", "pattern": r"^\s*[0-9]+(?:\.[0-9]+)?x(?:\s*\+\s*[0-9]+(?:\.[0-9]+)?(?:ms|s))?\s*$"},
    ),
    Amount: Form(
        "whole number or percentage", {"type": ["integer", "string"], "pattern": f"^(?:[0-9]{{1,9}}|{_SHARE})$"}
    ),
    Increment: Form("increment", {"type": "string", "pattern": rf"^{_SHARE}\s+(?:for|up to)\s+{_TIME}$"}),
    SecretReference: Form(
        "reference to a secret", {"type": "string", "pattern": r"^(?:file:/.*|env:[A-Za-z_][A-Za-z0-9_$]*)$"}
    ),
    Reach: Form("scheme:where", {"type": "string", "pattern": r"^[a-z][a-z0-9+.-]{0,38}:\S{1,250}$"}),
    Bound: Form(
        "limit",
        {
            "type": ["number", "string"],
            "minimum": 0,
            "pattern": rf"^\s*[0-9]+(?:\.[0-9]+)?(?:%|[kMGT]i?B|B)?(?:\s+per\s+{_TIME})?\s*$",
        },
    ),
    Command: Form("command", {"anyOf": [_LINE, _WORDS, _SHELL]}),
}
DATE = Form("date", {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"})
_PLAIN = {date: DATE, str: TEXT, int: COUNT, bool: READ[flag], float: READ[duration], Any: Form("anything")}


def form(kind: Any, whole: Callable[[type[Section]], Form] = lambda _: Form("map", {"type": "object"})) -> Form:
    """The form of a type. `whole` makes that of a section that is written by its keys."""
    if isinstance(kind, type) and issubclass(kind, Section):
        return WRITTEN.get(kind) or whole(kind)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _annotated(arguments[0], list(_flat(arguments[1:])), whole)
    if origin is Literal:
        return words(arguments)
    if origin in (Union, types.UnionType):
        return _either([form(part, whole) for part in arguments if part is not type(None)])
    if origin in (tuple, list):
        one = form(arguments[0], whole)
        return Form(f"list of {_many(one.name)}", {"type": "array", "items": one.schema})
    if origin is dict:
        return _map(form(arguments[0]), form(arguments[1], whole))
    return _PLAIN[kind]


def words(known: tuple[Any, ...]) -> Form:
    """One of a few words; what YAML would read as a number may stand as one."""
    values = [value for word in known for value in dict.fromkeys([word, yaml_value(str(word))])]
    return Form(choice(map(str, known)), {"enum": values})


def named(schema: Schema, pattern: str = "") -> Schema:
    """A map of named entries."""
    names = {"propertyNames": {"pattern": pattern}} if pattern else {}
    return {"type": "object", "additionalProperties": schema, **names}


def _map(key: Form, value: Form) -> Form:
    return Form(f"map of name: {value.name}", named(value.schema, key.schema.get("pattern", "")))


def _many(name: str) -> str:
    return f"{name}s" if name in ("command", "increment", "map", "whole number") else name


def _either(forms: list[Form]) -> Form:
    if len(forms) == 1:
        return forms[0]
    return Form(", or ".join(one.name for one in forms), {"anyOf": [one.schema for one in forms]})


def _flat(metadata: tuple[Any, ...]) -> Iterator[Any]:
    for one in metadata:
        yield from one.metadata if isinstance(one, FieldInfo) else (one,)


def _annotated(inner: Any, metadata: list[Any], whole: Callable[[type[Section]], Form]) -> Form:
    readers = [one.func for one in metadata if isinstance(one, BeforeValidator)]
    read = next((READ[reader] for reader in readers if reader in READ), None)
    found = read or form(inner, whole)
    if any(isinstance(one, StringConstraints) for one in metadata):
        found = Form("name", found.schema)
    strange = [reader for reader in readers if reader not in READ and reader not in (or_none, or_period)]
    if strange and get_origin(inner) is tuple:  # such a reader makes a list of one value
        found = _either([form(get_args(inner)[0], whole), found])
    found = Form(found.name, {**found.schema, **_limits(metadata, found.schema)})
    if or_period in readers:
        found = _either([READ[duration], found])
    return _either([found, Form("none", NONE)]) if {or_none, or_period} & set(readers) else found


def _limits(metadata: list[Any], schema: Schema) -> Schema:
    """What JSON Schema can hold of a type's limits: bounds of numbers (a duration is none), patterns, lengths."""
    limits: Schema = {}
    for one in metadata:
        if isinstance(one, StringConstraints):
            limits |= {"pattern": str(one.pattern), "type": SCALAR}
        if "integer" in schema.get("type", ()):
            limits |= {word: getattr(one, name) for name, word in _BOUNDS.items() if hasattr(one, name)}
        if schema.get("type") == "array" and hasattr(one, "max_length"):
            limits["maxItems"] = one.max_length
        if pattern := getattr(one, "pattern", None):
            limits["pattern"] = str(pattern)
    return limits


def is_section(kind: Any) -> type[Section] | None:
    """The section that a type is, or may be, and that is written by its keys."""
    found = section_of(kind)
    return found if found and found not in WRITTEN else None
