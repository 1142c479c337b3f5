"""A worker that ends leaves no order behind."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from penstock import shell, waking
from penstock.records import releases
from penstock.records.store import Store
from penstock.state import State

ENDS = """
import sys, time
from pathlib import Path
from penstock import waking, worker
from penstock.records import releases
from penstock.state import State

state = State(Path(sys.argv[1])).make()

def last_look(store, engine, linger_s):
    # somebody orders now, finds the worker's lock held, and starts nobody
    releases.create(
        store, time.time(), service="shop", environment="production", kind="release", asked="HEAD", commit_id="a" * 40,
        uid=0, person="ana", host="here", options={},
    )
    waking.ensure(state)

worker._serve = last_look
worker.work(state)
"""


def test_an_order_that_comes_as_the_worker_ends_is_taken(tmp_path: Path) -> None:
    """Another worker takes it: nobody waits until the next order."""
    state = State(tmp_path).make()
    subprocess.run([sys.executable, "-c", ENDS, str(tmp_path)], check=True, timeout=60, cwd="/")
    store, until = Store(state.records), time.monotonic() + 30
    while (row := releases.get(store, 1)) and row["state"] == "waiting" and time.monotonic() < until:
        time.sleep(0.1)
    assert row["state"] != "waiting", state.worker_log.read_text()
    while waking.lives(state) and time.monotonic() < until:
        time.sleep(0.1)


def test_a_worker_that_was_started_long_ago_is_no_reason_not_to_start_one(tmp_path: Path) -> None:
    """It may be ending: only the lock tells, once it had the time to take it."""
    state = State(tmp_path).make()
    asleep = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(30)"])
    try:
        old = shell.Process(asleep.pid, shell.boot_id(), shell.start_ticks(asleep.pid))
        waking._started[state.root] = (old, time.monotonic() - 2 * waking.COMING_S)
        waking.ensure(state)
        assert waking._started[state.root][0] != old
    finally:
        asleep.kill()
        asleep.wait()
