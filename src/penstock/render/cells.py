"""Text in a terminal's cells: how wide it is, cut or filled to a width, harmless, and ASCII where nothing else will do."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

_PLAIN = str.maketrans({
    "–": "-", "—": "-", "→": "->", "←": "<-", "…": "...", "×": "x", "·": "-", "“": '"', "”": '"', "‘": "'", "’": "'",
    "≤": "<=", "≥": ">=", "✓": "ok", "✗": "!!", "\u00a0": " ", "\u2009": " ", "\u202f": " ",
})  # fmt: skip


def clean(text: str, *, ascii_only: bool = False) -> str:
    """One harmless line: no control characters, nothing that turns the direction of writing, no half characters."""
    if not (text.isascii() and text.isprintable()):
        text = "".join(map(_harmless, text))
        if ascii_only:
            text = in_ascii(text)
    return text


def in_ascii(text: str) -> str:
    """The text in ASCII: the nearest character where there is one, else a question mark."""
    return text.translate(_PLAIN).encode("ascii", "replace").decode()


def width(text: str) -> int:
    """How many cells a text takes; where terminals disagree, the larger number."""
    return len(text) if text.isascii() else sum(map(_cells, text))


def cut(text: str, cells: int, ellipsis: str = "…") -> str:
    """The text, or as much of it as fits with the ellipsis; never wider than so many cells."""
    if width(text) <= cells:
        return text
    room = cells - width(ellipsis)
    if room < 0:
        return ellipsis[: max(0, cells)]
    return _beginning(text, room).rstrip(" ") + ellipsis


def fill(text: str, cells: int, *, right: bool = False) -> str:
    """The text with spaces up to so many cells; `right` puts them before it."""
    spaces = " " * max(0, cells - width(text))
    return spaces + text if right else text + spaces


def wrap(text: str, cells: int, lines: int, ellipsis: str = "…") -> list[str]:
    """The text in at most so many lines, broken between words; what does not fit is cut, and one sees that it was."""
    made: list[str] = []
    rest = text
    while rest and len(made) < lines - 1 and width(rest) > cells:
        at = _beginning(rest, cells + 1).rfind(" ")  # a space just behind the edge is a place to break, too
        head = rest[:at] if at > 0 else _beginning(rest, cells)
        if not head:
            break
        made.append(head)
        rest = rest[len(head) :].lstrip(" ")
    return [*made, cut(rest, cells, ellipsis)] if rest else made


def _beginning(text: str, cells: int) -> str:
    """As many characters as fit."""
    used = 0
    for number, character in enumerate(text):
        used += _cells(character)
        if used > cells:
            return text[:number]
    return text


def _harmless(character: str) -> str:
    if character in "\t\n\r\u2028\u2029":
        return " "
    kind = unicodedata.category(character)
    if kind in ("Cc", "Cs"):
        return "?"
    return "" if kind == "Cf" and character != "\u200d" else character


@lru_cache(maxsize=4096)
def _cells(character: str) -> int:
    if character == "\ufe0f":  # makes a wide picture of some characters, in some terminals
        return 1
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
