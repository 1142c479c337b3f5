"""A unit without traffic: `python -m penstock.testing.worker`. It beats in $DATA until SIGTERM.

Each process writes `heartbeat-VERSION-PID.json` five times a second: version, pid, beats, at (seconds since
the epoch) and state, which is `working`, and `stopped` once it ended as it was asked to. WORKER_EXIT_AFTER_S
ends it with code 1 after that time.
"""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from penstock.testing.app import version

EVERY_S = 0.2


def work(environment: Mapping[str, str], stop: threading.Event) -> int:
    """Beat until told to stop; the exit code."""
    name = version(environment)
    file = Path(environment.get("DATA", ".")) / f"heartbeat-{name}-{os.getpid()}.json"
    lives_s = float(environment.get("WORKER_EXIT_AFTER_S", "inf"))
    began, beats = time.monotonic(), 0
    while not stop.wait(EVERY_S if beats else 0):
        beats += 1
        _write(file, name, beats, "working")
        if time.monotonic() - began > lives_s:
            return 1
    _write(file, name, beats, "stopped")
    return 0


def _write(file: Path, name: str, beats: int, state: str) -> None:
    beat = {"version": name, "pid": os.getpid(), "beats": beats, "at": time.time(), "state": state}
    beside = file.with_suffix(".new")
    beside.write_text(json.dumps(beat))
    beside.replace(file)


if __name__ == "__main__":
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    raise SystemExit(work(dict(os.environ), stop))
