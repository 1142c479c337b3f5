"""A service that misbehaves when told to: `python -m penstock.testing.app --port N`. Standard library only.

Paths
    /                 200, as any path that is not named here
    /health           the health contract, with version, timestamp, uptime and checks
    /slow?ms=300      answers after that time
    /error            500;  /error?status=418  another one
    /hang             never answers
    /cut              promises more bytes than it sends, and closes
    /close            closes without an answer
    /exit?code=3      ends the process at once
    /echo             answers what was posted
    /events?count=5&ms=100   server-sent events, chunked
    /environment?name=DATA   what this process sees of its environment

Environment
    APP_FAULTS        "/items error 0.2; /cart hang 0.05": on that path, that share of requests
                      (kinds: error, hang, cut, close, exit, slow); a path of * stands for all but /health
    APP_UNHEALTHY     /health answers 503 when this is set, or while $DATA holds a file `unhealthy` or
                      `unhealthy-VERSION`
    APP_VERSION       what X-Revision and /health say; else PENSTOCK_REVISION_VERSION, else PENSTOCK_REVISION
    APP_SLOW_MS       how long a slow answer takes (300)
    APP_START_S       listens only after that time
    APP_EXIT_AFTER_S  ends with code 1 after that time
    APP_SPIN          a thread that only burns processor time, when this is set
    APP_SAYS          a line for the log at the start, and with every fault
    APP_DRAIN_S       how long SIGTERM waits for what is in flight (10)
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

BODY_MAX_BYTES = 1 << 20
HANG_S = 3600.0
LAST_CALL_S = 0.2
FAULTS = ("error", "hang", "cut", "close", "exit", "slow")


class Hangup(Exception):
    """This connection is over."""


@dataclass
class Fault:
    """A share of a path's requests that goes wrong: of the first n, exactly floor(n x share)."""

    path: str
    kind: str
    share: float
    seen: int = 0

    def strikes(self, path: str) -> bool:
        """Whether it strikes this request."""
        if self.path not in (path, "*") or path == "/health":
            return False
        self.seen += 1
        return int(self.seen * self.share + 1e-9) > int((self.seen - 1) * self.share + 1e-9)


def faults(text: str) -> list[Fault]:
    """Read APP_FAULTS; ValueError when it makes no sense."""
    found = []
    for entry in filter(None, (part.strip() for part in text.split(";"))):
        path, kind, share = entry.split()
        if kind not in FAULTS or not 0 <= float(share) <= 1:
            raise ValueError(f"APP_FAULTS: `{entry}` is not a path, one of {', '.join(FAULTS)}, and a share up to 1")
        found.append(Fault(path, kind, float(share)))
    return found


@dataclass(frozen=True)
class Request:
    """One whole request."""

    method: str
    path: str
    query: dict[str, str]
    body: bytes
    keeps_alive: bool


class App:
    """Answers requests on streams, well or badly, as its environment says."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._env = environment
        self._faults = faults(environment.get("APP_FAULTS", ""))
        self.version = version(environment)
        self._began = time.monotonic()
        self._busy: dict[asyncio.Task[None], bool] = {}
        self._is_stopping = False

    async def serve(self, port: int) -> None:
        """On 127.0.0.1 until SIGTERM; then finish what is in flight and return."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        self._say(self._env.get("APP_SAYS", ""))
        if self._env.get("APP_SPIN"):
            threading.Thread(target=_spin, daemon=True).start()
        if after := self._env.get("APP_EXIT_AFTER_S"):
            loop.call_later(float(after), os._exit, 1)
        with suppress(TimeoutError):  # the time to start may be cut short by SIGTERM
            await asyncio.wait_for(stop.wait(), float(self._env.get("APP_START_S", "0")))
        if stop.is_set():
            return
        server = await asyncio.start_server(self._connected, "127.0.0.1", port, backlog=512)
        self._say(f"version {self.version} listens on 127.0.0.1:{port}")
        await stop.wait()
        server.close()
        await self._drain()

    async def _drain(self) -> None:
        self._is_stopping = True
        await asyncio.sleep(LAST_CALL_S)  # a request that is already on its way still gets its answer
        for task, is_busy in list(self._busy.items()):
            if not is_busy:
                task.cancel()
        if self._busy:
            await asyncio.wait(self._busy, timeout=float(self._env.get("APP_DRAIN_S", "10")))
        self._say(f"version {self.version} stopped, {len(self._busy)} in flight were cut")

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._busy[task] = False
        try:
            while request := await _read(reader):
                self._busy[task] = True
                await self._answer(request, writer)
                self._busy[task] = False
                if self._is_stopping or not request.keeps_alive:
                    return
        except (Hangup, asyncio.CancelledError, OSError, EOFError, ValueError, asyncio.LimitOverrunError):
            return  # the connection is over, whoever ended it
        finally:
            self._busy.pop(task, None)
            writer.close()

    async def _answer(self, request: Request, writer: asyncio.StreamWriter) -> None:
        kind = next((fault.kind for fault in self._faults if fault.strikes(request.path)), "")
        if kind:
            self._say(self._env.get("APP_SAYS", ""))
        name = kind or request.path.strip("/")
        act = getattr(self, f"_{name}", None) if name in PATHS else None
        await (act or self._plain)(request, writer)

    async def _plain(self, request: Request, writer: asyncio.StreamWriter) -> None:
        await self._send(writer, 200, {"path": request.path, "version": self.version, "pid": os.getpid()})

    async def _health(self, _: Request, writer: asyncio.StreamWriter) -> None:
        data = Path(self._env.get("DATA", "."))
        marks = (data / "unhealthy", data / f"unhealthy-{self.version}")
        state = "unhealthy" if self._env.get("APP_UNHEALTHY") or any(m.exists() for m in marks) else "healthy"
        health = {
            "status": state,
            "version": self.version,
            "timestamp": datetime.now(UTC).isoformat(timespec="seconds"),
            "uptime_s": round(time.monotonic() - self._began, 1),
            "checks": {"itself": state},
        }
        await self._send(writer, 200 if state == "healthy" else 503, health)

    async def _slow(self, request: Request, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(float(request.query.get("ms") or self._env.get("APP_SLOW_MS", "300")) / 1000)
        await self._plain(request, writer)

    async def _error(self, request: Request, writer: asyncio.StreamWriter) -> None:
        await self._send(writer, int(request.query.get("status", "500")), {"error": "as asked"})

    async def _hang(self, _: Request, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(HANG_S)

    async def _cut(self, _: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(self._head(200, {"Content-Length": "1000"}) + b'{"half": ')
        await writer.drain()
        raise Hangup

    async def _close(self, _: Request, writer: asyncio.StreamWriter) -> None:
        raise Hangup

    async def _exit(self, request: Request, _: asyncio.StreamWriter) -> None:
        os._exit(int(request.query.get("code", "3")))

    async def _echo(self, request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(self._head(200, {"Content-Length": str(len(request.body))}) + request.body)
        await writer.drain()

    async def _events(self, request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(self._head(200, {"Content-Type": "text/event-stream", "Transfer-Encoding": "chunked"}))
        for number in range(min(int(request.query.get("count", "5")), 10_000)):
            event = f"id: {number}\ndata: {self.version}\n\n".encode()
            writer.write(b"%x\r\n%s\r\n" % (len(event), event))
            await writer.drain()
            await asyncio.sleep(float(request.query.get("ms", "100")) / 1000)
        writer.write(b"0\r\n\r\n")
        await writer.drain()

    async def _environment(self, request: Request, writer: asyncio.StreamWriter) -> None:
        name = request.query.get("name", "")
        await self._send(writer, 200, {"names": sorted(self._env), "value": self._env.get(name)})

    async def _send(self, writer: asyncio.StreamWriter, status: int, value: object) -> None:
        body = json.dumps(value).encode()
        headers = {"Content-Type": "application/json", "Content-Length": str(len(body))}
        writer.write(self._head(status, headers) + body)
        await writer.drain()

    def _head(self, status: int, headers: dict[str, str]) -> bytes:
        closing = {"Connection": "close"} if self._is_stopping else {}
        named = {"X-Revision": self.version, **headers, **closing}
        return "\r\n".join([f"HTTP/1.1 {status} .", *(f"{n}: {v}" for n, v in named.items()), "", ""]).encode()

    def _say(self, line: str) -> None:
        if line:
            print(line, flush=True)


PATHS = ("health", "slow", "error", "hang", "cut", "close", "exit", "echo", "events", "environment")


def _spin() -> None:
    """Burn processor time, and let the others have their turn."""
    while True:
        sum(range(1000))


def version(environment: Mapping[str, str]) -> str:
    """The name that this process goes by."""
    names = ("APP_VERSION", "PENSTOCK_REVISION_VERSION", "PENSTOCK_REVISION")
    return next((environment[name] for name in names if environment.get(name)), "unreleased")


async def _read(reader: asyncio.StreamReader) -> Request | None:
    """The next request; None when the client is done."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")[:-2]
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    length = int(headers.get("content-length", "0"))
    if "transfer-encoding" in headers or not 0 <= length <= BODY_MAX_BYTES:
        raise Hangup
    body = await reader.readexactly(length)
    url = urlsplit(target)
    query = dict(parse_qsl(url.query))
    return Request(method, url.path, query, body, "close" not in headers.get("connection", "").lower())


if __name__ == "__main__":
    words = argparse.ArgumentParser("penstock.testing.app", description=(__doc__ or "").split("\n")[0])
    words.add_argument("--port", type=int, required=True)
    asyncio.run(App(dict(os.environ)).serve(words.parse_args().port))
