"""What YAML itself could not read, in words that say what to write instead."""

from __future__ import annotations

import re
from typing import Any

from penstock.manifest.node import Place
from penstock.manifest.problems import Problems


def unreadable(error: Exception, lines: list[str], problems: Problems) -> None:
    """Note a syntax error of the parser as a problem. Only one is known: the parser stops at the first."""
    mark = getattr(error, "problem_mark", None)
    began = getattr(error, "context_mark", None)
    place = _place(mark, lines)
    said = f"{getattr(error, 'context', '')} {getattr(error, 'problem', '')}"
    for words, explain in _TRAPS:
        if words in said:
            explain(place, _place(began, lines) if began else place, lines, problems)
            return
    problems.add("yaml", place, "this is not YAML", _plain(said), "what the line before and this one were meant to say")


def _tab(place: Place, _: Place, lines: list[str], problems: Problems) -> None:
    if _char(place, lines) == "\t":
        problems.add("tab", place, "a tab stands here", "YAML is indented with spaces only", "spaces")
        return
    _reserved(place, lines, problems)


def _reserved(place: Place, lines: list[str], problems: Problems) -> None:
    value = _rest(place, lines)
    problems.add(
        "reserved",
        place,
        f"a value cannot start with `{value[:1]}`",
        "YAML reserves that character",
        _quoted(value) if value else "a value in quotes",
    )


def _colon(place: Place, _: Place, lines: list[str], problems: Problems) -> None:
    line = lines[place.line - 1] if place.line <= len(lines) else ""
    found = re.match(r"\s*(?:- )?([^\s:]+):\s+(.*:.*)", line)
    value = found[2].strip() if found else ""
    problems.add(
        "colon",
        place,
        "a colon stands where none can be" if not found else "a colon and a space inside a value",
        "`: ` starts a new value, so a text that holds one needs quotes; or this line is indented too far",
        f"{found[1]}: {_quoted(value)}" if found else "the value in quotes, or the line in its place",
    )


def _quote(_: Place, began: Place, lines: list[str], problems: Problems) -> None:
    problems.add(
        "quote",
        began,
        "a quote that starts here never ends",
        "everything after it is read as one text",
        f"a second {_char(began, lines)} at the end of the value",
    )


def _after_quote(place: Place, _: Place, lines: list[str], problems: Problems) -> None:
    line = lines[place.line - 1] if place.line <= len(lines) else ""
    found = re.match(r"""\s*(?:- )?([^\s:]+):\s+((["']).*)""", line)
    if found and place.column > found.start(2) + 1:
        problems.add(
            "quote",
            place,
            "the value ended at its second quote, and more follows",
            "a value that starts with a quote is nothing but what stands between the quotes",
            f"{found[1]}: {_quoted(found[2])}",
        )
        return
    problems.add(
        "indent",
        place,
        "this does not belong to what stands above it",
        "the lines of one map, or of one list, start in the same column",
        "the line, moved below its neighbours",
    )


def _flow(place: Place, began: Place, lines: list[str], problems: Problems) -> None:
    if _char(place, lines) == ":" and place.line == began.line:
        problems.add(
            "colon",
            place,
            "a colon and a space inside a value",
            "`: ` starts a new value, so a text that holds one needs quotes",
            "the whole value in quotes",
        )
        return
    opened = _char(began, lines)
    closing = {"{": "}", "[": "]"}.get(opened, "a closing bracket")
    between = lines[began.line - 1 : place.line]
    cut = any(" #" in line for line in between)
    comment = "; a `#` after a space starts a comment, and may have swallowed it" if cut else ""
    problems.add(
        "bracket",
        began,
        f"`{opened}` is not closed",
        f"what follows is not separated by a comma, or `{closing}` is missing{comment}",
        f"`{closing}` at its end, and quotes around a text that holds one of , : # {{ }} [ ]",
    )


def _alias(_: Place, began: Place, lines: list[str], problems: Problems) -> None:
    value = _rest(began, lines)
    problems.add(
        "alias",
        began,
        f"a value cannot start with `{value[:1]}`",
        "YAML would read it as an alias or an anchor",
        _quoted(value),
    )


def _tag(_: Place, began: Place, lines: list[str], problems: Problems) -> None:
    value = _rest(began, lines)
    problems.add("tag", began, "a value cannot start with `!`", "YAML would read it as a tag", _quoted(value))


def _directive(place: Place, _: Place, __: list[str], problems: Problems) -> None:
    problems.add("directive", place, "a YAML directive", "the language of this file is fixed", "the file without it")


_TRAPS = (
    ("cannot start any token", _tab),
    ("mapping values are not allowed", _colon),
    ("quoted scalar", _quote),
    ("while scanning an alias", _alias),
    ("while scanning an anchor", _alias),
    ("scanning a tag", _tag),
    ("flow mapping", _flow),
    ("flow sequence", _flow),
    ("block mapping", _after_quote),
    ("block collection", _after_quote),
    ("directive", _directive),
)


def _place(mark: Any, lines: list[str]) -> Place:
    if mark is None:
        return Place(1, 1)
    line = min(mark.line, max(len(lines) - 1, 0))
    return Place(line + 1, mark.column + 1 if line == mark.line else 1)


def _rest(place: Place, lines: list[str]) -> str:
    line = lines[place.line - 1] if place.line <= len(lines) else ""
    return re.split(r"\s+#", line[place.column - 1 :], maxsplit=1)[0].strip().rstrip("}]")


def _char(place: Place, lines: list[str]) -> str:
    return lines[place.line - 1][place.column - 1 : place.column] if place.line <= len(lines) else ""


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'" if '"' in value or "\\" in value else f'"{value}"'


def _plain(said: str) -> str:
    words = " ".join(word for word in said.split() if word != "None")
    return words[:200] or "it cannot be read as YAML"
