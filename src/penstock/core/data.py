"""Values to plain data and back: what is journaled, recorded and sent as JSON."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Hashable
from functools import cache
from typing import Any, TypeVar

from pydantic import TypeAdapter

T = TypeVar("T")


@cache
def _adapter(kind: Hashable) -> TypeAdapter[Any]:
    return TypeAdapter(kind)  # type: ignore[arg-type]


def dump(value: Any) -> Any:
    """Plain data (maps, lists, text, numbers) of a dataclass or section."""
    return _adapter(type(value)).dump_python(value, mode="json")  # type: ignore[arg-type]


def load(kind: type[T], data: Any) -> T:
    """The value again; unknown or missing fields raise pydantic's ValidationError."""
    found: T = _adapter(kind).validate_python(data)  # type: ignore[arg-type]
    return found


def canonical(data: Any) -> str:
    """One line of JSON in which equal data is equal text."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(data: Any) -> str:
    """SHA-256, in hex, of the canonical JSON."""
    return hashlib.sha256(canonical(data).encode()).hexdigest()
