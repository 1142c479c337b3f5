"""Is this log whole? Answered from the log, its heads and public keys alone: no records, no state, no trust.

What cannot be answered from them is said as well: an answer that promises more than it knows is worth less than none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

from penstock.records import heads as signing
from penstock.records.audit_key import fingerprint
from penstock.records.chain import Scan, scan
from penstock.records.diagnosis import Finding, agrees, diagnose
from penstock.records.heads import Head


@dataclass(frozen=True)
class Weighed:
    """A signed head, weighed: does its signature hold, does the log agree with it."""

    head: Head
    signature: str  # holds | broken | other key
    log: str  # agrees | differs | cut off | another log


@dataclass(frozen=True)
class Proof:
    """The answer. `proven`: the last line for which somebody vouches; `cannot`: what is not proven, in sentences."""

    log: str
    lines: int
    head: str
    proven: int
    findings: list[Finding]
    heads: list[Weighed]
    cannot: list[str]

    @property
    def whole(self) -> bool:
        """Nothing was found."""
        return not self.findings


@dataclass
class _Case:
    """All that is known of one log."""

    seen: Scan
    heads: list[Weighed] = field(default_factory=list)
    copied: Mapping[int, str] = field(default_factory=dict)
    named: bool = False

    @property
    def said(self) -> list[tuple[int, str]]:
        """Every (line, hash) for which a head whose signature holds vouches, or a person: by line, two for one if need be."""
        signed = [w.head for w in self.heads if w.signature == "holds" and w.log != "another log"]
        return sorted({*((head.line, head.head) for head in signed), *self.copied.items()})

    @property
    def vouched(self) -> dict[int, str]:
        """One hash for each line; a person's copy counts most."""
        return {**dict(self.said), **self.copied}

    def agreed(self, findings: Sequence[Finding]) -> int:
        """The last line for which somebody vouches, before the first where anything is wrong."""
        end = min((f.since for f in findings if f.kind != "signature"), default=self.seen.lines + 1)
        fits = [n for n, said in self.said if n < end and agrees(self.seen.hashes.get(n, ""), said)]
        return max(fits, default=0)


def verify(
    log: BinaryIO,
    heads: Iterable[bytes] = (),
    *,
    known: Mapping[str, bytes] | None = None,
    named: Mapping[str, bytes] | None = None,
    copied: Mapping[int, str] | None = None,
) -> Proof:
    """Weigh a log. `known`: public keys by id that came with it; `named`: those the asker trusts, and then no others;
    `copied`: hashes by line that the asker has from elsewhere."""
    texts = [text for text in heads if text.strip()]
    read = [signing.read(text) for text in texts]
    said = [(head, text) for head, text in zip(read, texts, strict=True) if head]
    seen = scan(log, {head.line for head, _ in said} | set(copied or ()))
    keys = named if named is not None else {**seen.keys, **(known or {})}
    case = _Case(seen, _weigh(seen, said, keys), copied or {}, named is not None)
    findings = [*_of_the_log(case), *_of_the_heads(case, read)]
    proven = case.agreed(findings)
    return Proof(seen.log, seen.lines, seen.head, proven, findings, case.heads, _cannot(case, proven))


def _weigh(seen: Scan, said: Sequence[tuple[Head, bytes]], keys: Mapping[str, bytes]) -> list[Weighed]:
    found = []
    for head, text in said:
        signature = "other key"
        if head.key in keys:
            signature = "holds" if signing.holds(text, keys[head.key]) else "broken"
        found.append(Weighed(head, signature, _fits(seen, head)))
    ours = any(w.signature == "holds" and w.head.log == seen.log for w in found)
    return [
        Weighed(w.head, w.signature, "another log") if ours and w.head.log != seen.log else w for w in found
    ]  # without a head of this very log, its first line may be what was changed  # fmt: skip


def _fits(seen: Scan, head: Head) -> str:
    if head.line not in seen.hashes:
        return "cut off"
    return "agrees" if seen.hashes[head.line] == head.head else "differs"


def _of_the_log(case: _Case) -> list[Finding]:
    """What is wrong with the lines; the first line first."""
    broken = diagnose(case.seen.broken, case.vouched) if case.seen.broken else None
    rewritten = _rewritten(case, broken.line if broken else case.seen.lines + 1)
    ended = _ended(case) if not broken and not rewritten else None
    return [finding for finding in (rewritten, broken, ended) if finding]


def _rewritten(case: _Case, end: int) -> Finding | None:
    """A chain that is whole, and yet not the one for which somebody vouched: written anew."""
    hashes = case.seen.hashes
    odd = [n for n, said in case.said if not agrees(hashes.get(n, ""), said)]
    if not odd or odd[0] >= end:
        return None
    number = odd[0]
    good = max((n for n, _ in case.said if n < number), default=0)
    what = f"line {number} was" if good + 1 == number else f"lines between {good + 1} and {number} were"
    return Finding(
        "rewritten", number, good + 1,
        f"{what} written anew and chained again: a {_source(case, number)} vouches for another line {number}",
    )  # fmt: skip


def _ended(case: _Case) -> Finding | None:
    """The end: missing, or torn."""
    end = case.seen.lines
    beyond = [number for number in case.vouched if number > end]
    if beyond:
        since = 1 + max((number for number in case.vouched if number <= end), default=0)
        again = f", or all after line {since - 1} was written anew with fewer lines" if since <= end else ""
        return Finding(
            "cut off", end + 1, since,
            f"the log ends {'in' if case.seen.torn else 'before'} line {end + 1}: cut off{again}; a "
            f"{_source(case, max(beyond))} vouches for line {max(beyond)}",
        )  # fmt: skip
    if case.seen.torn:
        return Finding("torn", end + 1, end + 1,
                       f"line {end + 1}, the last, has no end: a crash while it was written, or cut off")  # fmt: skip
    return None


def _source(case: _Case, number: int) -> str:
    return "head that you gave" if number in case.copied else "signed head"


def _of_the_heads(case: _Case, read: Sequence[Head | None]) -> list[Finding]:
    found = [
        Finding("signature", w.head.line, w.head.line, f"the signature of the head at line {w.head.line} does not hold")
        for w in case.heads
        if w.signature == "broken"
    ]
    strange = sorted({fingerprint(w.head.key) for w in case.heads if w.signature == "other key"})
    if strange and not case.named:
        found.append(
            Finding("signature", 0, 0, f"heads are signed by a key that nothing announces: {', '.join(strange)}")
        )
    if odd := [str(place) for place, head in enumerate(read, 1) if head is None]:
        found.append(Finding("signature", 0, 0, f"no signed heads: line {', '.join(odd)} of heads.jsonl"))
    if case.named and not any(w.signature == "holds" for w in case.heads):
        found.append(Finding("signature", 0, 0, "no head is signed by the key that you gave"))
    return found


def _cannot(case: _Case, proven: int) -> list[str]:
    """What this does not prove."""
    said = []
    used = sorted({fingerprint(w.head.key) for w in case.heads if w.signature == "holds"})
    if not case.vouched:
        said.append("Nobody vouches for this log: whoever could write the file could write the whole chain anew.")
    elif used and not case.named:
        said.append(
            f"Whose log it is: the key ({', '.join(used)}) came with it, so that log and key belong together is all"
            " there is. Compare the key with one that you have from elsewhere, or give --key."
        )
    if case.vouched and proven < case.seen.lines:
        said.append(f"{_span(proven + 1, case.seen.lines)} after the last head that fits: not yet proven.")
    if not case.copied:
        said.append(
            "That nothing is missing at the end: lines cut off together with their heads leave no trace here. Compare"
            " with the head in a release's report: --head LINE:HASH."
        )
    said += _strangers(case)
    said.append("That what was written was true, or complete, when it was written.")
    return said


def _strangers(case: _Case) -> list[str]:
    said = []
    others = sorted({fingerprint(w.head.key) for w in case.heads if w.signature == "other key"})
    if others and case.named:
        said.append(f"What heads of other keys say ({', '.join(others)}): they were not looked at.")
    elsewhere = [w.head for w in case.heads if w.log == "another log"]
    if elsewhere:
        said.append(
            f"Where an earlier log is: {len(elsewhere)} heads are of another one (its last signed line"
            f" is {max(head.line for head in elsewhere)}), which was here before this one began."
        )
    return said


def _span(first: int, last: int) -> str:
    return f"Line {first} lies" if first == last else f"Lines {first} to {last} lie"
