"""Reading what another tool wrote, and perhaps an attacker: XML as a stream, JSON, and words fit to be shown."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat

_CHUNK = 1 << 16
_TEXT = 4096  # of the text of one element; more is never shown
_DEEPEST = 200
_COLOUR = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]+")


class Unreadable(Exception):
    """A report that cannot be judged; the text says why, to be read after its name."""


@dataclass(frozen=True)
class Began:
    """An element begins."""

    tag: str
    attributes: dict[str, str]


@dataclass(frozen=True)
class Ended:
    """An element ends; `text` is the beginning of what stands directly in it."""

    tag: str
    text: str


def elements(data: bytes) -> Iterator[Began | Ended]:
    """The elements of an XML document as they begin and end, without their namespaces.

    A document type may be named, and is not fetched; one that declares anything by itself is refused, so that no
    entity is ever expanded.
    """
    reader = _Reader()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse_declarations
    parser.StartElementHandler = reader.begin
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.say
    try:
        for at in range(0, max(len(data), 1), _CHUNK):
            parser.Parse(data[at : at + _CHUNK], at + _CHUNK >= len(data))
            yield from reader.taken()
    except expat.ExpatError as error:
        raise Unreadable(f"is no whole XML: {expat.ErrorString(error.code)} in line {error.lineno}") from error
    except (ValueError, LookupError) as error:  # an encoding that nobody knows
        raise Unreadable("is no XML that can be read") from error


def tree_of(data: bytes) -> Any:
    """The value of a JSON document."""
    try:
        return json.loads(data)
    except RecursionError as error:
        raise Unreadable("is nested too deeply") from error
    except ValueError as error:
        where = f" in line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise Unreadable(f"is no whole JSON{where}") from error


def shown(text: object, most: int = 200) -> str:
    """A text as it may stand in a sentence: one line, no colours or control characters, not too long."""
    plain = _CONTROL.sub(" ", _COLOUR.sub("", str(text)[: most * 4])).strip()
    return plain if len(plain) <= most else f"{plain[: most - 3]}..."


def several(count: int, word: str) -> str:
    """`1 test`, `2 tests`."""
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


@dataclass
class _Reader:
    events: list[Began | Ended] = field(default_factory=list)
    texts: list[list[str]] = field(default_factory=list)
    rooms: list[int] = field(default_factory=list)

    def begin(self, tag: str, attributes: dict[str, str]) -> None:
        if len(self.texts) >= _DEEPEST:
            raise Unreadable("is nested too deeply")
        self.texts.append([])
        self.rooms.append(_TEXT)
        self.events.append(Began(_local(tag), attributes))

    def end(self, tag: str) -> None:
        self.rooms.pop()
        self.events.append(Ended(_local(tag), "".join(self.texts.pop())))

    def say(self, text: str) -> None:
        kept = text[: self.rooms[-1]]
        self.rooms[-1] -= len(kept)
        if kept:
            self.texts[-1].append(kept)

    def taken(self) -> list[Began | Ended]:
        events, self.events = self.events, []
        return events


def _local(tag: str) -> str:
    return tag.rpartition(":")[2]


def _refuse_declarations(*told: object) -> None:
    if told[-1]:  # it has an internal subset, where entities are declared
        raise Unreadable("declares a document type of its own, which no report needs")
