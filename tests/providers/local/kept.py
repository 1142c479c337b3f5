"""An environment under a real keeper, for tests: what it is asked, what it answers, and its end."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import sqlite3
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from penstock import shell
from penstock.providers.local import desire, lock, observe
from penstock.providers.local.paths import Folder
from penstock.providers.local.processes import marked

APP = str(Path(__file__).with_name("app.py"))
WITHIN_S = 20.0


def free_port() -> int:
    """A port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Kept:
    """One environment in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = Folder.of(folder)
        self.folder.root.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.keeper: shell.Process | None = None
        self.more: dict[str, Any] = {}
        self.programs: dict[str, dict[str, Any]] = {}

    # -- asking ----------------------------------------------------------------------------------------------

    def program(self, revision: str, *words: str, env: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
        """How the tiny service runs as a revision."""
        health = {"path": "/health", "every_s": 0.2, "within_s": 1, "unhealthy_after": 3}
        return {
            "argv": [sys.executable, APP, more.pop("version", revision), *words], "env": env or {}, "sees": [],
            "health": health, **more,
        }  # fmt: skip

    def data(self, placed: dict[str, int], split: dict[str, int], **more: Any) -> dict[str, Any]:
        """A desire for the one unit `web`."""
        revisions = {
            r: {
                "version": r, "folder": str(self.folder.root), "path": [], "secrets_file": None,
                "units": {"web": self.programs.get(r) or self.program(r)},
            }
            for r in placed
        }  # fmt: skip
        return {
            "format": 1, "origin": "release", "reason": f"{placed} {split}", "service": "shop",
            "environment": "test", "listen": {"web": {"bind": "127.0.0.1", "port": self.port}},
            "request_timeout_ms": 20000, "hung_after_ms": 1000, "drain_s": 5, "stop_s": 3, "min_ready_s": 0.2,
            "start_within_s": 30, "attended_s": None, "preview": None,
            "units": {"web": {"placed": placed, "split": split}}, "revisions": revisions, **self.more, **more,
        }  # fmt: skip

    def want(self, placed: dict[str, int], split: dict[str, int], **more: Any) -> int:
        """Write a desire; its generation."""
        return desire.write(self.folder, self.data(placed, split, **more), fence=(1, 0), expecting=None)

    def start(self) -> shell.Process:
        """Start a keeper."""
        argv = [sys.executable, "-m", "penstock.providers.local.keeper", str(self.folder.root)]
        self.keeper = shell.spawn(argv, self.folder.keeper_log, cwd="/")
        return self.keeper

    def settled(self, placed: dict[str, int], split: dict[str, int], **more: Any) -> dict[str, Any]:
        """Write a desire and wait until it is true; what was observed then."""
        generation = self.want(placed, split, **more)
        if self.keeper is None and not lock.is_kept(self.folder):
            self.start()
        return self.until(lambda o: o["generation"] == generation and o["phase"] == "settled")

    # -- looking ---------------------------------------------------------------------------------------------

    def seen(self) -> dict[str, Any]:
        """What the keeper wrote last."""
        return observe.read(self.folder) or {"generation": 0, "phase": "", "instances": [], "envoy": {}}

    def until(self, holds: Callable[[dict[str, Any]], object], within_s: float = WITHIN_S) -> dict[str, Any]:
        """Wait for something to be observed."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            seen = self.seen()
            with suppress(LookupError, TypeError):
                if holds(seen):
                    return seen
            time.sleep(0.02)
        log = self.folder.keeper_log.read_text() if self.folder.keeper_log.exists() else ""
        raise AssertionError(f"not observed within {within_s} s\n{json.dumps(self.seen(), indent=1)}\n{log[-4000:]}")

    def pids(self, revision: str = "") -> dict[str, int]:
        """Instances by id, as observed now."""
        return {i["id"]: i["pid"] for i in self.seen()["instances"] if i["revision"].startswith(revision)}

    def get(self, path: str = "/", timeout_s: float = 5.0, **headers: str) -> tuple[int, str, bytes]:
        """One request over a new connection: status, version, body."""
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout_s)
        try:
            link.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
            answer = link.getresponse()
            return answer.status, answer.headers.get("x-version") or "", answer.read()
        finally:
            link.close()

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Rows of the readings."""
        db = sqlite3.connect(f"file:{self.folder.readings}?mode=ro", uri=True)
        try:
            return db.execute(query).fetchall()
        finally:
            db.close()

    def folded(self, moment_s: float) -> None:
        """Wait until every second up to a moment is closed."""
        deadline = time.monotonic() + WITHIN_S
        while time.monotonic() < deadline:
            with suppress(sqlite3.Error, IndexError):
                if self.rows("SELECT closed_through FROM position")[0][0] > moment_s:
                    return
            time.sleep(0.1)
        raise AssertionError("the readings are not closed")

    # -- ending ----------------------------------------------------------------------------------------------

    def end_keeper(self, number: int = signal.SIGKILL) -> None:
        """End the keeper and wait for it."""
        assert self.keeper
        shell.end(self.keeper, number)
        deadline = time.monotonic() + WITHIN_S
        while shell.reap(self.keeper.pid) is None and shell.alive(self.keeper):
            assert time.monotonic() < deadline, "the keeper does not end"
            time.sleep(0.01)
        self.keeper = None

    def close(self) -> None:
        """End everything that this environment started."""
        if self.keeper:
            self.end_keeper()
        for _ in range(50):
            left = marked(self.folder.root)
            for process in left:
                with suppress(OSError):
                    os.kill(process.pid, signal.SIGKILL)
                shell.reap(process.pid)
            if not left:
                return
            time.sleep(0.02)
