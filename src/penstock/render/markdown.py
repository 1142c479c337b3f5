"""What Markdown is made of: words that stay words, tables, lists."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def one_line(text: str) -> str:
    """Text without line breaks."""
    return " ".join(text.split())


def cell(text: str) -> str:
    """Text that stays inside a cell of a table."""
    return one_line(text).replace("|", "\\|")


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; every cell stays one."""
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    return "\n".join([*lines, *(f"| {' | '.join(cell(text) for text in row)} |" for row in rows)])


def items(lines: Iterable[str]) -> str:
    """A list, a line an item."""
    return "\n".join(f"- {one_line(text)}" for text in lines)


def section(title: str, lines: Sequence[str], empty: str = "") -> str:
    """A heading with a list; nothing when there is nothing to say."""
    if not lines:
        return f"## {title}\n\n{empty}" if empty else ""
    return f"## {title}\n\n{items(lines)}"
