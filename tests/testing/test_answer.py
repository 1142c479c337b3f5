"""The reader of answers."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.testing.answer import Answer, Malformed


def fed(data: bytes, cuts: list[int] | None = None) -> Answer:
    answer = Answer()
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts or []), len(data)]
    for start, end in pairwise(edges):
        if data[start:end]:
            answer.feed(data[start:end])
    return answer


def sized(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def chunked(chunks: list[bytes]) -> bytes:
    body = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body + b"0\r\nA-Trailer: 1\r\n\r\n"


@given(st.binary(max_size=60), st.lists(st.integers(0, 200), max_size=6))
def test_how_bytes_arrive_does_not_matter(body: bytes, cuts: list[int]) -> None:
    """An answer with a length is the same however it is cut up."""
    answer = fed(sized(body), cuts)

    assert (True, body) == (answer.whole, bytes(answer.body))


@given(st.lists(st.binary(min_size=1, max_size=20), max_size=4), st.lists(st.integers(0, 300), max_size=6))
def test_chunks_are_joined(chunks: list[bytes], cuts: list[int]) -> None:
    """A chunked answer is whole at its last chunk, and its body is the chunks', however it is cut up."""
    answer = fed(chunked(chunks), cuts)

    assert (True, b"".join(chunks)) == (answer.whole, bytes(answer.body))


@given(
    st.one_of(st.binary(max_size=40).map(sized), st.lists(st.binary(min_size=1), max_size=3).map(chunked)),
    st.data(),
)
def test_a_part_is_never_whole(data: bytes, draw: st.DataObject) -> None:
    """An answer that lacks its last byte, or more, is not whole."""
    assert not fed(data[: draw.draw(st.integers(0, len(data) - 1))]).whole


def test_an_answer_without_a_length_ends_with_its_connection() -> None:
    """Without a length and without chunks only the end of the connection ends an answer."""
    answer = fed(b"HTTP/1.1 200 OK\r\n\r\nsome")

    assert (False, True, False) == (answer.whole, answer.until_close, answer.keeps_alive)


def test_interim_answers_are_skipped() -> None:
    """A 100 before the answer is not the answer."""
    answer = fed(b"HTTP/1.1 100 Continue\r\n\r\n" + sized(b"x"))

    assert (200, True) == (answer.status, answer.whole)


def test_an_answer_to_head_has_no_body() -> None:
    """The length in an answer to HEAD announces nothing."""
    answer = Answer(has_body=False)
    answer.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")

    assert answer.whole


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        sized(b"body") + b"!",
        chunked([b"body"]) + b"!",
        b"x" * 70_000,
    ],
)
def test_nonsense_is_malformed(data: bytes) -> None:
    """What is not an HTTP/1.1 answer, or goes on after its end, is said to be malformed."""
    with pytest.raises(Malformed):
        fed(data)
