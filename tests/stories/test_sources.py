"""Whole releases that somebody else's counts decide, and what users' own clients can and cannot do to a verdict."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from penstock.testing.load import Ask
from penstock.testing.tally import Result
from tests.providers.sources.rig import Answer, served
from tests.site import Site

CANARY = "{is: canary, increments: [50% up to 30s], min_ready: 200ms, start_within: 4s}"
ORDERS = "orders: {is: rate, query: orders, at_least_of_stable: 0.8x}"
IN_FLIGHT_S = 0.7  # after so long whatever was sent is answered
BUY = Ask("POST", "/buy?status=409")


class Gateway:
    """Counts what clients met, by the second in which they asked; tells it at a URL, or to a file that `write` appends to."""

    def __init__(self) -> None:
        self.is_down = False
        self.began = int(time.time())
        self._alone = threading.Lock()
        self._seconds: dict[int, dict[str, dict[str, int]]] = {}

    def count(self, met: Result) -> None:
        """One request, once it is over."""
        with self._alone:
            arm = self._seconds.setdefault(int(met.due), {}).setdefault(
                met.version, {"requests": 0, "errors": 0, "orders": 0}
            )
            arm["requests"] += 1
            arm["errors"] += met.status >= 500
            arm["orders"] += met.path == BUY.path and met.status == 200

    def told(self, since: float | None) -> dict[str, Any]:
        """All that is over since a moment."""
        end = int(time.time() - IN_FLIGHT_S)
        begin = min(end, int(self.began if since is None else since))
        with self._alone:
            readings = [
                {"at": at, "revision": name, "requests": one["requests"], "errors": one["errors"],
                 "events": {"orders": one["orders"]}}
                for at in sorted(self._seconds) if begin <= at < end for name, one in self._seconds[at].items()
            ]  # fmt: skip
        return {"from": begin, "to": end, "readings": readings}

    def answer(self, path: str, _: dict[str, str]) -> Answer:
        """Over HTTP."""
        if self.is_down:
            return 503, {}, b"being moved"
        since = parse_qs(urlsplit(path).query).get("since")
        return 200, {}, json.dumps(self.told(float(since[0]) if since else None)).encode()

    @contextmanager
    def writing(self, path: Path) -> Iterator[None]:
        """A line for each second or two."""
        over = threading.Event()

        def write() -> None:
            at = self.began
            while not over.wait(0.2):
                found = self.told(at)
                if found["to"] > at and not self.is_down:
                    at = found["to"]
                    with path.open("a") as file:
                        file.write(json.dumps(found) + "\n")

        thread = threading.Thread(target=write)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


@pytest.fixture(scope="module")
def gateway() -> Gateway:
    """Nothing is counted yet."""
    return Gateway()


@pytest.fixture(scope="module")
def json_source(gateway: Gateway) -> Iterator[str]:
    """Where it is asked, as the manifest says it."""
    with served(gateway.answer) as url:
        yield f"metrics: {{is: json, url: {url}/readings, step: 1s, lag: 1s}}"


def manifest(site: Site, verdict: tuple[str, ...], faults: str = "", rollout: str = CANARY, **more: str) -> str:
    """The test service's manifest, with more under `verdict`. It fails for whoever asks for /loop, whatever its version."""
    env = f'APP_FAULTS: "/loop error 1; {faults}", APP_SLOW_MS: 150'
    text = site.manifest(rollout=rollout, env=env, **more)  # type: ignore[arg-type]
    return text.replace("    verdict:\n", "\n      ".join(["    verdict:", *verdict]) + "\n")


@pytest.fixture(scope="module")
def shop(site: Site, gateway: Gateway, json_source: str) -> Site:
    """A site where v1 serves people who look and people who buy; the gateway counts them."""
    row = site.release(site.commit(manifest(site, (json_source,)), "v1"))
    assert "released" == row["state"], site.story(row["number"])
    site.load(150, (Ask("GET", "/"), BUY), each=gateway.count)
    return site


def test_an_endpoint_of_the_teams_own_decides(shop: Site, json_source: str) -> None:
    """By its counts a bad version goes back, and the sentence has them."""
    bad = shop.release(shop.commit(manifest(shop, (json_source,), "/ error 0.3"), "bad"))
    assert ("rolled_back", "verdict") == (bad["state"], bad["cause"]), shop.story(bad["number"])
    assert "requests failed on the candidate, 0 of " in bad["sentence"]


def test_fewer_orders_go_back(shop: Site, json_source: str) -> None:
    """A version that sells half as much, without a single error, is convicted by the rate of orders."""
    text = manifest(shop, (json_source, ORDERS), "/buy error 0.6")
    row = shop.release(shop.commit(text, "sells less"))
    assert ("rolled_back", "verdict") == (row["state"], row["cause"]), shop.story(row["number"])
    assert row["sentence"].startswith("orders: ")
    assert "; 0 of " in row["sentence"]


def test_an_endpoint_that_is_away_holds_and_goes_on(shop: Site, gateway: Gateway, json_source: str) -> None:
    """While it cannot be asked nothing moves, and why is said; once it can be, what was missed is read, and a
    good version is promoted by it.
    """
    number = shop.order(shop.commit(manifest(shop, (json_source,), "/a error 0"), "while it is away"))
    shop.wait_weight(number, 500)
    gateway.is_down = True
    shop.until(lambda: "answered 503" in shop.row(number)["waiting"])
    judged = shop.row(number)["facts"]["live"]["candidate"]["requests"]
    time.sleep(3)
    row = shop.row(number)
    assert ("rolling_out", 500, judged) == (
        row["state"], row["facts"]["weight_permille"], row["facts"]["live"]["candidate"]["requests"],
    )  # fmt: skip
    gateway.is_down = False
    assert "released" == shop.wait(number)["state"], shop.story(number)


def test_an_endpoint_that_stays_away_is_given_up_at_the_deadline(
    shop: Site, gateway: Gateway, json_source: str
) -> None:
    """That is no bad candidate, and nothing of it is judged: `undecided` decides, in its own name, and says why."""
    rollout = "{is: canary, increments: [50% for 2s], min_ready: 200ms}"
    number = shop.order(shop.commit(manifest(shop, (json_source,), "", rollout, hold="2s"), "it stays away"))
    shop.wait_weight(number, 500)
    gateway.is_down = True
    row = shop.wait(number)
    gateway.is_down = False
    assert ("rolled_back", "undecided") == (row["state"], row["cause"]), shop.story(number)
    assert "after 2 s more: what judges cannot be had: http://127.0.0.1" in row["sentence"]


def test_lines_of_a_file_decide(shop: Site, gateway: Gateway, tmp_path: Path) -> None:
    """As an endpoint does, also where somebody appends a line each second."""
    path = tmp_path / "readings"
    source = f"metrics: {{is: file, path: {path}, step: 1s, lag: 1s}}"
    with gateway.writing(path):
        row = shop.release(shop.commit(manifest(shop, (source,), "/ error 0.3"), "bad, by a file"))
    assert ("rolled_back", "verdict") == (row["state"], row["cause"]), shop.story(row["number"])
    assert "requests failed on the candidate, 0 of " in row["sentence"]


def test_what_turns_slow_after_promotion_goes_back(shop: Site) -> None:
    """In the bake nothing is left to compare with: the limit of a quantile judges, and names itself."""
    limit = ("latency: {p90: {at_most: 100ms}}",)
    text = manifest(shop, limit, "/report slow 1", "all_at_once", production="bake: 1m")
    number = shop.order(shop.commit(text, "slow later"))
    assert "baking" == shop.wait(number, until=("baking", "rolled_back"))["state"], shop.story(number)
    reports = shop.load(80, (Ask("GET", "/report"),))
    row = shop.wait(number, until=("rolled_back", "released"))
    reports.stop()
    assert ("rolled_back", "verdict") == (row["state"], row["cause"]), shop.story(number)
    assert "by the limit of 100 ms at p90" in row["sentence"]


class Clients:
    """Clients that ask for one page again and again, each from an address of its own."""

    def __init__(self, site: Site, addresses: list[str], rps: float, path: str) -> None:
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=self._ask, args=(site.port, address, len(addresses) / rps, path), daemon=True)
            for address in addresses
        ]
        for thread in self._threads:
            thread.start()

    def _ask(self, port: int, address: str, every_s: float, path: str) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5, source_address=(address, 0))
        while not self._over.wait(every_s):
            with suppress(OSError, http.client.HTTPException):
                connection.request("GET", path)
                connection.getresponse().read()

    def stop(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()


ONCE_PER_CLIENT = "{at_most: 50%, against_stable: 1.5x + 0.05pp, promote_at: 2x + 1pp, once_per: client}"


def test_a_client_that_loops_on_both_versions_speaks_against_neither(shop: Site) -> None:
    """However small the candidate's share is, and however often one client tries again: each second it has failed once."""
    rollout = "{is: canary, increments: [5% for 12s], min_ready: 200ms}"
    text = manifest(shop, (), "/e error 0", rollout, errors=ONCE_PER_CLIENT, hold="1s")
    looping = Clients(shop, ["127.0.0.9"], 40, "/loop")
    row = shop.release(shop.commit(text.replace("roll_back", "promote"), "loops as before"))
    looping.stop()
    assert "released" == row["state"], shop.story(row["number"])


def test_many_clients_that_fail_are_many(shop: Site) -> None:
    """As many errors, of clients at forty addresses and on the candidate alone, send it back."""
    text = manifest(shop, (), "/many error 1", errors=ONCE_PER_CLIENT)
    many = Clients(shop, [f"127.0.0.{n}" for n in range(20, 60)], 40, "/many")
    row = shop.release(shop.commit(text, "fails for many"))
    many.stop()
    assert ("rolled_back", "verdict") == (row["state"], row["cause"]), shop.story(row["number"])
