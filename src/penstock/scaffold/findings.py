"""What was seen, and where: plain data between those who look for it and the one who writes it down (pure)."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from typing import Literal

_SHELL = re.compile(r"&&|\|\||[|;<>`*?~(){}\[\]\\!]|\$|(?:^|\s)&(?:\s|$)|(?:^|\s)#|^\s*[A-Za-z_]\w*=")
_FILLED = re.compile(r"\$(?:PORT|DATA|PENSTOCK_[A-Z]+)\b")
_LONGEST = 300


@dataclass(frozen=True)
class Command:
    """A command in one line: words, or with `sh` a line for a shell."""

    line: str
    sh: bool = False


@dataclass(frozen=True)
class Seen:
    """A word, and where it was seen."""

    what: str
    where: str


@dataclass(frozen=True)
class Build:
    """How a commit becomes what runs: a virtual environment (`requirements`, then `run`), or a command."""

    where: str
    run: Command | None = None
    is_python: bool = False
    requirements: str = ""
    env: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Process:
    """One process of the service, and whether it takes requests."""

    name: str
    run: Command
    where: str
    traffic: bool = True
    doubt: str = ""


@dataclass(frozen=True)
class Check:
    """One line of the checklist, before anything is touched."""

    name: str
    run: Command
    where: str


@dataclass(frozen=True)
class Health:
    """Where the service says how it is. `version`: its answer names a version of its own."""

    path: str
    where: str
    version: bool = False
    doubt: str = ""


Reach = Literal["platform", "evident", "whole"]


@dataclass(frozen=True)
class Deploy:
    """How the team deploys today. `reach`: by a platform that runs it, by a command of the team's, or infrastructure."""

    platform: str
    converge: Command
    where: str
    reach: Reach = "platform"
    environments: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    runs_itself: bool = True


@dataclass(frozen=True)
class Findings:
    """All that was seen. Of several the first counts: who looked first knew best."""

    languages: tuple[Seen, ...] = ()
    names: tuple[Seen, ...] = ()
    builds: tuple[Build, ...] = ()
    processes: tuple[Process, ...] = ()
    health: tuple[Health, ...] = ()
    checks: tuple[Check, ...] = ()
    prepares: tuple[Check, ...] = ()
    ports: tuple[Seen, ...] = ()
    deploys: tuple[Deploy, ...] = ()
    variables: tuple[Seen, ...] = ()
    notes: tuple[str, ...] = field(default=())

    def __bool__(self) -> bool:
        return any(getattr(self, one.name) for one in fields(self))


def together(parts: Iterable[Findings]) -> Findings:
    """All findings in one, in the order of those who looked."""
    whole = Findings()
    for part in parts:
        whole = replace(
            whole, **{one.name: (*getattr(whole, one.name), *getattr(part, one.name)) for one in fields(whole)}
        )
    return whole


def command(line: str) -> Command | None:
    """A line as a command, for a shell only where it needs one; None for what no manifest should hold."""
    line = " ".join(line.split())
    if not line or len(line) > _LONGEST or not line.isprintable() or "${{" in line:
        return None
    try:
        if not shlex.split(line) or not shlex.split(line)[0].strip():
            return None
    except ValueError:
        return None
    return Command(line, bool(_SHELL.search(_FILLED.sub("", line))))


def after(first: str, line: str) -> Command | None:
    """A command that another must precede; `first` may be empty."""
    return command(f"{first} && {line}" if first else line)
