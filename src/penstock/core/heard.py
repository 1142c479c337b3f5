"""Whether the source tells of both arms what a policy judges beside errors: response times, and events. Pure.

What is not told is never judged, and a candidate is not accepted, nor an increment left, while its numbers are lacking.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from penstock.core.evidence_windows import Eras
from penstock.core.latency import tells
from penstock.core.policy import Policy
from penstock.core.reading import Reading


def unheard(
    policy: Policy, readings: Iterable[Reading], arms: Mapping[str, str], eras: Eras, before: Mapping[str, str]
) -> dict[str, str]:
    """By arm, what its newest judged requests lack; `before` is what was so until these readings. `arms`: revision -> its name.

    An arm without requests lacks nothing, nor does one that is not warm yet.
    """
    found = dict(before)
    for reading in readings:
        arm = arms.get(reading.revision)
        if arm and reading.final and reading.requests and not reading.synthetic and not eras.refuses(reading):
            found[arm] = _lacking(policy, reading, f"of {arm}") if eras.is_warm(reading) else ""
    return {arm: lacks for arm, lacks in found.items() if lacks}


def _lacking(policy: Policy, reading: Reading, whose: str) -> str:
    names = [rule.name for rule in policy.latency]
    if names and not reading.latency:
        return f"{', '.join(names)}: the source has told no response times {whose}"
    if names and policy.edges and not all(tells(reading.latency, edge) for edge in policy.edges):
        return f"{', '.join(names)}: the response times {whose} come in other buckets than those before the release"
    told = {name for name, _ in reading.events}
    lacks = [rule.name for rule in policy.rates if rule.name not in told]
    return f"the source has told no {', '.join(lacks)} {whose}" if lacks else ""
