"""Everything Penstock refuses or fails with, as one drawn tree.

    PenstockError               exit 1   our own bug, or a broken world that nobody asked for
    ├── UserError               exit 2   usage, manifest, repository: yours to change
    │   ├── ManifestError                carries every Problem of the file at once
    │   └── UsageError
    ├── Blocked                 exit 3   a gate, a limit or an order stopped it; nothing changed
    ├── NeedsPerson             exit 5   half-way, and only a person can go on
    ├── Refused                          a port refused: a lower fence, an untrue token, not ours
    └── StateError              exit 5   records or journal cannot be read or written
        └── JournalError                 the engine could not write down what was done

An error carries five things: a code, what, where, why, and what to do next.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(eq=False)
class PenstockError(Exception):
    """What went wrong, said so that the reader can act on it."""

    code: str
    what: str
    where: str = ""
    why: str = ""
    next: str = ""

    exit_code = 1

    def __post_init__(self) -> None:
        super().__init__(self.what)

    @property
    def sentence(self) -> str:
        """All of it in one line, for a record: what, where, why, and what to do."""
        place = f" ({self.where})" if self.where else ""
        rest = [f"{self.code}: {self.what}{place}", self.why, self.next]
        return "; ".join(" ".join(part.split()) for part in rest if part)

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        lines = [f"{self.code}: {place}{self.what}"]
        lines += [f"  why: {self.why}"] if self.why else []
        lines += [f"  do:  {self.next}"] if self.next else []
        return "\n".join(lines)


class UserError(PenstockError):
    """Something the user wrote or asked for cannot be."""

    exit_code = 2


class UsageError(UserError):
    """A command line that cannot be carried out."""


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a manifest, at a place a person can jump to. Lines and columns count from 1."""

    code: str
    line: int
    column: int
    what: str
    why: str = ""
    instead: str = ""


class ManifestError(UserError):
    """A manifest with problems: all of them, in the order of the file."""

    def __init__(self, path: str, problems: list[Problem], source: str = "") -> None:
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        super().__init__("manifest", f"{count} in the manifest", path)
        self.path = path
        self.problems = sorted(problems, key=lambda p: (p.line, p.column, p.code))
        self.source = source


class Blocked(PenstockError):
    """A gate, a limit or an order stopped the release; nothing was changed."""

    exit_code = 3


class NeedsPerson(PenstockError):
    """Penstock stands half-way and cannot go on by itself; `next` names the command."""

    exit_code = 5


class Refused(PenstockError):
    """A port refused to act, and did nothing: a lower fence, an untrue token, something it does not own."""


class StateError(PenstockError):
    """Records, journal or audit log cannot be read or written: a person mends the machine."""

    exit_code = 5


class JournalError(StateError):
    """The engine could not write down what a step did. Never a step's own error."""
