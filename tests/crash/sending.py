"""The worker dies while it sends requests of its own: nobody sends on, nobody sends twice, nothing is counted twice."""

from __future__ import annotations

import gzip
import json
import os
import random
import signal
import time
from collections import Counter
from contextlib import suppress

from penstock import api
from penstock.core import recording
from penstock.providers.local.paths import Folder
from penstock.records import audit, evidence
from penstock.replaying import replay_release
from tests.crash.scenarios import SCENARIOS
from tests.crash.town import Outcome, Run, Town

NAME = "traffic"
RPS = 40  # as in the scenario
MOST_DEATHS = 3
FLUSHED_S = 0.6  # Envoy writes its log five times a second
SILENT_S = 1.0

Line = tuple[float, str]
"""When a request of Penstock's own arrived, and at which revision."""


def draw(seed: int, count: int) -> list[tuple[float, ...]]:
    """Deaths: for how long each worker may send, and so many workers die one after the other."""
    chance = random.Random(f"{seed}/{NAME}")
    return [tuple(chance.uniform(0, 1.5) for _ in range(chance.randint(1, MOST_DEATHS))) for _ in range(count)]


def kill(town: Town, *lives_s: float) -> Outcome:
    """Kill the worker so long after its first request, and its successors too; then another one goes on to the end."""
    run = town.begin(SCENARIOS[NAME])
    died, wrong = 0, list[str]()
    for life_s in lives_s:
        since = time.time()
        api.wake(town.site.desk)
        town.go_on(run, lambda since=since: town.is_over(run) or _sent(town, since) > 0)  # type: ignore[misc]
        time.sleep(life_s)
        if town.is_over(run):
            break
        with suppress(ProcessLookupError):
            os.kill(town.site.worker_pid(), signal.SIGKILL)
            died += 1
        wrong += _goes_on(town, time.time())
    town.end(run)
    wrong += town.wrong(run) + _counted(town, run)
    lives = ", ".join(f"{life_s:.2f} s" for life_s in lives_s)
    return Outcome(f"killed while sending, after {lives}", tuple(wrong), died)


def _goes_on(town: Town, dead_at: float) -> list[str]:
    """What arrives though nobody lives who could send it."""
    time.sleep(FLUSHED_S + SILENT_S)
    late = _sent(town, dead_at + 0.5)  # what was on its way has arrived
    return [f"{late} requests were sent by a worker that was dead"] if late else []


def _counted(town: Town, run: Run) -> list[str]:
    """Log, record and evidence say the same of these requests, and deciding again comes to the same moves."""
    number, found = run.first, list[str]()
    row = town.site.row(number)
    lines = [line for line in _lines(town) if line[0] >= row["started_at"]]
    in_log = Counter(arm for _, arm in lines)
    facts = row["facts"].get("served_synthetic", {})
    said = {"the record": {arm: sums["requests"] for arm, sums in facts.items()},
            "the evidence": dict(_kept(town, number))}  # fmt: skip
    found += [f"{who} has {counts}, the log {dict(in_log)}" for who, counts in said.items() if counts != in_log]
    fullest = max(Counter(int(at) for at, _ in lines).values(), default=0)
    if not lines or fullest > 1.5 * RPS:
        found.append(f"{fullest} requests in a second, where {RPS} are asked for")
    site = town.site
    differences = replay_release(audit.read(site.desk.state.audit_log), site.desk.state.evidence, number).differences
    return found + [f"decided again: {one}" for one in differences]


def _kept(town: Town, number: int) -> Counter[str]:
    """Requests of Penstock's own in the readings that were kept as evidence, by arm."""
    site, sums = town.site, Counter[str]()
    (piece,) = [one for one in evidence.of(site.desk.store, number) if one["name"] == "readings"]
    path = site.desk.state.evidence / piece["digest"][:2] / piece["digest"]
    for one in recording.unpack(json.loads(gzip.decompress(path.read_bytes()))):
        sums[one.revision] += one.requests * one.synthetic
    return +sums


def _sent(town: Town, since: float) -> int:
    return sum(at >= since for at, _ in _lines(town))


def _lines(town: Town) -> list[Line]:
    """Every request of Penstock's own in Envoy's log."""
    log = Folder.of(town.site.environment).access_log
    whole = [json.loads(line) for line in log.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]
    mine = [one for one in whole if one["route"] == "synthetic" and one["cluster"]]
    return [(float(one["start_s"]), one["cluster"].partition("|")[2]) for one in mine]
