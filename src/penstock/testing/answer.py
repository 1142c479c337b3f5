"""Reads one HTTP/1.1 answer from bytes as they arrive, and knows exactly when it is whole. Pure."""

from __future__ import annotations

HEAD_MAX_BYTES = 65_536


class Malformed(ValueError):
    """What arrived is not HTTP/1.1."""


class Answer:
    """The answer to one request: feed it until it is whole.

    `whole` is true once the last byte has arrived, as its Content-Length or its last chunk tells. An answer
    with neither ends with its connection: `until_close`. `began` is true once any byte has arrived.
    `has_body` is false for the answer to HEAD.
    """

    def __init__(self, has_body: bool = True) -> None:
        self._has_body = has_body
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = bytearray()
        self.whole = False
        self.until_close = False
        self._head = bytearray()
        self._chunks: _Chunks | None = None
        self._missing = 0

    @property
    def began(self) -> bool:
        return self.status != 0 or bool(self._head)

    @property
    def keeps_alive(self) -> bool:
        """Whether the next request may use the same connection."""
        return not self.until_close and "close" not in self.headers.get("connection", "").lower()

    def feed(self, data: bytes) -> None:
        """Take bytes in; Malformed when they make no sense, or go on after the end."""
        if self.whole:
            raise Malformed("bytes after the end of the answer")
        if self.status:
            self._take_body(data)
        else:
            self._take_head(data)

    def _take_head(self, data: bytes) -> None:
        self._head += data
        end = self._head.find(b"\r\n\r\n")
        if end < 0:
            if len(self._head) > HEAD_MAX_BYTES:
                raise Malformed("the head is too large")
            return
        rest = bytes(self._head[end + 4 :])
        first, *lines = self._head[:end].decode("latin-1").split("\r\n")
        self._head.clear()
        status = _status(first)
        if 100 <= status < 200:  # an interim answer: the real one follows
            if rest:
                self._take_head(rest)
            return
        self.status = status
        self.headers = {
            name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
        }
        self._expect_body()
        if rest:
            self.feed(rest)

    def _expect_body(self) -> None:
        if not self._has_body or self.status in (204, 304):
            self.whole = True
        elif "chunked" in self.headers.get("transfer-encoding", "").lower():
            self._chunks = _Chunks()
        elif (length := self.headers.get("content-length")) is None:
            self.until_close = True
        elif not length.isdecimal():
            raise Malformed("the Content-Length is not a number")
        else:
            self._missing = int(length)
            self.whole = self._missing == 0

    def _take_body(self, data: bytes) -> None:
        if self._chunks is not None:
            self.body += self._chunks.feed(data)
            self.whole = self._chunks.ended
        elif self.until_close:
            self.body += data
        elif len(data) > self._missing:
            raise Malformed("the body is longer than its Content-Length")
        else:
            self.body += data
            self._missing -= len(data)
            self.whole = self._missing == 0


class _Chunks:
    """A chunked body (RFC 9112 §7.1); trailers are read and dropped."""

    def __init__(self) -> None:
        self.ended = False
        self._buffer = bytearray()
        self._last_seen = False

    def feed(self, data: bytes) -> bytes:
        """The payload of every chunk that is whole by now."""
        self._buffer += data
        payload = bytearray()
        while (chunk := self._take()) is not None:
            payload += chunk
        if self.ended and self._buffer:
            raise Malformed("bytes after the end of the answer")
        return bytes(payload)

    def _take(self) -> bytes | None:
        end = self._buffer.find(b"\r\n")
        if end < 0 or self.ended:
            return None
        if self._last_seen:
            del self._buffer[: end + 2]
            self.ended = end == 0
            return b""
        size = _chunk_size(bytes(self._buffer[:end]))
        if size == 0:
            self._last_seen = True
            del self._buffer[: end + 2]
            return b""
        if len(self._buffer) < end + 2 + size + 2:
            return None
        chunk = bytes(self._buffer[end + 2 : end + 2 + size])
        del self._buffer[: end + 2 + size + 2]
        return chunk


def _status(first: str) -> int:
    words = first.split(" ", 2)
    if len(words) < 2 or words[0] != "HTTP/1.1" or not words[1].isdecimal():
        raise Malformed(f"this is not a status line: {first[:80]!r}")
    return int(words[1])


def _chunk_size(line: bytes) -> int:
    try:
        return int(line.split(b";", 1)[0], 16)
    except ValueError as error:
        raise Malformed("the size of a chunk is not a number") from error
