"""Memory and CPU of instances."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from penstock import shell
from penstock.errors import PenstockError
from penstock.providers.local.metrics import LocalMetrics
from penstock.providers.local.paths import Folder

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


def write(folder: Path, *instances: dict[str, object]) -> None:
    """The keeper's file."""
    Folder.of(folder).instances.write_text(json.dumps({"format": 1, "instances": instances, "envoy": None}))


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
