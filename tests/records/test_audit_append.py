"""Adding to the audit log: whatever breaks, the chain is whole, and what broke is said."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock import shell
from penstock.errors import StateError
from penstock.records import audit, lines
from penstock.records.store import Store

WHO = {"uid": 0, "person": "ana", "host": "here"}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "records.sqlite")


def whats(log: Path) -> list[str]:
    return [line["what"] for line in audit.read(log)]


def test_a_log_cut_off_at_any_byte_of_its_last_line_goes_on(store: Store, tmp_path: Path) -> None:
    """Killed at every byte of a line: the next append has a whole chain, and the repair is a line of it."""
    log = tmp_path / "audit.log"
    for number in range(3):
        audit.append(log, store, 1.0, f"k{number}", "did", WHO, why="because – “so”")
    whole = log.read_bytes()
    start = whole.rindex(b"\n", 0, -1) + 1
    for cut in range(start, len(whole)):
        log.write_bytes(whole[:cut])
        with store.write() as db:
            db.execute("DELETE FROM audited WHERE line >= 3")
        audit.append(log, store, 2.0, f"after:{cut}", "did more", WHO)
        said = ["repaired a torn last line"] if cut > start else []
        assert ["did", "did", *said, "did more"] == whats(log)
        assert "" == audit.verify(log)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300), st.booleans())
def test_whatever_stands_at_the_end_the_chain_goes_on(
    tmp_path_factory: pytest.TempPathFactory, rest: bytes, ended: bool
) -> None:
    """One line of anything, with an end or without, is cut off and said; nothing before it is touched."""
    folder = tmp_path_factory.mktemp("torn")
    store, log = Store(folder / "r.sqlite"), folder / "audit.log"
    audit.append(log, store, 1.0, "k", "did", WHO)
    whole = log.read_bytes()
    rest = rest.replace(b"\n", b"") + (b"\n" if ended else b"")
    log.write_bytes(whole + rest)
    audit.append(log, store, 2.0, "after", "did more", WHO)
    found = list(audit.read(log))
    assert whole == log.read_bytes()[: len(whole)]
    assert [len(rest)] * bool(rest) == [line["bytes"] for line in found if "torn" in line["what"]]
    assert "" == audit.verify(log)
    store.close()


def test_a_torn_line_longer_than_the_window_is_cut_off_whole(store: Store, tmp_path: Path) -> None:
    """A last line of any length, whole or torn, is read whole: the chain does not begin anew."""
    log = tmp_path / "audit.log"
    audit.append(log, store, 1.0, "small", "did", WHO)
    audit.append(log, store, 1.0, "large", "did", WHO, text="x" * 300_000)
    audit.append(log, store, 1.0, "next", "did", WHO)
    with log.open("ab") as file:
        file.write(b"y" * 300_000)
    audit.append(log, store, 1.0, "last", "did", WHO)
    assert [1, 2, 3, 4, 5] == [line["line"] for line in audit.read(log)]
    assert "" == audit.verify(log)


def test_what_no_crash_leaves_is_refused(store: Store, tmp_path: Path) -> None:
    """Several unreadable lines at the end are no crash: nothing is added, nothing is cut off, and it is said."""
    log = tmp_path / "audit.log"
    audit.append(log, store, 1.0, "k", "did", WHO)
    damaged = log.read_bytes() + b"nonsense\nand more\n"
    log.write_bytes(damaged)
    with pytest.raises(StateError) as caught:
        audit.append(log, store, 2.0, "after", "did more", WHO)
    assert "audit-damaged" == caught.value.code
    assert damaged == log.read_bytes()


def test_lines_that_the_records_remember_are_missed(store: Store, tmp_path: Path) -> None:
    """A log that became shorter is not simply gone on with: the next line says which lines are gone, once."""
    log = tmp_path / "audit.log"
    for number in range(9):
        audit.append(log, store, 1.0, f"k{number}", "did", WHO)
    log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:4]))
    for key in ("k7", "new", "newer"):
        audit.append(log, store, 2.0, key, "did more", WHO)
    found = list(audit.read(log))
    assert ["did"] * 4 + ["lines that the records remember are not here"] + ["did more"] * 3 == whats(log)
    assert (5, 9) == (found[4]["first"], found[4]["last"])
    assert "" == audit.verify(log)


def test_a_removed_log_is_missed(store: Store, tmp_path: Path) -> None:
    """A log that was taken away does not begin anew in silence."""
    log = tmp_path / "audit.log"
    for number in range(3):
        audit.append(log, store, 1.0, f"k{number}", "did", WHO)
    log.unlink()
    audit.append(log, store, 2.0, "new", "did more", WHO)
    assert ["lines that the records remember are not here", "did more"] == whats(log)


ADD = """
import sys
from pathlib import Path
from penstock.records import audit
from penstock.records.store import Store
log, name = Path(sys.argv[1]), sys.argv[2]
store = Store(log.with_name("records.sqlite"), patience_s=60)
for number in range(40):
    audit.append(log, store, 1.0, f"{name}:{number}", "did", {"person": name})
    audit.append(log, store, 1.0, f"all:{number}", "did together", {"person": name})
"""


def test_several_processes_add_at_once(store: Store, tmp_path: Path) -> None:
    """Four processes at once: every line is there, what all of them say is said once, the chain is whole."""
    import subprocess

    log = tmp_path / "audit.log"
    running = [subprocess.Popen([sys.executable, "-c", ADD, str(log), name]) for name in "abcd"]
    assert [0, 0, 0, 0] == [process.wait(timeout=120) for process in running]
    keys = [line["key"] for line in audit.read(log)]
    assert len(keys) == len(set(keys)) == 4 * 40 + 40
    assert {"did", "did together"} == set(whats(log))
    assert "" == audit.verify(log)


FULL = """
import resource, sys
from pathlib import Path
from penstock.errors import StateError
from penstock.records import audit
from penstock.records.store import Store
log, torn = Path(sys.argv[1]), sys.argv[2]
store = Store(log.with_name("records.sqlite"))
for number in range(3):
    audit.append(log, store, 1.0, f"k{number}", "did", {})
with log.open("ab") as file:
    file.write(torn.encode())
before = log.read_bytes()
limits = resource.getrlimit(resource.RLIMIT_FSIZE)
for room in range(0, 90):
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + room, limits[1]))
    try:
        audit.append(log, store, 2.0, "more", "did more", {})
    except StateError as error:
        assert error.code == "audit" and "cannot be written" in error.what and error.next
        assert log.read_bytes() == before, room
    else:
        raise AssertionError(f"there was no room: {room}")
resource.setrlimit(resource.RLIMIT_FSIZE, limits)
audit.append(log, store, 3.0, "more", "did more", {})
assert audit.verify(log) == ""
print([line["what"] for line in audit.read(log)][3:])
"""


@pytest.mark.parametrize("torn", ["", '{"half":'])
def test_a_full_disk_leaves_the_log_as_it_was(tmp_path: Path, torn: str) -> None:
    """Where the disk ends at any byte of a line, the file is as before, the error says so, and later it goes on."""
    done = shell.run([sys.executable, "-c", FULL, str(tmp_path / "audit.log"), torn])
    said = ["repaired a torn last line", "did more"] if torn else ["did more"]
    assert f"{said}\n" == done.out, done.err


def test_adding_reads_the_end_of_the_log_only(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the log, an append reads no more than its end."""
    log = tmp_path / "audit.log"
    read: list[int] = []
    real = os.pread

    def counted(number: int, count: int, at: int) -> bytes:
        read.append(count)
        return real(number, count, at)

    audit.append(log, store, 1.0, "first", "did", WHO)
    more, last = [], audit.last(log)
    for number in range(2, 20_000):
        text = audit.encode({"line": number, "before": last.hash, "key": f"k{number}", "what": "did"})
        more.append(text + b"\n")
        last = audit.Last(number, audit.hash_of(text))
    with log.open("ab") as file:
        file.write(b"".join(more))
    monkeypatch.setattr(lines.os, "pread", counted)
    audit.append(log, store, 1.0, "last", "did", WHO)
    assert 1 << 17 >= sum(read)
    assert 20_000 == audit.last(log).line


@settings(max_examples=80, deadline=None)
@given(
    st.dictionaries(
        st.text(max_size=5), st.none() | st.integers() | st.floats() | st.text() | st.lists(st.floats()), max_size=4
    )
)
def test_whatever_is_said_is_one_canonical_line(facts: dict[str, Any]) -> None:
    """Any facts, numbers that JSON has not and broken text too, are one line that reads back to itself."""
    text = audit.encode({"facts": facts, "odd": "\udc80", "line": 1, "before": audit.FIRST})
    assert b"\n" not in text
    again = audit.numbered(text)
    assert again is not None
    assert text == audit.encode(again)


def test_a_log_is_for_its_owner_only(store: Store, tmp_path: Path) -> None:
    """The log is 0600."""
    audit.append(tmp_path / "audit.log", store, 1.0, "k", "did", WHO)
    assert 0o600 == (tmp_path / "audit.log").stat().st_mode & 0o777


def test_a_log_that_is_being_written_is_whole(store: Store, tmp_path: Path) -> None:
    """Who reads while others write sees whole lines: a line that is half there is not taken for a torn one."""
    import threading

    log = tmp_path / "audit.log"
    audit.append(log, store, 1.0, "first", "did", WHO)
    half = audit.encode({"line": 2, "before": audit.last(log).hash, "what": "did"})
    begun = threading.Event()

    def write() -> None:
        with lines.locked(log) as file:
            end = file.tail().end
            file.put(end, half[:20])
            begun.set()
            threading.Event().wait(0.2)
            file.put(end, half + b"\n")

    writer = threading.Thread(target=write)
    writer.start()
    begun.wait(10)
    assert "" == audit.verify(log)
    writer.join()
    assert 2 == audit.last(log).line
