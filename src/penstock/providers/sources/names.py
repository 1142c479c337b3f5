"""What a source calls things, as it may be shown. Pure."""

from __future__ import annotations


def printable(name: str) -> str:
    """The name; ValueError where a terminal would do something else with it than show it."""
    if not name.isprintable():
        raise ValueError("a name has characters that cannot be printed")
    return name


def escaped(text: str) -> str:
    """What a source said, with every character that cannot be printed as its code."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)
