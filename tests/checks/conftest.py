"""A service that answers what it is told to, and remembers what it was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from penstock.core.finding import CheckRequest
from penstock.core.target import Reach

PREVIEW = {"x-penstock-revision": "r2"}


@dataclass
class Service:
    """Answers in turn; the last one again and again. An answer is a map, or a function of the socket."""

    url: str = ""
    answers: list[Any] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)

    def next_answer(self, asked: dict[str, Any]) -> Any:
        """Remember what was asked; what to answer."""
        self.asked.append(asked)
        return self.answers[min(len(self.asked), len(self.answers)) - 1] if self.answers else {}


def _answering(service: Service) -> type[BaseHTTPRequestHandler]:
    class Answering(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(length).decode()
            answer = service.next_answer({"method": self.command, "path": self.path, "headers": headers, "body": body})
            if callable(answer):
                self.close_connection = True
                with suppress(OSError):  # whoever asked may be gone
                    answer(self.wfile, self.connection)
                return
            text = json.dumps(answer["json"]) if "json" in answer else answer.get("body", "")
            data = text.encode() * answer.get("times", 1)
            self.send_response(answer.get("status", 200))
            for name, value in answer.get("headers", {}).items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            if self.command != "HEAD":
                with suppress(OSError):
                    self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = answer  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            del format, args

    return Answering


@pytest.fixture
def start() -> Iterator[Callable[..., Service]]:
    """Starts a service that gives these answers, on a free port of the loopback."""
    servers: list[ThreadingHTTPServer] = []

    def begin(*answers: Any) -> Service:
        service = Service(answers=list(answers))
        server = ThreadingHTTPServer(("127.0.0.1", 0), _answering(service))
        server.daemon_threads = True
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        service.url = f"http://127.0.0.1:{server.server_port}"
        return service

    yield begin
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def request_for(tmp_path: Any) -> Callable[..., CheckRequest]:
    """A check's request for a section, as a release would make it."""

    def make(section: dict[str, Any], url: str = "", **more: Any) -> CheckRequest:
        reach = Reach(url, PREVIEW) if url else None
        settings = {"folder": str(tmp_path), "reach": reach, "key": "penstock-7-smoke", **more}
        return CheckRequest("smoke", "candidate", section, **settings)

    return make
