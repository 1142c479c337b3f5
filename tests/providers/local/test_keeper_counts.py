"""What the keeper counted is what the client sent."""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from math import inf

from penstock.core.latency import merged
from penstock.providers.local.metrics import LocalMetrics
from penstock.testing.load import Load
from tests.providers.local.kept import Kept


def test_readings_count_what_the_client_counted(kept: Kept) -> None:
    """Good ones, 5xx, hung ones whose client left, who left early, bodies cut short: each once; previews never."""
    kept.settled({"r1": 1, "r2": 1}, {"r1": 500, "r2": 500}, preview="r2", attended_s=600)
    time.sleep(0.3)
    for _ in range(30):
        kept.get()
    for _ in range(4):
        kept.get("/?status=500")
        kept.get("/?status=404")
        kept.get(x_penstock_preview="r2")
    for path, timeout_s in (("/?wait_s=3", 1.3), ("/?wait_s=3", 1.3), ("/?wait_s=3", 0.3), ("/cut", 5)):
        with suppress(Exception):
            kept.get(path, timeout_s=timeout_s)
    kept.folded(time.time())
    rows = kept.rows("SELECT sum(requests), sum(errors), min(era), max(era), count(DISTINCT revision) FROM readings")
    assert [(30 + 8 + 3 + 1, 4 + 2 + 1, 1, 1, 2)] == rows


def test_who_leaves_a_stream_has_met_no_error(kept: Kept) -> None:
    """It began to answer, and its client stayed longer than anybody waits for an answer: one request, which took so long."""
    kept.settled({"r1": 1}, {"r1": 1000}, attended_s=600)
    time.sleep(0.3)
    with suppress(TimeoutError):
        kept.get("/stream", timeout_s=1.5)
    kept.folded(time.time())
    assert [(1, 0)] == kept.rows("SELECT sum(requests), sum(errors) FROM readings")
    ((took_us, _),) = merged(reading.latency for reading in LocalMetrics(kept.folder.root).readings(""))
    assert 1_400_000 <= took_us <= 2_500_000


def test_synthetic_requests_reach_their_arm_and_are_counted_apart(kept: Kept) -> None:
    """Each of two revisions that serve, whatever its weight; once one serves no more, nobody answers in its place."""
    kept.settled({"r1": 1, "r2": 1}, {"r1": 999, "r2": 1}, attended_s=600, synthetic_token="t0ken")
    time.sleep(0.3)
    kept.get()
    for arm, count in (("r1", 3), ("r2", 5)):
        for _ in range(count):
            found = kept.get(x_penstock_arm=arm, x_penstock_synthetic="t0ken")
            assert (200, arm) == found[:2]
    kept.get(x_penstock_arm="r2", x_penstock_synthetic="1")  # somebody who has read the code, and is a user
    kept.get("/?status=500", x_penstock_arm="r2", x_penstock_synthetic="t0ken")
    kept.folded(time.time())
    counted = "SELECT synthetic, revision, sum(requests), sum(errors) FROM readings GROUP BY 1, 2 HAVING synthetic"
    assert [(1, "r1", 3, 0), (1, "r2", 6, 1)] == kept.rows(counted)
    kept.settled({"r1": 1, "r2": 1}, {"r1": 1000}, attended_s=600, synthetic_token="t0ken")
    assert 421 == kept.get(x_penstock_arm="r2", x_penstock_synthetic="t0ken")[0]
    kept.folded(time.time())
    assert [(2,)] == kept.rows("SELECT sum(requests) FROM readings WHERE NOT synthetic")


def test_a_revision_that_fails_slowly_comes_first_where_it_was_asked_first(kept: Kept) -> None:
    """Of one client's errors in a second the first to arrive counts, though Envoy writes it down after the others."""
    more = {"attended_s": 600, "synthetic_token": "t0ken", "once_per_client": True}
    kept.settled({"r1": 1, "r2": 1}, {"r1": 999, "r2": 1}, **more)

    def ask(path: str, arm: str) -> None:
        kept.get(path, x_penstock_arm=arm, x_penstock_synthetic="t0ken")

    time.sleep(2.05 - time.time() % 1)  # all of it in one second
    slow = threading.Thread(target=ask, args=("/?wait_s=1.5&status=500", "r2"))
    slow.start()
    time.sleep(0.2)
    for _ in range(3):
        ask("/?status=500", "r1")
    slow.join()
    kept.folded(time.time())
    counts = "SELECT revision, sum(requests), sum(errors), sum(repeated) FROM readings GROUP BY 1 ORDER BY 1"
    assert [("r1", 3, 0, 3), ("r2", 1, 1, 0)] == kept.rows(counts)


def test_latency_is_what_the_client_waited(kept: Kept) -> None:
    """Every request is in a histogram: the slow one where it belongs, the hung one slower than any limit."""
    kept.settled({"r1": 1}, {"r1": 1000}, attended_s=600)
    time.sleep(0.3)
    kept.get("/?wait_s=0.5")
    with suppress(Exception):
        kept.get("/?wait_s=3", timeout_s=1.3)
    kept.folded(time.time())
    latency = merged(reading.latency for reading in LocalMetrics(kept.folder.root).readings(""))
    slow, hung = (edge for edge, _ in latency)
    assert 500_000 <= slow <= 700_000
    assert inf == hung


def test_no_request_is_lost_or_counted_twice_when_keepers_die(kept: Kept) -> None:
    """Killed again and again while it folds, the sum is the client's."""
    kept.settled({"r1": 1}, {"r1": 1000}, attended_s=600)
    time.sleep(0.3)
    running = Load(f"http://127.0.0.1:{kept.port}", rps=200, connections=64).start()
    for _ in range(4):
        time.sleep(0.7)
        kept.end_keeper()
        kept.start()
    summary = running.stop()
    kept.folded(time.time())
    assert [(summary.requests, 0)] == kept.rows("SELECT sum(requests), sum(errors) FROM readings")
    assert 0 == summary.failed


def test_the_log_is_rotated_without_loss(kept: Kept, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    """A log put aside while requests come is read to its end, and removed."""
    monkeypatch.setenv("PENSTOCK_ROTATE_AT_BYTES", "20000")
    kept.settled({"r1": 1}, {"r1": 1000}, attended_s=600)
    running = Load(f"http://127.0.0.1:{kept.port}", rps=200, connections=64).start()
    time.sleep(3.5)
    summary = running.stop()
    kept.folded(time.time())
    assert summary.requests * 100 > kept.folder.access_log.stat().st_size
    assert [(summary.requests,)] == kept.rows("SELECT sum(requests) FROM readings")


def test_a_hanging_instance_does_not_stop_the_keeper(kept: Kept) -> None:
    """One that accepts and never answers is not ready; the others are kept meanwhile."""
    kept.programs["r2"] = kept.program("r2")
    kept.programs["r2"]["health"] = {"path": "/health?wait_s=30", "every_s": 0.2, "within_s": 1}
    kept.settled({"r1": 1}, {"r1": 1000})
    kept.want({"r1": 1, "r2": 1}, {"r1": 500, "r2": 500})
    kept.until(lambda o: any(i["health"] == "no answer in time" for i in o["instances"]))
    pid = kept.pids("r1")["web-r1-1"]
    os.kill(pid, 9)
    kept.until(
        lambda o: any((i["id"], i["state"]) == ("web-r1-1", "ready") and i["pid"] != pid for i in o["instances"])
    )
