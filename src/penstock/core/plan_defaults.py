"""What is in force because the manifest says nothing else: each key with its value, as one would write it."""

from __future__ import annotations

from typing import Any

from penstock.manifest import Environment

_UNITS = ((86400.0, "d"), (3600.0, "h"), (60.0, "m"), (1.0, "s"))


def defaulted(environment: Environment) -> tuple[str, ...]:
    """`KEY VALUE` of every default that says something, in the order of their names."""
    keys = sorted(key for key, where in environment.said.items() if where == "default")
    found = ((key, _value(environment, key)) for key in keys)
    return tuple(f"{key} {value}" for key, value in found if value)


def _value(environment: Environment, key: str) -> str:
    found: Any = environment
    is_time = False
    for word in key.split("."):
        found = getattr(found, "section", found)
        is_time = hasattr(found, f"{word}_s")
        found = found.get(word) if isinstance(found, dict) else getattr(found, word, getattr(found, f"{word}_s", None))
    if isinstance(found, bool):
        return "yes" if found else "no"
    if is_time and isinstance(found, int | float):
        return time_as_written(found)
    if isinstance(found, float) and found < 1:
        return f"{found * 100:g}%"
    return str(found) if found or found == 0 else ""


def time_as_written(seconds: float) -> str:
    """`400d`, `5m`, `0s`: the largest unit that it is a whole number of."""
    for size, unit in _UNITS:
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g}{unit}"
    return f"{seconds:g}s"
