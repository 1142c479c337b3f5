"""Collecting everything that is wrong, each thing once."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from penstock.errors import Problem
from penstock.manifest.node import Place


class Problems:
    """The problems found so far. The same thing found twice (by two environments) is one problem."""

    def __init__(self) -> None:
        self.noted = 0
        """How often something was added, the same thing counted again."""
        self._found: dict[tuple[str, int, int, str], Problem] = {}

    def add(self, code: str, place: Place, what: str, why: str = "", instead: str = "") -> None:
        """One more."""
        self.noted += 1
        key = (code, place.line, place.column, what)
        self._found.setdefault(key, Problem(code, place.line, place.column, what, why, instead))

    def __len__(self) -> int:
        return len(self._found)

    def all(self) -> list[Problem]:
        """In the order of the file."""
        return sorted(self._found.values(), key=lambda p: (p.line, p.column, p.code))


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant."""
    found = get_close_matches(word, sorted(known), n=1, cutoff=0.6)
    return found[0] if found else None


def choice(words: Iterable[str]) -> str:
    """`a, b or c`."""
    *most, last = sorted(words) or [""]
    return f"{', '.join(most)} or {last}" if most else last
