"""`secrets`: where a secret's value is to be had. The value itself is never in the manifest."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any, ClassVar, Literal

from pydantic import model_validator

from penstock.manifest.section import Section, not_acted_on, wrong

LATER_SCHEMES = frozenset({"ssm", "vault", "kubernetes", "aws", "gcp", "azure", "op", "sops", "d1"})
_REFERENCE = re.compile(r"([a-z][a-z0-9]*):(.+)")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")


class SecretReference(Section):
    """`file:/path` (its text, without the last line end) or `env:NAME` (of whoever gives the order)."""

    written: ClassVar[frozenset[str] | None] = frozenset()

    scheme: Literal["env", "file"]
    locator: str

    @model_validator(mode="before")
    @classmethod
    def _read(cls, value: Any) -> Any:
        return _parts(value) if isinstance(value, str) else value

    def __str__(self) -> str:
        return f"{self.scheme}:{self.locator}"


def _parts(text: str) -> dict[str, str]:
    found = _REFERENCE.fullmatch(text)
    scheme, locator = (found[1], found[2]) if found else ("", "")
    if scheme in LATER_SCHEMES:
        raise not_acted_on(f"`{scheme}:`", "file:/a/path, or env:A_VARIABLE of whoever gives the order")
    if scheme not in ("env", "file"):
        # The text itself may be the secret: it is not repeated.
        raise wrong(
            "this is not a reference to a secret",
            "a secret's value is never written in the manifest, only where it is to be had",
            "file:/a/path, or env:A_VARIABLE of whoever gives the order",
            code="secret-value",
        )
    if scheme == "file" and not locator.startswith("/"):
        raise wrong("this path is not absolute", "a secret lies outside the repository", "file:/etc/shop/token")
    if scheme == "env" and not _VARIABLE.fullmatch(locator):
        raise wrong("this is not the name of a variable", "`env:` is followed by a name", "env:SMOKE_TOKEN")
    return {"scheme": scheme, "locator": locator}


def seen(sees: Iterable[str] | None, names: Iterable[str]) -> tuple[str, ...]:
    """The secrets that `sees` lets through: names or globs (`SOLAR_*`); None lets all through. Sorted."""
    known = sorted(names)
    if sees is None:
        return tuple(known)
    globs = tuple(sees)
    return tuple(name for name in known if any(fnmatchcase(name, glob) for glob in globs))
