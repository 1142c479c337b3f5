"""Which contents a release adds to the repository: the files of its commit, and all that came and went on the way."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from penstock.checks.commits_git import CannotRead, Repository

PART = 4 << 20
"""So much of a content is read; of a longer one the beginning."""
LARGEST = 256 << 20
_BATCH = 32 << 20
_ENTRY = re.compile(rb":+(?:[0-7]{6} )+([0-9a-f ]+?) [A-Z]+")
_NO_ID = re.compile(r"0+")
_BINARY = 8000


@dataclass(frozen=True)
class Blob:
    """A content under a name. `commit`: where it came in; empty for a file of the released commit.

    `before`: what was there in each parent.
    """

    id: str
    path: str
    commit: str = ""
    before: tuple[str, ...] = ()


@dataclass(frozen=True)
class Content:
    """What is in a blob, as text. `binary`, `cut` (read in part) and `unread` (larger than may be read) are counted."""

    text: str = ""
    binary: bool = False
    cut: bool = False
    unread: bool = False


def files(repository: Repository, commit: str) -> list[Blob]:
    """The files of a commit; links and submodules are no files, and are never followed."""
    found = []
    for row in repository.bytes("ls-tree", "-r", "-z", "--full-tree", commit).split(b"\0"):
        head, _, name = row.partition(b"\t")
        if head.startswith(b"100"):
            found.append(Blob(head.split(b" ")[2].decode(), os.fsdecode(name)))
    return found


def added(repository: Repository, commit: str, last: str, newest: int) -> tuple[list[Blob], int]:
    """What came in since the last release, oldest first, and with how many commits. Without one: with the newest."""
    span = (commit, f"^{last}") if last else (f"--max-count={newest}", commit)
    ids = repository.bytes("rev-list", "--topo-order", "--reverse", *span).decode()
    words = (
        "diff-tree",
        "--stdin",
        "-r",
        "-c",
        "--root",
        "--raw",
        "-z",
        "--no-abbrev",
        "--no-renames",
        "--diff-filter=d",
    )
    rows = repository.bytes(*words, stdin=ids)
    return list(_blobs(rows)), ids.count("\n")


def _blobs(rows: bytes) -> Iterator[Blob]:
    """Entries of diff-tree: a commit's id, then for each file its modes and ids, and its name."""
    commit, parts = "", iter(rows.split(b"\0"))
    for part in parts:
        entry = _ENTRY.fullmatch(part)
        if entry is None:
            commit = part.decode("ascii", "replace").strip() or commit
            continue
        ids = entry[1].decode().split()
        name, mode = os.fsdecode(next(parts, b"")), part[: part.rfind(ids[0].encode())].split()[-1]
        if mode.startswith(b"100"):
            yield Blob(ids[-1], name, commit, tuple(one for one in ids[:-1] if not _NO_ID.fullmatch(one)))


def contents(repository: Repository, ids: list[str]) -> Iterator[tuple[str, Content]]:
    """Each content once, in batches that are small enough for the memory and the disk."""
    batch: list[str] = []
    room = _BATCH
    for one, size in _sizes(repository, ids):
        if size > LARGEST:
            yield one, Content(unread=True)
            continue
        if size > room and batch:
            yield from _batch(repository, batch)
            batch, room = [], _BATCH
        batch.append(one)
        room -= size
    if batch:
        yield from _batch(repository, batch)


def _sizes(repository: Repository, ids: list[str]) -> Iterator[tuple[str, int]]:
    asked = "".join(f"{one}\n" for one in ids)
    for line in repository.bytes(
        "cat-file", "--batch-check=%(objectname) %(objecttype) %(objectsize)", stdin=asked
    ).splitlines():
        words = line.decode("ascii", "replace").split(" ")
        if len(words) != 3 or words[1] != "blob":
            raise CannotRead(
                f"the repository lacks a content: {words[0][:40]}", "a clone that is whole: git fetch --refetch"
            )
        yield words[0], int(words[2])


def _batch(repository: Repository, ids: list[str]) -> Iterator[tuple[str, Content]]:
    """Contents as `cat-file --batch` prints them: a line with id, kind and size, then the content and a new line."""
    with tempfile.TemporaryDirectory(prefix="penstock-leaks-") as place:
        log = Path(place) / "out"
        done = repository.ask("cat-file", "--batch", stdin="".join(f"{one}\n" for one in ids), log=log)
        if not done.ok:
            raise CannotRead("git does not give out the contents of the repository")
        with log.open("rb") as file:
            for one in ids:
                words = file.readline(200).split()
                if len(words) != 3 or words[0].decode("ascii", "replace") != one:
                    raise CannotRead("the contents that git gave out cannot be told apart")
                size = int(words[2])
                data = file.read(min(size, PART))
                file.seek(size - len(data) + 1, os.SEEK_CUR)
                yield one, content(data, size)


def content(data: bytes, size: int) -> Content:
    """Bytes as text; what has a NUL near its beginning, and is no UTF-16, is no text."""
    cut = size > len(data)
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return Content(data.decode("utf-16", "replace"), cut=cut)
    if b"\0" in data[:_BINARY]:
        return Content(binary=True)
    return Content(data.decode("utf-8", "replace"), cut=cut)
