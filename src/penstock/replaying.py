"""A recorded release decided again, from the audit log and the evidence alone: no records, no journal, no worker."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penstock.core import data, recording
from penstock.core.reading import Reading
from penstock.core.replay import ENGINE, Decided, Rules, replay
from penstock.errors import UserError


@dataclass(frozen=True)
class Record:
    """What was kept of a release: by what it was decided, what was read, and the log's lines of it, its moves among them."""

    release: str
    rules: Rules
    readings: tuple[Reading, ...]
    lines: tuple[dict[str, Any], ...]

    @property
    def moves(self) -> tuple[dict[str, Any], ...]:
        """The lines in which something was decided, oldest first."""
        return tuple(line for line in self.lines if line["what"].startswith("move: "))


@dataclass(frozen=True)
class Replayed:
    """What came out: the moves, and what else in the log does not fit them (empty: all of it fits)."""

    release: str
    moves: tuple[Decided, ...]
    differences: tuple[str, ...]


def replay_release(lines: Iterable[dict[str, Any]], evidence: Path, number: int) -> Replayed:
    """Decide a release again. Raises UserError when the log or the evidence does not hold enough for that."""
    record = record_of(lines, evidence, number)
    if record.rules.engine != ENGINE:
        raise UserError("other-verdict", f"release {number} was judged by another version's verdict",
                        why="other bets on the same readings come to other odds, which would look like a forgery",
                        next="replay it with the Penstock that released it, or try a policy: `penstock replay`")  # fmt: skip
    decided = replay(record.rules, record.readings, record.moves)
    differences = (*_changed(decided), *_unplanned(record.rules, record.lines, decided))
    return Replayed(record.release, tuple(decided), differences)


def record_of(lines: Iterable[dict[str, Any]], evidence: Path, number: int) -> Record:
    """The record of a release, from the lines of an audit log. Raises UserError where something is missing or changed."""
    found = tuple(line for line in lines if str(line.get("release", "")).rsplit("/", 1)[-1] == str(number))
    if not found:
        raise UserError("not-in-the-log", f"the audit log has no line of release {number}",
                        next="`penstock history` lists the releases")  # fmt: skip
    drawn = [line for line in found if line["what"] == "plan drawn"]
    ended = [line for line in found if line.get("readings")]
    is_moved = any(line["what"].startswith("move: ") for line in found)
    if not drawn or not ended or not is_moved:
        why = "its rules or readings were not kept" if is_moved else "it never came so far that something was judged"
        raise UserError("nothing-to-replay", f"release {number} made no move that readings decided", why=why,
                        next=f"`penstock show {number}` says how it ended")  # fmt: skip
    rules, readings = _content(evidence, drawn[-1]["rules"]), _content(evidence, ended[-1]["readings"])
    try:
        unpacked = recording.unpack(json.loads(gzip.decompress(readings)))
        return Record(str(found[0]["release"]), data.load(Rules, json.loads(rules)), tuple(unpacked), found)
    except ValueError as error:  # whole, by its digest: so it is another version's
        raise UserError("evidence-unreadable", f"the evidence of release {number} cannot be read",
                        why=str(error).partition("\n")[0], next="replay it with the version that kept it") from error  # fmt: skip


def _content(evidence: Path, digest: str) -> bytes:
    """A piece of evidence, only if it is still what was recorded."""
    path = evidence / digest[:2] / digest
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError("evidence-gone", f"the evidence {digest[:16]}… is not there", str(path),
                        "evidence is kept for as long as `keep_evidence` says", "replay from a backup") from error  # fmt: skip
    if hashlib.sha256(content).hexdigest() != digest:
        raise UserError("evidence-changed", f"the evidence {digest[:16]}… is not what was recorded", str(path),
                        "its content has another SHA-256 than its name", "restore it from a backup")  # fmt: skip
    return content


def _changed(decided: Iterable[Decided]) -> list[str]:
    return [
        f"line {one.line}: recorded {one.recorded.kind} ({one.recorded.reason}); the same readings and rules give"
        f" {one.again.kind} ({one.again.reason})"
        for one in decided if not one.same
    ]  # fmt: skip


def _unplanned(rules: Rules, lines: Iterable[dict[str, Any]], decided: Iterable[Decided]) -> list[str]:
    """Shifts that no rung of the plan, or no decision, accounts for."""
    allowed = {0, *(one.again.rung for one in decided if one.again.kind == "advance")}
    rungs = {rung.name: (number, rung.weight_permille) for number, rung in enumerate(rules.plan.rungs)}
    found = []
    for line in lines:
        if line["what"] != "shift":
            continue
        number, weight = rungs.get(line["rung"], (-1, -1))
        if weight != line["weight_permille"]:
            found.append(f"line {line['line']}: a shift to {line['rung']} that the plan does not have")
        elif number not in allowed:
            found.append(f"line {line['line']}: a shift to {line['rung']} that no decision led to")
    return found
