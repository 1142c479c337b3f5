"""`prepare`: one command between the build and placing, such as a migration. A rollback does not undo it."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from penstock.manifest.section import Command, Duration, Section, Variable


class Prepare(Section):
    """`run`, in the revision's folder, with `env` and the secrets in `sees` (None: all), for `within_s`."""

    not_yet: ClassVar[frozenset[str]] = frozenset({"in", "when", "undo", "once_in"})

    run: Command
    env: dict[Variable, str] = Field(default_factory=dict)
    sees: tuple[str, ...] | None = None
    within_s: Duration = Field(default=600.0, alias="within")

    @classmethod
    def short_for(cls, text: str) -> str:
        """A bare text is the command."""
        del text
        return "run"
