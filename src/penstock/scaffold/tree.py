"""What was looked at of a repository: names, and the texts that were read. Plain data, and questions to it (pure)."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

_TESTS = re.compile(
    r"(?:^|/)(?:tests?|spec|specs|__tests__|e2e|fixtures|examples?|docs?)/|(?:^|/)(?:test_|conftest)|[._]test\."
)
_TOML_MAX = 32 << 10  # the parser takes the square of the time for what nobody writes


@dataclass(frozen=True)
class Tree:
    """Paths relative to `name`, the repository's folder; `texts` of those that were read. `cut`: there is more."""

    name: str
    paths: tuple[str, ...] = ()
    texts: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False

    def text(self, path: str) -> str:
        """What a file says; empty where it was not read."""
        return self.texts.get(path, "")

    def first(self, *paths: str) -> str:
        """The first of these that is there; else empty."""
        return next((path for path in paths if path in self.paths), "")

    def matching(self, *globs: str) -> list[str]:
        """Every path whose own name is like one of the globs, those near the root first."""
        return [path for path in self.paths if any(fnmatchcase(path.rpartition("/")[2], glob) for glob in globs)]

    def below(self, *folders: str) -> list[str]:
        """Every path in one of these folders, however deep."""
        return [path for path in self.paths if path.startswith(tuple(f"{folder}/" for folder in folders))]

    def sources(self, *ends: str) -> Iterator[tuple[str, str]]:
        """(path, text) of what was read of the program itself, without its tests; near the root first."""
        for path in self.paths:
            if path.endswith(ends) and path in self.texts and not is_test(path):
                yield path, self.texts[path]

    def toml(self, path: str) -> dict[str, Any]:
        """A TOML file; empty where it is none."""
        try:
            return tomllib.loads(self.text(path)[:_TOML_MAX])
        except (ValueError, RecursionError):
            return {}

    def json(self, path: str) -> dict[str, Any]:
        """A JSON object; empty where it is none."""
        try:
            found = json.loads(self.text(path))
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}


def is_test(path: str) -> bool:
    """Whether a file belongs to the tests, or to what is shown, by its name."""
    return bool(_TESTS.search(path))


def table(data: Any, *keys: str) -> dict[str, Any]:
    """The map at a place of nested data; empty where there is none."""
    for key in keys:
        data = data.get(key) if isinstance(data, dict) else None
    return data if isinstance(data, dict) else {}


def word(data: Any) -> str:
    """A text of nested data; empty where it is something else."""
    return data if isinstance(data, str) else ""
