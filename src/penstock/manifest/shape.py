"""What a model says about the keys below it: which may be written, and of what type each is."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from types import MappingProxyType
from typing import Annotated, Any, Union, get_args, get_origin

from penstock.manifest.node import Entry, Map, Node, Scalar
from penstock.manifest.section import Section


@cache
def keys(model: type[Section]) -> Mapping[str, Any]:
    """Every key that a person may write, with its type. Asked again and again of the same few models."""
    known = {field.alias or name: field.rebuild_annotation() for name, field in model.model_fields.items()}
    return MappingProxyType(known if model.written is None else {k: t for k, t in known.items() if k in model.written})


def section_of(kind: Any) -> type[Section] | None:
    """The section that a type is, or may be."""
    if isinstance(kind, type) and issubclass(kind, Section):
        return kind
    if get_origin(kind) is Annotated:
        return section_of(get_args(kind)[0])
    if get_origin(kind) in (Union, types.UnionType):
        return next((found for part in get_args(kind) if (found := section_of(part))), None)
    return None


def inner(kind: Any, key: str | int) -> Any:
    """The type of what lies under a key (or at a place in a list); Any where nothing is said."""
    section = section_of(kind)
    if section and isinstance(key, str):
        return keys(section).get(key, Any)
    if get_origin(kind) is Annotated:
        return inner(get_args(kind)[0], key)
    if get_origin(kind) in (Union, types.UnionType):
        return next((found for part in get_args(kind) if (found := inner(part, key)) is not Any), Any)
    if get_origin(kind) in (list, tuple, dict) and get_args(kind):
        return get_args(kind)[1 if get_origin(kind) is dict else 0]
    return Any


def item_of(kind: Any) -> Any:
    """The type of a list's items, where one map may stand for a list of one; None for what is no list of sections."""
    if get_origin(kind) in (Union, types.UnionType):
        return next((found for part in get_args(kind) if (found := item_of(part))), None)
    listed = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    item = inner(listed, 0) if get_origin(listed) in (list, tuple) else None
    return item if item is not None and section_of(item) else None


def written_out(node: Node, model: type[Section]) -> Node:
    """A section's keys, where one word was written for all of it, or `sh` for its command."""
    if isinstance(node, Scalar):
        short = model.short_for(node.text)
        return Map({short: Entry(Scalar(short, node.place), node)}, node.place) if short else node
    if isinstance(node, Map) and model.named:
        return _gathered(node, model)
    if not isinstance(node, Map) or "sh" not in node.entries or "run" in node.entries:
        return node
    if "sh" in keys(model) or "run" not in keys(model):
        return node
    command = Map({"sh": node.entries["sh"]}, node.entries["sh"].key.place)
    run = Entry(replace(node.entries["sh"].key, text="run"), command)
    return replace(node.without("sh"), entries={"run": run, **node.without("sh").entries})


def _gathered(node: Map, model: type[Section]) -> Map:
    """The entries under names of the user's own (maps with `is`), as entries of the one key that holds them."""
    own = {
        name: entry
        for name, entry in node.entries.items()
        if name not in keys(model) and isinstance(entry.value, Map) and "is" in entry.value.entries
    }
    if not own or model.named in node.entries:
        return node
    rest = {name: entry for name, entry in node.entries.items() if name not in own}
    held = Entry(Scalar(model.named, node.place), Map(own, node.place))
    return replace(node, entries={**rest, model.named: held})
