"""A manifest as an editor's YAML library reads it: the values of YAML 1.2's core schema."""

from __future__ import annotations

from typing import Any

from penstock.manifest.core_schema import NotJsonError, yaml_value
from penstock.manifest.node import Map, Node, Seq
from penstock.manifest.parse import parse
from penstock.manifest.problems import Problems


def data(text: str) -> Any:
    """Plain data; None where YAML itself, or the strictness of the reader with it, leaves nothing to be checked."""
    problems = Problems()
    tree = parse(text, problems)
    return None if tree is None or problems else _value(tree)


def _value(node: Node) -> Any:
    if isinstance(node, Map):
        return {name: _value(entry.value) for name, entry in node.entries.items()}
    if isinstance(node, Seq):
        return [_value(item) for item in node.items]
    try:
        return yaml_value(node.text) if node.plain else node.text
    except NotJsonError:
        return node.text
