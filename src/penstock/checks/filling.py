"""`$NAME` in words: from what a check may see, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_NAME = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)")


class Unknown(Exception):
    """A `$NAME` that the check does not see."""


def fill(text: str, names: Mapping[str, str]) -> str:
    """The text with every `$NAME` filled in; Unknown for a name that is not there."""

    def value(found: re.Match[str]) -> str:
        if found[1] not in names:
            raise Unknown(found[1])
        return names[found[1]]

    return _NAME.sub(value, text)


def fill_all(value: Any, names: Mapping[str, str]) -> Any:
    """The same in every text of nested data."""
    if isinstance(value, str):
        return fill(value, names)
    if isinstance(value, dict):
        return {key: fill_all(one, names) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [fill_all(one, names) for one in value]
    return value
