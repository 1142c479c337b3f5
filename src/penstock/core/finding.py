"""What a check is asked, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from penstock.core.target import Evidence, Reach

State = Literal["passed", "failed", "errored", "undecided", "waived", "skipped"]
Moment = Literal["revision", "before", "candidate", "promoted"]


@dataclass(frozen=True)
class Finding:
    """One thing a check found: what is so, what follows from it, what to do."""

    condition: str
    effect: str = ""
    remedy: str = ""


@dataclass(frozen=True)
class History:
    """What happened here before. `drilled_ago_s` None: the rollback was never rehearsed; `served`: something ran."""

    served: bool = False
    drilled_ago_s: float | None = None
    drill_took_s: float = 0.0


@dataclass(frozen=True)
class CheckRequest:
    """Everything a check may know.

    `section` is its own section of the manifest as plain data. `secrets` holds the values of what it `sees`, and
    nothing else. `env` is the whole environment a command gets. `folder` is where it runs. `key` is an idempotency
    key: the same for every try of this check in this release and moment.
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


@dataclass(frozen=True)
class Outcome:
    """How a check ended. Failed: what was inspected is bad. Errored: it could not be inspected."""

    state: State
    sentence: str
    findings: tuple[Finding, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    duration_s: float = 0.0
