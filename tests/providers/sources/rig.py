"""A shop whose processes are scraped, the real Prometheus that scrapes it, and a gateway that can spoil its answers."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from penstock.manifest.metrics import MetricsSource
from penstock.ports import Metrics
from tests.site import free_port

SCRAPE_S = 0.2
WIDE_MS = 62_000  # of a Prometheus that is "wide": what is asked of a longer time is too much
EDGES_S = (0.005, 0.1, 1.0)
Answer = tuple[int, dict[str, str], bytes]


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # whoever asked has gone


@contextmanager
def served(answer: Callable[[str, dict[str, str]], Answer]) -> Iterator[str]:
    """A server on the loopback; yields its URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.0"

        def do_GET(self) -> None:
            status, headers, body = answer(self.path, dict(self.headers))
            if not status:
                return  # the connection is shut without a word
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = _Quiet(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


class Process:
    """One process of the shop: what it counted since it started."""

    def __init__(self, revision: str) -> None:
        self.revision = revision
        self.is_there = True
        self.scraped = 0
        self._alone = threading.Lock()
        self.restart()

    def restart(self) -> None:
        """Count from zero."""
        with self._alone:
            self._codes: dict[str, int] = {}
            self._buckets = [0] * (len(EDGES_S) + 1)
            self._orders = 0

    def answer(self, requests: int, errors: int, took_s: float = 0.05, orders: int = 0) -> None:
        """Answer so many requests, all at once."""
        with self._alone:
            for code, count in (("200", requests - errors), ("500", errors)):
                self._codes[code] = self._codes.get(code, 0) + count
            self._buckets[sum(took_s > edge for edge in EDGES_S)] += requests
            self._orders += orders

    def exposed(self) -> bytes:
        """What it tells Prometheus."""
        with self._alone:
            self.scraped += 1
            of = f'app="shop",revision="{self.revision}"'
            lines = [f'http_requests_total{{{of},code="200"}} {self._codes.get("200", 0)}']
            if "500" in self._codes:  # as client libraries do: a series is there once it has counted something
                lines.append(f'http_requests_total{{{of},code="500"}} {self._codes["500"]}')
            for n, edge in enumerate([*EDGES_S, "+Inf"]):
                name = f'http_request_duration_seconds_bucket{{{of},le="{edge}"}}'
                lines.append(f"{name} {sum(self._buckets[: n + 1])}")
            lines += [f"orders_total{{{of}}} {self._orders}", f"memory_bytes{{{of}}} {100 + len(self.revision)}"]
        return "\n".join(lines).encode() + b"\n"


class Shop:
    """Processes by instance name, each scraped at a path of its own."""

    def __init__(self) -> None:
        self.processes = {"a": Process("old"), "b": Process("new"), "c": Process("new")}
        self.processes["c"].is_there = False

    def answer(self, path: str, _: dict[str, str]) -> Answer:
        process = self.processes[path.strip("/")]
        return (200, {"Content-Type": "text/plain"}, process.exposed()) if process.is_there else (503, {}, b"")


class Prometheus:
    """The real server, on a free port of the loopback."""

    def __init__(self, folder: Path, shop_url: str, instances: list[str]) -> None:
        if not shutil.which("prometheus"):
            pytest.skip("no prometheus: tests with a real Prometheus are skipped")
        self.port = free_port()
        self._folder = folder
        host = shop_url.removeprefix("http://")
        jobs = [{"targets": [host], "labels": {"__metrics_path__": f"/{name}", "instance": name}} for name in instances]
        every = {"scrape_interval": f"{SCRAPE_S * 1000:.0f}ms", "scrape_timeout": f"{SCRAPE_S * 1000:.0f}ms"}
        config = {"global": every, "scrape_configs": [{"job_name": "shop", "static_configs": jobs}]}
        (folder / "prometheus.yml").write_text(json.dumps(config))
        self.start()

    def start(self) -> None:
        words = ["prometheus", f"--config.file={self._folder / 'prometheus.yml'}", "--log.level=error",
                 f"--storage.tsdb.path={self._folder / 'data'}", f"--web.listen-address=127.0.0.1:{self.port}"]  # fmt: skip
        self._process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self._folder)
        for _ in range(400):
            with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{self.port}/-/ready", timeout=1):
                return
            assert self._process.poll() is None, "prometheus ended"
            time.sleep(0.02)
        raise AssertionError("prometheus is not ready")

    def kill(self) -> None:
        """`kill -9`."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(20)

    def stop(self) -> None:
        if self._process.poll() is None:
            self.kill()


def ask(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return bytes(answer.read())


class Spoiler:
    """Stands before a source: hands its answers on, or spoils them in the way that `how` names."""

    def __init__(self, honest: Callable[[str], bytes], spoil: Callable[[Any, str], Any]) -> None:
        self.how = ""
        self.headers: dict[str, str] = {}
        self.asked = 0
        self.paths: list[str] = []
        self._honest, self._spoil = honest, spoil

    def answer(self, path: str, headers: dict[str, str]) -> Answer:
        self.headers, self.asked = headers, self.asked + 1
        self.paths.append(path)
        if self.how == "down":
            return 0, {}, b""
        if self.how == "error":
            return 500, {}, b"no room left"
        if self.how == "redirect":
            return 302, {"Location": "http://127.0.0.1:9/elsewhere"}, b""
        if self.how == "echo":
            return 401, {}, f"not for {headers.get('Authorization')}".encode()
        if self.how == "slow":
            time.sleep(1.5)
        if self.how == "html":
            return 200, {}, b"<html>please log in</html>"
        span = re.search(r"(\d+)ms%5D", path)
        if self.how == "endless" or (self.how == "wide" and span and int(span[1]) > WIDE_MS):
            return 200, {}, b'{"status": "' + b"x" * (2 << 20)
        body = self._honest(path)
        if self.how in ("", "slow", "wide"):
            return 200, {}, body
        return 200, {}, json.dumps(self._spoil(json.loads(body), self.how)).encode()


WIRE = ("error", "redirect", "slow", "html", "endless")  # what may go wrong with any answer over HTTP


def spoil_samples(data: Any, how: str) -> Any:
    """A Prometheus that answers a range with nonsense."""
    body = data["data"]
    if body["resultType"] != "matrix":
        return data
    for row in body["result"]:
        at, last = row["values"][-1], row["values"]
        values = {
            "nan": [*last[:-1], [at[0], "NaN"]],
            "infinite": [*last[:-1], [at[0], "+Inf"]],
            "negative": [*last[:-1], [at[0], "-1"]],
            "huge": [*last[:-1], [at[0], "1e300"]],
            "half": [*last[:-1], [at[0], "1.5"]],
            "no number": [*last[:-1], [at[0], "many"]],
            "no text": [*last[:-1], [at[0], 7]],
            "twice a moment": [*last, last[-1]],
            "backwards": last[::-1] if len(last) > 1 else [*last, last[-1]],
            "future": [*last, [at[0] + 1000, at[1]]],
            "no values": 7,
        }
        row["values"] = values.get(how, last)
        if how == "native":
            row["histograms"] = row.pop("values")
        if how == "nobody's":
            row["metric"].pop("revision", None)
    if how == "twice a series":
        body["result"] *= 2
    if how == "empty":
        body["result"] = []
    return {**data, "warnings": ["a store is down"]} if how == "warning" else data


SAMPLES = (
    *("nan", "infinite", "negative", "huge", "half", "no number", "no text", "twice a moment", "backwards", "future"),
    *("no values", "native", "nobody's", "twice a series", "empty", "warning"),
)


@dataclass(frozen=True)
class Town:
    """A shop, the Prometheus that scrapes it, and the spoiler at `url` through which it is asked."""

    shop: Shop
    server: Prometheus
    spoiler: Spoiler
    url: str

    def section(self, **more: Any) -> MetricsSource:
        """The section of the manifest, with short steps."""
        return MetricsSource.model_validate({
            "is": "prometheus", "url": self.url, "step": 0.4, "lag": 0.3, "within": 1.0,
            "requests": 'http_requests_total{app="shop"}', "errors": 'http_requests_total{app="shop",code=~"5.."}',
            "latency": "http_request_duration_seconds_bucket", **more,
        })  # fmt: skip

    def wait_for_scrapes(self, metrics: Metrics, *names: str) -> None:
        """Two scrapes of each process from now on are closed: the first may have begun before."""
        processes = [self.shop.processes[name] for name in names or ("a", "b")]
        before = [process.scraped for process in processes]
        wait(lambda: all(one.scraped >= old + 2 for one, old in zip(processes, before, strict=True)))
        scraped = time.time() * 1000
        wait(lambda: int(metrics.position()) > scraped)


@contextmanager
def town(folder: Path) -> Iterator[Town]:
    """All of it, on the loopback."""
    shop = Shop()
    with served(shop.answer) as shop_url:
        server = Prometheus(folder, shop_url, list(shop.processes))
        spoiler = Spoiler(lambda path: ask(f"http://127.0.0.1:{server.port}{path}"), spoil_samples)
        try:
            with served(spoiler.answer) as url:
                yield Town(shop, server, spoiler, url)
        finally:
            server.stop()


class Ledger:
    """What a team's own source knows: seconds of its own clock, that are made by `serve` alone."""

    def __init__(self) -> None:
        self.now = float(int(time.time()) - 20)
        self.began = self.now
        self.readings: list[dict[str, Any]] = []

    def serve(self, counts: dict[str, tuple[int, int]]) -> dict[str, Any]:
        """One second goes by; its answer alone."""
        new = [
            {"at": self.now, "revision": arm, "requests": requests, "errors": errors, "latency_us": [[5e3, requests]]}
            for arm, (requests, errors) in counts.items()
        ]
        self.readings += new
        self.now += 1
        return {"from": self.now - 1, "to": self.now, "readings": new}

    def since(self, since: float | None) -> dict[str, Any]:
        """What came since; without a moment all there is."""
        begin = self.began if since is None else min(since, self.now)
        return {"from": begin, "to": self.now, "readings": [one for one in self.readings if one["at"] >= begin]}


def spoil_told(data: Any, how: str) -> Any:
    """A team's own source that answers nonsense."""
    if not data["readings"]:
        return data
    one = data["readings"][0]
    later = {**one, "at": one["at"] + 500}
    spoilt: dict[str, Any] = {
        "nan": {"readings": [{**one, "requests": float("nan")}]},
        "negative": {"readings": [{**one, "errors": -1}]},
        "huge": {"readings": [{**one, "requests": 10**300}]},
        "half": {"readings": [{**one, "requests": 1.5}]},
        "text": {"readings": [{**one, "requests": "12"}]},
        "true": {"readings": [{**one, "requests": True}]},
        "too many errors": {"readings": [{**one, "errors": one["requests"] + 1}]},
        "twice": {"readings": [one, one]},
        "out of order": {"readings": [*data["readings"], {**one, "revision": "other", "at": one["at"] - 0.001}]},
        "steps that overlap": {
            "readings": [one, {**one, "revision": "other", "at": one["at"] + 0.5}],
            "to": data["to"] + 1,
        },
        "not of this time": {"readings": [later]},
        "future": {"to": data["to"] + 1000},
        "an unknown key": {"more": 1},
        "a reading with an unknown key": {"readings": [{**one, "requets": 1}]},
        "edges that fall": {"readings": [{**one, "latency_us": [[5, 1], [4, 1]]}]},
        "edges of no number": {"readings": [{**one, "latency_us": [["many", 1]]}]},
        "nobody's": {"readings": [{**one, "revision": ""}]},
    }
    return {**data, **spoilt[how]}


TOLD = (
    *("nan", "negative", "huge", "half", "text", "true", "too many errors", "twice", "out of order"),
    *(
        "steps that overlap",
        "not of this time",
        "future",
        "an unknown key",
        "a reading with an unknown key",
        "edges that fall",
    ),
    *("edges of no number", "nobody's"),
)


def wait(until: Callable[[], bool], seconds: float = 15.0) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < end, "it is not so"
        time.sleep(0.03)
