"""A line of a manifest without the values of keys that sound like a secret's: it is shown on terminals and in CI logs. Pure."""

from __future__ import annotations

import re
from functools import lru_cache

HIDDEN = "***"
_KEY = re.compile(
    r"(?<![\w-])[\w-]{0,40}(?:bearer|token|password|passwd|secret(?!s)|credential|authorization|api[_-]?key)[\w-]{0,40}"
    r"""["']?:\s{1,40}(?=\S)""",
    re.IGNORECASE,
)
_QUOTED = re.compile(r""""(?:[^"\\]|\\.)*"?|'(?:[^']|'')*'?""")
_IN_FLOW = re.compile(r"[^,}\]]*")
_OUTSIDE = re.compile(r"(?:(?!\s\#).)*")
_REFERENCE = re.compile(r"""["']?(?:\$\w+|\$\{\w+\}|(?:Bearer|Basic|Token) \$\w+|file:.*|env:.*|none)["']?""")
_PASSWORD = re.compile(r"(?<=://)[^/?\#\s@]{1,300}(?=@)")


def masked(line: str, column: int) -> tuple[str, int]:
    """The line, and where in it what stood at `column` (from 0) stands now. References to secrets are no secrets."""
    shown, moved, end = "", column, 0
    for start, stop in _hidden(line):
        shown += line[end:start] + HIDDEN
        if start < column:
            moved = len(shown) + column - stop if stop <= column else len(shown) - len(HIDDEN)
        end = stop
    return shown + line[end:], moved


@lru_cache(maxsize=8)  # one long line may have a hundred problems
def _hidden(line: str) -> tuple[tuple[int, int], ...]:
    """The stretches of a line that nobody is to read, in order, none in another."""
    found: list[tuple[int, int]] = []
    for key in _KEY.finditer(line):
        start, stop = _value(line, key.start(), key.end())
        if line[start] not in "{[|>" and not _REFERENCE.fullmatch(line[start:stop]) and start >= _end(found):
            found.append((start, stop))
    urls = [match.span() for match in _PASSWORD.finditer(line)]
    return tuple(sorted([*found, *(one for one in urls if not any(a <= one[0] < b for a, b in found))]))


def _end(found: list[tuple[int, int]]) -> int:
    return found[-1][1] if found else 0


def _value(line: str, key: int, start: int) -> tuple[int, int]:
    """Where the value that begins at `start` stands; a plain one in braces ends at the next comma or brace."""
    is_first = not line[:key].strip(" -\"'")
    pattern = _QUOTED if line[start] in "\"'" else _OUTSIDE if is_first else _IN_FLOW
    found = pattern.match(line, start)
    text = found[0].rstrip() if found else ""
    return start, start + len(text.split(" #")[0].rstrip() if pattern is _IN_FLOW else text)
