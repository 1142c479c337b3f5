"""Numbers as people say them."""

from __future__ import annotations

from datetime import UTC, datetime


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


def share(part: float, whole: float) -> str:
    """`1.7 %`; a dash when there is nothing to share."""
    return f"{100 * part / whole:.2g} %" if whole else "–"


def odds(value: float) -> str:
    """`4,100 to 1`; below ten with one decimal."""
    return f"{value:,.0f} to 1" if value >= 10 else f"{value:.1f} to 1"
