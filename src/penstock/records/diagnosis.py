"""What was done to a log whose chain breaks: which line first, told from which neighbour's hash still fits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from penstock.records.chain import Break, Seen


@dataclass(frozen=True)
class Finding:
    """What is wrong. `line` is the first line of which it is certain; it may have begun at `since`, no earlier."""

    kind: str
    line: int
    since: int
    sentence: str


def diagnose(broken: Break, signed: Mapping[int, str]) -> Finding:
    """Name the line. `signed`: hashes of lines for which signed heads or people vouch, by number."""
    line, after = broken.line, broken.after
    put_in = after is not None and after.good and after.follows(line.place - 1, broken.before)
    if not line.good:
        return _unreadable(line, put_in=put_in)
    if line.before == broken.before:
        return _at("changed", line.place, f"line {line.place} was changed: it says that it is line {line.number}")
    if broken.copy_of is not None:
        return _at("duplicated", line.place, f"line {line.place} is a copy of line {broken.copy_of}, put in there")
    if put_in:
        return _put_in(line)
    if broken.origin is not None and line.number == broken.origin + 1 and line.place - 1 > broken.origin:
        return _inserted_before(line, broken.origin)
    if line.number > line.place:
        return _missing(line, after)
    if line.number < line.place:
        return _at("reordered", line.place, f"line {line.number} stands where line {line.place} belongs")
    return _one_of_two(broken, signed)


def _at(kind: str, place: int, sentence: str) -> Finding:
    return Finding(kind, place, place, sentence)


def _unreadable(line: Seen, *, put_in: bool) -> Finding:
    if put_in:
        return _at(
            "inserted", line.place, f"line {line.place} was put in: the one after it follows line {line.place - 1}"
        )
    return _at("changed", line.place, f"line {line.place} was changed: it is not a line as Penstock writes them")


def _put_in(line: Seen) -> Finding:
    if line.number > line.place:
        return _at("reordered", line.place, f"line {line.number} stands where line {line.place} belongs")
    return _at("inserted", line.place, f"line {line.place} was put in: the one after it follows line {line.place - 1}")


def _inserted_before(line: Seen, origin: int) -> Finding:
    first, last = origin + 1, line.place - 1
    what = f"line {first} was" if first == last else f"lines {first} to {last} were"
    return _at("inserted", first, f"{what} put in: the line after follows line {origin}")


def _missing(line: Seen, after: Seen | None) -> Finding:
    if after is not None and after.before != line.hash:
        return _at("reordered", line.place, f"line {line.number} stands where line {line.place} belongs")
    last = line.number - 1
    what = f"line {line.place} was" if last == line.place else f"lines {line.place} to {last} were"
    return _at("removed", line.place, f"{what} removed, or stands elsewhere")


def _one_of_two(broken: Break, signed: Mapping[int, str]) -> Finding:
    """A line with the right number, after another line than it says: it was changed, or the one before it was."""
    line, after = broken.line, broken.after
    number = line.place
    before_signed, line_signed = signed.get(number - 1), signed.get(number)
    since = 1 + max((n for n in signed if n < number - 1), default=0)
    if agrees(broken.before, before_signed) or (line_signed and not agrees(line.hash, line_signed)) or number == 1:
        return _at("changed", number, f"line {number} was changed, or put in: line {number - 1} is not what it follows")
    followed = after is not None and after.before == line.hash
    if followed or agrees(line.hash, line_signed) or before_signed:
        run = f", alone or as the last of several (no earlier than line {since})" if since < number - 1 else ""
        return Finding("changed", number - 1, since,
                       f"line {number - 1} was changed{run}: line {number} follows another one")  # fmt: skip
    if after is not None:
        return _at("changed", number, f"line {number} was changed: neither neighbour fits it")
    return Finding("changed", number - 1, since,
                   f"line {number - 1} or line {number} was changed; which of them cannot be told")  # fmt: skip


def agrees(full: str, said: str | None) -> bool:
    """Is this the hash that was said? People may shorten it."""
    return bool(said) and full.startswith(str(said))
