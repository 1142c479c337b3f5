"""Requests that have not ended yet: a version that hangs has no errors until its clients give up. Pure.

They never convict. But nobody is accepted, and no increment is left, while so many of the candidate's are open that they could
change what is said of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import sqrt

from penstock.core.limits import Arms
from penstock.core.policy import Policy
from penstock.core.reading import OPEN_REQUESTS, Level
from penstock.core.verdict import State

FEW = 5  # so many are always open somewhere
_TIMES = 3.0  # so many times what stable's would be at the candidate's weight
_LUCK = 3.0  # standard deviations


def unended(policy: Policy, state: State, levels: Iterable[Level], arms: Arms, weight_permille: int) -> str:
    """Why what was seen of a candidate cannot be trusted yet; empty when it can, or where the source does not tell.

    It can where all that is open could fail without changing that the candidate is accepted, and where not more is open than
    on stable, for the weight of both: streams and long requests are open on both.
    """
    newest = {(one.revision, one.instance): one.value for one in levels if one.name == OPEN_REQUESTS}
    told = {revision: sum(n for (of, _), n in newest.items() if of == revision) for revision, _ in newest}
    if arms.candidate not in told or arms.stable not in told or not 0 < weight_permille < 1000:
        return ""
    still, ended = told[arms.candidate], state.candidate.requests + state.candidate_alone.requests
    base = state.stable.errors / state.stable.requests if state.stable.requests else 0.0
    usual = _TIMES * told[arms.stable] * weight_permille / (1000 - weight_permille)
    if still <= max(FEW + usual + _LUCK * sqrt(usual), policy.accepted.edge(base) * ended):
        return ""
    return f"{still:,.0f} requests of the candidate have not ended, {ended:,} have; on stable {told[arms.stable]:,.0f} are open"
