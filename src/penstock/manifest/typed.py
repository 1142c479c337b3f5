"""Nodes to sections: every scalar is typed by its key, and every error finds its place in the file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, get_args

from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from penstock.manifest.core_schema import NotJsonError, yaml_value
from penstock.manifest.explain import explain, in_one_piece
from penstock.manifest.node import Entry, Map, Node, Place, Scalar, Seq
from penstock.manifest.problems import Problems, choice, nearest
from penstock.manifest.section import Command, Section
from penstock.manifest.shape import inner, item_of, keys, section_of, written_out

S = TypeVar("S", bound=Section)
AS_YAML = ("json", "payload")  # below these keys alone, YAML's own types count
_KEY_LIKE = re.compile(r"[a-z][a-z0-9_]*")
_CANNOT_BE_IGNORED = "what is written must never be ignored"


def typed(model: type[S], node: Node, key: Scalar, problems: Problems, base: S | None = None) -> S | None:
    """The section in a node, or None with at least one problem noted. `key` is where the node was named.

    With a `base`, what the node does not say is as it was said there; `none` takes a key of it away.
    """
    before = problems.noted
    node = written_out(node, model)
    data = _data(node, model, key.text, problems)
    refused = problems.noted > before
    if base is not None and isinstance(data, Mapping):
        data = _laid_over(base.model_dump(by_alias=True, exclude_unset=True), data)
    try:
        found = model.model_validate(data)
        return None if refused else found
    except ValidationError as error:
        for mistake in error.errors(include_url=False):
            # A key that was refused above was probably meant to be the one that is lacking.
            if not (refused and mistake["type"] in ("missing", "missing-key")):
                note(mistake, model, node, key, problems)
    return None


def shaped(model: type[Section], node: Node, key: Scalar, problems: Problems) -> None:
    """Note every key of a node that its section does not have, and what has another shape than its key asks for."""
    _data(written_out(node, model), model, key.text, problems)


def _laid_over(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Plain data with what `over` says instead, key by key; a map with `is` is replaced whole."""
    merged = {**base}
    for key, said in over.items():
        below = base.get(key)
        if said == "none":
            merged.pop(key, None)
        elif isinstance(said, Mapping) and "is" not in said:
            merged[key] = _laid_over(below if isinstance(below, Mapping) else {}, said)
        else:
            merged[key] = said
    return merged


def note(found: Mapping[str, Any], model: type[Section], node: Node, key: Scalar, problems: Problems) -> None:
    """One of pydantic's errors as a problem."""
    context = found.get("ctx", {})
    path = (*found["loc"], *(context["at"].split(".") if context.get("at") else ()))
    place, said, kind, value = _locate(path, model, node, key)
    if isinstance(value, Scalar) and context.get("offset"):
        place = value.place_of(context["offset"])
    told = explain(found, said, kind)
    problems.add(told.code, place, told.what, told.why, told.instead)


def note_all(found: Iterable[ValueError], model: type[Section], node: Node, key: Scalar, problems: Problems) -> None:
    """Note what is wrong with a section beside others; each made by `wrong`."""
    node = written_out(node, model)
    for one in found:
        assert isinstance(one, PydanticCustomError)
        error = ValidationError.from_exception_data(key.text, [{"type": one, "loc": (), "input": None}])
        for mistake in error.errors(include_url=False):
            note(mistake, model, node, key, problems)


def refuse_key(key: Scalar, known: Iterable[str], later: Iterable[str], where: str, problems: Problems) -> None:
    """Note a key that cannot stand here: not acted on yet, or not known at all."""
    if key.text in later:
        problems.add(
            "not-yet",
            key.place,
            f"`{key.text}` is not acted on yet",
            f"this version would ignore it, and {_CANNOT_BE_IGNORED}",
            "the manifest without it",
        )
        return
    near = nearest(key.text, known)
    problems.add(
        "unknown-key",
        key.place,
        f"`{key.text}` is not a key of `{where}`" if where else f"`{key.text}` is not a key",
        f"it would be ignored, and {_CANNOT_BE_IGNORED}",
        near or f"one of: {choice(known)}",
    )


def _locate(path: tuple[Any, ...], kind: Any, node: Node, key: Scalar) -> tuple[Place, str, Any, Node]:
    """Follow an error's path as far as the file goes: the place, the last key on the way, the type, and what stands there."""
    said, place = key.text, key.place if isinstance(node, Map) else node.place
    for step in path:
        entry = node.entries.get(step) if isinstance(node, Map) and isinstance(step, str) else None
        if entry:
            # A key that was written out for one bare word stands where the word stands.
            said = said if entry.key.place == entry.value.place else step
            kind, node = inner(kind, step), entry.value
            place = entry.key.place if isinstance(node, Map) else node.place
        elif isinstance(node, Seq) and isinstance(step, int) and step < len(node.items):
            kind, node = inner(kind, step), node.items[step]
            place = node.place
        elif isinstance(node, Map) and step == 0 and (item := item_of(kind)):
            kind = item
        else:
            break
    return place, said, kind, node


def _data(node: Node, kind: Any, name: str, problems: Problems) -> Any:
    """Plain data for pydantic: text everywhere, but YAML's own types below `json` and `payload`."""
    if isinstance(node, Scalar):
        return _text(node, kind, name, problems)
    if isinstance(node, Seq):
        return [_data(item, inner(kind, i), name, problems) for i, item in enumerate(node.items)]
    kind = item_of(kind) or kind  # one map may stand for a list of one
    section = section_of(kind)
    if section and section.written == frozenset():
        told = in_one_piece(section, name)
        problems.add(told.code, node.place, told.what, told.why, told.instead)
        return {}
    before: Entry | None = None
    data = {}
    for entry in node.entries.values():
        key = entry.key.text
        if section and key not in keys(section):
            _refuse(entry, before if node.flow else None, section, name, problems)
        elif key in AS_YAML and inner(kind, key) is not str:
            data[key] = _as_yaml(entry.value, problems)
        else:
            data[key] = _data(entry.value, inner(kind, key), key, problems)
        before = entry
    return data


def _refuse(entry: Entry, before: Entry | None, section: type[Section], name: str, problems: Problems) -> None:
    """Note a key that cannot stand here; `before` is the entry before it, where a comma parts the two."""
    key, known = entry.key, keys(section)
    command = _ended_command(before) if before and not _KEY_LIKE.fullmatch(key.text) else ""
    if command and before:
        problems.add(
            "comma",
            key.place,
            f"`{key.text}` is not a key of `{name}`: did a comma end the command?",
            f"inside {{...}} a comma separates keys, so `{before.key.text}` is only `{command}`",
            f'{{{before.key.text}: "the whole command, in quotes"}}',
        )
        return
    if example := _of_ones_own(entry, section):
        problems.add(
            "unknown-key",
            key.place,
            f"`{key.text}` is not a key of `{name}`",
            "what has a name of yours says with `is` what it is",
            example,
        )
        return
    measured = isinstance(entry.value, Map) and "is" in entry.value.entries and not nearest(key.text, known)
    refuse_key(key, known, {*section.not_yet, *([key.text] if measured else [])}, name, problems)


def _of_ones_own(entry: Entry, section: type[Section]) -> str:
    """The line to write, where an entry seems to be one under a name of the user's own; empty where it does not."""
    below = section_of(inner(keys(section).get(section.named, Any), "NAME"))
    if below is None or nearest(entry.key.text, keys(section)):
        return ""
    if entry.key.text == "is":
        return f"a-name: {below.specimen}"
    value, kinds = entry.value, get_args(keys(below).get("is"))
    is_one = isinstance(value, Map) and not value.entries.keys().isdisjoint(keys(below))
    is_one = is_one or (isinstance(value, Scalar) and value.text in kinds)
    return f"{entry.key.text}: {below.specimen}" if is_one else ""


def _ended_command(entry: Entry) -> str:
    """The command that the entry before a comma holds without quotes; empty when it holds none."""
    value = entry.value
    return value.text if entry.key.text in ("run", "sh") and isinstance(value, Scalar) and value.plain else ""


def _text(node: Scalar, kind: Any, name: str, problems: Problems) -> str:
    if node.plain and node.comment_gap == 1 and section_of(kind) is Command:
        problems.add(
            "comment-in-command",
            node.place,
            f"a `#` after a space ended this command at `{_end(node.text)}`",
            "what follows is a comment to YAML; a comment that is meant stands two spaces away",
            f'{name}: "the whole command, in quotes", or two spaces before the #',
        )
    return node.text


def _end(text: str) -> str:
    return text if len(text) <= 30 else f"...{text[-27:]}"


def _as_yaml(node: Node, problems: Problems) -> Any:
    if isinstance(node, Map):
        return {name: _as_yaml(entry.value, problems) for name, entry in node.entries.items()}
    if isinstance(node, Seq):
        return [_as_yaml(item, problems) for item in node.items]
    try:
        return yaml_value(node.text) if node.plain else node.text
    except NotJsonError:
        problems.add(
            "value",
            node.place,
            f"`{node.text[:40]}` has no place in JSON",
            "JSON knows no infinity, no NaN, and no number without bounds",
            "a number, or text in quotes",
        )
        return None


_BRACES = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)?")
_SHELL_OR_DATA = frozenset({"sh", "critical", *AS_YAML})


def refuse_braces(node: Node, problems: Problems) -> None:
    """Note every `${X}`: only $X is filled in. Not below `sh`, `json`, `payload` and `critical`."""
    if isinstance(node, Map):
        for name, entry in node.entries.items():
            if name not in _SHELL_OR_DATA:
                refuse_braces(entry.value, problems)
    elif isinstance(node, Seq):
        for item in node.items:
            refuse_braces(item, problems)
    elif found := _BRACES.search(node.text):
        problems.add(
            "braces",
            node.place_of(found.start()),
            "`${...}` is not filled in here",
            "names are filled in as $NAME, without a shell's defaults and substitutions",
            f"${found[1] or 'NAME'}, or `sh:` where a shell is meant",
        )
