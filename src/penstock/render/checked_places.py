"""Places of findings: `path`, `path:line` or `path:line:column`, taken apart for formats that want the parts."""

from __future__ import annotations

import re

_PLACE = re.compile(r"^(.+?)(?::(\d+))?(?::(\d+))?$")


def place_of(where: str) -> tuple[str, int, int]:
    """(path, line, column); 0 where it says none. What is no relative path, a URL for instance, is no place."""
    found = _PLACE.match(where.strip())
    if not found or "://" in where or where.startswith("/"):
        return "", 0, 0
    path, row, column = found.groups()
    return path, int(row or 0), int(column or 0)
