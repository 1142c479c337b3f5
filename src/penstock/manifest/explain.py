"""pydantic's errors in our words."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any, Literal, cast, get_args, get_origin

from pydantic import BeforeValidator, ValidationError

from penstock.manifest.problems import choice, nearest
from penstock.manifest.section import Command, Section, duration, fraction
from penstock.manifest.shape import inner, keys, section_of


@dataclass(frozen=True)
class Told:
    """A problem that has no place yet."""

    code: str
    what: str
    why: str
    instead: str


_SHAPES = {
    "string_type": ("text", "a value in one line"),
    "dict_type": ("a map", "keys and values below it, or in {...}"),
    "mapping_type": ("a map", "keys and values below it, or in {...}"),
    "model_type": ("a map", "keys and values below it, or in {...}"),
    "model_attributes_type": ("a map", "keys and values below it, or in {...}"),
    "tuple_type": ("a list", "[one, two]"),
    "list_type": ("a list", "[one, two]"),
}
_BOUNDS = frozenset({"greater_than", "greater_than_equal", "less_than", "less_than_equal"})
_EXAMPLES = {
    "run": "run: and the words of a command",
    "get": "get: /a/path",
    "port": "port: 8080",
    "observe": "observe: and a command that prints what runs",
    "converge": "converge: and a command that makes it so",
    "weight_permille": "5% for 30m",
    "ratio": "1.5x + 0.05pp",
    "scheme": "file:/a/path",
    "where": "slack:releases",
    "rps": "rps: 5",
    "average": "average: {at_most: 5s, per: 5m}",
    "if": "if: errors * stable.requests > 3 * stable.errors * requests && errors > 10",
    "ask": "ask: Lessons written down?",
    "ended": "ended: rolled_back",
}


def explain(error: Mapping[str, Any], key: str, kind: Any) -> Told:
    """What one error says to a person; `key` is the last key before it, `kind` the type that is expected."""
    context = error.get("ctx", {})
    if "what" in context:
        return Told(error["type"], context["what"], context["why"], context["instead"])
    name = error["type"]
    if name in _SHAPES:
        return _shape(error, key, kind)
    if name in _BOUNDS:
        return _bound(error, key, kind)
    if name == "missing":
        return _missing(error, key, kind)
    explained = _KNOWN.get(name)
    return explained(error, key) if explained else _other(error, key)


def _shape(error: Mapping[str, Any], key: str, kind: Any) -> Told:
    section = section_of(kind)
    wanted, instead = _SHAPES[error["type"]]
    got = error.get("input")
    if section is Command:
        wanted, instead = "a command", "words in one line, a list of words, or {sh: ...}"
    elif section is not None and section.written == frozenset():
        wanted, instead = "one line of text", _written(section)
    elif wanted == "a map":
        instead = _line(key, kind, got) or instead
    given = "a map" if isinstance(got, dict) else "a list" if isinstance(got, list) else f"`{got}`"
    why = "what kind of value stands here is fixed by its key"
    return Told("shape", f"`{key}` is {wanted}, not {given}", why, instead)


def _line(key: str, kind: Any, got: Any) -> str:
    """The line to write where a map is lacking; empty where nobody has written one down."""
    section = section_of(kind)
    if section is None:
        held = section_of(inner(kind, "NAME"))
        return f"{key}: {{a-name: {held.specimen if held and held.specimen else 'what it is'}}}"
    way = _meant(section, got)
    return f"{key}: {_below(way, got) if way else section.specimen}" if section.specimen else ""


def _meant(section: type[Section], text: Any) -> tuple[str, ...]:
    """The keys below which a bare value is a whole section, those of the example first; none where it fits nowhere."""
    if not isinstance(text, str) or not section.specimen:
        return ()
    for name, kind in sorted(keys(section).items(), key=lambda one: f"{one[0]}:" not in section.specimen):
        below = section_of(kind)
        way = (name, *(_meant(below, text) if below and below.written is None else ()))
        if _fits(section, way, text):
            return way
    return ()


def _fits(section: type[Section], way: tuple[str, ...], text: str) -> bool:
    try:
        section.model_validate(reduce(lambda data, name: {name: data}, reversed(way), cast(Any, text)))
    except ValidationError:
        return False
    return True


def _below(way: tuple[str, ...], text: Any) -> str:
    """A value below some keys, in one line: `{p99: {at_most: 500ms}}`."""
    return reduce(lambda held, name: f"{{{name}: {held}}}", reversed(way), str(text))


def in_one_piece(section: type[Section], key: str) -> Told:
    """A map, where the section is written as one scalar."""
    return Told(
        "shape",
        f"`{key}` is one line of text, not a map",
        "what kind of value stands here is fixed by its key",
        _written(section),
    )


def _written(section: type[Section]) -> str:
    required = next((name for name in section.model_fields if name in _EXAMPLES), "")
    return _EXAMPLES.get(required, "a value in one line")


def _missing(error: Mapping[str, Any], key: str, kind: Any) -> Told:
    lacking = str(error["loc"][-1])
    one_of = inner(kind, lacking)
    word = str(get_args(one_of)[0]) if get_origin(one_of) is Literal else "and a value"
    return Told(
        "missing-key",
        f"`{key}` lacks `{lacking}`",
        "there is no default that would be safe",
        _EXAMPLES.get(lacking, f"{lacking}: {word}"),
    )


def _word(error: Mapping[str, Any], key: str) -> Told:
    known = re.findall(r"'([^']*)'", str(error["ctx"].get("expected", "")))
    given = error.get("input")
    if not isinstance(given, str):
        return Told("shape", f"`{key}` is a word, not a map or a list", f"it is one of {choice(known)}", known[0])
    return Told(
        "unknown-word",
        f"`{key}` knows no `{given}`",
        f"it is one of {choice(known)}",
        nearest(given, known) or choice(known),
    )


def _bound(error: Mapping[str, Any], key: str, kind: Any) -> Told:
    sign = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
    limits = [f"{sign[name]} {_as_written(limit, kind)}" for name, limit in error["ctx"].items() if name in sign]
    return Told("range", f"`{key}` is out of range", f"it is {' and '.join(limits)}", " and ".join(limits))


def _as_written(limit: float, kind: Any) -> str:
    """A limit in the words of the key that it is for."""
    reads = [part.func for part in getattr(kind, "__metadata__", ()) if isinstance(part, BeforeValidator)]
    if duration in reads:
        return f"{limit:g}s"
    return f"{f'{limit * 100:.9f}'.rstrip('0').rstrip('.')}%" if fraction in reads else f"{limit:g}"


def _name(error: Mapping[str, Any], _: str) -> Told:
    given, pattern = str(error.get("input")), str(error["ctx"].get("pattern", ""))
    if pattern.startswith("^[A-Za-z_]"):
        return Told(
            "name",
            f"`{given}` is not the name of a variable",
            "such a name is letters, digits and _, and does not start with a digit",
            re.sub(r"[^A-Za-z0-9_]|^(?=[0-9])", "_", given) or "A_NAME",
        )
    if pattern.startswith("^[0-9A-Fa-f"):
        return Told(
            "value",
            f"`{given}` is not an address",
            "it is an IP address of this machine",
            "127.0.0.1, or an address of this machine",
        )
    return Told(
        "name",
        f"`{given}` cannot be a name",
        "a name is small letters, digits and -, and starts with a letter",
        re.sub(r"[^a-z0-9-]", "-", given.lower())[:39] or "a-name",
    )


def _long(error: Mapping[str, Any], key: str) -> Told:
    return Told(
        "name",
        f"`{key}` is too long",
        f"at most {error['ctx'].get('max_length')} characters",
        "a shorter one",
    )


def _raised(error: Mapping[str, Any], key: str) -> Told:
    said = str(error.get("ctx", {}).get("error", error.get("msg", "")))
    what, why, instead = ([*said.split(" :: "), "", ""])[:3]
    return Told("value", what, why or f"`{key}` cannot have this value", instead or "another value")


def _other(error: Mapping[str, Any], key: str) -> Told:
    said = str(error.get("msg", "it is not valid"))
    return Told(
        "value",
        f"`{key}` is not right: {said[:1].lower()}{said[1:]}",
        "its key asks for another kind of value",
        "a value of that kind",
    )


_KNOWN: dict[str, Callable[[Mapping[str, Any], str], Told]] = {
    "literal_error": _word,
    "string_pattern_mismatch": _name,
    "string_too_long": _long,
    "value_error": _raised,
}
