"""Reading and folding the access log: microseconds a request, beside json.loads alone on the same lines."""

from __future__ import annotations

import json
import random
import statistics
import time
from collections.abc import Callable

from penstock.providers.local.access_log import Eras, fold

LINES, ROUNDS = 50_000, 7


def main() -> None:
    """Two ways over the same lines, taking turns."""
    chance = random.Random(1)
    lines = [_line(chance, n).encode() for n in range(LINES)]
    eras = Eras(((0.0, 1),))
    ways: dict[str, Callable[[], object]] = {
        "json.loads alone": lambda: [json.loads(line) for line in lines],
        "read and folded": lambda: fold(lines, eras, 0, 5_000_000),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            began = time.perf_counter()
            way()
            times[name].append((time.perf_counter() - began) / LINES * 1e6)
    print("| per request | median µs | % of a core at 1,000 requests/s |\n|---|---|---|")
    for name, found in times.items():
        median = statistics.median(found)
        print(f"| {name} | {median:.2f} | {median / 10:.2f} |")


def _line(chance: random.Random, number: int) -> str:
    return json.dumps(
        {"start_s": f"{1_790_000_000 + number / 1000:.6f}", "unit": "web", "cluster": f"web|r{chance.randrange(2)}",
         "code": 500 if chance.random() < 0.01 else 200, "flags": None, "duration_us": chance.randrange(900, 90_000),
         "duration_ms": 3, "route": "split", "client": "127.0.0.1"}
    )  # fmt: skip


if __name__ == "__main__":
    main()
