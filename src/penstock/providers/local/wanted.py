"""What shall be, read and checked: `desired.json` as the keeper works with it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from penstock.errors import PenstockError

FORMAT = 1
Arm = tuple[str, str]
"""A unit and one of its revisions."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class NewerFormat(PenstockError):
    """A later Penstock wrote this desire."""


@dataclass(frozen=True)
class Health:
    """How to ask an instance whether it is well. Times in seconds."""

    path: str
    every_s: float = 1.0
    within_s: float = 2.0
    unhealthy_after: int = 3
    checks_version: bool = True


@dataclass(frozen=True)
class Program:
    """How one unit of a revision is run; `$NAMES` in argv are still to be filled in."""

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    sees: tuple[str, ...] = ()
    health: Health | None = None


@dataclass(frozen=True)
class Runnable:
    """One revision that can be started."""

    version: str
    folder: str
    path: tuple[str, ...]
    secrets_file: str | None
    units: Mapping[str, Program]


@dataclass(frozen=True)
class Unit:
    """Capacity by revision, and traffic by revision in permille (empty: none)."""

    placed: Mapping[str, int]
    split: Mapping[str, int]


@dataclass(frozen=True)
class Wanted:
    """All that shall be, in one environment. Times in seconds unless their names end otherwise."""

    generation: int
    fence: tuple[int, ...] = (0, 0)
    origin: str = "release"
    reason: str = ""
    service: str = ""
    environment: str = ""
    listen: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    request_timeout_ms: int = 60_000
    hung_after_ms: int = 1_000
    once_per_client: bool = False
    synthetic_token: str = ""
    drain_s: float = 30.0
    stop_s: float = 15.0
    min_ready_s: float = 0.0
    start_within_s: float = 600.0
    attended_s: float | None = None
    preview: str | None = None
    units: Mapping[str, Unit] = field(default_factory=dict)
    revisions: Mapping[str, Runnable] = field(default_factory=dict)

    def count(self, arm: Arm) -> int:
        """How many instances of an arm shall run."""
        unit = self.units.get(arm[0])
        return unit.placed.get(arm[1], 0) if unit else 0

    def arms(self) -> list[Arm]:
        """Every arm that shall have instances, sorted."""
        return sorted((u, r) for u, unit in self.units.items() for r, count in unit.placed.items() if count)

    def program(self, arm: Arm) -> Program:
        """How an arm is run."""
        return self.revisions[arm[1]].units[arm[0]]

    def takes_traffic(self, unit: str) -> bool:
        """Whether requests are sent to a unit."""
        return unit in self.listen or bool(unit in self.units and self.units[unit].split)

    @property
    def is_nothing(self) -> bool:
        """Whether nothing at all shall run: `down`."""
        return not self.listen and not self.arms()


def parse(data: Mapping[str, Any]) -> Wanted:
    """The desire in a map; NewerFormat, or a PenstockError `desired` naming what is wrong with it."""
    if isinstance(data.get("format"), int) and data["format"] > FORMAT:
        raise NewerFormat(
            "newer-format",
            f"a newer Penstock wrote this (format {data['format']}); re-exec",
            "desired.json",
            f"this keeper reads format {FORMAT}",
            "make the file `reexec` in the environment's folder once the newer Penstock is installed",
        )
    try:
        wanted = _wanted(data)
        _check(wanted)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        missing = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise PenstockError(
            "desired",
            "this desire cannot be carried out",
            "desired.json",
            missing,
            "write a whole desire anew",
        ) from error
    return wanted


def _wanted(data: Mapping[str, Any]) -> Wanted:
    """What is not said has the value of an empty desire."""
    usual = Wanted(0)
    return Wanted(
        generation=int(data["generation"]),
        fence=tuple(int(part) for part in data.get("fence", usual.fence)),
        origin=str(data.get("origin", usual.origin)),
        reason=str(data.get("reason", "")),
        service=str(data.get("service", "")),
        environment=str(data.get("environment", "")),
        listen={unit: (str(at["bind"]), int(at["port"])) for unit, at in data.get("listen", {}).items()},
        request_timeout_ms=int(data.get("request_timeout_ms", usual.request_timeout_ms)),
        hung_after_ms=int(data.get("hung_after_ms", usual.hung_after_ms)),
        once_per_client=bool(data.get("once_per_client", usual.once_per_client)),
        synthetic_token=str(data.get("synthetic_token", "")),
        drain_s=float(data.get("drain_s", usual.drain_s)),
        stop_s=float(data.get("stop_s", usual.stop_s)),
        min_ready_s=float(data.get("min_ready_s", usual.min_ready_s)),
        start_within_s=float(data.get("start_within_s", usual.start_within_s)),
        attended_s=None if data.get("attended_s") is None else float(data["attended_s"]),
        preview=data.get("preview") or None,
        units={name: _unit(unit) for name, unit in data.get("units", {}).items()},
        revisions={name: _runnable(revision) for name, revision in data.get("revisions", {}).items()},
    )


def _unit(data: Mapping[str, Any]) -> Unit:
    placed = {revision: int(count) for revision, count in data["placed"].items()}
    split = {revision: int(weight) for revision, weight in data.get("split", {}).items() if int(weight)}
    return Unit(placed, split)


def _runnable(data: Mapping[str, Any]) -> Runnable:
    return Runnable(
        str(data.get("version") or ""),
        str(data["folder"]),
        tuple(str(path) for path in data.get("path") or ()),
        data.get("secrets_file") or None,
        {name: _program(program) for name, program in data["units"].items()},
    )


def _program(data: Mapping[str, Any]) -> Program:
    env = {str(name): str(value) for name, value in (data.get("env") or {}).items()}
    argv = tuple(str(word) for word in data["argv"])
    if not argv:
        raise ValueError("a unit has no argv")
    return Program(argv, env, tuple(data.get("sees") or ()), _health(data.get("health")))


def _health(data: Mapping[str, Any] | None) -> Health | None:
    if data is None:
        return None
    health = Health(
        str(data["path"]),
        max(0.05, float(data.get("every_s", 1.0))),
        max(0.05, float(data.get("within_s", 2.0))),
        max(1, int(data.get("unhealthy_after", 3))),
        data.get("version") is not False and data.get("version") != "ignored",
    )
    if not health.path.startswith("/") or not health.path.isprintable() or " " in health.path:
        raise ValueError(f"`{health.path}` is not the path of a request")
    return health


def _check(wanted: Wanted) -> None:
    names = [*wanted.units, *wanted.listen, *(r for unit in wanted.units.values() for r in unit.placed)]
    for name in names:
        if not _NAME.fullmatch(name):
            raise ValueError(f"`{name}` cannot name a unit or a revision")
    for name, unit in wanted.units.items():
        if any(count < 0 for count in unit.placed.values()) or sum(unit.placed.values()) > 1000:
            raise ValueError(f"{name}: capacity is from 0 to 1000 instances")
        if unit.split and sum(unit.split.values()) != 1000:
            raise ValueError(f"{name}: a split adds up to 1000")
        if any(weight < 0 or not unit.placed.get(revision) for revision, weight in unit.split.items()):
            raise ValueError(f"{name}: no traffic without capacity")
    for unit_name, revision in wanted.arms():
        if unit_name not in wanted.revisions[revision].units:
            raise ValueError(f"revision {revision} has no unit {unit_name}")
