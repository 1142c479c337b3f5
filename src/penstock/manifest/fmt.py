"""One way to write a manifest, so that one change is one line of a diff.

Two spaces a level, lists indented below their key, one space after a colon, two before a comment, nothing aligned.
What was written in braces or brackets stays in one line while that has at most 100 columns, comments not counted, and
becomes a line for each entry when it has more, or when comments stand inside. What was written line by line stays so.
Of several blank lines one is left. Words, their order and their quotes (but for single ones that may be double) stay.

A comment after one space behind plain text keeps that one space: the reader asks there whether a comment was meant.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import dropwhile

from penstock.errors import ManifestError, PenstockError, UserError
from penstock.manifest.node import Map, Node, Scalar
from penstock.manifest.parse import BYTES_MAX, parse
from penstock.manifest.problems import Problems
from penstock.manifest.sheet import Group, Leaf, Line, comments, lay_out

WIDTH = 100


def formatted(text: str, path: str = "penstock.yaml") -> str:
    """The same manifest, written the one way; raises the reader's own ManifestError for what is no map of keys.

    The meaning is the same and every comment is there, or a PenstockError `format` is raised.
    """
    tree = _parsed(text, path)
    source = text.removeprefix("\ufeff").replace("\r\n", "\n")
    written = "\n".join(_file(lay_out(source))) + "\n"
    if len(written.encode()) > BYTES_MAX:
        raise UserError(
            "too-large",
            "written the one way, the file would be larger than the 64 KB that are read",
            path,
            "an entry in braces that is too wide for its line becomes a line of its own",
            "the manifest alone; data belongs in files of its own",
        )
    again = parse(written, Problems())
    if again is None or _meaning(again) != _meaning(tree) or sorted(comments(written)) != sorted(comments(source)):
        raise PenstockError(
            "format",
            "this file cannot be written the one way without changing what it says",
            path,
            "something in it is spelled in a way that is not known here; nothing was written",
            "leave the file as it is, and report it with the file",
        )
    return written


def _parsed(text: str, path: str) -> Map:
    problems = Problems()
    tree = parse(text, problems)
    if tree is None or problems:
        raise ManifestError(path, problems.all(), text)
    return tree


def _meaning(node: Node) -> object:
    """All that the reader makes of a node, but for where it stands."""
    if isinstance(node, Scalar):
        return node.text, node.plain, node.comment_gap == 1
    if isinstance(node, Map):
        return [(key, _meaning(entry.value)) for key, entry in node.entries.items()]
    return tuple(_meaning(item) for item in node.items)


def _file(root: Line) -> list[str]:
    one = _in_one_line(root.value)
    if one is not None and len(one) <= WIDTH:
        return [*_trimmed(root.lead), one + root.tail]
    assert isinstance(root.value, Group), "a manifest is a map"
    above = [*root.lead, *([root.tail.strip()] if root.tail else [])]
    return [*_trimmed(above), *_group(root.value, 0)]


def _group(group: Group, indent: int) -> list[str]:
    """Every line of a map or a list, and its foot."""
    written: list[str] = []
    for line in group.lines:
        lead, body = _line(line, indent)
        written += [*_indented(lead, indent), *body]
    return _trimmed([*written, *_indented(group.foot, indent)])


def _line(line: Line, indent: int) -> tuple[list[str], list[str]]:
    """The comments above a line, not indented yet, and the line."""
    head = " " * indent + ("-" if line.key is None else f"{line.key}:")
    one = _in_one_line(line.value)
    if one is not None and (isinstance(line.value, Leaf) or len(f"{head} {one}") <= WIDTH or not line.value.lines):
        return line.lead, [f"{head} {one}{line.tail}"]
    if isinstance(line.value, Leaf):
        return line.lead, _several(head, line.value, line.tail, indent + 2)
    if line.key is None:
        return _item(line, line.value, indent)
    return line.lead, [f"{head}{line.tail}", *_group(line.value, indent + 2)]


def _item(line: Line, group: Group, indent: int) -> tuple[list[str], list[str]]:
    """An item that is a map or a list itself: it starts behind the dash, so what stands above it moves up."""
    first, *rest = group.lines
    lead, body = _line(first, indent + 2)
    above = [*line.lead, *([line.tail.strip()] if line.tail else []), *dropwhile(lambda text: not text, lead)]
    body[0] = f"{' ' * indent}- {body[0].lstrip(' ')}"
    for other in rest:
        lead, more = _line(other, indent + 2)
        body += [*_indented(lead, indent + 2), *more]
    return above, [*body, *_indented(group.foot, indent + 2)]


def _several(head: str, leaf: Leaf, tail: str, indent: int) -> list[str]:
    """A text of several lines. A block's comment stands behind its header."""
    first, *rest = leaf.lines
    below = [f"{' ' * indent}{row}" if row else "" for row in rest]
    if leaf.is_block:
        return [f"{head} {first}{tail}", *below]
    below[-1] += tail
    return [f"{head} {first}", *below]


def _in_one_line(value: Leaf | Group) -> str | None:
    """The value in one line; None where it was not in braces, or has comments, or texts of several lines."""
    if isinstance(value, Leaf):
        return value.lines[0] if len(value.lines) == 1 else None
    if not value.flow or value.foot or any(line.lead or line.tail for line in value.lines):
        return None
    parts = []
    for line in value.lines:
        one = _in_one_line(line.value)
        if one is None:
            return None
        parts.append(one if line.key is None else f"{line.key}: {one}")
    inside = ", ".join(parts)
    return f"[{inside}]" if value.is_list else f"{{{inside}}}"


def _indented(texts: Sequence[str], indent: int) -> list[str]:
    return [f"{' ' * indent}{text}" if text else "" for text in texts]


def _trimmed(texts: list[str]) -> list[str]:
    return list(dropwhile(lambda text: not text, texts))
