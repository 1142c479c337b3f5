"""Limits and conditions that could never be judged, since the source of the readings does not tell what they need. Pure.

Refused before a release: it would wait for as long as the manifest has patience, and then go back.
"""

from __future__ import annotations

from collections.abc import Iterator

from penstock.manifest import expression
from penstock.manifest.measures import COUNTS, GAUGES, sample
from penstock.manifest.section import Section, wrong
from penstock.manifest.verdict import Verdict

_OF_PENSTOCK = (*COUNTS, "duration", *GAUGES)


def untold(target: Section, verdict: Verdict) -> Iterator[ValueError]:
    """What is wrong with the keys of `verdict` that nobody tells; each made by `wrong`."""
    source = verdict.metrics
    if source and source.tells_by_name:
        return
    told = frozenset[str]() if source else target.tells
    own = {sample(name) for name in verdict.measures} if source else set[str]()
    whose = f"`{source.kind}` answers queries alone" if source else "this target has no such number"
    instead = "`measures`, with a query of your own" if source else "metrics: {is: json, url: ...}, where it is told"

    def nobody(name: str, at: str) -> ValueError:
        return wrong(f"nobody tells `{name}`", f"{whose}: it would never be judged", instead, code="untold", at=at)

    for key in _OF_PENSTOCK:
        if getattr(verdict, key) is not None and key not in told:
            yield nobody(key, key)
    for name in () if source or "measures" in told else verdict.measures:
        yield nobody(name, f"measures.{name}")
    for key, condition in verdict.conditions().items():
        for one in expression.samples(expression.read(condition.text)):
            name = one.removeprefix("stable.")
            if name in {*COUNTS, *GAUGES} - told - own:
                yield nobody(name, key)
