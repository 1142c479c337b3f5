"""Reading and folding the access log: microseconds a request, beside json.loads alone on the same lines.

Then what a day of two arms at 100 requests/s comes to as evidence: bytes, and seconds to pack and to unpack.
"""

from __future__ import annotations

import gzip
import json
import random
import statistics
import time
from collections.abc import Callable, Iterator

import numpy as np

from penstock.core import data, recording
from penstock.core.latency import EDGES
from penstock.core.reading import Reading
from penstock.providers.local.access_log import Eras, fold

LINES, ROUNDS = 50_000, 7
SEED, DAY_S, ARMS = 1, 86_400, {"r1": 95, "r2": 5}


def main() -> None:
    """Both tables."""
    _lines()
    _day()


def _lines() -> None:
    """Ways over the same lines, taking turns."""
    chance = random.Random(1)
    lines = [_line(chance, n).encode() for n in range(LINES)]
    eras = Eras(((0.0, 1),))
    ways: dict[str, Callable[[], object]] = {
        "json.loads alone": lambda: [json.loads(line) for line in lines],
        "read and folded": lambda: fold(lines, eras, 0, 5_000_000),
        "the same, errors once per client": lambda: fold(lines, eras, 0, 5_000_000, {}),
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


def _day() -> None:
    """Readings of a day, packed as at a release's end and unpacked again."""
    readings = list(_readings())
    began = time.perf_counter()
    text = data.canonical(recording.pack(readings)).encode()
    packed_at = time.perf_counter()
    compressed = gzip.compress(text, mtime=0)
    compressed_at = time.perf_counter()
    again = recording.unpack(json.loads(gzip.decompress(compressed)))
    unpacked_at = time.perf_counter()
    assert readings == again
    print(f"\n| {DAY_S:,} s, {len(ARMS)} arms, {sum(ARMS.values())} requests/s (seed {SEED}) | |\n|---|---|")
    print(f"| compressed | {len(compressed) / 1e6:.2f} MB, {len(compressed) / DAY_S:.0f} bytes a second |")
    print(f"| packed, compressed, unpacked | {packed_at - began:.1f} s, {compressed_at - packed_at:.1f} s,"
          f" {unpacked_at - compressed_at:.1f} s |")  # fmt: skip


def _readings() -> Iterator[Reading]:
    """Log-normal durations (median 20 ms, sigma 0.6) and one error in a thousand."""
    chance, edges = np.random.default_rng(SEED), np.array(EDGES)
    for second in range(1_790_000_000, 1_790_000_000 + DAY_S):
        for revision, rps in ARMS.items():
            took = chance.lognormal(np.log(20_000), 0.6, chance.poisson(rps)).round()
            numbers, counts = np.unique(np.searchsorted(edges, took), return_counts=True)
            latency = tuple(zip(edges[numbers].tolist(), counts.tolist(), strict=True))
            errors = int(chance.binomial(len(took), 0.001))
            yield Reading("web", revision, second, second + 1, len(took), errors, 1, 0, int(took.sum()),
                          position=str(second), latency=latency)  # fmt: skip


def _line(chance: random.Random, number: int) -> str:
    return json.dumps(
        {"start_s": f"{1_790_000_000 + number / 1000:.6f}", "unit": "web", "cluster": f"web|r{chance.randrange(2)}",
         "code": 500 if chance.random() < 0.01 else 200, "flags": None, "duration_us": chance.randrange(900, 90_000),
         "duration_ms": 3, "route": "split", "client": "127.0.0.1"}
    )  # fmt: skip


if __name__ == "__main__":
    main()
