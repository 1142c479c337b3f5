"""A whole Penstock in a temporary folder: a git repository with a real service, a state folder, real workers."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from penstock import api, shell, waking
from penstock.core.ending import EXIT_CODES
from penstock.providers.local import lock, observe
from penstock.records import releases
from penstock.records.store import Row
from penstock.testing.load import Ask, Load, Running

APP = f"{sys.executable} -m penstock.testing.app --port $PORT"
JOBS = f"{sys.executable} -m penstock.testing.worker"
DEADLINE_S = 90.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Site:
    """One service in one repository, released to one local environment. `close` leaves nothing running."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.repository = folder / "repository"
        self.repository.mkdir()
        os.environ["PENSTOCK_STATE"] = str(folder / "state")
        os.environ["PENSTOCK_RUNTIME"] = str(folder / "run")
        self._git("init", "--quiet", "--initial-branch=main")
        self.desk = api.open_desk(folder / "state")
        self.loads: list[Running] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> Path:
        return self.desk.state.environment("app", "production")

    def manifest(
        self,
        *,
        rollout: str = "rolling",
        instances: int = 2,
        env: str = "",
        extra: str = "",
        production: str = "",
        errors: str = "{at_most: 5%, against_stable: 1.5x + 0.05pp, promote_at: 2x + 1pp}",
        units: str = "",
        hold: str = "20s",
    ) -> str:
        """A manifest of the test service; quick, because tests wait for it."""
        run = units or f"run: {APP}"
        return f"""penstock: 1
service: app
{run}
health: {{get: /health, every: 200ms, within: 1s, unhealthy_after: 2}}
env: {{{env}}}
{extra}
environments:
  production:
    target: {{is: local, port: {self.port}, instances: {instances}, drain: 5s, stop: 3s, request_timeout: 10s}}
    rollout: {rollout}
    verdict:
      errors: {errors}
      undecided: {{hold: {hold}, then: roll_back}}
    {production}
"""

    def commit(self, manifest: str, name: str = "a change") -> str:
        """Commit a manifest; returns the commit's id."""
        (self.repository / "penstock.yaml").write_text(manifest)
        (self.repository / "CHANGES").write_text(f"{name}\n{time.monotonic_ns()}\n")
        self._git("add", "-A")
        self._git("commit", "--quiet", "-m", name)
        return self._git("rev-parse", "HEAD")

    def order(self, commit: str, **options: bool) -> int:
        """Order a release and wake a worker."""
        number = api.release(self.desk, self.repository, commit, "production", **options)
        api.wake(self.desk)
        return number

    def release(self, commit: str, **options: bool) -> Row:
        """Order a release, and wait for its end."""
        return self.wait(self.order(commit, **options))

    def wait(
        self, number: int, *, until: tuple[str, ...] = (), wake: bool = True, deadline_s: float = DEADLINE_S
    ) -> Row:
        """The release's row, once it is over or in one of the states."""
        deadline = time.monotonic() + deadline_s
        while time.monotonic() < deadline:
            row = self.row(number)
            if row["state"] in (until or EXIT_CODES):
                return row
            if wake:
                api.wake(self.desk)
            time.sleep(0.05)
        raise AssertionError(f"release {number} is not over after {deadline_s} s: {self.story(number)}")

    def wait_weight(self, number: int, permille: int, deadline_s: float = DEADLINE_S) -> None:
        """Wait until the candidate's share is in force."""
        deadline = time.monotonic() + deadline_s
        while time.monotonic() < deadline:
            row = self.row(number)
            if row["facts"].get("weight_permille") == permille:
                return
            assert row["state"] not in releases.ENDS, self.story(number)
            time.sleep(0.05)
        raise AssertionError(f"{permille} permille were never reached: {self.story(number)}")

    def until(self, is_so: Callable[[], bool], deadline_s: float = DEADLINE_S) -> None:
        """Wait until something is so."""
        deadline = time.monotonic() + deadline_s
        while not is_so():
            assert time.monotonic() < deadline, "it never became so"
            time.sleep(0.02)

    def row(self, number: int) -> Row:
        found = releases.get(self.desk.store, number)
        assert found, f"release {number} has its row"
        return found

    def story(self, number: int) -> str:
        """What happened, for a failing test's message."""
        shown = api.show(self.desk, number)
        lines = [f"{e['at'] - shown['asked_at']:7.2f} {e['kind']:<7} {e['text']}" for e in shown["events"]]
        log = self.desk.state.worker_log
        tail = log.read_text()[-2000:] if log.exists() else ""
        keeper = self.environment / "keeper.log"
        kept = keeper.read_text()[-1500:] if keeper.exists() else ""
        return "\n".join(
            [f"\n{shown['state']} {shown['cause']} {shown['sentence']}", *lines, "worker:", tail, "keeper:", kept]
        )

    def load(self, rps: float = 150, mix: tuple[Ask, ...] = (Ask("GET", "/"),), **options: object) -> Running:
        """A strict client, on a schedule."""
        running = Load(self.url, rps, mix, **options).start()  # type: ignore[arg-type]
        self.loads.append(running)
        return running

    def observed(self) -> Row:
        return observe.read(self.environment) or {}

    def instances(self, revision: str = "") -> list[Row]:
        return [i for i in self.observed().get("instances", []) if i["revision"].startswith(revision)]

    def keeper_pid(self) -> int:
        return int((self.environment / "keeper.lock").read_text())

    def worker_pid(self) -> int:
        row = self.desk.store.row("SELECT pid FROM lease WHERE name = 'worker'")
        assert row, "a worker has run"
        return int(row["pid"])

    def close(self) -> None:
        """Everything that was started ends: instances and Envoy by the keeper, then the keeper and the worker."""
        for running in self.loads:
            with suppress(Exception):
                running.stop()
        if waking.lives(self.desk.state):
            _kill(self.worker_pid())
        if lock.is_kept(self.environment):
            _kill(self.keeper_pid())
        for process in self._processes():
            shell.end(process, signal.SIGKILL)
        self.desk.store.close()

    def _processes(self) -> list[shell.Process]:
        """Envoy and the instances, from what the keeper wrote down, and whatever else carries this folder in its words."""
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) == os.getpid():
                continue
            with suppress(OSError):
                words = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
                if str(self.folder).encode() in words and int(entry.name) != os.getppid():
                    pid = int(entry.name)
                    if os.getpgid(pid) != os.getpgid(0):
                        found.append(shell.Process(pid, shell.boot_id(), shell.start_ticks(pid)))
        return found

    def _git(self, *words: str) -> str:
        argv = ["git", "-c", "user.name=Ana", "-c", "user.email=ana@example.com", *words]
        done = shell.run(argv, cwd=self.repository)
        assert done.ok, done.err
        return done.out.strip()


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
