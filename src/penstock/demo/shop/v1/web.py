"""A small HTTP/1.1 server on asyncio: keep-alive, JSON answers, a graceful stop. Standard library only."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

HEAD_MAX_BYTES = 16_384
BODY_MAX_BYTES = 65_536
LAST_CALL_S = 0.2  # after SIGTERM, a request that is already on its way still gets its answer
STOP_WITHIN_S = 10.0

Answer = tuple[int, Any]  # a status, and what becomes the JSON body


class Refused(Exception):
    """The request cannot be answered as asked: a 4xx status and a sentence."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


@dataclass(frozen=True)
class Request:
    """One whole request. `parts` are the named segments of its path."""

    method: str
    path: str
    query: dict[str, str]
    body: bytes
    parts: dict[str, str] = field(default_factory=dict)

    def json(self) -> dict[str, Any]:
        """The body as a JSON object; anything else is refused with 400."""
        try:
            value = json.loads(self.body)
        except ValueError as error:
            raise Refused(400, f"the body is not JSON: {error}") from error
        if not isinstance(value, dict):
            raise Refused(400, "the body is not a JSON object")
        return value


Endpoint = Callable[[Request], Answer]


class App:
    """Endpoints by `METHOD /path/{name}`, and the revision that every answer names in X-Revision."""

    def __init__(self, endpoints: dict[str, Endpoint], revision: str) -> None:
        self.revision = revision
        self.closing = False
        self._routes = [(_pattern(route), endpoint) for route, endpoint in endpoints.items()]

    def answer(self, request: Request) -> Answer:
        """A status and a JSON value. A bug in an endpoint is a 500, and a traceback in the log."""
        try:
            for pattern, endpoint in self._routes:
                if found := pattern.fullmatch(f"{request.method} {request.path}"):
                    parts = {name: unquote(part) for name, part in found.groupdict().items()}
                    return endpoint(Request(request.method, request.path, request.query, request.body, parts))
            return 404, {"error": f"there is no {request.method} {request.path}"}
        except Refused as refused:
            return refused.status, {"error": str(refused)}
        except Exception:
            print(
                f"ERROR {request.method} {request.path}", traceback.format_exc(), file=sys.stderr, flush=True
            )
            return 500, {"error": "internal error"}


class Connection(asyncio.Protocol):
    """One client: its requests are answered one after the other, in order."""

    def __init__(self, app: App, connections: set[Connection]) -> None:
        self._app = app
        self._connections = connections
        self._buffer = bytearray()
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._connections.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._connections.discard(self)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        try:
            while not self._transport.is_closing() and (taken := take_request(self._buffer)):
                request, keep_alive = taken
                self._send(self._app.answer(request), keep_alive and not self._app.closing)
        except Refused as refused:  # what follows on this connection cannot be understood either
            self._send((refused.status, {"error": str(refused)}), keep_alive=False)

    def close_if_idle(self) -> None:
        """Close, unless part of a request has arrived: that one is answered first."""
        if not self._buffer:
            self._transport.close()

    def _send(self, answer: Answer, keep_alive: bool) -> None:
        status, value = answer
        body = json.dumps(value).encode()
        head = [
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            f"X-Revision: {self._app.revision}",
        ]
        head += [] if keep_alive else ["Connection: close"]
        self._transport.write("\r\n".join([*head, "", ""]).encode() + body)
        if not keep_alive:
            self._transport.close()


def take_request(buffer: bytearray) -> tuple[Request, bool] | None:
    """Cut the first whole request off the buffer, with whether its connection stays; else None."""
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        if len(buffer) > HEAD_MAX_BYTES:
            raise Refused(431, "the head is too large")
        return None
    first, *lines = buffer[:end].decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    length = _length(headers)
    if len(buffer) < end + 4 + length:
        return None
    body = bytes(buffer[end + 4 : end + 4 + length])
    del buffer[: end + 4 + length]
    return _request(first, body), "close" not in headers.get("connection", "").lower()


async def serve(app: App, port: int) -> None:
    """Serve on 127.0.0.1 until SIGTERM; then finish what is in flight and return."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    connections: set[Connection] = set()
    server = await loop.create_server(lambda: Connection(app, connections), "127.0.0.1", port, backlog=512)
    print(f"revision {app.revision} listens on 127.0.0.1:{port}", flush=True)
    await stop.wait()

    server.close()
    app.closing = True
    await asyncio.sleep(LAST_CALL_S)
    for connection in list(connections):
        connection.close_if_idle()
    deadline = loop.time() + STOP_WITHIN_S
    while connections and loop.time() < deadline:
        await asyncio.sleep(0.02)
    print(f"revision {app.revision} stopped", flush=True)


def _pattern(route: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", route))


def _length(headers: dict[str, str]) -> int:
    if "transfer-encoding" in headers:
        raise Refused(411, "a body needs a Content-Length")
    text = headers.get("content-length", "0")
    if not text.isdecimal():
        raise Refused(400, "the Content-Length is not a number")
    if int(text) > BODY_MAX_BYTES:
        raise Refused(413, "the body is too large")
    return int(text)


def _request(first: str, body: bytes) -> Request:
    method, _, rest = first.partition(" ")
    target, _, protocol = rest.partition(" ")
    if protocol != "HTTP/1.1":
        raise Refused(400, "this is not HTTP/1.1")
    url = urlsplit(target)
    return Request(method, url.path, dict(parse_qsl(url.query)), body)
