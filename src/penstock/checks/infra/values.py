"""Values of which some are known only later: `${...}` in a text stands for what is not known yet."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

LATER = "${known later}"
_TRUE, _FALSE = ("true", "yes", "on", "1", "enabled"), ("false", "no", "off", "0", "disabled")
_REFERENCE = re.compile(r"\$\{([^{}$]+)\}")


def is_later(value: Any) -> bool:
    """Whether any of the value is known only later."""
    if isinstance(value, str):
        return "${" in value
    if isinstance(value, Mapping):
        return any(is_later(one) for one in value.values())
    return isinstance(value, list | tuple) and any(is_later(one) for one in value)


def truth(value: Any) -> bool | None:
    """Yes or no as templates write them; None where it is neither, or not known."""
    text = str(value).lower() if isinstance(value, str | bool | int) else ""
    return True if text in _TRUE else False if text in _FALSE else None


def number(value: Any) -> float | None:
    """A number, also one written as text; None where it is none, or not known."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value) if len(str(value)) < 20 else None
    except ValueError:
        return None


def items(value: Any) -> list[Any]:
    """One or several as a list; nothing is none."""
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def table(value: Any) -> Mapping[str, Any]:
    """A map, or an empty one where it is none."""
    return value if isinstance(value, Mapping) else {}


def first(value: Any) -> Mapping[str, Any]:
    """The map in a list of one, as plans write blocks; a map is itself."""
    return table(value[0]) if isinstance(value, list) and value else table(value)


def dig(value: Any, *path: str) -> Any:
    """What lies below these keys, lists of one looked through; None where it ends before."""
    for key in path:
        value = first(value).get(key)
    return value


def words(value: Any) -> str:
    """All texts of nested data in one, to look for names in."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def references(value: Any) -> set[str]:
    """What a value refers to: the names inside `${...}`."""
    return set(_REFERENCE.findall(words(value)))


def leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every scalar of nested data, with the keys that lead to it."""
    if isinstance(value, Mapping):
        for key, one in value.items():
            yield from leaves(one, (*path, str(key)))
    elif isinstance(value, list | tuple):
        for index, one in enumerate(value):
            yield from leaves(one, (*path, str(index)))
    else:
        yield path, value
