"""The audit log: append-only, one canonical-JSON line each, every line with the hash of the line before.

A line is on disk before the effect that it announces goes on. Appends of several processes are serialised by flock; a
torn last line (a crash in the middle of a write) is cut off, and a line says so. So does one when lines that the records
remember are not in the log any more.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penstock.errors import StateError
from penstock.records import lines
from penstock.records.store import Store

FIRST = "0" * 64


@dataclass(frozen=True)
class Last:
    """A log's last line: its number and its hash; line 0 stands before the first."""

    line: int = 0
    hash: str = FIRST


def append(path: Path, store: Store, now: float, key: str, what: str, who: dict[str, Any], **facts: Any) -> str:
    """Add a line, once for each key; returns its hash. `key` makes a step that runs again say it once only."""
    try:
        with lines.locked(path) as file:
            tail, last = _end(file, path)
            if _said(store, key, tail, last):
                return last.hash
            told = {"at": now, "who": who}
            said = [*_repairs(store, tail, last, told), {**facts, **told, "key": key, "what": what}]
            text, last = _chain(last, said)
            file.put(tail.end, text)
    except OSError as error:
        raise _unwritable(path, error) from error
    with store.write() as db:
        db.execute("INSERT OR REPLACE INTO audited VALUES (?, ?)", (key, last.line))
    return last.hash


def read(path: Path) -> Iterator[dict[str, Any]]:
    """Every whole line, in order."""
    if path.exists():
        with path.open("rb") as file:
            for text in file:
                if text.endswith(b"\n"):
                    yield json.loads(text)


def last(path: Path) -> Last:
    """The last whole line, without reading the others."""
    with lines.locked(path) as file:
        return _end(file, path)[1]


def log_id(path: Path) -> str:
    """What names a log: the hash of its first line; empty while there is none."""
    if not path.exists():
        return ""
    with path.open("rb") as file:
        return hash_of(file.readline().rstrip(b"\n"))


def verify(path: Path) -> str:
    """Empty when the chain is whole, else what is wrong with the first line that breaks it. Knows nothing of heads."""
    from penstock.records.proof import verify as weigh

    with lines.at_rest(path) as file:
        found = weigh(file).findings
    return found[0].sentence if found else ""


def encode(line: dict[str, Any]) -> bytes:
    """The one way to write a line: sorted keys, no spaces, UTF-8, and nothing that is not JSON."""
    try:
        text = json.dumps(line, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    except ValueError:
        return encode(_finite(line))
    return text.encode(errors="backslashreplace")  # half a surrogate pair, from a file's name, becomes its JSON escape


def hash_of(text: bytes) -> str:
    """The hash of a line, which has no end of line in it."""
    return hashlib.sha256(text).hexdigest()


def numbered(text: bytes) -> dict[str, Any] | None:
    """A line as it was written, or None when it is none."""
    try:
        line = json.loads(text)
    except (ValueError, RecursionError):
        return None
    good = isinstance(line, dict) and type(line.get("line")) is int and isinstance(line.get("before"), str)
    return line if good else None


def _end(file: lines.Lines, path: Path) -> tuple[lines.Tail, Last]:
    """The end of the log and its last line. One line that cannot be read, and no more, counts as torn."""
    tail = file.tail()
    if not tail.lines:
        return tail, Last()
    line = numbered(tail.lines[-1])
    if line is None:
        before = file.tail(tail.end - len(tail.lines[-1]) - 1)
        tail = lines.Tail(before.end, tail.torn + tail.end - before.end, before.lines)
        line = numbered(tail.lines[-1]) if tail.lines else {"line": 0}
    if line is None:
        raise StateError(
            "audit-damaged",
            "the last lines of the audit log cannot be read",
            str(path),
            "no crash of Penstock does this; nothing can be added to what cannot be read",
            "keep the file and its heads.jsonl elsewhere, restore it from a backup or move it away, and say why",
        )
    return tail, Last(line["line"], hash_of(tail.lines[-1])) if tail.lines else Last()


def _said(store: Store, key: str, tail: lines.Tail, last: Last) -> bool:
    """Is there a line with this key? It is known to the records, or was written just before somebody was killed."""
    row = store.row("SELECT line FROM audited WHERE key = ?", key)
    if row is not None and row["line"] <= last.line:
        return True
    mark = b'"key":' + encode({"": key})[4:-1]
    return any(mark in text and (numbered(text) or {}).get("key") == key for text in tail.lines)


def _repairs(store: Store, tail: lines.Tail, last: Last, told: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What must be said of the log itself before anything is added to it."""
    if tail.torn:
        yield {**told, "key": f"torn:{last.line + 1}", "what": "repaired a torn last line", "bytes": tail.torn}
    row = store.row("SELECT line FROM audited ORDER BY rowid DESC LIMIT 1")
    lost = range(last.line + 1, row["line"] + 1) if row else range(0)
    if len(lost) > (1 if tail.torn else 0):
        yield {**told, "key": f"lost:{lost[0]}:{lost[-1]}", "what": "lines that the records remember are not here",
               "first": lost[0], "last": lost[-1]}  # fmt: skip


def _chain(last: Last, said: list[dict[str, Any]]) -> tuple[bytes, Last]:
    """The lines as they are written, and the last of them."""
    written = []
    for facts in said:
        text = encode({**facts, "line": last.line + 1, "before": last.hash})
        written.append(text + b"\n")
        last = Last(last.line + 1, hash_of(text))
    return b"".join(written), last


def _finite(value: Any) -> Any:
    """Numbers that JSON does not have, as words."""
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _unwritable(path: Path, error: OSError) -> StateError:
    return StateError(
        "audit",
        f"the audit log cannot be written: {error.strerror}",
        str(path),
        "an effect that is not recorded is not done",
        "make space, or see `penstock doctor`",
    )
