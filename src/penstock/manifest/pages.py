"""The pages of the manual: what each key, word and error code means. Data, in `keys.md` and beside `errors.py`."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

WIDTH = 80


@dataclass(frozen=True)
class Page:
    """One page: paragraphs of prose, and what is indented as it stands."""

    name: str
    text: str

    @property
    def summary(self) -> str:
        """The first paragraph, in one line."""
        return " ".join(self.text.split("\n\n", 1)[0].split())

    @property
    def example(self) -> str:
        """What is indented first, without its indentation; empty when there is none."""
        found = next((part for part in self.text.split("\n\n") if part.startswith("    ")), "")
        return textwrap.dedent(found).rstrip()

    @property
    def remedy(self) -> str:
        """What to do, for an error."""
        found = next((part for part in self.text.split("\n\n") if part.startswith("Do: ")), "")
        return " ".join(found.removeprefix("Do: ").split())


@cache
def errors() -> dict[str, Page]:
    """A page for every code of an error."""
    return parse((files("penstock") / "errors.md").read_text())


@cache
def words() -> dict[str, Page]:
    """A page for every key and every word of the manifest."""
    return parse((files("penstock.manifest") / "keys.md").read_text())


def parse(text: str) -> dict[str, Page]:
    """The pages of a file, by the names in their `## ` lines."""
    found = {}
    for part in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        name, _, body = part.partition("\n")
        found[name.strip()] = Page(name.strip(), body.strip("\n"))
    return found


def of_check(docstring: str) -> dict[str, Page]:
    """The pages of a check's keys, from its own: each is an item "- `key`: what it means"."""
    found = {}
    for part in docstring.split("\n\n"):
        for item in re.split(r"^- ", part, flags=re.MULTILINE)[1:]:
            head = re.match(r"((?:`[a-z0-9_.]+`(?:, | and | or |; )?)+): ", item)
            text = " ".join(item[head.end() :].split()) if head else ""
            for name in re.findall(r"`([a-z0-9_.]+)`", head[1]) if head else ():
                found[name] = Page(name, text)
    return found


def filled(text: str, indent: str = "") -> str:
    """Prose filled to the width of a terminal; what is indented stays as it is."""
    return "\n\n".join(_part(part, indent) for part in text.split("\n\n"))


def _part(part: str, indent: str) -> str:
    if part.startswith("    "):
        return textwrap.indent(part, indent)
    hang = indent + " " * 4 if part.startswith("Do: ") else indent
    words = " ".join(part.split())
    return textwrap.fill(words, WIDTH, initial_indent=indent, subsequent_indent=hang, break_on_hyphens=False)
