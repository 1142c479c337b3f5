"""What a check is asked, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from penstock.core.target import Evidence, Reach

State = Literal["passed", "failed", "errored", "undecided", "waived", "skipped"]
Moment = Literal["revision", "before", "candidate", "promoted"]


GOOD: frozenset[State] = frozenset({"passed", "skipped", "waived"})
"""A release goes on after these; after any other only where the check does not block."""


@dataclass(frozen=True)
class Finding:
    """One thing a check found: what is so, what follows from it, what to do.

    `where` is a place a person can jump to: `path`, `path:line` or `path:line:column`, relative to the repository.
    """

    condition: str
    effect: str = ""
    remedy: str = ""
    where: str = ""
    severity: str = ""


@dataclass(frozen=True)
class History:
    """What happened here before. `drilled_ago_s` None: the rollback was never rehearsed; `served`: something ran."""

    served: bool = False
    drilled_ago_s: float | None = None
    drill_took_s: float = 0.0


@dataclass(frozen=True)
class Last:
    """What the last release to this environment was, that still counts as good. No commit: there was none.

    `measured` is what this very check (by name and moment) measured then; None when it did not run, or measured nothing.
    `env` are the environment's variables as they were then, without secrets; `at` is when it was promoted (epoch seconds).
    """

    commit: str = ""
    revision: str = ""
    at: float = 0.0
    measured: Mapping[str, Any] | None = None
    env: Mapping[str, str] | None = None


@dataclass(frozen=True)
class CheckRequest:
    """Everything a check may know.

    `section` is its own section of the manifest as plain data. `secrets` holds the values of what it `sees`, and
    nothing else. `env` is the whole environment a command gets. `folder` is where it runs: the commit's files, the
    check's own copy, with the files that the checks it `needs` made. `key` is an idempotency key: the same for every try
    of this check in this release and moment.

    `repository` is a git folder (bare or not) that has `commit` and the last release's; it is read, never written.
    `branch` is the word the release was asked by. `configured` are the variables of every environment of the manifest, by
    its name, and `references` the secret references of this one: words, never values. `groups` are people by group.
    `now` is the wall clock, in seconds since the epoch. `stopped` says, at any time, that nobody waits for the answer any
    more: what runs for it is ended. `in_place`: `folder` is somebody's own work tree, and what runs there is not fenced in.
    """

    name: str
    moment: Moment
    section: dict[str, Any]
    folder: str
    env: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    reach: Reach | None = None
    key: str = ""
    log_file: str = ""
    history: History = History()
    service: str = ""
    environment: str = ""
    repository: str = ""
    commit: str = ""
    branch: str = ""
    last: Last = Last()
    configured: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    references: Mapping[str, str] = field(default_factory=dict)
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    now: float = 0.0
    in_place: bool = False
    stopped: Callable[[], bool] = field(default=lambda: False, compare=False, repr=False)


@dataclass(frozen=True)
class Outcome:
    """How a check ended. Failed: what was inspected is bad. Errored: it could not be inspected. Undecided: there is nothing
    yet to compare with.

    `measured` is small plain data that the next release compares with: a few numbers, or some hundreds of short names.
    """

    state: State
    sentence: str
    findings: tuple[Finding, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    duration_s: float = 0.0
    measured: Mapping[str, Any] = field(default_factory=dict)
