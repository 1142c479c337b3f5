"""What shall be, as it is handed to the keeper, and the way back that lies beside it.

Generations only grow. The way back laid before a desire has the generation after it; once a desire is written
that it
was not laid for, it is removed.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from typing import Any

from penstock.errors import NeedsPerson, PenstockError, Refused
from penstock.providers.local.heartbeat import beat
from penstock.providers.local.paths import Folder, locked, read_json, replace_json, sync

_AT_MOST_S = 0.5


def read(folder: str | os.PathLike[str]) -> dict[str, Any] | None:
    """The desire in force; None before the first. What is not whole is an error, and never taken for nothing."""
    path = Folder.of(folder).desired
    found = read_json(path)
    if found is not None and not (isinstance(found.get("generation"), int) and isinstance(found.get("fence"), list)):
        raise NeedsPerson(
            "unreadable", "this desire is not whole", str(path), "it has no generation, or no fence",
            "put back what it was, from a backup; what runs goes on running",
        )  # fmt: skip
    return found


def write(
    folder: str | os.PathLike[str], data: Mapping[str, Any], *, fence: Sequence[int], expecting: str | None
) -> int:
    """Put a desire in force and return its generation; the very desire in force already is left as it is.

    Refused with `fence` when the desire in force has a higher fence, with `token` when `expecting` is not its
    generation.
    """
    place = Folder.of(folder)
    place.root.mkdir(mode=0o700, parents=True, exist_ok=True)
    with locked(place.desired_lock):
        current = read(place) or {}
        generation = _generation(current)
        wanted = {**data, "fence": list(fence)}
        _refuse_lower(fence, current, place)
        if current and _content(current) == _content(wanted):
            _match_way_back(place, generation)
            return generation
        _refuse_untrue(expecting, current, place)
        wanted |= {"generation": generation + 1}
        if wanted.get("attended_s") is not None:
            beat(place)  # whoever writes it watches it, in this boot
        replace_json(place.desired, wanted, durable=True)
        _match_way_back(place, generation + 1)
        return generation + 1


def lay_way_back(folder: str | os.PathLike[str], data: Mapping[str, Any]) -> int:
    """Lay the way back for the desire to be written next, and return its generation.

    Its origin is `fallback`, and nobody need watch it. Without a fence it has that of the desire in force.
    """
    place = Folder.of(folder)
    place.root.mkdir(mode=0o700, parents=True, exist_ok=True)
    with locked(place.desired_lock):
        current = read(place) or {}
        generation = _generation(current) + 2
        fence = data.get("fence") or current.get("fence") or [0, 0]
        back = {
            **data,
            "fence": list(fence),
            "generation": generation,
            "origin": "fallback",
            "attended_s": None,
        }
        replace_json(place.fallback, back, durable=True)
        return generation


def take_way_back(folder: str | os.PathLike[str], why: str) -> bool:
    """Put the way back in force; False where none is laid for the desire in force. Needs no space on the
    disk.
    """
    place = Folder.of(folder)
    with ExitStack() as held:
        # Whoever holds the lock may have been stopped while it did: the way back does not wait for them.
        with suppress(OSError, PenstockError):
            held.enter_context(locked(place.desired_lock, within_s=_AT_MOST_S))
        back = read_json(place.fallback)
        before = _generation(_readable(place) or {})
        if back is None or _generation(back) <= before:
            return False
        os.replace(place.fallback, place.desired)
        with suppress(OSError):  # the reason is worth less than the way back: a full disk may lose it
            note = {"generation": _generation(back), "at": time.time(), "why": why, "from_generation": before}
            replace_json(place.taken_back, note)
        with suppress(OSError):
            sync(place.root)
        return True


def _readable(place: Folder) -> dict[str, Any] | None:
    """A broken desire must not bar the way back."""
    try:
        return read(place)
    except PenstockError:
        return None


def _generation(data: Mapping[str, Any]) -> int:
    generation = data.get("generation", 0)
    return generation if isinstance(generation, int) else 0


def _content(data: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in data.items() if key != "generation"}


def _refuse_lower(fence: Sequence[int], current: Mapping[str, Any], place: Folder) -> None:
    highest = list(current.get("fence") or [])
    if list(fence) < highest:
        raise Refused(
            "fence",
            f"the desire in force was written under fence {highest}, which is higher than {list(fence)}",
            str(place.desired),
            "a later release, or a successor of this worker, has taken over",
            "leave it to that one",
        )


def _refuse_untrue(expecting: str | None, current: Mapping[str, Any], place: Folder) -> None:
    generation = str(_generation(current))
    if expecting is not None and expecting != generation:
        raise Refused(
            "token",
            f"generation {expecting} was expected, and {generation} is in force",
            str(place.desired),
            "somebody changed the environment since it was observed",
            "observe again, and decide anew",
        )


def _match_way_back(place: Folder, generation: int) -> None:
    """Keep the way back only for the desire that it was laid for, and renumber one laid for a desire in
    force.
    """
    back = read_json(place.fallback)
    if back is None or _generation(back) == generation + 1:
        return
    if _generation(back) == generation + 2:
        replace_json(place.fallback, {**back, "generation": generation + 1}, durable=True)
        return
    place.fallback.unlink()
