"""What ten thousand releases and a million readings cost: on disk, and in the time of every command that looks."""

from __future__ import annotations

import gzip
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from penstock import shell
from penstock.core import data, recording
from penstock.core.reading import Reading
from penstock.records import environments, events, looks, releases
from penstock.records.store import Store
from penstock.state import State

SIZES = (1_000, 10_000)
READINGS = 100  # of one release: 10,000 of them have a million
EVENTS, LOOKS, LINES = 20, 40, 15
ROUNDS = 5


def main() -> None:
    """Two sizes, so that growth can be seen."""
    print("| | 1,000 releases, 100,000 readings | 10,000 releases, 1,000,000 readings |\n|---|---|---|")
    columns = [measured(Path(tempfile.mkdtemp()), many) for many in SIZES]
    for name in columns[0]:
        print(f"| {name} | {columns[0][name]} | {columns[1][name]} |")


def measured(folder: Path, many: int) -> dict[str, str]:
    state = State(folder / "state").make()
    fill(state, many)
    found = {name: f"{size(path) / 1e6:.1f} MB" for name, path in (
        ("records.sqlite", state.records), ("evidence", state.evidence), ("audit.log", state.audit_log))}  # fmt: skip
    verbs = (["status"], ["history"], ["events", str(many)], ["report", str(many), "--markdown"], ["audit", "verify"])
    for verb in verbs:
        found["penstock " + verb[0] + (" verify" if verb[0] == "audit" else "")] = f"{timed(folder, verb):.2f} s"
    return found


def timed(folder: Path, words: list[str]) -> float:
    argv = [str(Path(sys.executable).with_name("penstock")), *words]
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        done = shell.run(argv, env={**os.environ, "PENSTOCK_STATE": str(folder / "state")})
        times.append(time.perf_counter() - began)
        assert done.ok, done.err
    return statistics.median(times)


def size(path: Path) -> int:
    return sum(p.stat().st_size for p in path.rglob("*") if p.is_file()) if path.is_dir() else path.stat().st_size


def fill(state: State, many: int) -> None:
    """Releases as they are left behind, without the waiting."""
    store = Store(state.records)
    environments.know(store, "shop", "r" * 40, str(state.root))
    environments.place(store, "shop", "production", "local", str(state.root))
    chain = Chain(state.audit_log)
    with store.write():
        for number in range(1, many + 1):
            _release(state, store, chain, number)
    store.close()


def _release(state: State, store: Store, chain: Chain, number: int) -> None:
    at = 1e9 + 1000.0 * number
    releases.create(
        store, at, service="shop", environment="production", kind="release", asked="HEAD", commit_id="c" * 40,
        revision="ccccccc-111111", state="released", sentence="ccccccc-111111 serves all of production", uid=0, person="ana",
        host="here", plan="{}", ended_at=at + 60, changed_at=at + 60,
    )  # fmt: skip
    for n in range(EVENTS):
        events.tell(
            store, at + n, number, f"key:{n}", "stage", "what happened at this moment, in one sentence", {"rung": n}
        )
    for n in range(LOOKS):
        looks.add(store, number, {
            "at": at + n, "weight_permille": 100, "odds": 1.2, "acceptance": 3.4, "candidate_requests": n * 10,
            "candidate_errors": 0, "stable_requests": n * 90, "stable_errors": 1,
        })  # fmt: skip
    found = [
        Reading(
            "web",
            ("a", "b")[n % 2],
            at + n // 2,
            at + n // 2 + 1,
            90 + n % 7,
            n % 3,
            1,
            0,
            91_000 + n * 37,
            position=str(n),
        )
        for n in range(READINGS)
    ]
    packed = gzip.compress(data.canonical(recording.pack(found)).encode(), mtime=0)
    digest = _write(state.evidence, packed)
    store.rows(
        "INSERT INTO evidence VALUES (?, 'readings', ?, ?, ?, ?)", number, digest, recording.MEDIA, len(packed), at
    )
    for n in range(LINES):
        chain.add(number, n, at)


def _write(folder: Path, content: bytes) -> str:
    """As `evidence.keep` writes, without the fsync of every file."""
    import hashlib

    digest = hashlib.sha256(content).hexdigest()
    path = folder / digest[:2] / digest
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    return digest


class Chain:
    """A whole audit log, without the fsync of every line."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self._before = "0" * 64
        self._line = 0

    def add(self, number: int, n: int, at: float) -> None:
        import hashlib
        import json

        self._line += 1
        line = {
            "line": self._line, "at": at + n, "key": f"{number}:{n}", "what": "shift", "who": {"uid": 0, "person": "ana"},
            "release": f"shop/production/{number}", "rung": "10 %", "weight_permille": 100, "before": self._before,
        }  # fmt: skip
        text = json.dumps(line, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        self._before = hashlib.sha256(text).hexdigest()
        self._file.write(text + b"\n")
        self._file.flush()


if __name__ == "__main__":
    main()
