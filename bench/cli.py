"""Answering at once: `--help` and `status` beside `python -c 'import typer, rich.live'`."""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from penstock import shell
from penstock.records import environments, releases
from penstock.records.store import Store

ROUNDS, MANY = 15, 10_000


def main() -> None:
    """All take turns; `status` once with an empty and once with a full history."""
    folder = Path(tempfile.mkdtemp())
    fill(folder / "full")
    floor = [sys.executable, "-c", "import click, rich.live"]
    with_typer = [sys.executable, "-c", "import typer, rich.live"]
    if not shell.run(with_typer).ok:
        print("(typer is not installed: its own floor, click and rich.live, stands in)\n")
    penstock = [str(Path(sys.executable).with_name("penstock"))]
    ways = {
        "python -c pass": ([sys.executable, "-c", "pass"], "empty"),
        "the floor": (with_typer if shell.run(with_typer).ok else floor, "empty"),
        "penstock --help": ([*penstock, "--help"], "empty"),
        "penstock status, empty": ([*penstock, "status"], "empty"),
        f"penstock status, {MANY:,} releases": ([*penstock, "status"], "full"),
        f"penstock history, {MANY:,} releases": ([*penstock, "history"], "full"),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, (argv, state) in ways.items():
            began = time.perf_counter()
            done = shell.run(argv, env={**os.environ, "PENSTOCK_STATE": str(folder / state)})
            times[name].append((time.perf_counter() - began) * 1000)
            assert done.ok, done.err
    base = statistics.median(times["the floor"])
    print("| command | median ms | × `import typer, rich.live` |\n|---|---|---|")
    for name, found in times.items():
        print(f"| {name} | {statistics.median(found):.0f} | {statistics.median(found) / base:.2f} |")


def fill(folder: Path) -> None:
    """Ten thousand releases of one service."""
    folder.mkdir()
    store = Store(folder / "records.sqlite")
    environments.know(store, "shop", "r" * 40, str(folder))
    environments.place(store, "shop", "production", "local", str(folder))
    with store.write():
        for number in range(MANY):
            releases.create(
                store, 1.0 * number, service="shop", environment="production", kind="release", asked="HEAD",
                commit_id="c" * 40, state="released", sentence="fine", uid=0, person="ana", host="here",
                ended_at=number + 60.0,
            )  # fmt: skip
    store.close()


if __name__ == "__main__":
    main()
