"""The service that misbehaves when told to, and the unit without traffic."""

from __future__ import annotations

import json
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.shell import alive, end, reap, spawn
from penstock.testing.app import Fault, faults

Start = Callable[..., Any]


def get(url: str) -> tuple[int, dict[str, Any]]:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


@given(st.integers(0, 300), st.integers(0, 100))
def test_faults_are_spread_evenly(requests: int, percent: int) -> None:
    """Of the first n requests of its path exactly floor(n x share) are struck; others never are."""
    fault = Fault("/a", "error", percent / 100)

    assert requests * percent // 100 == sum(fault.strikes("/a") for _ in range(requests))
    assert not fault.strikes("/b")


@pytest.mark.parametrize("text", ["/a", "/a explode 0.1", "/a error 2", "/a error x"])
def test_faults_that_make_no_sense_are_refused(text: str) -> None:
    """A mistake in APP_FAULTS is an error, not an app without faults."""
    with pytest.raises(ValueError):  # noqa: PT011
        faults(text)


def test_health_is_a_contract(start: Start, tmp_path: Path) -> None:
    """Health has a status, version, timestamp, uptime and checks; a file turns it to 503 and back."""
    app = start(APP_VERSION="1.10")

    status, health = get(f"{app.url}/health")
    (tmp_path / "unhealthy-1.10").touch()
    bad_status, bad = get(f"{app.url}/health")
    (tmp_path / "unhealthy-1.10").unlink()

    assert (200, "healthy", "1.10") == (status, health["status"], health["version"])
    assert {"status", "version", "timestamp", "uptime_s", "checks"} == set(health)
    assert (503, "unhealthy") == (bad_status, bad["status"])
    assert 200 == get(f"{app.url}/health")[0]


def test_unhealthy_by_environment(start: Start) -> None:
    """APP_UNHEALTHY makes every health answer a 503, and nothing else."""
    app = start(APP_UNHEALTHY="1")

    assert (503, 200) == (get(f"{app.url}/health")[0], get(f"{app.url}/a")[0])


def test_health_is_never_struck(start: Start) -> None:
    """A fault on every path leaves health green."""
    app = start(APP_FAULTS="* error 1")

    assert (200, 500) == (get(f"{app.url}/health")[0], get(f"{app.url}/a")[0])


def test_it_ends_when_asked(start: Start) -> None:
    """/exit ends the process with that code, at once."""
    app = start()
    with pytest.raises(OSError):  # noqa: PT011
        get(f"{app.url}/exit?code=7")

    assert 7 == app.exit_code()


def test_sigterm_finishes_what_is_in_flight(start: Start) -> None:
    """A slow request that is in flight at SIGTERM is answered; then the exit code is 0."""
    app = start()
    with socket.create_connection(("127.0.0.1", app.port), timeout=10) as client:
        client.sendall(b"GET /slow?ms=1000 HTTP/1.1\r\nHost: x\r\n\r\n")
        time.sleep(0.2)
        end(app.process)
        answer = b""
        while data := client.recv(65536):
            answer += data

    assert answer.startswith(b"HTTP/1.1 200")
    assert b"Connection: close" in answer
    assert 0 == app.exit_code()


def test_idle_connections_do_not_hold_it_up(start: Start) -> None:
    """SIGTERM closes a connection that asks nothing."""
    app = start(APP_DRAIN_S="30")
    with socket.create_connection(("127.0.0.1", app.port), timeout=10) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        client.recv(65536)
        end(app.process)

        assert b"" == client.recv(65536)
    assert 0 == app.exit_code()


def test_a_worker_beats_until_sigterm(tmp_path: Path) -> None:
    """The unit without traffic leaves a heartbeat, and says that it stopped as it was asked to."""
    env = {"DATA": str(tmp_path), "PENSTOCK_REVISION": "r1"}
    process = spawn((sys.executable, "-m", "penstock.testing.worker"), tmp_path / "log", env=env)
    file = tmp_path / f"heartbeat-r1-{process.pid}.json"
    deadline = time.monotonic() + 20
    while not file.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    state = json.loads(file.read_text())["state"]

    end(process, signal.SIGTERM)
    while alive(process) and time.monotonic() < deadline:
        time.sleep(0.02)

    assert ("working", "stopped") == (state, json.loads(file.read_text())["state"])
    assert 0 == reap(process.pid)
