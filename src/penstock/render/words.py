"""Numbers as people say them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal

_NOTHING = 1e-9
_UNIT = re.compile(r"(?<=\d) (?=(?:%|ms|s|min|h|d|MiB|GiB)(?!\w))")


def span(seconds: float) -> str:
    """`0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for name, size, small, unit in (("d", 86400, "h", 3600), ("h", 3600, "min", 60), ("min", 60, "s", 1)):
        if whole >= size:
            rest = whole % size // unit
            return f"{whole // size} {name}" + (f" {rest} {small}" if rest else "")
    return f"{whole} s"


def moment(at: float | None) -> str:
    """A moment in UTC, to the second; a dash when there is none."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if at else "–"


def count(number: float) -> str:
    """15,400."""
    return f"{number:,.0f}"


def figure(value: float, figures: int = 3) -> str:
    """So many figures, thousands apart and never in powers of ten: `0.085`, `12`, `12,300`; what is next to nothing is 0."""
    return f"{Decimal(f'{value:.{figures}g}'):,f}" if abs(value) >= _NOTHING else "0"


def milliseconds(value: float) -> str:
    """How long a request takes: `20 ms`, `1.23 s`."""
    return f"{figure(value)} ms" if value < 1000 else f"{figure(value / 1000)} s"


def share(part: float, whole: float) -> str:
    """`1.7 %`; a dash when there is nothing to share."""
    return f"{figure(100 * part / whole, 2)} %" if whole else "–"


def unbroken(text: str) -> str:
    """The text with a no-break space between every figure and its unit, so that no line ends there."""
    return _UNIT.sub("\N{NO-BREAK SPACE}", text)


def odds(value: float) -> str:
    """`4,100 to 1`; below ten with one decimal."""
    return f"{value:,.0f} to 1" if value >= 10 else f"{value:.1f} to 1"
