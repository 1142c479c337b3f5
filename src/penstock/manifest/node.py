"""A manifest as it was written: maps, lists and scalars of text. Lines and columns count from 1."""

from __future__ import annotations

from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class Place:
    """Where something stands. `origin` is the environment whose part of the file it is; empty: all."""

    line: int
    column: int
    origin: str = ""

    def __str__(self) -> str:
        return f"{self.origin}, line {self.line}" if self.origin else f"line {self.line}"


@dataclass(frozen=True)
class Scalar:
    """Text as written. `plain`: without quotes. `comment_gap`: the spaces between it and a `#` after it.

    `inset`: how far behind its place the text begins, where it stands in one line letter by letter; else None.
    """

    text: str
    place: Place
    plain: bool = True
    comment_gap: int | None = None
    inset: int | None = None

    def place_of(self, offset: int) -> Place:
        """Where a letter of the text stands; the place of the whole, where that cannot be known."""
        return self.place if self.inset is None else replace(self.place, column=self.place.column + self.inset + offset)


@dataclass(frozen=True)
class Seq:
    """A list."""

    items: tuple[Node, ...]
    place: Place


@dataclass(frozen=True)
class Entry:
    """A key of a map, and its value."""

    key: Scalar
    value: Node


@dataclass(frozen=True)
class Map:
    """A map, in the order of the file. `flow`: written in braces."""

    entries: dict[str, Entry] = field(default_factory=dict)
    place: Place = Place(1, 1)
    flow: bool = False

    def get(self, key: str) -> Node | None:
        """The value of a key."""
        entry = self.entries.get(key)
        return entry.value if entry else None

    def without(self, *keys: str) -> Map:
        """The same map, lacking some keys."""
        return replace(self, entries={k: e for k, e in self.entries.items() if k not in keys})

    def only(self, keys: frozenset[str]) -> Map:
        """The same map, with some keys alone."""
        return replace(self, entries={k: e for k, e in self.entries.items() if k in keys})


Node = Scalar | Seq | Map


def is_none(node: Node | None) -> bool:
    """Whether somebody wrote `none`, without quotes: the word that takes something away."""
    return isinstance(node, Scalar) and node.plain and node.text == "none"


def said_by(node: Node, origin: str) -> Node:
    """The same node, as said in an environment's part of the file."""
    place = replace(node.place, origin=origin)
    if isinstance(node, Map):
        entries = {name: Entry(_scalar(e.key, origin), said_by(e.value, origin)) for name, e in node.entries.items()}
        return replace(node, entries=entries, place=place)
    if isinstance(node, Seq):
        return replace(node, items=tuple(said_by(item, origin) for item in node.items), place=place)
    return replace(node, place=place)


def _scalar(node: Scalar, origin: str) -> Scalar:
    return replace(node, place=replace(node.place, origin=origin))
