"""From the verdict to 0 %: how long requests still reach the candidate after going back was decided, and Envoy's own switch."""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from pathlib import Path

import httpx2

from penstock.records import events
from penstock.testing.load import Ask
from tests.site import Site

ROUNDS = 5
CANARY = "{is: canary, increments: [50% up to 30s], min_ready: 200ms}"


def main() -> None:
    """Bad candidates one after the other, under load; the last request to each beside its verdict's time."""
    site = Site(Path(tempfile.mkdtemp()))
    decided, done = [], []
    try:
        site.release(site.commit(site.manifest(rollout="{is: all_at_once, min_ready: 200ms}")))
        load = site.load(200, (Ask("GET", "/"),))
        for round_ in range(ROUNDS):
            text = site.manifest(rollout=CANARY, env=f'APP_FAULTS: "/ error 0.3", ROUND: "{round_}"')
            row = site.release(site.commit(text))
            assert row["cause"] == "verdict", site.story(row["number"])
            told = {e["key"]: e["at"] for e in events.after(site.desk.store, row["number"])}
            verdict = next(at for key, at in told.items() if key.endswith(":abort"))
            last = max(_arrivals(site, row["revision"]))
            decided.append(last - verdict)
            done.append(told["back:done"] - verdict)
        load.stop()
        print("| from the verdict | median s | longest s |\n|---|---|---|")
        print(
            f"| to the last request that reached the candidate | {statistics.median(decided):.2f} | {max(decided):.2f} |"
        )
        print(f"| to 'nothing goes to it any more' in the record | {statistics.median(done):.2f} | {max(done):.2f} |")
        print(f"| Envoy's own switch: a route file renamed until it is acted on | {_own(site):.2f} | |")
    finally:
        site.close()


def _arrivals(site: Site, revision: str) -> list[float]:
    found = []
    for line in (site.environment / "envoy" / "access.log").read_text().splitlines():
        entry = json.loads(line)
        if str(entry.get("cluster") or "").endswith(revision) and entry.get("route") == "split":
            found.append(float(entry["start_s"]))
    return found


def _own(site: Site) -> float:
    """The same file written anew with another split, until the first request goes elsewhere: here, until it is acted on."""
    routes = next((site.environment / "envoy" / "rds").glob("*.json"))
    data = json.loads(routes.read_text())
    data["resources"][0]["virtual_hosts"][0]["routes"] = [
        {"name": "bench", "match": {"prefix": "/"}, "direct_response": {"status": 418}}
    ]
    data["version_info"] = "bench"
    beside = routes.with_suffix(".bench")
    beside.write_text(json.dumps(data))
    began = time.monotonic()
    beside.rename(routes)

    while time.monotonic() - began < 5:
        if httpx2.get(site.url).status_code == 418:
            return time.monotonic() - began
    return float("nan")


if __name__ == "__main__":
    main()
