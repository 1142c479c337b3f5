"""The audit log: append-only, one canonical-JSON line each, every line with the hash of the line before.

A line is on disk before the effect that it announces goes on. Appends of several processes are serialised by flock; a
torn last line (a crash in the middle of a write) is cut off, and a line says so.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from penstock.errors import StateError
from penstock.records.store import Store

FIRST = "0" * 64
_TAIL = 1 << 16


def append(path: Path, store: Store, now: float, key: str, what: str, who: dict[str, Any], **facts: Any) -> str:
    """Add a line, once for each key; returns its hash. `key` makes a step that runs again say it once only."""
    try:
        with open(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            tail = _tail(file)
            if any(line.get("key") == key for line in tail) or _known(store, key):
                return _hash(_encode(tail[-1])) if tail else FIRST
            torn = _repair(file)
            last = _encode(tail[-1]) if tail else b""
            number = tail[-1]["line"] + 1 if tail else 1
            before = _hash(last) if last else FIRST
            if torn:
                line = {
                    "line": number,
                    "at": now,
                    "key": f"torn:{number}",
                    "what": "repaired a torn last line",
                    "who": who,
                    "bytes": torn,
                    "before": before,
                }
                before, number = _write(file, line), number + 1
            line = {"line": number, "at": now, "key": key, "what": what, "who": who, **facts, "before": before}
            head = _write(file, line)
    except OSError as error:
        raise StateError(
            "audit",
            f"the audit log cannot be written: {error.strerror}",
            str(path),
            "an effect that is not recorded is not done",
            "make space, or see `penstock doctor`",
        ) from error
    with store.write() as db:
        db.execute("INSERT OR IGNORE INTO audited VALUES (?, ?)", (key, number))
    return head


def read(path: Path) -> Iterator[dict[str, Any]]:
    """Every line, in order."""
    if path.exists():
        with path.open("rb") as file:
            for text in file:
                if text.endswith(b"\n"):
                    yield json.loads(text)


def verify(path: Path) -> str:
    """Empty when the chain is whole, else what is wrong with the first line that breaks it."""
    before, number = FIRST, 0
    with path.open("rb") as file:
        for text in file:
            number += 1
            try:
                line = json.loads(text)
            except ValueError:
                return f"line {number} is torn or is not JSON"
            if line.get("line") != number or line.get("before") != before:
                return f"line {number} does not follow from the line before it"
            if _encode(line) != text.rstrip(b"\n"):
                return f"line {number} is not in canonical form"
            before = _hash(_encode(line))
    return ""


def _known(store: Store, key: str) -> bool:
    return store.row("SELECT line FROM audited WHERE key = ?", key) is not None


def _tail(file: Any) -> list[dict[str, Any]]:
    """The last whole lines. Only they can hold a line whose key did not reach the records any more."""
    size = file.seek(0, os.SEEK_END)
    start = file.seek(max(0, size - _TAIL))
    text = file.read()
    lines = text.split(b"\n")[:-1]
    return [json.loads(line) for line in (lines[1:] if start else lines)]


def _repair(file: Any) -> int:
    """Cut off a last line without an end; returns how many bytes went."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _TAIL))
    text: bytes = file.read()
    torn = len(text) - (text.rfind(b"\n") + 1)
    if torn:
        file.truncate(size - torn)
    return torn


def _write(file: Any, line: dict[str, Any]) -> str:
    text = _encode(line)
    file.seek(0, os.SEEK_END)
    file.write(text + b"\n")
    file.flush()
    os.fsync(file.fileno())
    return _hash(text)


def _encode(line: dict[str, Any]) -> bytes:
    return json.dumps(line, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _hash(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()
