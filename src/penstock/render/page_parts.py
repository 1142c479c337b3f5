"""What the report's page is made of: sections, lists and tables, every word from outside escaped."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape

from penstock.render.words import unbroken

_CODE = re.compile(r"`([^`\n]+)`")


class Markup(str):
    """Words that are markup already: whoever makes them has escaped what came from outside."""

    __slots__ = ()


def section(title: str, body: str) -> str:
    """A heading and what stands under it."""
    return f"<section><h2>{escape(title)}</h2>{body}</section>"


def items(lines: Iterable[str]) -> Markup:
    """A list, a line an item."""
    return Markup("<ul>" + "".join(f"<li>{cell(text)}</li>" for text in lines) + "</ul>")


def listed(title: str, lines: Sequence[str], words: str = "", empty: str = "") -> str:
    """A section with a list; nothing when there is nothing to say."""
    if not lines and not empty:
        return ""
    return section(title, paragraph(words, "soft") + (items(lines) if lines else paragraph(empty)))


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], numbers: int = 0, look: str = "") -> str:
    """A table; the last so many columns are numbers. It scrolls by itself where the page is narrow, a `wide` one sooner; of a
    `stacked` one each row becomes a list there, a line a cell with its head before it.
    """
    first = len(heads) - numbers
    head = "".join(f'<th scope="col"{_right(n >= first)}>{escape(h)}</th>' for n, h in enumerate(heads))
    drawn = ("".join(_cell(c, heads[n], look, number=n >= first) for n, c in enumerate(row)) for row in rows)
    body = "".join(f"<tr>{cells}</tr>" for cells in drawn)
    of = f' class="{look}"' if look else ""
    return (
        f'<div class="scroll" tabindex="0"><table{of}><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def inline(text: object) -> Markup:
    """Words escaped, what stands in backticks as code; no line ends between a figure and its unit."""
    parts = _CODE.split(escape(str(text)))
    told = (f"<code>{part}</code>" if n % 2 else unbroken(part) for n, part in enumerate(parts))
    return Markup("".join(told))


def paragraph(text: str, look: str = "") -> str:
    """A paragraph of words, in a class of the page's style; nothing where there are none."""
    of = f' class="{look}"' if look else ""
    return f"<p{of}>{inline(text)}</p>" if text else ""


def cell(text: object) -> str:
    """Words escaped, markup as it is."""
    return text if isinstance(text, Markup) else inline(text)


def coloured(text: str, look: str) -> Markup:
    """Words in the colour of a meaning (good, bad, wait); the words say it, too."""
    return Markup(f'<span class="{look}">{inline(text)}</span>')


def _cell(text: object, head: str, look: str, *, number: bool) -> str:
    if look != "stacked":
        return f"<td{_right(number)}>{cell(text)}</td>"
    return f'<td{_right(number)} data-head="{escape(head, quote=True)}"><span>{cell(text)}</span></td>'


def _right(yes: bool) -> str:
    return ' class="n"' if yes else ""
