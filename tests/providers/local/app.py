"""A tiny service: `python app.py VERSION`, on $PORT. It hangs, cuts, fails or goes sick when asked to."""

from __future__ import annotations

import http.server
import json
import os
import sys
import time
from urllib.parse import parse_qs, urlsplit

VERSION = sys.argv[1] if len(sys.argv) > 1 else ""


class Service(http.server.BaseHTTPRequestHandler):
    """Answers; `x-version` says who."""

    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16  # head and body in one packet
    is_well = True

    def do_GET(self) -> None:
        where = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(where.query).items()}
        time.sleep(float(asked.get("wait_s", 0)))
        match where.path:
            case "/health":
                said = {"status": "healthy" if Service.is_well else "unhealthy", "version": VERSION}
                self.answer(200 if Service.is_well else 503, said)
            case "/sicken":
                Service.is_well = False
                self.answer(200, {})
            case "/env":
                self.answer(200, {"env": dict(os.environ), "argv": sys.argv, "cwd": os.getcwd()})
            case "/cut":
                self.send_response(200)
                self.send_header("content-length", "100")
                self.end_headers()
                self.wfile.write(b"x")
                self.close_connection = True
            case "/stream":
                self.send_response(200)
                self.send_header("content-type", "text/event-stream")
                self.send_header("connection", "close")
                self.end_headers()
                self.wfile.write(b"data: 1\n\n")
                self.wfile.flush()
                time.sleep(4)
            case _:
                self.answer(int(asked.get("status", 200)), {"pid": os.getpid()})

    def answer(self, status: int, data: object) -> None:
        """A whole answer."""
        body = json.dumps(data).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.send_header("x-version", VERSION)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Server(http.server.ThreadingHTTPServer):
    """Room for many at once."""

    request_queue_size = 128
    daemon_threads = True


if __name__ == "__main__":
    if "--die" in sys.argv:
        sys.exit(7)
    time.sleep(float(os.environ.get("START_AFTER_S", "0")))
    Server(("127.0.0.1", int(os.environ["PORT"])), Service).serve_forever()
