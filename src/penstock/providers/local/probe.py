"""Asking instances how they are, over HTTP/1.1 or by a mere connection, without ever waiting for one of
them.
"""

from __future__ import annotations

import errno
import os
import selectors
import socket
import time
from dataclasses import dataclass, field

_LARGEST = 64 << 10


@dataclass
class Probe:
    """One question on its way. `path` None: connecting is enough."""

    port: int
    path: str | None
    deadline: float
    socket: socket.socket
    sent: bool = False
    heard: bytearray = field(default_factory=bytearray)


@dataclass(frozen=True)
class Answer:
    """What came back: a status and a body, or the trouble in words. A mere connection has status 200."""

    status: int
    body: bytes = b""
    trouble: str = ""


def ask(port: int, path: str | None, within_s: float) -> Probe:
    """Begin to ask an instance on loopback."""
    link = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    link.connect_ex(("127.0.0.1", port))
    return Probe(port, path, time.monotonic() + within_s, link)


def events(probe: Probe) -> int:
    """What to wait for next, as a mask of `selectors`."""
    return selectors.EVENT_READ if probe.sent else selectors.EVENT_WRITE


def go_on(probe: Probe) -> Answer | None:
    """Take the next step on a socket that is ready (or is not); the answer once it is there, or time is
    up.
    """
    try:
        answer = _receive(probe) if probe.sent else _connect(probe)
    except OSError as error:
        answer = Answer(0, trouble=_words(error.errno))
    if answer is None and time.monotonic() > probe.deadline:
        answer = Answer(0, trouble="no answer in time")
    if answer is not None:
        probe.socket.close()
    return answer


def _connect(probe: Probe) -> Answer | None:
    failed = probe.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if failed:
        return Answer(0, trouble=_words(failed))
    try:
        probe.socket.getpeername()
    except OSError:
        return None  # not connected yet
    if probe.path is None:
        return Answer(200)
    request = f"GET {probe.path} HTTP/1.1\r\nHost: 127.0.0.1:{probe.port}\r\nUser-Agent: penstock-keeper\r\n"
    probe.socket.send((request + "Accept: */*\r\nConnection: close\r\n\r\n").encode())
    probe.sent = True
    return None


def _receive(probe: Probe) -> Answer | None:
    try:
        data = probe.socket.recv(_LARGEST)
    except BlockingIOError:
        return None
    probe.heard += data
    return parse(bytes(probe.heard), ended=not data or len(probe.heard) >= _LARGEST)


def parse(heard: bytes, *, ended: bool) -> Answer | None:
    """An HTTP/1.1 answer; None while more must come. At most the first 64 KiB of a body are looked at."""
    head, found, body = heard.partition(b"\r\n\r\n")
    if not found:
        return Answer(0, trouble="closed without an answer") if ended else None
    first, *lines = head.decode("latin-1").split("\r\n")
    words = first.split(" ", 2)
    if len(words) < 2 or not words[0].startswith("HTTP/1.") or not words[1].isdigit():
        return Answer(0, trouble="the answer is not HTTP")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if "chunked" in headers.get("transfer-encoding", "").lower():
        whole = body.endswith(b"0\r\n\r\n")
        return Answer(int(words[1]), _dechunked(body)) if whole or ended else None
    length = headers.get("content-length", "")
    if length.isdigit() and len(body) >= int(length):
        return Answer(int(words[1]), body[: int(length)])
    return Answer(int(words[1]), body) if ended else None


def _dechunked(body: bytes) -> bytes:
    pieces = []
    while body:
        size, _, body = body.partition(b"\r\n")
        try:
            length = int(size.split(b";")[0], 16)
        except ValueError:
            break
        if length <= 0:
            break
        pieces.append(body[:length])
        body = body[length + 2 :]
    return b"".join(pieces)


def _words(number: int | None) -> str:
    if number == errno.ECONNREFUSED:
        return "connection refused"
    return os.strerror(number).lower() if number else "the connection broke"
