"""The shop itself: its three revisions as real processes."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from penstock.demo.repository import create
from penstock.shell import Process, alive, end, reap, run, spawn
from penstock.testing.load import Ask, Load

WAIT_S = 20.0
MIX = tuple(
    Ask.read(line)
    for line in (
        "4 GET /products/{1-34}",
        "2 GET /products",
        '2 POST /orders {"product": {1-40}, "quantity": {1-3}}',
        "1 GET /orders/{1-20}",
        "1 GET /search?q=te",
        "1 GET /health",
    )
)


class Instance:
    """One running copy of a revision."""

    def __init__(self, process: Process, port: int) -> None:
        self.process = process
        self.port = port
        self.url = f"http://127.0.0.1:{port}"

    def ask(self, path: str, body: object = None) -> tuple[int, Any]:
        data = None if body is None else json.dumps(body).encode()
        try:
            with urllib.request.urlopen(f"{self.url}{path}", data, timeout=10) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def wait_until_listening(self) -> None:
        deadline = time.monotonic() + WAIT_S
        while alive(self.process) and time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise AssertionError("the shop does not listen")

    def exit_code(self) -> int | None:
        deadline = time.monotonic() + WAIT_S
        while alive(self.process) and time.monotonic() < deadline:
            time.sleep(0.02)
        return reap(self.process.pid)


Start = Callable[[str], Instance]


@pytest.fixture(scope="session")
def revisions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files of each revision, by its tag."""
    folder = tmp_path_factory.mktemp("shop")
    create(folder / "repository", sys.executable)
    for tag in ("v1", "v2", "v3"):
        assert run(("git", "worktree", "add", str(folder / tag), tag), cwd=folder / "repository").ok
    return folder


@pytest.fixture
def start(revisions: Path, tmp_path: Path) -> Iterator[Start]:
    """Starts an instance of a revision, all on the same data; it is killed at the end."""
    instances: list[Instance] = []

    def begin(tag: str) -> Instance:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        env = {"PATH": os.environ["PATH"], "DATA": str(tmp_path), "PENSTOCK_REVISION": tag}
        argv = (sys.executable, "-B", "shop.py", "--port", str(port))
        process = spawn(argv, tmp_path / f"{port}.log", cwd=revisions / tag, env=env)
        instances.append(Instance(process, port))
        return instances[-1]

    yield begin
    for instance in instances:
        end(instance.process, signal.SIGKILL)
        instance.exit_code()


@pytest.mark.parametrize("tag", ["v1", "v2", "v3"])
def test_its_own_tests_pass(revisions: Path, tag: str) -> None:
    """Each revision's tests pass: the bug of v3 is one that its tests do not see."""
    done = run((sys.executable, "-B", "-m", "unittest"), cwd=revisions / tag)

    assert (0, "OK") == (done.code, done.err.strip().splitlines()[-1])


@pytest.mark.parametrize("tag", ["v1", "v2", "v3"])
def test_health_is_green_and_named(start: Start, tag: str) -> None:
    """Every revision, the bad one too, is healthy and says its name."""
    shop = start(tag)
    shop.wait_until_listening()

    status, health = shop.ask("/health")

    assert (200, "healthy", tag) == (status, health["status"], health["version"])
    assert {"status", "version", "timestamp", "uptime_s", "checks"} == set(health)


@pytest.mark.parametrize(("tag", "failing"), [("v1", set()), ("v2", set()), ("v3", set(range(35, 41)))])
def test_only_v3_fails_and_as_designed(start: Start, tag: str, failing: set[int]) -> None:
    """v3 answers 500 for the six products without votes (15 % of the pages), and for nothing else."""
    shop = start(tag)
    shop.wait_until_listening()

    pages = {number: shop.ask(f"/products/{number}")[0] for number in range(1, 41)}

    assert failing == {number for number, status in pages.items() if status == 500}
    assert set(range(1, 41)) - failing == {number for number, status in pages.items() if status == 200}
    assert 200 == shop.ask("/health")[0]


@pytest.mark.parametrize("tag", ["v1", "v2", "v3"])
def test_all_else_is_well_under_load(start: Start, tag: str) -> None:
    """Under load every other endpoint answers every request, in the name of its revision."""
    shop = start(tag)
    shop.wait_until_listening()
    running = Load(shop.url, 300, MIX).start()
    time.sleep(1)

    summary = running.stop()

    assert {tag: {"ok": summary.requests}} == summary.by_version


def test_the_smoke_of_the_manifest(start: Start) -> None:
    """An order that was placed at one revision can be read at another, while both run on the same data."""
    old, new = start("v1"), start("v2")
    old.wait_until_listening()
    new.wait_until_listening()

    status, order = old.ask("/orders", {"product": 7, "quantity": 2})

    assert (201, 2) == (status, order["quantity"])
    assert (200, order) == new.ask(f"/orders/{order['id']}")


def test_v2_shows_more(start: Start) -> None:
    """v2 names the currency, searches descriptions and lists what sells best."""
    old, new = start("v1"), start("v2")
    old.wait_until_listening()
    new.wait_until_listening()

    assert (404, 200) == (old.ask("/bestsellers")[0], new.ask("/bestsellers")[0])
    assert ([], ["Earl Grey"]) == tuple(
        [item["name"] for item in shop.ask("/search?q=bergamot")[1]["items"]] for shop in (old, new)
    )
    assert ("absent", "EUR") == tuple(shop.ask("/products/1")[1].get("currency", "absent") for shop in (old, new))


def test_many_may_start_at_once(start: Start) -> None:
    """Instances that start at the same moment on data that is not there yet all come up healthy."""
    shops = [start("v1") for _ in range(6)]
    for shop in shops:
        shop.wait_until_listening()

    assert [200] * 6 == [shop.ask("/health")[0] for shop in shops]


@pytest.mark.parametrize(
    "body", [[], {"product": "7"}, {"product": 10**30}, {"product": 7, "quantity": 0}, {"product": None}, "x"]
)
def test_a_bad_order_is_refused(start: Start, body: object) -> None:
    """What is no order is the client's mistake, never a 500."""
    shop = start("v1")
    shop.wait_until_listening()

    assert 400 == shop.ask("/orders", body)[0]


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /products/1 HTTP/1.0\r\n\r\n", 400),
        (b"nonsense\r\n\r\n", 400),
        (b"POST /orders HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400),
        (b"POST /orders HTTP/1.1\r\nContent-Length: 9999999\r\n\r\n", 413),
        (b"POST /orders HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 411),
        (b"GET /products/" + b"9" * 9000 + b" HTTP/1.1\r\n\r\n", 400),
        (b"GET /" + b"x" * 20_000, 431),
    ],
)
def test_what_is_not_understood_is_refused(start: Start, request_: bytes, status: int) -> None:
    """A request that makes no sense gets a 4xx."""
    shop = start("v1")
    shop.wait_until_listening()
    with socket.create_connection(("127.0.0.1", shop.port), timeout=10) as client:
        client.sendall(request_)

        assert b"HTTP/1.1 %d " % status == client.recv(65536)[:13]


def test_sigterm_answers_what_has_begun_to_arrive(start: Start) -> None:
    """A request that is half there at SIGTERM is answered; idle connections are closed; it exits 0."""
    shop = start("v1")
    shop.wait_until_listening()
    address = ("127.0.0.1", shop.port)
    with (
        socket.create_connection(address, timeout=10) as idle,
        socket.create_connection(address, timeout=10) as busy,
    ):
        busy.sendall(b"GET /products/1 HTTP/1.1\r\nHo")
        time.sleep(0.1)
        end(shop.process)
        closed = idle.recv(1)
        busy.sendall(b"st: x\r\n\r\n")
        answer = busy.recv(65536)

    assert b"" == closed
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert b"Connection: close" in answer
    assert 0 == shop.exit_code()
