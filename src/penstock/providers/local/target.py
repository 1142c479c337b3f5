"""The local target: writes what shall be, and reads what is. Its keeper does the work."""

from __future__ import annotations

import json
import os
import re
import secrets
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from penstock import __version__, shell
from penstock.core import data
from penstock.core.target import (
    Artifact,
    Capabilities,
    Change,
    Desired,
    Evidence,
    Fence,
    Instance,
    Observed,
    Preview,
    Progress,
    Reach,
    Revision,
)
from penstock.errors import PenstockError, Refused
from penstock.providers.local import desire, heartbeat, lock, observe
from penstock.providers.local.paths import Folder
from penstock.providers.local.routes import ARM_HEADER, SYNTHETIC_HEADER
from penstock.providers.local.section import LocalSection

CAPABILITIES = Capabilities(
    split="permille", coexist="many", place_apart=True, reach_unsplit=True, arms=True, atomic=True, cancel=True,
    fence=True, pinned_to_host=True, way_back="shift", settle_s=1.0, dead_man=True, stamp=True,
)  # fmt: skip
WAIT_S = 1.0  # how long one call waits for the keeper, so that its caller can beat and hear orders
LOG_TAIL = 64 << 10
PREVIEW_HEADER = "x-penstock-preview"


class LocalTarget:
    """One service in one environment on this machine.

    `paths` gives an artifact's own folders of programs. Secrets are named by the revision (a 0600 file), never read here.
    """

    def __init__(
        self,
        section: LocalSection,
        service: str,
        environment: str,
        folder: Path,
        paths: Callable[[Artifact], list[str]],
        hung_after_s: float = 1.0,
        once_per_client: bool = False,
        synthetic: bool = False,
        checkout: Path | None = None,
    ) -> None:
        del checkout  # everything runs in its artifact
        self._section = section
        self._service = service
        self._environment = environment
        self._folder = Folder.of(folder)
        self._paths = paths
        self._hung_after_s = hung_after_s
        self._once_per_client = once_per_client
        self._synthetic = synthetic

    def capabilities(self) -> Capabilities:
        """Everything: split, side by side, apart, with a way back that lies ready."""
        return CAPABILITIES

    def observe(self) -> Observed:
        """What the keeper last wrote, and what was last wanted."""
        wanted = desire.read(self._folder)
        seen = observe.read(self._folder) or {}
        if not wanted:
            return Observed("0")
        current = seen.get("generation") == wanted["generation"]
        taken = seen.get("fallback_applied") if current else None
        back = (taken or {}).get("why") or (wanted["reason"] if wanted.get("origin") == "fallback" else "")
        return Observed(
            token=str(wanted["generation"]),
            serving=seen.get("split", {}),
            placed=_placed(seen),
            settled=current and seen.get("phase") == "settled" and lock.is_kept(self._folder),
            stamp=Fence(*wanted["fence"]),
            instances=tuple(_instance(i) for i in seen.get("instances", [])),
            revisions={r: data.load(Revision, kept) for r, kept in wanted.get("stamp", {}).items()},
            taken_back=back,
        )

    def preview(self, change: Change) -> Preview:
        """What would be started and stopped, and where traffic would go."""
        before = change.previous or self.observe()
        lines = []
        for name, unit in change.desired.units.items():
            for revision in sorted(unit.placed.keys() | before.placed.get(name, {}).keys()):
                was, then = before.placed.get(name, {}).get(revision, 0), unit.placed.get(revision, 0)
                lines += [f"{name}: {revision}: {was} → {then} instances"] if was != then else []
            if unit.split != before.serving.get(name, {}):
                lines.append(f"{name}: traffic {before.serving.get(name, {})} → {unit.split}")
        return Preview(tuple(lines))

    def converge(self, desired: Desired, handle: str | None = None) -> Progress:
        """Lay the way back, write the desire, make sure a keeper lives; then wait a moment for it to be true."""
        want = self._as_keeper_reads(desired)
        wrote = self._write(desired, want)
        self.keep()
        deadline = time.monotonic() + WAIT_S
        while True:
            progress = self._progress(wrote)
            if progress.state != "working" or time.monotonic() >= deadline:
                return progress
            time.sleep(0.02)

    def reach(self, unit: str, revision: str) -> Reach | None:
        """The service's own door, with the header that leads to this revision alone."""
        port = self._section.port_of(unit)
        if port is None:
            return None
        host = self._section.bind if self._section.bind not in ("0.0.0.0", "::") else "127.0.0.1"
        token = self._token()
        synthetic = {ARM_HEADER: revision, SYNTHETIC_HEADER: token} if token else {}
        return Reach(f"http://{host}:{port}", {PREVIEW_HEADER: revision}, synthetic)

    def _token(self) -> str:
        """What marks a request as Penstock's own in this environment: made once, known to nobody else. Empty: none are sent."""
        if not self._synthetic:
            return ""
        path = self._folder.synthetic_token
        if not path.exists():
            made = path.with_suffix(f".{secrets.token_hex(4)}")
            made.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with open(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "w") as file:
                file.write(secrets.token_hex(16))
            made.rename(path)
        return path.read_text()

    def testimony(self, revision: str) -> list[Evidence]:
        """The tail of every instance's log, and its last answer to the health check."""
        pieces = []
        seen = observe.read(self._folder) or {}
        mine = [i for i in seen.get("instances", []) if i["revision"] == revision]
        if mine:
            pieces.append(Evidence("instances.json", "application/json", json.dumps(mine, indent=1)))
        for log in sorted(self._folder.copies.glob(f"*-{revision}-*/out.log")):
            pieces.append(Evidence(f"{log.parent.name}.log", "text/x-log", _tail(log)))
        return pieces

    def heartbeat(self) -> None:
        """Somebody still watches; a keeper that died meanwhile is followed by another, or no reading would ever come."""
        try:
            heartbeat.beat(self._folder)
            bring_up(self._folder)
        except OSError as error:
            said = f"the heartbeat cannot be written: {error.strerror}"
            raise PenstockError("heartbeat", said, str(self._folder.root)) from error

    def take_way_back(self, why: str) -> bool:
        """Rename the way back into force: needs no space, no engine, no keeper of ours."""
        return desire.take_way_back(self._folder, why)

    def keep(self) -> None:
        """Make sure that a keeper lives."""
        if not lock.is_kept(self._folder):
            start_keeper(self._folder)
            return
        kept_by = (observe.read(self._folder) or {}).get("keeper", {}).get("version", __version__)
        if _is_older(kept_by, __version__):  # the same process goes on with the code that is installed now
            self._folder.reexec.touch()

    def _write(self, desired: Desired, want: dict[str, Any]) -> int:
        """The generation in force once the desire is written; what is written already is not written again."""
        there = desire.read(self._folder)
        if there and (there.get("service"), there.get("environment")) != (self._service, self._environment):
            raise Refused(
                "not-ours",
                f"this environment belongs to {there.get('service')}/{there.get('environment')}",
                str(self._folder.root),
            )
        if there and _same(there, want):
            return int(there["generation"])
        try:
            if desired.way_back:
                desire.lay_way_back(self._folder, self._as_keeper_reads(desired.way_back, origin="fallback"))
            return desire.write(self._folder, want, fence=tuple(want["fence"]), expecting=desired.expecting)
        except OSError as error:
            raise PenstockError(
                "desire", f"the desire cannot be written: {error.strerror}", str(self._folder.root),
                next="make space, or see `penstock doctor`",
            ) from error  # fmt: skip

    def _progress(self, generation: int) -> Progress:
        seen = observe.read(self._folder)
        now = desire.read(self._folder)
        if now and now["generation"] > generation:
            raise Refused("overtaken", f"another desire is in force: {now.get('reason', '')}", str(self._folder.root))
        if not seen or seen.get("generation") != generation:
            return Progress("working", "the keeper has not read it yet", 0.1)
        units = {f"{u}/{r}": f"{n['ready']}/{n['wanted']}" for u, rs in seen["units"].items() for r, n in rs.items()}
        if seen["phase"] == "settled":
            return Progress("done", units=units)
        if seen["phase"] == "failed":
            return Progress("failed", seen["reason"], units=units)
        return Progress("working", seen["reason"] or seen["phase"], 0.1, units=units)

    def _as_keeper_reads(self, desired: Desired, origin: str = "release") -> dict[str, Any]:
        section = self._section
        placed = desired.placed()
        takes = {n for r in desired.revisions.values() for n, unit in r.units.items() if unit.traffic}
        serving = {name for name, unit in desired.units.items() if name in takes and any(unit.placed.values())}
        return {
            "format": 1,
            "fence": [desired.fence.release, desired.fence.epoch],
            "origin": origin,
            "reason": desired.reason,
            "service": self._service,
            "environment": self._environment,
            "listen": {n: {"bind": section.bind, "port": section.port_of(n)} for n in sorted(serving)},
            "request_timeout_ms": round(section.request_timeout_s * 1000),
            "hung_after_ms": round(self._hung_after_s * 1000),
            "once_per_client": self._once_per_client,
            "synthetic_token": self._token(),
            "drain_s": section.drain_s,
            "stop_s": section.stop_s,
            "min_ready_s": desired.min_ready_s,
            "start_within_s": desired.start_within_s,
            "attended_s": desired.attended_s,
            "preview": desired.preview,
            "units": {n: {"placed": u.placed, "split": u.split} for n, u in desired.units.items()},
            "revisions": {r: self._runnable(kept) for r, kept in desired.revisions.items() if r in placed},
            "stamp": {r: data.dump(kept) for r, kept in desired.revisions.items() if r in placed},
        }

    def _runnable(self, revision: Revision) -> dict[str, Any]:
        return {
            "version": " ".join(dict.fromkeys([revision.version, revision.commit, revision.id])),
            "folder": revision.artifact.locator,
            "path": self._paths(revision.artifact),
            "secrets_file": revision.secrets or None,
            "units": {
                name: {"argv": list(u.argv), "env": u.env, "sees": list(u.sees), "health": _health(u.health)}
                for name, u in revision.units.items()
            },
        }


def _is_older(one: str, other: str) -> bool:
    """Whether one version comes before another; only then is a keeper asked, or two would ask each other for ever."""
    return [int(n) for n in re.findall(r"\d+", one)] < [int(n) for n in re.findall(r"\d+", other)]


def bring_up(folder: str | os.PathLike[str]) -> bool:
    """Start the keeper of an environment in which something should run and nobody keeps; whether one was started."""
    place = Folder.of(folder)
    if lock.is_kept(place):
        return False
    wanted = desire.read(place)
    if not wanted or not any(unit["placed"] for unit in wanted["units"].values()):
        return False
    start_keeper(place)
    return True


def start_keeper(folder: Folder) -> None:
    """Start a keeper that outlives us; a second one sees the first, and ends."""
    argv = [sys.executable, "-m", "penstock.providers.local.keeper", str(folder.root)]
    shell.spawn(argv, folder.keeper_log, cwd="/")


def _health(section: dict[str, Any] | None) -> dict[str, Any] | None:
    if section is None:
        return None
    names = {"get": "path", "every_s": "every_s", "within_s": "within_s", "unhealthy_after": "unhealthy_after",
             "healthy_after": "healthy_after", "version": "version"}  # fmt: skip
    return {then: section[name] for name, then in names.items()}


def _same(there: dict[str, Any], want: dict[str, Any]) -> bool:
    """Whether the very same is in force, by the same hand."""
    return all(there.get(key) == value for key, value in json.loads(json.dumps(want)).items() if key != "reason")


def _placed(seen: dict[str, Any] | None) -> dict[str, dict[str, int]]:
    units = (seen or {}).get("units", {})
    return {u: {r: n["ready"] for r, n in rs.items() if n["wanted"] or n["ready"]} for u, rs in units.items()}


def _instance(found: dict[str, Any]) -> Instance:
    return Instance(
        found["id"], found["unit"], found["revision"], found["state"], found.get("restarts", 0),
        found.get("crash_loop", False), str(found.get("health") or found.get("exit") or ""),
        f"127.0.0.1:{found.get('port')}",
    )  # fmt: skip


def _tail(path: Path) -> str:
    with path.open("rb") as file:
        start = max(0, file.seek(0, 2) - LOG_TAIL)
        file.seek(start)
        if start:
            file.readline()  # half a line may begin with half a secret, which nobody would know for one
        return file.read().decode("utf-8", "replace")
