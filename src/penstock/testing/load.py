"""A strict open-loop load client for HTTP/1.1 on loopback.

Requests are sent on a fixed schedule, whatever became of those before. Nothing is retried: a keep-alive
connection that was closed without a word fails the request that would have used it. Every request on the
schedule is counted once.

    running = Load("http://127.0.0.1:8080", rps=200, mix=(Ask("GET", "/products/{1-40}"),)).start()
    …
    summary = running.stop()

    python -m penstock.testing.load http://127.0.0.1:8080 --rps 200 --seconds 10 --ask "GET /products/{1-40}"
"""

from __future__ import annotations

import argparse
import asyncio
import ipaddress
import json
import random
import re
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from penstock.errors import UsageError
from penstock.testing.answer import Answer, Malformed
from penstock.testing.tally import Kind, Result, Summary, Tally

LATE_S = 0.1
_RANGE = re.compile(r"\{(\d+)-(\d+)\}")
_ASK = re.compile(r"(?:(\d+(?:\.\d+)?) )?([A-Z]+) (/\S*)(?: (.+))?", re.DOTALL)


@dataclass(frozen=True)
class Ask:
    """One kind of request, with its share of the mix. `{1-40}` in path or body becomes a number."""

    method: str
    path: str
    body: str = ""
    share: float = 1.0
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, text: str) -> Ask:
        """`3 GET /products/{1-40}`, `POST /orders {"product": 7}`: share, method, path, JSON body."""
        found = _ASK.fullmatch(text)
        if not found:
            raise UsageError("load-ask", f"`{text}` is not a request", next='write it like "3 GET /products/{1-40}"')
        return cls(found[2], found[3], found[4] or "", float(found[1] or 1))

    def filled(self, chance: random.Random) -> tuple[str, str]:
        """A path and a body with every range filled in."""

        def number(found: re.Match[str]) -> str:
            return str(chance.randint(int(found[1]), int(found[2])))

        return _RANGE.sub(number, self.path), _RANGE.sub(number, self.body)


@dataclass(frozen=True)
class Load:
    """A load to be put on one address.

    `connections` persistent connections are opened first and then used in turn; a request that finds all of
    them busy is counted as not_sent. An answer may take `timeout_s`. With `leave_after_s` the client goes
    away from a request that is not answered by then. `each` is called with every Result, on the load's own
    thread. The url must be a loopback address over http, else a UsageError. `seed` makes the order of
    requests repeatable.
    """

    url: str
    rps: float
    mix: Sequence[Ask] = (Ask("GET", "/"),)
    timeout_s: float = 10.0
    connections: int = 64
    leave_after_s: float | None = None
    seed: int = 1
    each: Callable[[Result], None] | None = None

    def __post_init__(self) -> None:
        address(self.url)
        limits = {"rps": 20_000, "connections": 4096, "timeout_s": 3600}
        for name, most in limits.items():
            if not 0 < getattr(self, name) <= most:
                raise UsageError("load", f"{name} must be more than 0 and at most {most}")
        if sum(ask.share for ask in self.mix) <= 0:
            raise UsageError("load", "the mix holds no request with a share")

    def start(self) -> Running:
        """Begin at once, on a thread of its own."""
        return Running(self)


class Running:
    """A load that runs until it is stopped."""

    def __init__(self, load: Load) -> None:
        self._tally = Tally()
        self._stop = threading.Event()
        self._began = time.monotonic()
        self._client = _Client(load, self._tally, self._stop)
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)
        self._ended: float | None = None
        self._error: BaseException | None = None
        self._thread.start()

    def snapshot(self) -> Summary:
        """What was counted so far; requests in flight are not in it yet."""
        return self._tally.summary((self._ended or time.monotonic()) - self._began)

    def stop(self) -> Summary:
        """Send no more, wait for what is in flight (at most its time-out); all that was counted."""
        self._stop.set()
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self.snapshot()

    def _run(self) -> None:
        try:
            asyncio.run(self._client.run())
        except BaseException as error:  # told to whoever calls stop()
            self._error = error
        self._ended = time.monotonic()


class _Client:
    """Sends on schedule over a pool of persistent connections."""

    def __init__(self, load: Load, tally: Tally, stop: threading.Event) -> None:
        self._load = load
        self._tally = tally
        self._stop = stop
        self._address = address(load.url)
        self._chance = random.Random(load.seed)
        self._idle: deque[_Connection] = deque()
        self._free = load.connections
        self._flying: set[asyncio.Task[None]] = set()
        self._epoch = time.time() - time.monotonic()  # read once: the schedule stays even when the wall clock is set
        self._shares = [ask.share for ask in load.mix]
        self._error: BaseException | None = None

    async def run(self) -> None:
        """Until told to stop; then until the last request in flight has ended."""
        began, sent = time.monotonic(), 0
        while not self._stop.is_set():
            due = began + sent / self._load.rps
            await asyncio.sleep(min(max(due - time.monotonic(), 0), 0.1))
            if time.monotonic() >= due:
                self._send(due)
                sent += 1
        if self._flying:
            await asyncio.wait(self._flying)
        self._tally.closed_unused = sum(connection.is_closed for connection in self._idle)
        for connection in self._idle:
            connection.leave()
        if self._error is not None:
            raise self._error

    def _send(self, due: float) -> None:
        ask = self._chance.choices(self._load.mix, self._shares)[0]
        path, body = ask.filled(self._chance)
        request = _Sent(ask, path, body, due, self._epoch + due)
        if not self._free and not self._idle:
            self._count(request, "not_sent")
            return
        # Open first, reuse after: so each of the connections is used in turn, and its idle times are long.
        connection = None if self._free else self._idle.popleft()
        self._free -= connection is None
        task = asyncio.create_task(self._fly(request, connection))
        self._flying.add(task)
        task.add_done_callback(self._landed)

    def _landed(self, task: asyncio.Task[None]) -> None:
        self._flying.discard(task)
        if not task.cancelled() and (error := task.exception()):  # a bug, here or in `each`: stop() raises it
            self._error = error
            self._stop.set()

    async def _fly(self, request: _Sent, connection: _Connection | None) -> None:
        kind: Kind = "connect"
        try:
            async with asyncio.timeout_at(asyncio.get_running_loop().time() + self._load.timeout_s):
                connection = connection or await self._open()
                kind = await self._exchange(connection, request)
        except TimeoutError:
            kind = "timeout" if connection else "connect"
        except OSError:
            pass
        self._count(request, kind, connection.answer if connection else None)
        self._give_back(connection, kind)

    async def _open(self) -> _Connection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(_Connection, *self._address)
        return connection

    async def _exchange(self, connection: _Connection, request: _Sent) -> Kind:
        ending = connection.ask(request.encoded(self._load.url), request.ask.method)
        leave_after_s = self._load.leave_after_s
        if leave_after_s is None:
            return await ending
        done, _ = await asyncio.wait((ending,), timeout=leave_after_s)
        return ending.result() if done else "left"

    def _give_back(self, connection: _Connection | None, kind: Kind) -> None:
        answer = connection.answer if connection else None
        if connection and answer and kind in ("ok", "status") and answer.keeps_alive:
            self._idle.append(connection)
            return
        self._free += 1
        if connection:
            connection.leave()

    def _count(self, request: _Sent, kind: Kind, answer: Answer | None = None) -> None:
        headers = answer.headers if answer else {}
        result = Result(
            request.ask.method,
            request.path,
            request.wall,
            kind,
            (time.monotonic() - request.due) * 1000,
            answer.status if answer else 0,
            headers.get("x-revision") or headers.get("x-version") or "",
            request.sent - request.due > LATE_S,
        )
        self._tally.add(result)
        if self._load.each:
            self._load.each(result)


class _Sent:
    """One request of the schedule. Times on the monotonic clock, `wall` since the epoch."""

    def __init__(self, ask: Ask, path: str, body: str, due: float, wall: float) -> None:
        self.ask = ask
        self.path = path
        self.due = due
        self.sent = time.monotonic()
        self.wall = wall
        self._body = body.encode()

    def encoded(self, url: str) -> bytes:
        """The bytes to send."""
        headers = {"Host": urlsplit(url).netloc, "User-Agent": "penstock-load", **self.ask.headers}
        if self._body or self.ask.method not in ("GET", "HEAD"):
            headers |= {"Content-Type": "application/json", "Content-Length": str(len(self._body))}
        lines = [
            f"{self.ask.method} {self.path} HTTP/1.1",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        return "\r\n".join([*lines, "", ""]).encode() + self._body


class _Connection(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self) -> None:
        self.answer: Answer | None = None
        self._ending: asyncio.Future[Kind] | None = None
        self._transport: asyncio.Transport | None = None

    @property
    def is_closed(self) -> bool:
        return self._transport is None or self._transport.is_closing()

    def ask(self, data: bytes, method: str) -> asyncio.Future[Kind]:
        """Send a request; the future tells how it ended."""
        self._ending = asyncio.get_running_loop().create_future()
        self.answer = Answer(has_body=method != "HEAD")
        if self._transport is None or self._transport.is_closing():
            self._end("closed")
        else:
            self._transport.write(data)
        return self._ending

    def leave(self) -> None:
        """Close at once, whatever is on its way."""
        if self._transport:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if self._ending is None or self._ending.done() or self.answer is None:
            self.leave()  # nobody asked: whoever comes next finds the connection closed
            return
        try:
            self.answer.feed(data)
        except Malformed:
            self._end("malformed")
            return
        if self.answer.whole:
            self._end(self._judged())

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        if self.answer and self.answer.until_close and error is None:
            self._end(self._judged())
        else:
            self._end("truncated" if self.answer and self.answer.began else "closed")

    def _judged(self) -> Kind:
        return "ok" if self.answer and 200 <= self.answer.status < 400 else "status"

    def _end(self, kind: Kind) -> None:
        if self._ending and not self._ending.done():
            self._ending.set_result(kind)


def address(url: str) -> tuple[str, int]:
    """Host and port of an http url on loopback; a UsageError for any other: it is somebody else's."""
    parts = urlsplit(url)
    host = "127.0.0.1" if parts.hostname == "localhost" else parts.hostname or ""
    try:
        is_ours = parts.scheme == "http" and ipaddress.ip_address(host).is_loopback
        port = parts.port or 80
    except ValueError:
        is_ours = False
    if not is_ours:
        raise UsageError(
            "load-url", "load is only put on this machine", url, next="name a url like http://127.0.0.1:8080"
        )
    return host, port


def main(words: Sequence[str] | None = None) -> int:
    """Run a load for some seconds, or until SIGTERM, and print what it came to; 1 when any failed."""
    asked = _arguments().parse_args(words)
    mix = tuple(Ask.read(text) for text in asked.ask or ["GET /"])
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    running = Load(
        asked.url, asked.rps, mix, asked.timeout_s, asked.connections, asked.leave_after_s, asked.seed
    ).start()
    stop.wait(asked.seconds)
    summary = running.stop()
    print(json.dumps(summary.as_json()) if asked.json else sentence(summary))
    return 1 if summary.failed else 0


def sentence(summary: Summary) -> str:
    """A summary in one line."""
    kinds = ", ".join(f"{count} {kind}" for kind, count in summary.kinds.items() if kind not in ("ok", "left"))
    return (
        f"{summary.requests} requests: {summary.ok} ok, {summary.failed} failed ({kinds or 'none'}), "
        f"{summary.left} left, {summary.late} late; p50 {summary.p50_ms} ms, p99 {summary.p99_ms} ms"
    )


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("penstock.testing.load", description="A strict open-loop load client.")
    parser.add_argument("url")
    parser.add_argument("--rps", type=float, default=100.0)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--ask", action="append", help='"[SHARE] METHOD /path [JSON]"; may be given again')
    parser.add_argument("--timeout-s", type=float, default=10.0)
    parser.add_argument("--leave-after-s", type=float)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
