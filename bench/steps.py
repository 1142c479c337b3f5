"""Twenty no-op steps: durable (as a release runs them), beside the same number of bare durable commits, and GNU make."""

from __future__ import annotations

import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from penstock import durable, shell

STEPS, ROUNDS = 20, 15


def nothing(world: Any) -> bool:
    return bool(world) or True


def bare(folder: Path) -> Callable[[], None]:
    """SQLite, WAL, synchronous FULL: one small commit a step, and one for the beginning and the end of the story."""
    db = sqlite3.connect(folder / "bare.sqlite", isolation_level=None)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    db.execute("CREATE TABLE steps (name TEXT, result TEXT)")

    def run() -> None:
        for number in range(STEPS + 2):
            db.execute("BEGIN IMMEDIATE")
            db.execute("INSERT INTO steps VALUES (?, ?)", (f"step {number}", '{"ok": true}'))
            db.execute("COMMIT")

    return run


def make(folder: Path) -> Callable[[], None]:
    """GNU make with twenty targets that touch a file. It never syncs."""
    names = [f"t{n}" for n in range(STEPS)]
    rules = "\n".join(f"{n}:\n\t@touch {n}" for n in names)
    (folder / "Makefile").write_text(f"all: {' '.join(names)}\n{rules}\n")

    def run() -> None:
        for name in names:
            (folder / name).unlink(missing_ok=True)
        assert shell.run(["make", "-s", "-C", str(folder)]).ok

    return run


def main() -> None:
    """Rounds of the three take turns, so that a noisy minute hits all of them."""
    folder = Path(tempfile.mkdtemp())
    count = iter(range(10_000))

    def walk(name: str) -> None:
        for _ in range(STEPS):
            durable.run(nothing, None)

    engine = durable.Engine(folder / "journal.sqlite", {"noop": walk}, print)

    def run() -> None:
        name = f"noop/{next(count)}"
        engine.start(name)
        while engine.outcome(name) != "done":
            time.sleep(0.0005)

    ways: dict[str, Callable[[], None]] = {"bare commits": bare(folder), "durable steps": run, "GNU make": make(folder)}
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            began = time.perf_counter()
            way()
            times[name].append((time.perf_counter() - began) * 1000)
    floor = statistics.median(times["bare commits"])
    print(f"| {STEPS} no-op steps | median ms | × bare commits |\n|---|---|---|")
    for name, found in times.items():
        print(f"| {name} | {statistics.median(found):.1f} | {statistics.median(found) / floor:.2f} |")


if __name__ == "__main__":
    main()
