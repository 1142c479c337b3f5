"""Synthetic requests, really sent: paced, bounded, gone in time, and never an error of the release's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from penstock.core.target import Reach
from penstock.core.traffic import AT_ONCE
from penstock.manifest.traffic import Traffic
from penstock.providers.local import routes
from penstock.sending import LATE_S, Sending


class App:
    """A service on loopback that remembers what it was asked: (moment, method, path, headers)."""

    def __init__(self, port: int = 0, takes_s: float = 0.0, status: int = 200) -> None:
        self.asked: list[tuple[float, str, str, dict[str, str]]] = []
        self.now = self.most = 0
        self.closing = threading.Event()
        lock, app = threading.Lock(), self

        class Answering(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                with lock:
                    app.asked.append((time.monotonic(), self.command, self.path, dict(self.headers)))
                    app.now += 1
                    app.most = max(app.most, app.now)
                app.closing.wait(takes_s)
                with lock:
                    app.now -= 1
                self.send_response(status)
                self.send_header("Content-Length", "2" if self.command == "GET" else "0")
                self.send_header("Set-Cookie", "session=sticky; Path=/")
                self.send_header("Location", "/elsewhere")
                self.end_headers()
                self.wfile.write(b"ok" if self.command == "GET" else b"")

            def do_HEAD(self) -> None:
                self.do_GET()

            def log_message(self, *_: object) -> None:
                """Nothing is printed."""

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def handle_error(self, *_: object) -> None:
                """A client that leaves is what is tried here."""

        self._server = Quiet(("127.0.0.1", port), Answering)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def arms(self) -> tuple[Reach, Reach]:
        at = f"http://127.0.0.1:{self.port}"
        return tuple(Reach(at, {routes.ARM_HEADER: name, routes.SYNTHETIC_HEADER: "t0ken"}) for name in ("r1", "r2"))  # type: ignore[return-value]

    def close(self) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def serve() -> Iterator[Callable[..., App]]:
    """Starts services, and ends them all."""
    running: list[App] = []

    def start(**how: object) -> App:
        running.append(App(**how))  # type: ignore[arg-type]
        return running[-1]

    yield start
    for app in running:
        app.close()


def traffic(rps: int = 100, within: float = 5.0, **more: object) -> Traffic:
    """Three requests in turn."""
    return Traffic.model_validate({"get": ["/", "/products?id=1"], "head": ["/"], "rps": rps, "within": within, **more})


def wait_for(what: Callable[[], bool]) -> None:
    """Until it is so; five seconds at most."""
    until = time.monotonic() + 5
    while not what() and time.monotonic() < until:
        time.sleep(0.01)
    assert what()


def test_both_arms_are_asked_the_same_and_marked(serve: Callable[..., App]) -> None:
    """Each arm gets half, of each request, by the unit's own door, marked, and never more than the rate."""
    app = serve()
    began = time.monotonic()
    with Sending(traffic(headers={"accept": "text/html"}), app.arms(), seed=3) as sending:
        wait_for(lambda: len(app.asked) >= 60)
        wait_for(lambda: sending.tally.answered >= 60)
    lasted, tally = time.monotonic() - began, sending.tally

    found = Counter((asked[3][routes.ARM_HEADER], asked[1], asked[2]) for asked in app.asked)
    for ask in (("GET", "/"), ("GET", "/products?id=1"), ("HEAD", "/")):
        assert 1 >= abs(found["r1", *ask] - found["r2", *ask])
    assert 1 >= abs(tally.sent[0] - tally.sent[1])
    assert 60 <= sum(tally.sent) <= 100 * lasted + 1
    for *_, headers in app.asked:
        assert ("t0ken", "text/html") == (headers["x-penstock-synthetic"], headers["accept"])
        assert "x-penstock-preview" not in headers
    assert (sum(tally.sent), 0) == (tally.answered + tally.unanswered, tally.under_way)


def test_nothing_is_remembered_from_one_to_the_next(serve: Callable[..., App]) -> None:
    """No cookie comes back, which might lead to the other arm, and no redirect is followed."""
    app = serve(status=302)
    with Sending(traffic(), app.arms()) as sending:
        wait_for(lambda: sending.tally.answered >= 20)

    assert set() == {name.lower() for *_, headers in app.asked for name in headers} & {"cookie"}
    assert {"/", "/products?id=1"} == {path for _, _, path, _ in app.asked}


def test_a_slow_service_is_never_piled_up_on(serve: Callable[..., App]) -> None:
    """Only so many are under way at once; what finds no room is not sent, neither then nor later."""
    app = serve(takes_s=0.6)
    with Sending(traffic(), app.arms()) as sending:
        wait_for(lambda: sending.tally.answered >= AT_ONCE + 5)

    tally = sending.tally
    assert AT_ONCE == app.most
    assert 0 < tally.no_room
    assert 1 >= abs(tally.sent[0] - tally.sent[1])


def test_what_hangs_is_left_in_time(serve: Callable[..., App]) -> None:
    """A request that is never answered makes room after `within`."""
    app = serve(takes_s=60)
    with Sending(traffic(within=0.2), app.arms()) as sending:
        wait_for(lambda: sending.tally.unanswered > AT_ONCE)
        assert AT_ONCE >= sending.tally.under_way
        assert "no answer within 0.2 s" == sending.tally.trouble


def test_stopping_does_not_wait_for_the_service(serve: Callable[..., App]) -> None:
    """Once stopped nothing is sent, and nothing is under way, however long the service takes; every request is counted."""
    app = serve(takes_s=60)
    sending = Sending(traffic(), app.arms())
    sending.start()
    wait_for(lambda: sending.tally.under_way >= 3)

    assert sending.stop()
    tally = sending.tally
    assert (sum(tally.sent), 0, "left at the end") == (tally.unanswered, tally.under_way, tally.trouble)
    assert not sending.is_running
    time.sleep(0.1)
    assert tally == sending.tally


def test_a_service_that_dies_is_no_error_of_ours(serve: Callable[..., App]) -> None:
    """Refused connections are counted, nothing is raised, and it goes on when somebody answers again."""
    app = App()
    with Sending(traffic(), app.arms()) as sending:
        wait_for(lambda: sending.tally.answered >= 5)
        app.close()
        wait_for(lambda: "Connect" in sending.tally.trouble)
        answered = sending.tally.answered
        again = serve(port=app.port)
        wait_for(lambda: sending.tally.answered >= answered + 5)
    assert again.asked


def test_nobody_ever_answers() -> None:
    """A door that is shut from the beginning: all are unanswered, at their pace."""
    with Sending(traffic(), (Reach("http://127.0.0.1:9"), Reach("http://127.0.0.1:9"))) as sending:
        wait_for(lambda: sending.tally.unanswered >= 10)
    assert 0 == sending.tally.answered


def test_it_ends_by_itself(serve: Callable[..., App]) -> None:
    """Whoever does not say again that somebody watches sends nothing more; saying it again goes on."""
    app = serve()
    sending = Sending(traffic(), app.arms(), keep_s=0.3)
    sending.start()
    time.sleep(0.2)
    sending.start()
    time.sleep(0.2)
    assert sending.is_running
    wait_for(lambda: not sending.is_running)

    before = sum(sending.tally.sent)
    sending.start()
    wait_for(lambda: sum(sending.tally.sent) > before)
    assert sending.stop()


def test_starts_and_stops_are_one_sending(serve: Callable[..., App]) -> None:
    """Starting twice is starting once; over many starts both arms are sent the same, within one."""
    app = serve()
    sending = Sending(traffic(), app.arms())
    for _ in range(6):
        sending.start()
        sending.start()
        assert 1 == sum(thread.name == "synthetic" for thread in threading.enumerate())
        time.sleep(0.07)
        assert sending.stop()
    assert sending.stop()

    assert 6 <= sum(sending.tally.sent)
    assert 1 >= abs(sending.tally.sent[0] - sending.tally.sent[1])


def test_after_a_pause_nothing_is_caught_up_with(serve: Callable[..., App]) -> None:
    """What was due while the process stood still is never sent; and the thread dies with its process, without a word."""
    app = serve()
    code = (
        "import sys, time; from penstock.sending import Sending; from penstock.core.target import Reach;"
        "from penstock.manifest.traffic import Traffic; door = Reach(sys.argv[1]);"
        "sending = Sending(Traffic(get=['/'], rps=100), (door, door)); began = time.monotonic(); sending.start();"
        "print('on', flush=True); sys.stdin.readline(); tally = sending.tally;"
        "print(time.monotonic() - began, sum(tally.sent), tally.late, flush=True)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, app.arms()[0].url], text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        wait_for(lambda: len(app.asked) >= 10)
        os.kill(process.pid, signal.SIGSTOP)
        time.sleep(1.0)
        os.kill(process.pid, signal.SIGCONT)
        before = len(app.asked)
        wait_for(lambda: len(app.asked) >= before + 30)
        said, silence = process.communicate("enough\n", timeout=10)
    finally:
        process.kill()
        process.wait()

    lasted, sent, late = (float(number) for number in said.split()[1:])
    assert sent <= 100 * (lasted - 1.0 + LATE_S) + 2
    assert 80 <= late
    assert (0, "") == (process.returncode, silence)
