"""Reading an audit log line by line, whoever wrote it: where the chain breaks, and what stands around the break.

One pass, in memory that does not grow with the log. Knows nothing of signatures, and believes nothing it reads.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from penstock.records import audit, audit_key

LONGEST = 64 << 20  # a line over this is no line of ours
_RECENT = 10_000  # so many lines back is the origin of a line that is out of place looked for


@dataclass(frozen=True)
class Seen:
    """A line as it stands in the file. `place` counts from 1; `number` and `before` are what it says of itself."""

    place: int
    hash: str
    number: int
    before: str
    good: bool

    def follows(self, number: int, head: str) -> bool:
        """Is this the line after that one?"""
        return self.number == number + 1 and self.before == head


@dataclass(frozen=True)
class Break:
    """The first line that does not follow from the one before it, and its neighbours."""

    line: Seen
    before: str
    after: Seen | None
    origin: int | None  # the place of the earlier line that it follows
    copy_of: int | None  # the place of the earlier line that it is


@dataclass
class Scan:
    """What one pass saw. `hashes`: of the wanted lines, by their numbers; `keys`: those that the log itself announces."""

    lines: int = 0
    head: str = audit.FIRST
    log: str = ""
    torn: bool = False
    broken: Break | None = None
    hashes: dict[int, str] = field(default_factory=dict)
    keys: dict[str, bytes] = field(default_factory=dict)


def scan(log: BinaryIO, wanted: Collection[int] = ()) -> Scan:
    """Read a log to its end; after a break only the wanted lines are still looked at."""
    found, recent = Scan(), _Recent()
    lines = _lines(log, found)
    for seen, line in lines:
        _note(found, seen, line, wanted)
        if found.broken is None:
            if not (seen.good and seen.follows(seen.place - 1, found.head)):
                after = next(lines, None)
                found.broken = Break(
                    seen, found.head, after[0] if after else None,
                    recent.places.get(seen.before), recent.places.get(seen.hash),
                )  # fmt: skip
                if after:
                    _note(found, *after, wanted)
            else:
                recent.add(seen)
        found.head = seen.hash
    return found


class _Recent:
    """Where the last lines stand, by their hash."""

    def __init__(self) -> None:
        self.places = {audit.FIRST: 0}
        self._order: deque[str] = deque([audit.FIRST])

    def add(self, seen: Seen) -> None:
        self.places[seen.hash] = seen.place
        self._order.append(seen.hash)
        if len(self._order) > _RECENT:
            self.places.pop(self._order.popleft(), None)


def _lines(log: BinaryIO, found: Scan) -> Iterator[tuple[Seen, dict[str, Any]]]:
    """Every line with what it says; a last one without an end is only noted."""
    while text := log.readline(LONGEST):
        if not text.endswith(b"\n") and len(text) < LONGEST:
            found.torn = True
            return
        found.lines += 1
        text = text.removesuffix(b"\n")
        line = audit.numbered(text)
        good = line is not None and _canonical(line, text)
        line = line or {}
        seen = Seen(found.lines, audit.hash_of(text), line.get("line", 0), line.get("before", ""), good)
        if found.lines == 1:
            found.log = seen.hash
        yield seen, line


def _canonical(line: dict[str, Any], text: bytes) -> bool:
    try:
        return audit.encode(line) == text
    except RecursionError:
        return False


def _note(found: Scan, seen: Seen, line: dict[str, Any], wanted: Collection[int]) -> None:
    if seen.number in wanted:
        found.hashes.setdefault(seen.number, seen.hash)
    if line.get("what") in ("audit key made", "audit key changed"):
        public = str(line.get("public", ""))
        if len(public) == 64 and not set(public) - set("0123456789abcdef"):
            found.keys[audit_key.key_id(bytes.fromhex(public))] = bytes.fromhex(public)
