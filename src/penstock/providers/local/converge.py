"""What is still to be done until a desire is true (pure): capacity first, then traffic, and what leaves
comes last.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from penstock.providers.local.wanted import Arm, Wanted

Phase = Literal["starting", "shifting", "retiring", "settled", "failed"]


@dataclass(frozen=True)
class Copy:
    """One instance, as far as it matters here. Times in seconds; `ready_s` None: not ready now."""

    arm: Arm
    ready_s: float | None
    is_proven: bool = False
    is_seen: bool = False
    is_leaving: bool = False
    age_s: float = 0.0
    trouble: str = ""


@dataclass(frozen=True)
class Standing:
    """How far a desire has come, in one word and one sentence."""

    phase: Phase
    reason: str = ""


def may_shift(wanted: Wanted, copies: list[Copy], splits: Mapping[str, Mapping[str, int]]) -> bool:
    """Whether the splits may be put in force now; `splits` are those that are.

    Every arm has all its instances started and ready for `min_ready_s`, and Envoy sees one at least of
    each that is
    to get traffic. An instance that has been ready before and is down for the moment is not waited for:
    going back
    must not hang on it. Where a split in force serves nobody, one ready instance of each revision is enough.
    """
    serving = [(u, r) for u, unit in wanted.units.items() for r, weight in unit.split.items() if weight]
    if not all(_is_reachable(copies, arm) for arm in serving):
        return False
    return all(_is_whole(wanted, copies, arm) for arm in wanted.arms()) or _serves_nobody(copies, splits)


def may_retire(wanted: Wanted, copies: list[Copy], splits: Mapping[str, Mapping[str, int]]) -> bool:
    """Whether what is not placed any more may go: everything else is there, and the splits are in force."""
    in_force = all(dict(unit.split) == dict(splits.get(name, {})) for name, unit in wanted.units.items())
    return in_force and all(_is_whole(wanted, copies, arm) for arm in wanted.arms())


def _is_reachable(copies: list[Copy], arm: Arm) -> bool:
    return any(c.arm == arm and c.ready_s is not None and c.is_seen and not c.is_leaving for c in copies)


def _is_whole(wanted: Wanted, copies: list[Copy], arm: Arm) -> bool:
    mine = [copy for copy in copies if copy.arm == arm and not copy.is_leaving]
    return len(mine) >= wanted.count(arm) and all(_stands(copy, wanted.min_ready_s) for copy in mine)


def _serves_nobody(copies: list[Copy], splits: Mapping[str, Mapping[str, int]]) -> bool:
    return any(
        split and not any(_ready(copies, (unit, revision)) for revision, weight in split.items() if weight)
        for unit, split in splits.items()
    )


def _stands(copy: Copy, min_ready_s: float) -> bool:
    return copy.is_proven if copy.ready_s is None else copy.ready_s >= min_ready_s


def _ready(copies: list[Copy], arm: Arm) -> int:
    return sum(copy.arm == arm and copy.ready_s is not None and not copy.is_leaving for copy in copies)


def standing(
    wanted: Wanted, copies: list[Copy], splits: Mapping[str, Mapping[str, int]], shifting: Mapping[str, str]
) -> Standing:
    """How far it has come. `splits` are those in force; `shifting` says per unit why a written split is
    not yet.
    """
    late = _late(wanted, copies)
    if late:
        return Standing("failed", late)
    for arm in wanted.arms():
        wait = _waits(wanted, arm, copies, splits)
        if wait:
            return Standing("starting", wait)
    for unit, desired in sorted(wanted.units.items()):
        if unit in shifting:
            return Standing("shifting", f"{unit}: {shifting[unit]}")
        if dict(desired.split) != dict(splits.get(unit, {})):
            return Standing("shifting", f"{unit}: the split is not in force yet")
    surplus = len(copies) - sum(wanted.count(arm) for arm in wanted.arms())
    if surplus > 0:
        return Standing("retiring", f"{surplus} instances are being drained and stopped")
    return Standing("settled")


def _waits(wanted: Wanted, arm: Arm, copies: list[Copy], splits: Mapping[str, Mapping[str, int]]) -> str:
    unit, revision = arm
    mine = [copy for copy in copies if copy.arm == arm and not copy.is_leaving]
    is_in_force = dict(wanted.units[unit].split) == dict(splits.get(unit, {}))
    ready = _ready(copies, arm)
    trouble = next((f": {copy.trouble}" for copy in mine if copy.ready_s is None and copy.trouble), "")
    if ready < wanted.count(arm):
        return f"{unit} {revision}: {ready} of {wanted.count(arm)} ready{trouble}"
    if not is_in_force and not all(_stands(copy, wanted.min_ready_s) for copy in mine):
        return f"{unit} {revision}: all ready, but not for {wanted.min_ready_s:g} s yet"
    if wanted.takes_traffic(unit) and not any(copy.is_seen for copy in mine):
        return f"{unit} {revision}: ready, but not for Envoy yet"
    return ""


def _late(wanted: Wanted, copies: list[Copy]) -> str:
    for copy in copies:
        is_new = not copy.is_proven and not copy.is_leaving and copy.ready_s is None
        if is_new and wanted.count(copy.arm) and copy.age_s > wanted.start_within_s:
            trouble = f": {copy.trouble}" if copy.trouble else ""
            return f"{' '.join(copy.arm)} did not become ready within {wanted.start_within_s:g} s{trouble}"
    return ""
