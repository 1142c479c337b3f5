"""A ManifestError as text: every problem with its line, a caret, why, and what to write instead."""

from __future__ import annotations

import textwrap

from penstock.errors import ManifestError, Problem
from penstock.manifest.masked import masked

WIDTH = 100
SHOWN_MAX = 100
_UNSHOWN = frozenset({"secret-value"})  # the line may hold the secret itself


def render_problems(error: ManifestError) -> str:
    """Plain text, lines of at most 100 columns, ending in a line break."""
    lines = error.source.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
    count = "1 problem" if len(error.problems) == 1 else f"{len(error.problems)} problems"
    parts = [_wrapped(f"{error.path}: {count}", "", "  ")]
    private = {problem.line for problem in error.problems if problem.code in _UNSHOWN}
    parts += [_problem(problem, lines, private) for problem in error.problems[:SHOWN_MAX]]
    parts += [f"and {len(error.problems) - SHOWN_MAX} more"] if len(error.problems) > SHOWN_MAX else []
    codes = {problem.code for problem in error.problems}
    topic = codes.pop() if len(codes) == 1 else "CODE"
    return "\n\n".join([*parts, f"`penstock explain {topic}` says more"]) + "\n"


def _problem(problem: Problem, lines: list[str], private: set[int]) -> str:
    head = _wrapped(f"{problem.code}: {problem.what}", "", "  ")
    told = [head, *_source(problem, lines, private)]
    told += [_wrapped(problem.why, "  why:   ", " " * 9)] if problem.why else []
    told += [_wrapped(problem.instead, "  write: ", " " * 9)] if problem.instead else []
    return "\n".join(told)


def _source(problem: Problem, lines: list[str], private: set[int]) -> list[str]:
    number = f"{problem.line}:{problem.column}"
    if problem.line > len(lines) or problem.line in private:
        return [f"  {number} | (not shown)"]
    room = WIDTH - len(number) - 6
    text, column = _window(*masked(lines[problem.line - 1], problem.column - 1), room)
    return [f"  {number} | {_visible(text)}".rstrip(), f"  {' ' * len(number)} | {' ' * column}^"]


def _window(text: str, column: int, room: int) -> tuple[str, int]:
    """As much of a line around a column as there is room for, and the column in it."""
    if len(text) <= room:
        return text, min(column, len(text))
    start = max(0, min(column - room // 2, len(text) - room))
    return text[start : start + room], min(column - start, room - 1)


def _visible(text: str) -> str:
    """One column for each character, and nothing that moves the cursor."""
    return "".join(c if c.isprintable() else " " if c == "\t" else "\u00b7" for c in text)


def _wrapped(text: str, first: str, rest: str) -> str:
    shown = " ".join(_visible(text).split())
    return textwrap.fill(shown, WIDTH, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False)
