"""A file of lines that several processes add to: locked, durable, and never left torn by whoever fails to write.

Nothing here reads more of the file than its end, however long it is.
"""

from __future__ import annotations

import fcntl
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_WINDOW = 1 << 16


@dataclass(frozen=True)
class Tail:
    """The end of a file: where its last whole line ends, how many bytes without an end follow, and the last lines."""

    end: int
    torn: int
    lines: tuple[bytes, ...]


class Lines:
    """An open file of lines; whoever has it has its lock."""

    def __init__(self, number: int) -> None:
        self._file = number

    def tail(self, upto: int | None = None) -> Tail:
        """The last whole lines (one at least, if there is any) before `upto`, which is the end of the file else."""
        size = os.fstat(self._file).st_size if upto is None else upto
        window = _WINDOW
        while True:
            start = max(0, size - window)
            text = _read(self._file, size - start, start)
            lines = text.split(b"\n")
            whole = lines[1:-1] if start else lines[:-1]
            if whole or not start:
                return Tail(size - len(lines[-1]), len(lines[-1]), tuple(whole))
            window *= 4

    def put(self, at: int, data: bytes) -> None:
        """Replace everything from `at` on, on disk when this returns. Where it cannot be, the file is as it was."""
        before = _read(self._file, os.fstat(self._file).st_size - at, at)
        try:
            self._write(at, data)
            os.fsync(self._file)
        except OSError:
            with suppress(OSError):
                self._write(at, before)
            raise

    def _write(self, at: int, data: bytes) -> None:
        done = 0
        try:
            while done < len(data):
                done += os.pwrite(self._file, data[done:], at + done)
        finally:
            os.ftruncate(self._file, at + done)


@contextmanager
def locked(path: Path) -> Iterator[Lines]:
    """The file, made for its owner only if it is not there; nobody else adds to it meanwhile."""
    new = not path.exists()
    number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(number, fcntl.LOCK_EX)
        if new:
            _sync_folder(path.parent)
        yield Lines(number)
    finally:
        os.close(number)


@contextmanager
def at_rest(path: Path) -> Iterator[BinaryIO]:
    """The file as it is when nobody is in the middle of a line; what is added while it is read is not seen."""
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        size = os.fstat(file.fileno()).st_size
        fcntl.flock(file, fcntl.LOCK_UN)
        with io.BufferedReader(_Upto(file.fileno(), size), 1 << 20) as reader:
            yield reader


def settled_size(path: Path) -> int:
    """Bytes in whole lines, when nobody is in the middle of one; 0 when there is no file."""
    try:
        number = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return 0
    try:
        fcntl.flock(number, fcntl.LOCK_SH)
        return Lines(number).tail().end
    finally:
        os.close(number)


class _Upto(io.RawIOBase):
    """The first bytes of an open file."""

    def __init__(self, number: int, size: int) -> None:
        self._file, self._at, self._size = number, 0, size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        part = os.pread(self._file, min(len(buffer), self._size - self._at), self._at)
        buffer[: len(part)] = part
        self._at += len(part)
        return len(part)


def _read(number: int, count: int, at: int) -> bytes:
    parts = []
    while count > 0 and (part := os.pread(number, count, at)):
        parts.append(part)
        count, at = count - len(part), at + len(part)
    return b"".join(parts)


def _sync_folder(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
