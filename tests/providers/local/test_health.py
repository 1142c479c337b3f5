"""What the answer of a health check means, and how it is read from the wire."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.providers.local.health import judge, same_version
from penstock.providers.local.probe import parse


@pytest.mark.parametrize(
    ("status", "body", "expected", "ok"),
    [
        (200, "", "3f9c2e1", True),
        (200, "hello", "3f9c2e1", True),
        (200, '{"status": "healthy", "version": "3f9c2e1", "uptime_s": 3, "checks": {}}', "3f9c2e1", True),
        (200, '{"status": "healthy", "version": "3f9c2e1"}', "3f9c2e1a77b0", True),
        (200, '{"status": "healthy", "version": "3f9c2e1a77b0"}', "3f9c2e1", True),
        (200, '{"version": "1.2"}', "1.2.0", False),
        (200, '{"version": "3f9c2e1"}', "4f9c2e1", False),
        (200, '{"version": "3f9c2"}', "3f9c2e1a77b0", False),
        (200, '{"version": "whatever"}', None, True),
        (200, '{"status": "unhealthy"}', None, False),
        (503, '{"status": "unhealthy", "checks": {"db": "down"}}', None, False),
        (204, "", None, False),
        (301, "", None, False),
    ],
)
def test_an_answer_is_judged(status: int, body: str, expected: str | None, ok: bool) -> None:
    """200 is well unless it says otherwise, or names another version; anything else is not."""
    assert ok == judge(status, body, expected).ok


def test_the_sentence_names_what_is_down() -> None:
    """A 503 with checks says which; another version says which."""
    body = json.dumps({"status": "unhealthy", "checks": {"db": {"status": "down"}, "cache": "ok"}})
    assert "answered 503 (db: down)" == judge(503, body, None).sentence
    assert "somebody else answers on the port, or another version" in judge(200, '{"version": "b"}', "a").sentence


@given(st.integers(100, 599), st.binary(), st.text())
def test_no_answer_breaks_the_judge(status: int, body: bytes, version: str) -> None:
    """Whatever is answered is judged in one printable sentence, and only 200 can be well."""
    found = judge(status, body, version)
    assert found.sentence.isprintable()
    assert len(found.sentence) <= 200
    assert status == 200 or not found.ok


@given(st.text(alphabet="0123456789abcdef", min_size=7, max_size=40), st.integers(7, 40))
def test_a_short_hash_is_its_long_one(full: str, length: int) -> None:
    """Either way round."""
    assert same_version(full, full[:length])
    assert same_version(full[:length], full)


ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: y\r\n\r\n{}"
CHUNKED = b"HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"


@pytest.mark.parametrize(("wire", "status", "body"), [(ANSWER, 200, b"{}"), (CHUNKED, 503, b"abcde")])
def test_an_answer_is_whole_only_at_its_end(wire: bytes, status: int, body: bytes) -> None:
    """No part of an answer is taken for the whole."""
    assert all(parse(wire[:cut], ended=False) is None for cut in range(len(wire)))
    whole = parse(wire, ended=False)
    assert whole is not None
    assert (status, body) == (whole.status, whole.body)


@given(st.binary(max_size=300))
def test_no_bytes_break_the_reader(heard: bytes) -> None:
    """Whatever is sent, the end of the connection ends the question."""
    assert parse(heard, ended=True) is not None
    assert parse(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + heard, ended=True) is not None
