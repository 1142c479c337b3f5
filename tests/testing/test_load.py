"""The strict load client, against servers that misbehave."""

from __future__ import annotations

import json
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from penstock.errors import UsageError
from penstock.shell import alive, end, run, spawn
from penstock.testing.load import Ask, Load
from penstock.testing.tally import Result, Summary

Start = Callable[..., Any]
WAIT_S = 30.0


def counted(load: Load, at_least: int) -> Summary:
    """Run until so many requests have ended."""
    running = load.start()
    deadline = time.monotonic() + WAIT_S
    while running.snapshot().requests < at_least and time.monotonic() < deadline:
        time.sleep(0.02)
    return running.stop()


def adds_up(summary: Summary) -> bool:
    return (
        summary.requests == summary.ok + summary.failed + summary.left
        and summary.requests == sum(summary.kinds.values())
        and summary.requests == sum(sum(kinds.values()) for kinds in summary.by_version.values())
        and summary.requests == sum(s.ok + s.failed + s.left for s in summary.seconds)
    )


@contextmanager
def serving(answers: list[bytes]) -> Iterator[str]:
    """A server that gives each connection these answers, one per request, and then closes it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    for answer in answers:
                        if not connection.recv(65536):
                            break
                        connection.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)


def test_what_is_well_is_ok(start: Start) -> None:
    """GET, POST, slow requests and chunked streams that are answered well are ok, and named by version."""
    app = start(PENSTOCK_REVISION="r1", PENSTOCK_REVISION_VERSION="1.10")
    lines = ("GET /a/{1-9}", 'POST /echo {"n": {1-9}}', "GET /slow?ms=50", "GET /events?ms=1")
    mix = [Ask.read(line) for line in lines]

    summary = counted(Load(app.url, 200, mix), 200)

    assert (summary.requests, {200: summary.requests}) == (summary.ok, summary.statuses)
    assert {"1.10": {"ok": summary.requests}} == summary.by_version
    assert adds_up(summary)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/error", "status"),
        ("/error?status=404", "status"),
        ("/close", "closed"),
        ("/cut", "truncated"),
        ("/hang", "timeout"),
    ],
)
def test_each_failure_has_its_kind(start: Start, path: str, kind: str) -> None:
    """A request that goes wrong is failed, once, with the kind that says how."""
    summary = counted(Load(start().url, 50, [Ask("GET", path)], timeout_s=0.5), 20)

    assert {kind: summary.failed} == summary.kinds
    assert adds_up(summary)


def test_a_closed_keep_alive_connection_is_a_failure() -> None:
    """A connection closed without a word fails the next request on it; nothing is retried."""
    with serving([b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"]) as url:
        summary = counted(Load(url, 50, connections=1), 20)

    assert summary.ok - summary.kinds["closed"] in (0, 1)
    assert set(summary.kinds) == {"ok", "closed"}


def test_a_connection_closed_at_the_very_end_is_said() -> None:
    """A connection closed without a word that no request would use any more is counted apart."""
    with serving([b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"]) as url:
        running = Load(url, 0.5, connections=1).start()
        while not running.snapshot().requests:
            time.sleep(0.02)
        time.sleep(0.3)
        summary = running.stop()

    assert (1, 1) == (summary.ok, summary.closed_unused)


def test_an_announced_close_is_no_failure() -> None:
    """A server may close after it said so."""
    with serving([b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"]) as url:
        summary = counted(Load(url, 50, connections=1), 20)

    assert (summary.requests, 0) == (summary.ok, summary.closed_unused)


def test_nonsense_is_malformed() -> None:
    """An answer that is not HTTP/1.1 is a failure of its own kind."""
    with serving([b"hello\r\n\r\n"]) as url:
        summary = counted(Load(url, 50), 5)

    assert {"malformed": summary.requests} == summary.kinds


def test_nobody_there(start: Start) -> None:
    """A connection that does not come about is a failed request."""
    app = start()
    app.stop(signal.SIGKILL)

    summary = counted(Load(app.url, 50), 10)

    assert {"connect": summary.requests} == summary.kinds


def test_a_client_may_leave(start: Start) -> None:
    """With leave_after_s the client goes away from what hangs: neither ok nor failed."""
    app = start(APP_FAULTS="/pay hang 0.5", PENSTOCK_REVISION="r1")

    summary = counted(Load(app.url, 50, [Ask("GET", "/pay")], leave_after_s=0.3), 40)

    assert 0 == summary.failed
    assert summary.left - summary.ok in (-1, 0)
    assert adds_up(summary)


def test_what_was_not_sent_is_counted(start: Start) -> None:
    """The schedule goes on while every connection is busy: those requests are failed, as not_sent."""
    summary = counted(Load(start().url, 100, [Ask("GET", "/hang")], timeout_s=1, connections=1), 50)

    assert summary.kinds["not_sent"] > summary.kinds["timeout"] > 0
    assert adds_up(summary)


def test_nothing_is_hidden_when_the_server_is_killed(start: Start) -> None:
    """Over a kill amid faults of all kinds every request of the schedule is counted exactly once."""
    results: list[Result] = []
    app = start(APP_FAULTS="/a error 0.1; /a cut 0.1; /a close 0.1; /a hang 0.05")
    running = Load(app.url, 300, [Ask("GET", "/a")], timeout_s=0.5, each=results.append).start()
    while "timeout" not in running.snapshot().kinds:
        time.sleep(0.02)
    app.stop(signal.SIGKILL)
    seen = running.snapshot().requests
    while running.snapshot().requests < seen + 100:
        time.sleep(0.02)

    summary = running.stop()

    assert adds_up(summary)
    assert summary.requests == len(results)
    assert {"ok", "status", "truncated", "closed", "timeout", "connect"} <= set(summary.kinds)
    due = sorted(result.due for result in results)
    assert [pytest.approx(n / 300, abs=1e-5) for n in range(len(due))] == [at - due[0] for at in due]


def test_counts_agree_with_the_app_to_the_request(start: Start) -> None:
    """A share of errors is seen exactly: of n requests, floor(n x share)."""
    summary = counted(Load(start(APP_FAULTS="/a error 0.15").url, 200, [Ask("GET", "/a")]), 100)

    assert int(summary.requests * 0.15) == summary.statuses[500]


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com",
        "https://127.0.0.1",
        "http://10.0.0.1:80",
        "http://127.0.0.1:99999",
        "127.0.0.1:80",
        "",
    ],
)
def test_only_this_machine(url: str) -> None:
    """Load on anything but plain http on loopback is refused."""
    with pytest.raises(UsageError) as caught:
        Load(url, 1)

    assert "load-url" == caught.value.code


def test_a_request_reads_as_it_is_written() -> None:
    """A line is a share, a method, a path and a body; anything else is a usage error."""
    assert Ask("POST", "/orders", '{"product": 7}', 2.5) == Ask.read('2.5 POST /orders {"product": 7}')
    assert Ask("GET", "/") == Ask.read("GET /")
    with pytest.raises(UsageError):
        Ask.read("get it")


def test_an_error_in_each_is_raised_by_stop(start: Start) -> None:
    """What goes wrong inside is told to whoever stops the load, never swallowed."""

    def each(_: Result) -> None:
        raise ZeroDivisionError

    running = Load(start().url, 100, each=each).start()
    time.sleep(0.1)

    with pytest.raises(ZeroDivisionError):
        running.stop()


def test_the_command_prints_json(start: Start) -> None:
    """As a program it prints its summary as JSON, and ends with 1 when a request failed."""
    argv = (
        sys.executable,
        "-m",
        "penstock.testing.load",
        start().url,
        "--rps",
        "100",
        "--seconds",
        "0.5",
        "--json",
    )

    well, badly = run(argv), run((*argv, "--ask", "GET /error"))

    assert (0, 1) == (well.code, badly.code)
    assert json.loads(well.out)["ok"] == json.loads(well.out)["requests"] > 0
    assert json.loads(badly.out)["failed"] == json.loads(badly.out)["requests"] > 0


def test_the_command_ends_on_sigterm(tmp_path: Path) -> None:
    """SIGTERM ends a load early; what was counted is printed."""
    out = tmp_path / "load.json"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        argv = (sys.executable, "-m", "penstock.testing.load", url, "--rps", "1", "--timeout-s", "1")
        process = spawn((*argv, "--seconds", "600", "--json"), out)
        connection, _ = listener.accept()
        end(process)
        deadline = time.monotonic() + WAIT_S
        while alive(process) and time.monotonic() < deadline:
            time.sleep(0.02)
        connection.close()

    assert {"timeout": json.loads(out.read_text())["requests"]} == json.loads(out.read_text())["kinds"]
