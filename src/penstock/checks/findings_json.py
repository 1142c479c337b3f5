"""JSON that others wrote: read without trust. What is not as it should be is Unreadable, and says where."""

from __future__ import annotations

import json
import re
from typing import Any

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]+")
_SHOWN = 60


class Unreadable(Exception):
    """A report from which nothing can be concluded: broken, or of another format."""


def read(data: bytes) -> Any:
    """The one JSON value in a report."""
    if not data.strip():
        raise Unreadable("is empty")
    try:
        return json.loads(data.decode("utf-8-sig"), parse_constant=_refuse)
    except UnicodeDecodeError as error:
        raise Unreadable("is no UTF-8 text") from error
    except RecursionError as error:
        raise Unreadable("is nested too deeply") from error
    except ValueError as error:
        raise Unreadable(f"is no JSON: {line(str(error), _SHOWN)}") from error


def _refuse(word: str) -> Any:
    raise ValueError(f"{word} is no number of JSON")


def mapping(value: Any, what: str) -> dict[str, Any]:
    """A map; nothing at all is an empty one."""
    return {} if value is None else _of(dict, value, what)


def items(value: Any, what: str) -> list[Any]:
    """A list; nothing at all is an empty one."""
    return [] if value is None else _of(list, value, what)


def needed(value: Any, kind: type, what: str) -> Any:
    """A map, list or text that has to be there."""
    if value is None:
        raise Unreadable(f"has no {what}")
    return _of(kind, value, what)


def _of(kind: type, value: Any, what: str) -> Any:
    if not isinstance(value, kind):
        raise Unreadable(f"has no {what} as it should be: {type(value).__name__} where {kind.__name__} was due")
    return value


def text(value: Any) -> str:
    """A text in one line, a number as text; anything else is empty."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return line(str(value), 2000)


def number(value: Any) -> int:
    """A whole number from 0 on; anything else is 0."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def line(value: str, room: int) -> str:
    """A text in one line of at most so many signs, without those that move a cursor or turn the writing."""
    flat = " ".join(_CONTROL.sub(" ", value[: room * 4]).split())
    return flat if len(flat) <= room else f"{flat[: room - 3]}..."
