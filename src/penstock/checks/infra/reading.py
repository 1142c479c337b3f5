"""YAML and JSON as plain data that remembers its lines; bounded, with aliases that cannot grow."""

from __future__ import annotations

import io
import json
import re
from typing import Any

LIMIT = 4 << 20
_NODES = 200_000  # beyond all that a person writes; aliases may not multiply to more
_DEPTH = 60
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_BRACKET, _BRACKETS = re.compile(r"[\[\]{}]"), 500  # more than those that stand open in a text between quotes
_DASHES = re.compile(r"(?:[-?] +){100}")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class Unreadable(Exception):
    """A text that is not what it should be; `line` is 0 where none is known."""

    def __init__(self, what: str, line: int = 0) -> None:
        super().__init__(what)
        self.what, self.line = what, line


class Map(dict[str, Any]):
    """A map that knows its line, and the line of every key."""

    def __init__(self, line: int = 0) -> None:
        super().__init__()
        self.line = line
        self.lines: dict[str, int] = {}

    def put(self, key: str, value: Any, line: int) -> None:
        """A key, its value and its line."""
        self[key] = value
        self.lines[key] = line


class Items(list[Any]):
    """A list that knows the line of every item."""

    def __init__(self, line: int = 0) -> None:
        super().__init__()
        self.line = line
        self.lines: list[int] = []


def line_of(value: Any, key: str | int | None = None, otherwise: int = 0) -> int:
    """The line of a value, or of one key in it."""
    if isinstance(value, Map):
        return value.lines.get(str(key), value.line) if key is not None else value.line
    if isinstance(value, Items):
        return value.lines[key] if isinstance(key, int) and key < len(value.lines) else value.line
    return otherwise


def document(data: bytes) -> Any:
    """The one document of a text."""
    found = documents(data)
    if len(found) != 1:
        raise Unreadable(f"it holds {len(found)} documents, where one is meant")
    return found[0]


def documents(data: bytes) -> list[Any]:
    """Every document of a YAML or JSON text; short tags such as `!Ref` become what they are short for."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    text = as_text(data)
    _refuse_depth(text)
    try:
        # A tab is no space in YAML, and cannot stand in a JSON text: outside of it all tabs are the same as spaces.
        nodes = YAML(typ="rt", pure=True).compose_all(io.StringIO(text.replace("\t", " ") if _is_json(text) else text))
        reader = _Reader()
        return [reader.read(node, 0) for node in nodes if node is not None]
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "it is no YAML"
        raise Unreadable(_CONTROL.sub("?", str(problem))[:160], mark.line + 1 if mark else 0) from error
    except RecursionError as error:
        raise Unreadable("it is nested too deep") from error
    except (ValueError, AssertionError, IndexError, KeyError, AttributeError, TypeError) as error:
        raise Unreadable("it is no YAML that can be read") from error  # the parser itself stumbled


def as_text(data: bytes) -> str:
    """The text, if it is one of the usual size."""
    if len(data) > LIMIT:
        raise Unreadable(f"it is larger than {LIMIT >> 20} MiB")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable("it is not UTF-8", data[: error.start].count(b"\n") + 1) from error


def plain_json(data: bytes) -> Any:
    """A JSON text, without lines: for reports that no person wrote."""
    try:
        return json.loads(data)
    except RecursionError as error:
        raise Unreadable("it is nested too deep") from error
    except ValueError as error:
        raise Unreadable("it is no JSON", getattr(error, "lineno", 0)) from error


def _refuse_depth(text: str) -> None:
    """Refuse what is nested without end before the parser, whose time grows with the square of it, sees it."""
    depth = 0
    for found in _BRACKET.finditer(text):
        depth = max(0, depth + (1 if found[0] in "[{" else -1))
        if depth > _BRACKETS:
            raise Unreadable("it is nested too deep", text.count("\n", 0, found.start()) + 1)
    if dashes := _DASHES.search(text):
        raise Unreadable("it is nested too deep", text.count("\n", 0, dashes.start()) + 1)


def _is_json(text: str) -> bool:
    return text.lstrip()[:1] in ("{", "[") and '"' in text[:4096]


class _Reader:
    """Nodes to plain data; every visit of a node counts, so that no alias can make much of little."""

    def __init__(self) -> None:
        self.visited = 0

    def read(self, node: Any, depth: int) -> Any:
        self.visited += 1
        line = node.start_mark.line + 1
        if self.visited > _NODES:
            raise Unreadable(f"it holds more than {_NODES} values, aliases written out", line)
        if depth > _DEPTH:
            raise Unreadable("it is nested too deep", line)
        value = self._value(node, depth, line)
        tag = str(node.tag or "")
        if not tag.startswith("!") or tag == "!":
            return value
        short = Map(line)
        name = tag[1:]
        short.put(name if name in ("Ref", "Condition") else f"Fn::{name}", value, line)
        return short

    def _value(self, node: Any, depth: int, line: int) -> Any:
        if isinstance(node.value, str):
            return _scalar(node, str(node.tag or ""))
        if (node.value and isinstance(node.value[0], tuple)) or str(node.tag).endswith(":map"):
            return self._map(node, depth, line)
        items = Items(line)
        for one in node.value:
            items.append(self.read(one, depth + 1))
            items.lines.append(one.start_mark.line + 1)
        return items

    def _map(self, node: Any, depth: int, line: int) -> Map:
        found, merged = Map(line), list[Any]()
        for key, value in node.value:
            at = key.start_mark.line + 1
            if not isinstance(key.value, str):
                raise Unreadable("a key that is no text", at)
            if str(key.tag).endswith(":merge"):
                merged.append(self.read(value, depth + 1))
            elif key.value in found:
                raise Unreadable(f"`{_CONTROL.sub('?', key.value)[:60]}` stands twice", at)
            else:
                found.put(key.value, self.read(value, depth + 1), at)
        for other in (one for group in merged for one in (group if isinstance(group, list) else [group])):
            for name in other if isinstance(other, Map) else ():
                if name not in found:
                    found.put(name, other[name], other.lines[name])
        return found


def _scalar(node: Any, tag: str) -> Any:
    """A scalar as both versions of YAML agree on it; `yes`, dates and numbers such as 012 stay text."""
    text = node.value
    if tag.endswith(":null"):
        return None
    if tag.endswith(":bool"):
        return text.lower() == "true"
    if tag.endswith(":int") and _INTEGER.fullmatch(text):
        return int(text)
    return text
