"""The check `http`, against real servers."""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from penstock.checks.http import Asked, HttpCheck, HttpSection, Step, asked
from penstock.checks.json_path import CannotTell
from penstock.core import data
from penstock.core.finding import CheckRequest, Outcome
from penstock.core.target import Reach

CASES = sorted((Path(__file__).parent / "cases").glob("*.json"))
SECRET = "s3cr3t/t0ken"
Make = Callable[..., CheckRequest]
Start = Callable[..., Any]


def texts(outcome: Outcome) -> str:
    """Everything that an outcome says."""
    findings = [f"{f.condition} {f.effect} {f.remedy}" for f in outcome.findings]
    return "\n".join([outcome.sentence, *findings, *(e.text for e in outcome.evidence)])


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_case(path: Path, start: Start, request_for: Make) -> None:
    """Section and answers come to the outcome that the case states, after the requests that it names."""
    case = json.loads(path.read_text())
    service = start(*case["answers"])
    section = data.dump(HttpSection.model_validate(case["section"]))
    names = {key: case[key] for key in ("env", "secrets") if key in case}
    outcome = HttpCheck().run(request_for(section, service.url, **names))
    assert case["outcome"] == {"state": outcome.state, "sentence": outcome.sentence}
    for expected, real in zip(case.get("asked", []), service.asked, strict="asked" in case):
        headers = expected.pop("headers", {})
        assert expected == {key: real[key] for key in expected}
        assert headers == {name: real["headers"].get(name) for name in headers}
    assert [] == [value for value in case.get("secrets", {}).values() if value in texts(outcome)]


def test_all_cases_state_a_law() -> None:
    """Every case says what it shows."""
    assert len(CASES) >= 25
    assert [] == [path.name for path in CASES if not json.loads(path.read_text()).get("law")]


def test_the_transcript_can_be_read(start: Start, request_for: Make) -> None:
    """Method, URL, status, milliseconds and at most 2 KiB of the body; no secrets, no control signs."""
    service = start({"status": 500, "body": f"\x1b[31m{SECRET} " + "x" * 5000})
    outcome = HttpCheck().run(request_for({"get": "/a?t=$TOKEN"}, service.url, secrets={"TOKEN": SECRET}))
    asked_line, answered, body, *_ = outcome.evidence[0].text.splitlines()
    assert ("transcript", "text/plain") == (outcome.evidence[0].name, outcome.evidence[0].media)
    assert f"GET {service.url}/a?t=***" == asked_line
    assert answered.startswith("500 in ")
    assert body.startswith("\ufffd[31m*** xxx")
    assert 2048 + len("...") == len(body)


def test_a_secret_at_the_cut_does_not_show_its_half(start: Start, request_for: Make) -> None:
    """Texts are cut after they were masked."""
    service = start({"status": 500, "body": "x" * (2048 - 5) + SECRET})
    outcome = HttpCheck().run(request_for({"get": "/"}, service.url, secrets={"TOKEN": SECRET}))
    assert SECRET[:4] not in texts(outcome)


def test_a_whole_url_gets_neither_preview_header_nor_secrets(start: Start, request_for: Make) -> None:
    """Somebody else's host is told nothing but what `bearer` names."""
    ours, theirs = start(), start()
    section = {"get": f"{theirs.url}/models", "bearer": "$TOKEN"}
    outcome = HttpCheck().run(request_for(section, ours.url, secrets={"TOKEN": SECRET, "OTHER": "not-for-them"}))
    assert "passed" == outcome.state
    assert [] == ours.asked
    headers = theirs.asked[0]["headers"]
    assert f"Bearer {SECRET}" == headers["authorization"]
    assert {"x-penstock-revision"} & set(headers) == set()
    assert "not-for-them" not in str(theirs.asked)


@pytest.mark.parametrize("where", [{"headers": {"x": "$TOKEN"}}, {"json": {"x": ["$TOKEN"]}}, {"body": "$TOKEN"}])
def test_a_secret_is_never_sent_elsewhere(where: dict[str, Any], start: Start, request_for: Make) -> None:
    """A secret in what goes to somebody else's host is an error of the check, and nothing is asked."""
    theirs = start()
    request = request_for({"post": f"{theirs.url}/x", **where}, "http://127.0.0.1:9", secrets={"TOKEN": SECRET})
    outcome = HttpCheck().run(request)
    assert ("errored", []) == (outcome.state, theirs.asked)
    assert "`$TOKEN` is a secret, and this is not the revision" in outcome.sentence
    with pytest.raises(CannotTell):
        asked(Step(get="https://x.example/$TOKEN"), request, {}, "")


def test_an_answer_cannot_send_a_token_elsewhere(start: Start, request_for: Make) -> None:
    """A URL that an answer named gets no token, although `bearer` names one."""
    theirs = start()
    ours = start({"json": {"next": f"{theirs.url}/steal"}})
    steps = [{"get": "/page", "carry": {"next": "next"}}, {"get": "$next", "bearer": "$TOKEN"}]
    outcome = HttpCheck().run(request_for({"steps": steps}, ours.url, secrets={"TOKEN": SECRET}))
    assert ("errored", []) == (outcome.state, theirs.asked)
    assert "GET $next: an answer chose this URL, and gets no token" == outcome.sentence


def test_a_carried_path_stays_with_the_revision(start: Start, request_for: Make) -> None:
    """A path that an answer named is asked of the revision, with the preview header."""
    ours = start({"json": {"next": "/page?n=2"}}, {})
    steps = [{"get": "/page", "carry": {"next": "next"}}, {"get": "$next"}]
    assert "passed" == HttpCheck().run(request_for({"steps": steps}, ours.url)).state
    assert ("/page?n=2", "r2") == (ours.asked[1]["path"], ours.asked[1]["headers"]["x-penstock-revision"])


def test_a_refused_connection_fails(request_for: Make) -> None:
    """A revision that does not answer is bad: failed, not errored."""
    with socket.socket() as held:  # bound and not listening: nobody else can answer there
        held.bind(("127.0.0.1", 0))
        outcome = HttpCheck().run(request_for({"get": "/"}, f"http://127.0.0.1:{held.getsockname()[1]}"))
    assert "failed" == outcome.state
    assert outcome.sentence.startswith("GET / was not answered: ")


def test_somebody_elses_silence_is_an_error(request_for: Make) -> None:
    """A whole URL that does not answer says nothing of the revision."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        section = {"get": f"http://127.0.0.1:{held.getsockname()[1]}/"}
        outcome = HttpCheck().run(request_for(section, "http://127.0.0.1:9"))
    assert "errored" == outcome.state


def test_an_unknown_host_is_an_error(request_for: Make) -> None:
    """A host that is not found was not asked."""
    outcome = HttpCheck().run(request_for({"get": "/"}, "http://no-such-host.invalid"))
    assert "errored" == outcome.state


def test_no_revision_to_ask_is_an_error(request_for: Make) -> None:
    """A path cannot be asked where no revision can be reached; the remedy names the moments that can."""
    outcome = HttpCheck().run(request_for({"get": "/health"}))
    assert ("errored", "GET /health: no revision can be reached") == (outcome.state, outcome.sentence)
    assert "candidate" in outcome.findings[0].remedy


class Endless:
    """An answer that goes on, a piece each time, until the other side goes; `left` is set when it did."""

    def __init__(self, head: bytes, piece: bytes, pause_s: float) -> None:
        self.head, self.piece, self.pause_s = head, piece, pause_s
        self.left = threading.Event()

    def __call__(self, out: Any, _: socket.socket) -> None:
        """Write, for a minute at most."""
        try:
            out.write(self.head)
            for _i in range(3000):
                out.write(self.piece)
                time.sleep(self.pause_s)
        except OSError:
            self.left.set()


BODY = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n"


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\nx: ", BODY], ids=["status", "headers", "body"])
def test_every_wait_ends(head: bytes, start: Start, request_for: Make) -> None:
    """`within` bounds the whole of it, also where each byte comes in time; too late is failed."""
    drip = Endless(head, b"a", 0.02)
    outcome = HttpCheck().run(request_for({"get": "/slow", "within": "300ms"}, start(drip).url))
    assert ("failed", "GET /slow was not answered: not over after 0.3 s") == (outcome.state, outcome.sentence)
    assert drip.left.wait(30)


def test_silence_ends(start: Start, request_for: Make) -> None:
    """Who says nothing at all is not waited for longer than `within`."""
    silence = start(lambda _, connection: connection.recv(1))
    outcome = HttpCheck().run(request_for({"get": "/slow", "within": "300ms"}, silence.url))
    assert ("failed", "GET /slow was not answered: not over after 0.3 s") == (outcome.state, outcome.sentence)


def test_a_long_body_is_not_read_to_its_end(start: Start, request_for: Make) -> None:
    """After 1 MiB the check goes, and judges what it knows."""
    flood = Endless(BODY, b"a" * (1 << 16), 0)
    assert "passed" == HttpCheck().run(request_for({"get": "/"}, start(flood).url)).state
    assert flood.left.wait(30)


@pytest.mark.parametrize(
    "answer",
    [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc"],
    ids=["none", "nonsense", "cut"],
)
def test_a_broken_answer_fails(answer: bytes, start: Start, request_for: Make) -> None:
    """No answer, no HTTP, or a body cut midway: the revision is bad."""
    service = start(lambda out, _: out.write(answer))
    outcome = HttpCheck().run(request_for({"get": "/x"}, service.url))
    assert ("failed", True) == (outcome.state, outcome.sentence.startswith("GET /x was not answered: "))


def test_retrying_ends(start: Start, request_for: Make) -> None:
    """What stays bad is asked for again for `retry_for`, and then has failed."""
    service = start({"status": 503})
    outcome = HttpCheck().run(request_for({"get": "/", "retry_for": "600ms"}, service.url))
    assert "failed" == outcome.state
    first = outcome.evidence[0].text.splitlines()[0]
    tries = len(service.asked)
    assert first == (f"try {tries}, the last one" if tries > 1 else f"GET {service.url}/")


def test_errors_are_not_retried(request_for: Make) -> None:
    """What could not be asked cannot be asked a moment later either."""
    outcome = HttpCheck().run(request_for({"get": "/$NOPE", "retry_for": "50s"}, "http://127.0.0.1:9"))
    assert "errored" == outcome.state
    assert "try " not in outcome.evidence[0].text


def test_latency_is_judged(start: Start, request_for: Make) -> None:
    """An answer that comes later than `expect.within` fails, however good it is."""
    service = start({})
    outcome = HttpCheck().run(request_for({"get": "/", "expect": {"within": "0.0001ms"}}, service.url))
    assert "failed" == outcome.state
    assert "expected at most 0.0001 ms" in outcome.sentence


def test_the_environment_names_no_proxy(start: Start, request_for: Make, monkeypatch: Any) -> None:
    """Penstock's own environment changes nothing: no proxy sees a check."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    assert "passed" == HttpCheck().run(request_for({"get": "/"}, start({}).url)).state


def test_a_request_is_data(request_for: Make) -> None:
    """What will be asked is known before anything is asked."""
    request = request_for({}, "http://127.0.0.1:8080/", env={"HOME": "/h"})
    expected = Asked(
        "POST", "http://127.0.0.1:8080/orders",
        {"Accept-Encoding": "identity", "User-Agent": "penstock", "Content-Type": "application/json",
         "Idempotency-Key": "k", "x-penstock-revision": "r2"}, '{"n": 1}', True,
    )  # fmt: skip
    assert expected == asked(Step.model_validate({"post": "/orders", "json": {"n": 1}}), request, {}, "k")
    assert Reach("http://127.0.0.1:8080/", {"x-penstock-revision": "r2"}) == request.reach


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({}, "there is no request here"),
        ({"get": "/", "post": "/"}, "there are 2 requests here"),
        ({"get": "health"}, "`health` is neither a path nor a URL"),
        ({"get": "ftp://x/"}, "`ftp://x/` is neither a path nor a URL"),
        ({"get": "/", "bearer": "eyJhbGciOi"}, "`bearer` is not a name"),
        ({"post": "/", "json": {}, "body": ""}, "this request has two bodies"),
        ({"head": "/", "carry": {"a": "b"}}, "the answer to HEAD has no body"),
        ({"steps": [{"get": "/"}], "get": "/"}, "`get` stands beside `steps`"),
        ({"steps": [{"get": "/"}], "json": {"a": 1}}, "`json` stands beside `steps`"),
        ({"steps": [{"get": "/"}], "expect": {"status": 200}}, "`expect` stands beside `steps`"),
        ({"steps": [{}]}, "there is no request here"),
        ({"get": "/", "within": "5s", "retry_for": "6s"}, "`retry_for` is longer than `within`"),
        ({"get": "/", "carry": {"a": "b..c"}}, "`b..c` is no path from `..c` on"),
        ({"get": "/", "expect": {"json": {"$.a": 1}}}, "`$.a` is no path from `$.a` on"),
        ({"get": "/", "expect": {"json": {"a": {"is": "int"}}}}, "`is` names boolean"),
        ({"get": "/", "expect": {"headers": {"a": "/(/"}}}, "needs a pattern"),
        ({"get": "/", "expect": {"status": "ok"}}, "`ok` is not a whole number"),
        ({"get": "/", "expect": {"status": 99}}, "greater than or equal to 100"),
        ({"get": "/", "carry": {"a-b": "c"}}, "match pattern"),
    ],
)
def test_a_section_that_cannot_be_is_refused(section: dict[str, Any], said: str) -> None:
    """What could never be asked or judged is refused when the manifest is read, not when a release runs."""
    with pytest.raises(ValidationError) as refused:
        HttpSection.model_validate(section)
    assert said in str(refused.value)


def test_a_section_survives_being_plain_data() -> None:
    """What is journaled is read again as the same section."""
    section = HttpSection.model_validate(
        {"post": "/a", "json": {"x": 1},
         "expect": {"status": "201", "json": {"a[0]": {"is": None}}, "within": "1s"},
         "carry": {"id": "id"}, "within": "9s", "retry_for": "5s"}
    )  # fmt: skip
    assert section == HttpSection.model_validate(json.loads(json.dumps(data.dump(section))))
    steps = HttpSection.model_validate({"steps": [{"get": "/a"}, {"head": "/b"}]})
    assert steps == HttpSection.model_validate(json.loads(json.dumps(data.dump(steps))))


def test_the_client_is_loaded_where_it_is_used() -> None:
    """Reading a manifest does not load an HTTP client."""
    from penstock import shell

    code = "import sys, penstock.checks.http; sys.exit('httpx2' in sys.modules)"
    assert 0 == shell.run([sys.executable, "-c", code]).code
