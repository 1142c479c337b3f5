"""A wait: what for, since when, until when, and what ends it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Wait:
    """What for; the moment at which it ends at the latest (None: nobody knows), and what follows; what ends it sooner.

    `since` is when it began (None: it does not matter), `type` the command that ends it, as one would type it.
    """

    what: str
    until: float | None = None
    then: str = ""
    sooner: str = ""
    since: float | None = None
    type: str = ""
