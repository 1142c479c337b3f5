"""Memory and CPU of instances, and the requests that are open."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from penstock import shell
from penstock.core.reading import OPEN_REQUESTS
from penstock.errors import PenstockError
from penstock.providers.local.metrics import LocalMetrics
from penstock.providers.local.paths import Folder
from tests.providers.local.kept import Kept

MIB = 1 << 20
# A process that holds memory and idles, below it one that is busy; both end with the first one's input.
PROGRAM = f"""
import subprocess, sys
held = bytearray({64 * MIB})
busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
print("ready", flush=True)
sys.stdin.read()
busy.kill()
busy.wait()
"""


@pytest.fixture
def instance() -> Iterator[subprocess.Popen[str]]:
    """An instance with a process below it, ended whatever happens."""
    with subprocess.Popen([sys.executable, "-c", PROGRAM], text=True, stdin=-1, stdout=-1) as process:
        assert process.stdin
        assert process.stdout
        process.stdout.readline()
        yield process
        process.stdin.close()


def record(pid: int, **more: object) -> dict[str, object]:
    """An instance as the keeper writes it down."""
    usual = {
        "id": f"web-r1-{pid}", "unit": "web", "revision": "r1", "pid": pid, "boot_id": shell.boot_id(),
        "start_ticks": shell.start_ticks(pid), "is_stopping": False,
    }  # fmt: skip
    return {**usual, **more}


def write(folder: Path, *instances: dict[str, object], envoy: dict[str, str] | None = None) -> None:
    """The keeper's file."""
    Folder.of(folder).instances.write_text(json.dumps({"format": 1, "instances": instances, "envoy": envoy}))


def test_an_instance_is_its_whole_process_tree(tmp_path: Path, instance: subprocess.Popen[str]) -> None:
    """What it holds and what the process below it uses; CPU from the second look on, as a share of one core."""
    write(tmp_path, record(instance.pid))
    metrics = LocalMetrics(tmp_path)
    began = time.time()
    assert ["memory", "memory_share"] == [level.name for level in metrics.levels()]
    time.sleep(0.5)
    memory, share, cpu = metrics.levels()
    assert ["memory", "memory_share", "cpu"] == [memory.name, share.name, cpu.name]
    assert {("r1", f"web-r1-{instance.pid}")} == {(level.revision, level.instance) for level in (memory, share, cpu)}
    assert memory.value / psutil.virtual_memory().total == share.value
    assert began <= memory.at <= time.time()
    assert 64 * MIB < memory.value < 256 * MIB
    assert 0.05 < cpu.value < 1.2


def test_who_is_gone_or_going_is_left_out(tmp_path: Path, instance: subprocess.Popen[str]) -> None:
    """No process, one that ended, another with the same pid, one that is told to stop: nothing is said of them."""
    write(
        tmp_path, record(0, boot_id="", start_ticks=0), record(instance.pid, start_ticks=1),
        record(instance.pid, boot_id="another"), record(instance.pid, is_stopping=True),
    )  # fmt: skip
    metrics = LocalMetrics(tmp_path)
    assert [] == metrics.levels()
    living = record(instance.pid)
    write(tmp_path, living)
    assert 2 == len(metrics.levels())
    assert instance.stdin
    instance.stdin.close()
    instance.wait()
    assert [] == metrics.levels()


def test_without_a_keeper_there_is_nothing(tmp_path: Path) -> None:
    """Before the first keeper nothing runs."""
    assert [] == LocalMetrics(tmp_path).levels()


def test_a_broken_file_is_said(tmp_path: Path) -> None:
    """It is not taken for an environment without instances."""
    Folder.of(tmp_path).instances.write_text("{")
    with pytest.raises(PenstockError, match="the instances are not known") as caught:
        LocalMetrics(tmp_path).levels()
    assert "readings" == caught.value.code


def open_requests(kept: Kept) -> dict[str, float]:
    """Open requests by revision, as a release sees them."""
    levels = [one for one in LocalMetrics(kept.folder.root).levels() if one.name == OPEN_REQUESTS]
    assert all(not one.instance and time.time() - one.at < 2 for one in levels)
    assert len(levels) == len({one.revision for one in levels})
    return {one.revision: one.value for one in levels}


def until_open(kept: Kept, expected: dict[str, float]) -> None:
    """Wait two seconds for these to be open."""
    deadline = time.monotonic() + 2
    while (found := open_requests(kept)) != expected:
        assert time.monotonic() < deadline, found
        time.sleep(0.1)


def hang(kept: Kept, path: str, count: int, **headers: str) -> list[threading.Thread]:
    """Ask so often at once."""

    def ask() -> None:
        with suppress(OSError):
            kept.get(path, timeout_s=20, **headers)

    threads = [threading.Thread(target=ask, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    return threads


def test_requests_that_hang_are_open(kept: Kept) -> None:
    """Seen at once by revision, long before any log has them: unanswered ones and those in the middle of an answer; gone once
    they have ended, or their client has left. Whoever keeps the environment: a keeper that died knows nothing else.
    """
    kept.settled({"r1": 1, "r2": 2}, {"r1": 999, "r2": 1}, preview="r2")
    until_open(kept, {"r1": 0, "r2": 0})
    asked = hang(kept, "/?wait_s=5", 3) + hang(kept, "/?wait_s=5", 5, x_penstock_preview="r2")
    asked += hang(kept, "/stream", 2, x_penstock_preview="r2")
    until_open(kept, {"r1": 3, "r2": 7})
    assert [] == kept.folder.access_log.read_text().splitlines()
    kept.end_keeper()
    assert {"r1": 3, "r2": 7} == open_requests(kept)
    for thread in asked:
        thread.join()
    until_open(kept, {"r1": 0, "r2": 0})
    with pytest.raises(TimeoutError):
        kept.get("/?wait_s=5", timeout_s=0.2)
    until_open(kept, {"r1": 0, "r2": 0})


def test_an_envoy_that_does_not_answer_says_nothing(tmp_path: Path, instance: subprocess.Popen[str]) -> None:
    """Gone, or hanging: how many requests are open is not known, which is not none; memory is told all the same."""
    path = tmp_path / "admin.sock"
    write(tmp_path, record(instance.pid), envoy={"admin_socket": str(path)})
    assert ["memory", "memory_share"] == [level.name for level in LocalMetrics(tmp_path).levels()]
    with socket.socket(socket.AF_UNIX) as hangs:
        hangs.bind(str(path))
        hangs.listen()
        began = time.monotonic()
        assert ["memory", "memory_share"] == [level.name for level in LocalMetrics(tmp_path).levels()]
        assert time.monotonic() - began < 2
