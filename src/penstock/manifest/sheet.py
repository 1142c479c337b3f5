"""A manifest as it lies on the sheet: lines and their values, with every comment and blank line beside what it is about."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

_COMMENT = re.compile(r"#[^\n]*")
_HEADER = re.compile(r"[|>][-+0-9]*[ \t]*(#.*)?")
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t"}


@dataclass
class Leaf:
    """A scalar, in the lines that it takes. `is_block`: the first is the header of a `|` or a `>`."""

    lines: list[str]
    is_block: bool = False


@dataclass
class Group:
    """A map or a list. `foot`: the comments after its last line."""

    flow: bool
    is_list: bool
    column: int
    start: int
    owner: Line
    end: int = 0
    lines: list[Line] = field(default_factory=list)
    foot: list[str] = field(default_factory=list)


@dataclass
class Line:
    """An entry of a map, or an item of a list (its `key` is None; the whole file is the one item of no list).

    `lead` are the comments above it, and "" for a blank line; `tail` is the comment behind it, with its spaces.
    """

    key: str | None
    at: int
    row: int
    group: Group | None = None
    value: Leaf | Group = field(default_factory=lambda: Leaf([""]))
    lead: list[str] = field(default_factory=list)
    tail: str = ""

    def groups(self) -> Iterator[Group]:
        """All it lies in, innermost first."""
        group = self.group
        while group is not None:
            yield group
            group = group.owner.group


@dataclass(frozen=True)
class _Thing:
    """Where something of a line ends: a comment behind it in the same row is the line's."""

    end: int
    row: int
    owner: Line
    is_plain_value: bool = False


def lay_out(text: str) -> Line:
    """The whole file as one line without a key. The text is one that the reader can parse."""
    return _Reader(text).whole()


def comments(text: str) -> list[str]:
    """Every comment of such a text, in its order."""
    reader = _Reader(text)
    reader.whole()
    return [comment for _, comment in reader.found]


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._rows = text.split("\n")
        self._starts = [0]
        for row in self._rows:
            self._starts.append(self._starts[-1] + len(row) + 1)
        self._things: list[_Thing] = []
        self._spans: list[tuple[int, int]] = []
        self._order: list[Line] = []
        self._occupied: set[int] = set()
        self._headers: dict[int, tuple[Line, str]] = {}
        self._last: tuple[int, int] = (-1, 0)
        self.found: list[tuple[int, str]] = []

    def whole(self) -> Line:
        events = iter(_events(self._text))
        root = Line(None, 0, 0)
        for event in events:
            if type(event).__name__ == "MappingStartEvent":
                root.value = self._group(event, events, root)
        self._comments()
        for line in self._order:
            if line.group and not line.group.flow and self._is_first(line.at) and self._is_blank_above(line.row):
                line.lead.append("")
        return root

    # What the parser says

    def _offset(self, mark: Any) -> int:
        at: int = self._starts[mark.line] + mark.column
        return at

    def _value(self, event: Any, events: Iterator[Any], owner: Line) -> Leaf | Group:
        if type(event).__name__ == "ScalarEvent":
            return self._leaf(event, owner)
        return self._group(event, events, owner)

    def _group(self, event: Any, events: Iterator[Any], owner: Line) -> Group:
        start = self._offset(event.start_mark)
        is_map = type(event).__name__ == "MappingStartEvent"
        group = Group(bool(event.flow_style), not is_map, event.start_mark.column, start, owner)
        if group.flow:
            self._things.append(_Thing(self._offset(event.end_mark), event.end_mark.line, owner))
        for inner in events:
            if type(inner).__name__.endswith("EndEvent"):
                group.end = self._offset(inner.end_mark)
                if group.flow:
                    self._things.append(_Thing(group.end, inner.end_mark.line, owner))
                break
            group.lines.append(self._line(inner, events, group, is_map=is_map))
        return group

    def _line(self, event: Any, events: Iterator[Any], group: Group, *, is_map: bool) -> Line:
        line = Line(None, self._offset(event.start_mark), event.start_mark.line, group)
        if not self._order or self._order[-1].at != line.at:
            self._order.append(line)
        if is_map:
            line.key = self._key(event, line)
            event = next(events)
        line.value = self._value(event, events, line)
        return line

    def _key(self, event: Any, line: Line) -> str:
        text = self._scalar(event, line)
        return _in_quotes(event.value) if "\n" in text else _one_way(text)

    def _scalar(self, event: Any, owner: Line, *, is_value: bool = False) -> str:
        start, end = self._offset(event.start_mark), self._offset(event.end_mark)
        self._spans.append((start, end))
        self._things.append(_Thing(end, event.end_mark.line, owner, is_value and event.style is None))
        self._occupied.update(range(event.start_mark.line, event.end_mark.line))
        return self._text[start:end]

    def _leaf(self, event: Any, owner: Line) -> Leaf:
        if event.style in ("|", ">"):
            return self._block(event, owner)
        first, *rest = self._scalar(event, owner, is_value=True).split("\n")
        if not rest:
            return Leaf([_one_way(first)])
        lines = [first, *(row.lstrip(" \t") for row in rest)]
        return Leaf(lines if event.style == '"' else [row.rstrip(" \t") for row in lines])

    def _block(self, event: Any, owner: Line) -> Leaf:
        """`|` and `>`: the rows as they are, moved sideways; the header says no more than it must."""
        row, start = event.start_mark.line, self._offset(event.start_mark)
        header = _HEADER.match(self._rows[row], event.start_mark.column)
        if header and header[1]:
            self._headers[start] = (owner, header[1].rstrip())
        shown = event.value.lstrip("\n")
        content = self._content(row + 1, len(shown) - len(shown.lstrip(" ")))
        if not content:
            self._spans.append((start, self._starts[row + 1] - 1))
            return Leaf([_in_quotes(event.value)])
        trailing = len(event.value) - len(event.value.rstrip("\n"))
        blank = trailing - 1 if trailing > 1 else 0
        last = row + len(content) + blank
        self._spans.append((start, min(self._starts[last + 1] - 1, len(self._text))))
        self._occupied.update(range(row, last + 1))
        digit = "2" if next(line for line in content if line).startswith(" ") else ""
        return Leaf([event.style + digit + ("-", "", "+")[min(trailing, 2)], *content, *[""] * blank], is_block=True)

    def _content(self, first: int, own_indent: int) -> list[str]:
        """The rows of a block scalar without their indentation, up to the last that is not blank."""
        rows = self._rows[first:]
        filled = next((row for row in rows if row.strip(" ")), "")
        indent = len(filled) - len(filled.lstrip(" ")) - own_indent
        content: list[str] = []
        for row in rows:
            if row.strip(" ") and len(row) - len(row.lstrip(" ")) < max(indent, 0):
                break
            content.append(row[indent:])
        while content and not content[-1].strip(" "):
            content.pop()
        return content if indent > 0 else []

    # Comments

    def _comments(self) -> None:
        self._things.sort(key=lambda thing: thing.end)
        spans = sorted(self._spans)
        gaps = zip([0, *(end for _, end in spans)], [*(start for start, _ in spans), len(self._text)], strict=True)
        for (start, end), after in zip(gaps, [*spans, (len(self._text), 0)], strict=True):
            for found in _COMMENT.finditer(self._text, start, end):
                self._attach(found.start(), found[0].rstrip())
            if after[0] in self._headers:
                owner, text = self._headers[after[0]]
                self.found.append((after[0], text))
                _behind(owner, f"  {text}")

    def _attach(self, at: int, text: str) -> None:
        self.found.append((at, text))
        row = bisect_right(self._starts, at) - 1
        number = bisect_right(self._things, at, key=lambda thing: thing.end) - 1
        thing = self._things[number] if number >= 0 else None
        if thing and thing.row == row and not self._is_first(at):
            near = thing.is_plain_value and at - thing.end == 1
            _behind(thing.owner, f"{' ' if near else '  '}{text}")
            return
        place, is_flow = self._place(at, thing, at - self._starts[row], number)
        if not is_flow and self._is_blank_above(row):
            place.append("")
        place.append(text)

    def _place(self, at: int, before: _Thing | None, column: int, number: int) -> tuple[list[str], bool]:
        """Where a comment in a row of its own belongs: above the next line, or at the foot of what ends here."""
        next_one = bisect_right(self._order, at, key=lambda line: line.at)
        after = self._order[next_one] if next_one < len(self._order) else None
        inside = [g for g in self._around(before) if g.flow and g.start < at < g.end]
        if inside:
            if after and after.at < inside[0].end:
                return after.lead, True
            return (inside[0].foot if inside[0].lines else inside[0].owner.lead), True
        open_still = list(after.groups()) if after else []
        least = after.group.column if after and after.group else -1
        most = self._last[1] if self._last[0] == number else column
        for group in self._around(before):
            above = group.owner.group.column if group.owner.group else -1
            is_closing = not group.flow and group.lines and not any(group is other for other in open_still)
            if is_closing and least < group.column <= min(column, most) and (above < group.column or column > above):
                self._last = (number, group.column)
                return group.foot, False
        self._last = (number, -1)
        if after:
            return after.lead, False
        root = list(before.owner.groups())[-1] if before and before.owner.group else None
        return (root.foot, False) if root else (self._order[0].lead if self._order else [], False)

    def _around(self, thing: _Thing | None) -> list[Group]:
        """The groups that may be open behind a thing, innermost first."""
        if thing is None:
            return []
        own = [thing.owner.value] if isinstance(thing.owner.value, Group) else []
        return [*own, *thing.owner.groups()]

    def _is_first(self, at: int) -> bool:
        """Whether nothing but blanks and dashes stands before it in its row."""
        start = self._starts[bisect_right(self._starts, at) - 1]
        return not self._text[start:at].strip(" \t-?")

    def _is_blank_above(self, row: int) -> bool:
        return row > 0 and not self._rows[row - 1].strip() and row - 1 not in self._occupied


def _behind(line: Line, comment: str) -> None:
    """One more comment behind a line; the one before it moves above."""
    if line.tail:
        line.lead.append(line.tail.strip())
    line.tail = comment


def _one_way(text: str) -> str:
    """Text in single quotes in double ones, where that changes nothing else."""
    within = text[1:-1]
    if text[:1] == "'" and '"' not in within and "\\" not in within and "'" not in within:
        return f'"{within}"'
    return text


def _in_quotes(value: str) -> str:
    return '"' + "".join(_ESCAPES.get(c) or (c if c.isprintable() else f"\\U{ord(c):08X}") for c in value) + '"'


def _events(text: str) -> Iterator[Any]:
    from ruamel.yaml import YAML  # heavy to import, and only needed once a manifest is written anew

    return iter(YAML(typ="safe", pure=True).parse(text))
