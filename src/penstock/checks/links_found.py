"""The links that stand in a file: Markdown's, or the values of a field in YAML or JSON. Pure."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

_FENCE = re.compile(r"\s{0,3}(`{3,}|~{3,})")
_CODE = re.compile(r"(?<!`)(`++).*?(?<!`)\1(?!`)")
_COMMENT = re.compile(r"<!--.*?-->")
_INDENTED = re.compile(r"(?: {4}|\t)\s*\S")
_ITEM = re.compile(r"\s*(?:[-*+]|[0-9]{1,9}[.)])\s")
_HTML = re.compile(r"(?i)<(?:a|img|source|video|audio)\s[^<>]*?(?:href|src)\s*=\s*(?:\"([^\"\n]*)\"|'([^'\n]*)')")
_ESCAPED = re.compile(r"\\\[[^\[\]\n]*\]|\\\]")
_INLINE = re.compile(r"\]\(\s*(?:<([^<>\n]*)>|([^\s()<>]*(?:\([^\s()]*\)[^\s()]*)*))(?:\s+[\"'(][^\n]*?[\"')])?\s*\)")
_DEFINED = re.compile(r"\s{0,3}\[[^\]^\n][^\]\n]*\]:\s*<?([^\s<>]+)>?")
_BARE = re.compile(r"<(https?://[^\s<>]+)>")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_NODES = 200_000
_LONGEST = 4000  # of a line: what a person has not written is not searched


class NoLinks(Exception):
    """The file is not what its name says; the text says why."""


@dataclass(frozen=True)
class Link:
    """A link as it stands there, and the place where."""

    to: str
    where: str = ""

    def is_whole(self) -> bool:
        """Whether it is asked over HTTP."""
        return self.to.lower().startswith(("http://", "https://"))


def in_markdown(path: str, text: str) -> list[Link]:
    """Every link to another place, in order; code has none, and neither has an anchor of the same file."""
    found = []
    for number, line in _prose(text.splitlines()):
        plain = _ESCAPED.sub("", _CODE.sub("", line))
        targets = [one[1] or one[2] for one in (*_INLINE.finditer(plain), *_HTML.finditer(plain))]
        targets += [one[1] for one in (_DEFINED.match(plain), *_BARE.finditer(plain)) if one]
        found += [Link(one, f"{path}:{number}") for one in targets if one and not one.startswith("#")]
    return found


def _prose(lines: list[str]) -> Iterator[tuple[int, str]]:
    """The lines with their numbers, without those of fences and comments, nor of indented code."""
    fence, comment = "", False
    code = _indented(lines)
    for number, line in enumerate(lines, 1):
        opened = None if comment else _FENCE.match(line)
        if opened and (not fence or opened[1].startswith(fence)):
            fence = "" if fence else opened[1]
        if fence or opened or len(line) > _LONGEST or (number in code and not comment):
            continue
        plain = _COMMENT.sub("", line)
        if comment:
            comment, plain = "-->" not in plain, plain.partition("-->")[2]
        elif plain.lstrip().startswith("<!--"):
            comment, plain = True, ""
        yield number, plain


def _indented(lines: list[str]) -> set[int]:
    """The numbers of lines that are code by their indent: four spaces after an empty line, where no list goes on."""
    found: set[int] = set()
    in_list, empty = False, True
    for number, line in enumerate(lines, 1):
        if line.strip():
            deep = bool(_INDENTED.match(line))
            if deep and not in_list and (empty or number - 1 in found):
                found.add(number)
            elif _ITEM.match(line):
                in_list = True
            elif empty and not line.startswith((" ", "\t")):
                in_list = False
        elif number - 1 in found:
            found.add(number)
        empty = not line.strip()
    return found


def is_elsewhere(link: Link) -> bool:
    """Whether it leads where nobody asks: `mailto:`, `tel:` and the like."""
    return not link.is_whole() and (bool(_SCHEME.match(link.to)) or link.to.startswith("//"))


def in_the_commit(link: Link) -> str | None:
    """The path that a relative link leads to; None where that is outside of the repository."""
    to = unquote(link.to.split("#", 1)[0].split("?", 1)[0])
    base = "" if to.startswith("/") else posixpath.dirname(link.where.rpartition(":")[0])
    path = posixpath.normpath(posixpath.join(base, to.lstrip("/")))
    return None if path == ".." or path.startswith(("../", "/")) or "\0" in path else path


def in_data(path: str, content: bytes, field: str) -> list[Link]:
    """Every value of a field, at any depth, of a JSON or YAML file."""
    try:
        text = content.decode("utf-8-sig")
        found = _json(path, text, field) if path.endswith(".json") else _yaml(path, text, field)
    except UnicodeDecodeError as error:
        raise NoLinks("is not UTF-8") from error
    except RecursionError as error:
        raise NoLinks("is nested too deep") from error
    return found


def _json(path: str, text: str, field: str) -> list[Link]:
    try:
        ahead: list[Any] = [json.loads(text)]
    except ValueError as error:
        raise NoLinks("is no JSON") from error
    found = []
    while ahead:
        one = ahead.pop()
        if isinstance(one, dict):
            found += [Link(value, path) for value in _texts(one.get(field))]
            ahead += one.values()
        elif isinstance(one, list):
            ahead += one
    return found[::-1]


def _texts(value: Any) -> list[str]:
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str)]


def _yaml(path: str, text: str, field: str) -> list[Link]:
    """Read as nodes: no tag is acted on, an alias is not written out, and each value keeps its line."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        documents = list(YAML(typ="safe", pure=True).compose_all(text))
    except (YAMLError, ValueError, AttributeError, KeyError, IndexError, TypeError) as error:
        mark = getattr(error, "problem_mark", None)
        raise NoLinks(f"is no YAML{f' (line {mark.line + 1})' if mark else ''}") from error
    found, seen = [], set()
    ahead: list[Any] = [node for node in documents if node is not None]
    while ahead:
        node = ahead.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if len(seen) > _NODES:
            raise NoLinks("has too many entries")
        if node.id == "mapping":
            for key, value in node.value:
                if key.id == "scalar" and key.value == field:
                    found += [Link(one.value, f"{path}:{one.start_mark.line + 1}") for one in _scalars(value)]
                ahead.append(value)
        elif node.id == "sequence":
            ahead += node.value
    return sorted(found, key=lambda link: int(link.where.rpartition(":")[2]))


def _scalars(node: Any) -> Iterator[Any]:
    nodes = node.value if node.id == "sequence" else [node]
    yield from (one for one in nodes if one.id == "scalar")
