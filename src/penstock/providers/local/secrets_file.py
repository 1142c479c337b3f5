"""The values of a revision's secrets, from its 0600 file."""

from __future__ import annotations

import json
from pathlib import Path

from penstock.errors import PenstockError


def secrets_in(path: str | None) -> dict[str, str]:
    """The values in a secrets file; what went wrong never quotes its content."""
    if path is None:
        return {}
    try:
        data = json.loads(Path(path).read_bytes())
        return {str(name): str(value) for name, value in data.items()}
    except (OSError, ValueError, AttributeError) as error:
        raise PenstockError(
            "secrets",
            "the secrets of this revision cannot be read",
            path,
            type(error).__name__,
            "resolve them again",
        ) from None
