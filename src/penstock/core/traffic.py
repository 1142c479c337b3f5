"""Synthetic requests as a schedule: when each is due, which arm it goes to and what it asks. Pure.

Both arms must be asked the same, or the comparison would find the difference between two paths. So requests come in pairs:
one path, once for each arm, and chance says which arm is first (the second may find a warm cache).
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

from penstock.core.target import Reach

AT_ONCE = 20
"""So many requests are under way at once, at most, on both arms together: a slow service is never piled up on."""

Ask = tuple[str, str]
"""Method and path."""


def due_s(number: int, rps: float, seed: int) -> float:
    """When request `number` (from 0) is due, in seconds from the beginning.

    Each has a slot of 1/rps seconds to itself, and is due somewhere in it: never in step with anything that repeats, and
    after t seconds never more than rps*t + 1 were due.
    """
    return (number + _chance(f"due {seed} {number}")) / rps


def nth(number: int, asks: Sequence[Ask], seed: int) -> tuple[int, Ask]:
    """(arm, request) of the request that is sent as `number` (from 0); arm is 0 or 1.

    At any moment both arms were sent the same number, within one; and of every request, too.
    """
    pair, second = divmod(number, 2)
    first = int(_chance(f"pair {seed} {pair}") < 0.5)
    return first ^ second, asks[pair % len(asks)]


def arm(reach: Reach) -> Reach | None:
    """How a synthetic request reaches one arm: through the unit's own door, as a user's would, but marked. None: not at all.

    `reach` is the target's; its other headers lead by preview, which is never judged, and are left out.
    """
    return Reach(reach.url, reach.synthetic) if reach.synthetic else None


def _chance(what: str) -> float:
    """A number from 0 up to 1, always the same for the same words."""
    return int.from_bytes(blake2b(what.encode(), digest_size=6).digest(), "big") / 2**48
