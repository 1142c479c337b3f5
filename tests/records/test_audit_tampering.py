"""Whoever tampers with a log is found out, and the right line is named; what cannot be found is written down, and true."""

from __future__ import annotations

import json
import random
from io import BytesIO
from pathlib import Path

import pytest

from penstock.records import audit, heads
from penstock.records.chain import scan
from penstock.records.diagnosis import Finding
from penstock.records.proof import Proof, verify
from penstock.records.store import Store

WHO = {"uid": 0, "person": "ana", "host": "here"}


class Log:
    """A real log of several releases, with heads at several places; the last line has one."""

    def __init__(self, folder: Path) -> None:
        store = Store(folder / "records.sqlite")
        for release in range(1, 10):
            for step in range(7):
                audit.append(folder / "audit.log", store, 100.0 * release + step, f"{release}:{step}", f"step {step}", WHO,
                             release=f"shop/production/{release}", weight=step * 50, why="because – “so”")  # fmt: skip
            if release % 3 == 0:
                heads.anchor(folder, store, 100.0 * release + 50, WHO, f"shop/production/{release}")
        store.close()
        self.lines = (folder / "audit.log").read_bytes().splitlines(keepends=True)
        self.heads = (folder / "heads.jsonl").read_bytes().splitlines(keepends=True)
        with (folder / "audit.log").open("rb") as file:
            self.keys = scan(file).keys
        self.signed = [head.line for text in self.heads if (head := heads.read(text))]

    def last_signed_before(self, number: int) -> int:
        return max((n for n in self.signed if n < number), default=0)

    def next_signed(self, number: int) -> int:
        return min(n for n in self.signed if n >= number)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Log:
    return Log(tmp_path_factory.mktemp("log"))


def weigh(lines: list[bytes], log: Log, signed: list[bytes] | None = None) -> Proof:
    """As an export is weighed: with the key that came with it."""
    return verify(BytesIO(b"".join(lines)), log.heads if signed is None else signed, known=log.keys)


def first(lines: list[bytes], log: Log, signed: list[bytes] | None = None) -> Finding:
    proof = weigh(lines, log, signed)
    assert not proof.whole
    return proof.findings[0]


def chained(lines: list[dict[str, object]]) -> list[bytes]:
    """Lines written anew, numbers and hashes included: what somebody does who knows the format."""
    before, found = audit.FIRST, []
    for number, line in enumerate(lines, 1):
        text = audit.encode({**line, "line": number, "before": before})
        before = audit.hash_of(text)
        found.append(text + b"\n")
    return found


def parsed(lines: list[bytes]) -> list[dict[str, object]]:
    return [json.loads(line) for line in lines]


def test_the_log_is_as_it_should_be(log: Log) -> None:
    """Untouched, it is whole, and proven to its last line."""
    proof = weigh(log.lines, log)
    assert [] == proof.findings
    assert 60 <= proof.lines == proof.proven
    assert 3 == len([w for w in proof.heads if (w.signature, w.log) == ("holds", "agrees")])


def test_every_changed_byte_is_found_in_its_line(log: Log) -> None:
    """A byte changed anywhere is found, and its line is named; a change of the last of several is said as such."""
    chance = random.Random(7)
    for number, line in enumerate(log.lines, 1):
        for at in {0, len(line) - 1, *chance.sample(range(len(line)), 40)}:
            changed = bytes([*line[:at], line[at] ^ (1 << chance.randrange(8)), *line[at + 1 :]])
            found = first([*log.lines[: number - 1], changed, *log.lines[number:]], log)
            assert found.since <= number, (number, at, found)
            assert number == found.line, (number, at, changed, found)


def test_a_changed_word_is_found_in_its_line(log: Log) -> None:
    """A line that was changed and still reads well is named."""
    for number, line in enumerate(log.lines, 1):
        changed = audit.encode({**json.loads(line), "who": {**WHO, "person": "eve"}}) + b"\n"
        found = first([*log.lines[: number - 1], changed, *log.lines[number:]], log)
        assert number == found.line, found
        assert ("rewritten" if number == len(log.lines) else "changed") == found.kind


def test_every_removed_line_is_named(log: Log) -> None:
    """A line that is missing is named; so are two."""
    for count in (1, 2):
        for number in range(1, len(log.lines) + 2 - count):
            found = first([*log.lines[: number - 1], *log.lines[number - 1 + count :]], log)
            at_the_end = number + count > len(log.lines)
            assert ("cut off" if at_the_end else "removed", number) == (found.kind, found.line), found


@pytest.mark.parametrize("forged", ["no chain", "chained", "another number"])
def test_every_inserted_line_is_named(log: Log, forged: str) -> None:
    """A line that was put in is named, however well it was made to fit."""
    for number in range(1, len(log.lines) + 1):
        before = audit.hash_of(log.lines[number - 2][:-1]) if number > 1 else audit.FIRST
        line = {"line": number, "before": before, "at": 1.0, "what": "nothing", "who": WHO, "key": "x"}
        line |= {"no chain": {"before": "f" * 64}, "another number": {"line": 900}}.get(forged, {})
        found = first([*log.lines[: number - 1], audit.encode(line) + b"\n", *log.lines[number - 1 :]], log)
        assert number == found.line, found
        assert found.kind in ("inserted", "reordered", "changed")


def test_every_copied_line_is_named(log: Log) -> None:
    """A line that stands twice is named by the place of its copy, beside itself or anywhere after."""
    for number in range(1, len(log.lines) + 1):
        for place in {number, len(log.lines), min(number + 5, len(log.lines))}:
            found = first([*log.lines[:place], log.lines[number - 1], *log.lines[place:]], log)
            assert ("duplicated", place + 1) == (found.kind, found.line), found


def test_every_swap_is_named(log: Log) -> None:
    """Two lines that changed places: the first of the two places is named."""
    for distance in (1, 2, 9):
        for number in range(1, len(log.lines) + 1 - distance):
            lines = [*log.lines]
            one, other = number - 1, number - 1 + distance
            lines[one], lines[other] = lines[other], lines[one]
            found = first(lines, log)
            assert ("reordered", number) == (found.kind, found.line), found


def test_every_truncation_is_named(log: Log) -> None:
    """A log cut off at any byte of any line is found: what is left ends before a line that a head vouches for."""
    for number, line in enumerate(log.lines, 1):
        for left in {0, 1, len(line) // 2, len(line) - 1}:
            found = first([*log.lines[: number - 1], line[:left]] if left else log.lines[: number - 1], log)
            assert ("cut off", number) == (found.kind, found.line), found


@pytest.mark.parametrize("harm", ["change", "remove", "insert"])
def test_a_log_written_anew_is_found_by_the_next_signed_head(log: Log, harm: str) -> None:
    """Chained anew from any line on: the lines between the last head that fits and the first that does not are named."""
    for number in range(1, len(log.lines) + 1):
        lines = parsed(log.lines)
        if harm == "change":
            lines[number - 1]["what"] = "nothing"
        elif harm == "remove":
            del lines[number - 1]
        else:
            lines.insert(number - 1, {"what": "nothing", "key": "x", "at": 1.0, "who": WHO})
        found = first(chained(lines), log)
        assert found.since == log.last_signed_before(number) + 1, (number, found)
        assert log.next_signed(number) == found.line
        assert found.since <= number <= found.line


def test_a_part_written_anew_is_bounded(log: Log) -> None:
    """Lines chained anew up to one, the rest left as it was: the last of them is named, and how far back it may begin."""
    for number in range(2, len(log.lines) - 6):
        lines = parsed(log.lines)
        lines[number - 1]["what"] = "nothing"
        found = first([*chained(lines)[: number + 4], *log.lines[number + 4 :]], log)
        assert found.since <= number <= found.line, (number, found)
        assert number + 4 >= found.line


def test_a_forged_head_is_found(log: Log) -> None:
    """A head whose words were changed, or that another key signed under this key's name, does not hold."""
    for place in range(len(log.heads)):
        for old, new in ((b'"payload":"eyJhdCI6', b'"payload":"eyJhdCI7'), (b'"sig":"', b'"sig":"AA')):
            signed = [*log.heads]
            signed[place] = signed[place].replace(old, new)
            assert signed != log.heads
            assert "signature" == first(log.lines, log, signed).kind


def test_heads_of_another_key_vouch_for_nothing(log: Log, tmp_path: Path) -> None:
    """A log that was forged whole, with a key of its own, is whole in itself; with the right key named it is not."""
    other = Log(tmp_path)
    assert weigh(other.lines, other).whole
    named = {h.key: bytes(32) for h in [heads.read(log.heads[0])] if h}
    found = verify(BytesIO(b"".join(other.lines)), other.heads, named=named)
    assert ["no head is signed by the key that you gave"] == [f.sentence for f in found.findings]
    assert 0 == found.proven


def test_a_key_that_nothing_announces_is_said(log: Log) -> None:
    """A bare log from which the line of the key was cut off is not whole: its heads are nobody's."""
    found = verify(BytesIO(b"".join(log.lines[:3])), log.heads)
    assert any("nothing announces" in f.sentence for f in found.findings)


def test_a_head_from_a_report_finds_what_was_cut_off_with_its_heads(log: Log) -> None:
    """Lines and heads taken off together leave no trace, and that is said; a head copied from a report finds it."""
    cut = log.signed[1]
    lines, signed = log.lines[:cut], log.heads[:2]
    proof = weigh(lines, log, signed)
    assert proof.whole
    assert any("cut off together with their heads" in sentence for sentence in proof.cannot)
    copied = heads.read(log.heads[2])
    assert copied
    found = verify(BytesIO(b"".join(lines)), signed, known=log.keys, copied={copied.line: copied.head})
    assert ("cut off", cut + 1) == (found.findings[0].kind, found.findings[0].line)


def test_a_head_from_a_report_finds_what_the_key_signed_anew(log: Log) -> None:
    """Whoever has the key can write and sign another log; a head that lies elsewhere does not fit it."""
    lines = parsed(log.lines)
    lines[40]["what"] = "nothing"
    anew = chained(lines)
    copied = {50: audit.hash_of(log.lines[49][:-1])[:32]}
    assert verify(BytesIO(b"".join(anew)), []).whole
    found = verify(BytesIO(b"".join(anew)), [], copied=copied).findings[0]
    assert ("rewritten", 1, 50) == (found.kind, found.since, found.line)


def test_what_lies_after_the_last_head_is_not_proven(log: Log) -> None:
    """Lines after the last signed head are said to be unproven: one added by hand is not found."""
    last = json.loads(log.lines[-1])
    line = {"line": last["line"] + 1, "before": audit.hash_of(log.lines[-1][:-1]), "what": "nothing"}
    proof = weigh([*log.lines, audit.encode(line) + b"\n"], log)
    assert proof.whole
    assert len(log.lines) == proof.proven
    assert any(f"Line {proof.lines} lies after" in sentence for sentence in proof.cannot)


@pytest.mark.parametrize(
    "text", [b"", b"\n", b"\0" * 5000, b"[" * 100_000 + b"\n", b'{"line":1}\n', b"\xff\xfe\n", b"1" * 9999]
)
def test_nonsense_is_an_answer_too(text: bytes) -> None:
    """Whatever is read, an answer comes out, never a traceback."""
    assert 1 >= verify(BytesIO(text), [text]).lines


def test_a_line_written_another_way_is_found(log: Log) -> None:
    """There is one way to write a line: another, though it says the same and is chained well, was not written by Penstock."""
    line = {"line": len(log.lines) + 1, "before": audit.hash_of(log.lines[-1][:-1]), "what": "nothing"}
    found = first([*log.lines, json.dumps(line).encode() + b"\n"], log)
    assert ("changed", len(log.lines) + 1) == (found.kind, found.line)


def test_a_line_that_was_signed_twice_must_be_both(log: Log, tmp_path: Path) -> None:
    """One log signed, written anew and signed again with its own key: the earlier head does not fit, whatever came after."""
    store, path = Store(tmp_path / "records.sqlite"), tmp_path / "audit.log"
    for number in range(4):
        audit.append(path, store, 1.0, f"k{number}", "did", WHO)
    one = heads.anchor(tmp_path, store, 1.0, WHO, "a")
    lines = parsed(path.read_bytes().splitlines())
    lines[2]["what"] = "nothing"
    path.write_bytes(b"".join(chained(lines)))
    two = heads.anchor(tmp_path, store, 2.0, WHO, "b")
    assert (one.log, one.line) == (two.log, two.line)
    with path.open("rb") as file, (tmp_path / "heads.jsonl").open("rb") as signed:
        found = verify(file, signed).findings[0]
    assert ("rewritten", 1, one.line) == (found.kind, found.since, found.line)
