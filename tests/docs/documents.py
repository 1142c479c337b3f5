"""Documents that are run: their files are written, their commands executed, their shown output looked for."""

from __future__ import annotations

import re
from dataclasses import dataclass

_BLOCK = re.compile(r"^```(\w+)(?: file=(\S+))?\n(.*?)^```$", re.DOTALL | re.MULTILINE)

_LOOKS = re.compile(
    r"penstock (status|show|history|events|freezes|logs|due)( [^;&|<>$`]*)?|(ls|cat|curl -s) [^-;&|<>$`][^;&|<>$`]*"
)


@dataclass(frozen=True)
class File:
    """A file that the reader writes."""

    name: str
    text: str


@dataclass(frozen=True)
class Command:
    """A line that the reader types, and what the document shows of its output; `…` stands for anything."""

    line: str
    shown: tuple[str, ...]


def steps(text: str) -> list[File | Command]:
    """What a reader would do, in order."""
    found: list[File | Command] = []
    for kind, name, body in _BLOCK.findall(text):
        if name:
            found.append(File(name, body))
        elif kind == "console":
            found += _commands(body)
    return found


def _commands(body: str) -> list[Command]:
    found: list[Command] = []
    for part in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]:
        line, *shown = part.rstrip("\n").split("\n")
        found.append(Command(line, tuple(shown)))
    return found


def only_looks(line: str) -> bool:
    """Whether a line changes nothing, whatever it meets, so that it can be typed again."""
    return _LOOKS.fullmatch(line) is not None


def missing(shown: tuple[str, ...], output: str) -> list[str]:
    """Lines of a document that the output does not have, in this order."""
    lines, at, absent = output.splitlines(), 0, []
    for line in shown:
        pattern = re.compile(".*".join(map(re.escape, line.split("…"))))
        hit = next((n for n in range(at, len(lines)) if pattern.fullmatch(lines[n].rstrip())), None)
        if hit is None:
            absent.append(line)
        else:
            at = hit + 1
    return absent
