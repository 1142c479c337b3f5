"""The test app, as a real process."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from penstock.shell import Process, alive, end, reap, spawn

WAIT_S = 20.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Running:
    """A process that listens."""

    process: Process
    port: int
    log_file: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def wait_until_listening(self) -> None:
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise AssertionError(f"nobody listens on {self.port}: {self.log_file.read_text()}")

    def stop(self, number: int = signal.SIGTERM) -> int | None:
        """Its exit code."""
        end(self.process, number)
        return self.exit_code()

    def exit_code(self) -> int | None:
        deadline = time.monotonic() + WAIT_S
        while alive(self.process) and time.monotonic() < deadline:
            time.sleep(0.02)
        return reap(self.process.pid)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Starts the test app with some environment; it is killed at the end."""
    started: list[Running] = []

    def begin(**environment: str) -> Running:
        port = free_port()
        log_file = tmp_path / f"app-{port}.log"
        env = {"PATH": os.environ["PATH"], "DATA": str(tmp_path), **environment}
        argv = (sys.executable, "-m", "penstock.testing.app", "--port", str(port))
        app = Running(spawn(argv, log_file, env=env), port, log_file)
        started.append(app)
        app.wait_until_listening()
        return app

    yield begin
    for app in started:
        app.stop(signal.SIGKILL)
