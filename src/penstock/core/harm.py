"""Whom a candidate harmed: requests that failed, or took too long, beyond what stable would have made of them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from penstock.core.eprocess import NOTHING, Counts
from penstock.core.reading import Reading
from penstock.core.report_evidence import Channel

Arms = tuple[Counts, Counts]

_HARMS = ("rolled_back", "superseded", "stuck", "drilled")


def harm_of(row: Mapping[str, Any], readings: Iterable[Reading], judged: Sequence[Channel]) -> int | None:
    """How many users a release that was taken back had harmed by then; None for any other. A calibration harms nobody."""
    facts = row["facts"]
    if row["state"] not in _HARMS or row["kind"] == "calibrate":
        return None
    enough = facts.get("live", {}).get("odds_limit", 100.0)
    too_slow = [one for one in judged if one.quantile and one.odds >= enough] if row["cause"] == "verdict" else []
    return harmed(stretches(readings, row["revision"] or "", facts.get("served", {})), too_slow)


def harmed(arms: Iterable[Arms], too_slow: Iterable[Channel] = ()) -> int:
    """How many users: the candidate's failures in excess of stable's rate, over all of `arms`, or its slow requests likewise.

    `arms` are (candidate, stable) over the same seconds each, `too_slow` the channels of response time that convicted. A request
    that hangs is slow, and fails: of both excesses the larger is told, and not their sum.
    """
    of_errors = sum(_excess(*both) for both in arms)
    return round(max(0.0, of_errors, *(_excess(one.candidate, one.stable) for one in too_slow)))


def stretches(readings: Iterable[Reading], candidate: str, served: Mapping[str, Mapping[str, int]]) -> list[Arms]:
    """Both arms by stretches in which the split stood still; where stable had no request in one, its requests of all the release.

    `served` are the sums of all the release by revision: they stand for readings that were not kept.
    """
    found: dict[int, Arms] = {}
    for one in readings:
        if not one.synthetic:
            mine, theirs = found.get(one.era, (NOTHING, NOTHING))
            counts = Counts(one.requests, one.errors)
            found[one.era] = (mine + counts, theirs) if one.revision == candidate else (mine, theirs + counts)
    whole = (_summed(s for name, s in served.items() if name == candidate),
             _summed(s for name, s in served.items() if name != candidate))  # fmt: skip
    if not found:
        return [whole]
    return [(mine, theirs if theirs.requests else whole[1]) for mine, theirs in found.values()]


def _excess(candidate: Counts, stable: Counts) -> float:
    rate = stable.errors / stable.requests if stable.requests else 0.0
    return candidate.errors - candidate.requests * rate


def _summed(sums: Iterable[Mapping[str, int]]) -> Counts:
    total = NOTHING
    for one in sums:
        total += Counts(one["requests"], one["errors"])
    return total
