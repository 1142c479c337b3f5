"""The readings as they were folded into the verdict: written beside the release's logs while it is watched, and its evidence
in the end. Read from the source again, they could be others: a later shift makes the second before it one of two splits, and
seconds of yesterday are merged.
"""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from penstock.core import data, recording
from penstock.core.reading import Reading
from penstock.errors import StateError
from penstock.records import evidence
from penstock.steps.world import World


def keep(world: World, since: str, readings: Sequence[Reading]) -> None:
    """Write down what was read after a position. A step that is repeated reads from its position again, and what it writes
    then stands in place of what it wrote before.
    """
    # The line break comes first: what a death left half written spoils nothing after it.
    text = "\n" + data.canonical({"since": since, "readings": recording.pack(readings)})
    try:
        with open(os.open(_path(world), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a") as file:
            file.write(text)
    except OSError as error:
        raise _refused(world, error) from error


def settle(world: World) -> None:
    """What was written is on disk before this returns: from then on the journal goes on behind it."""
    try:
        if _path(world).exists():
            with _path(world).open("rb+") as file:
                os.fsync(file.fileno())
    except OSError as error:
        raise _refused(world, error) from error


def kept(world: World, begin: str) -> list[Reading]:
    """All that was folded since a position, oldest first; after the rollout's end from its evidence. Empty where it is not
    known whole, as when an older Penstock began to watch.
    """
    if not _path(world).exists():
        return _evident(world)
    ends, found = [begin], list[list[Reading]]()
    for line in _lines(_path(world)):
        while ends and ends[-1] != line["since"]:
            ends.pop()
        if not ends:
            return []
        new = recording.unpack(line["readings"])
        del found[len(ends) - 1 :]
        found.append(new)
        ends.append(new[-1].position)
    return [one for batch in found for one in batch]


def forget(world: World) -> None:
    """The evidence has it."""
    _path(world).unlink(missing_ok=True)


def _path(world: World) -> Path:
    return world.work / "folded.jsonl"


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(errors="replace") as file:
        for line in file:
            try:
                found = json.loads(line)
            except ValueError:  # empty, or half written
                continue
            yield found


def _evident(world: World) -> list[Reading]:
    digests = [row["digest"] for row in evidence.of(world.store, world.release) if row["name"] == "readings"]
    try:
        packed = evidence.path_of(world.evidence, digests[-1]).read_bytes() if digests else b""
        return recording.unpack(json.loads(gzip.decompress(packed))) if packed else []
    except (OSError, ValueError):
        return []


def _refused(world: World, error: OSError) -> StateError:
    return StateError("evidence", f"what was judged cannot be kept: {error.strerror}", str(_path(world)),
                      next="make space, or see `penstock doctor`")  # fmt: skip
