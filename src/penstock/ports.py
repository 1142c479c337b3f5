"""What a release needs of the world, as Protocols. Providers, checks and fakes fill them; steps only see them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from penstock.core.finding import CheckRequest, Outcome
from penstock.core.reading import Level, Reading
from penstock.core.target import (
    Capabilities,
    Change,
    Desired,
    Evidence,
    Observed,
    Preview,
    Progress,
    Reach,
)


class Target(Protocol):
    """One service in one environment on one platform.

    Any method may be called again, at any time, by a successor. The contract, each line a conformance test:

     1. twice is once
     2. killed anywhere and called again by a successor: the same end
     3. a lower fence or an untrue token is refused, and nothing is done
     4. only old, new and what lies between are ever passed through: capacity before split; retired last, drained
     5. a different desire while working turns it round, or it says until when not
     6. bounded: every call returns within ten seconds
     7. observe after done equals desired
     8. one unit fails: failed, and converge(previous) brings all back
     9. foreign changes are seen
    10. what it does not own it refuses
    """

    def capabilities(self) -> Capabilities:
        """Pure; no network."""
        ...

    def observe(self) -> Observed:
        """The truth, from the platform."""
        ...

    def preview(self, change: Change) -> Preview:
        """No lasting effect: change set, saved plan, diff, what is irreversible."""
        ...

    def converge(self, desired: Desired, handle: str | None = None) -> Progress:
        """Starts or continues; returns within ten seconds."""
        ...

    def reach(self, unit: str, revision: str) -> Reach | None:
        """How to talk to exactly this revision."""
        ...

    def testimony(self, revision: str) -> list[Evidence]:
        """Logs and events; asked before a candidate is removed."""
        ...

    def take_way_back(self, why: str) -> bool:
        """Take the way back that was laid beside the last desire; needs no engine, no journal, no space.

        False when there is none, which is so while no candidate has traffic.
        """
        ...

    def heartbeat(self) -> None:
        """Somebody still watches. Where there is no dead man's rule this does nothing."""
        ...


class Metrics(Protocol):
    """Readings of the arms, in order. A source of cumulative counters is turned into readings inside its adapter.

    `lag_s`: how late it is. `step_s`: how long one reading is.
    """

    lag_s: float
    step_s: float

    def position(self) -> str:
        """Where the source stands now: what is read from here on is new."""
        ...

    def closed_until(self) -> float:
        """Up to which moment everything is told, in seconds since the epoch on its own clock; raises when it is down."""
        ...

    def readings(self, since: str) -> list[Reading]:
        """Every reading after a position (empty: from the first), oldest first; raises when the source is down."""
        ...

    def past(self, span_s: float, *, latency: bool) -> list[Reading]:
        """The readings of the last so many seconds, as far as they were kept; histograms only if they are asked for."""
        ...

    def levels(self) -> list[Level]:
        """The gauges as they stand now; none where the source has none. Raises when it is down."""
        ...


class Sender(Protocol):
    """Sends requests of Penstock's own for as long as somebody says that he watches; may be started again at any time."""

    def start(self) -> None:
        """Begin, or go on for some seconds more."""
        ...

    def stop(self) -> bool:
        """Send no more; whether all that was under way is over."""
        ...


class Check(Protocol):
    """One kind of inspection."""

    def run(self, request: CheckRequest) -> Outcome:
        """Looks, and says what was found; whether that blocks is for the moment to decide."""
        ...


class Secrets(Protocol):
    """Resolves references to values. Values go into a release's 0600 file, and nowhere else."""

    def resolve(self, references: Mapping[str, str], environment: str) -> dict[str, str]: ...


class Clock(Protocol):
    """Time. `now` is the wall clock in seconds since the epoch; `monotonic` never goes back within one boot."""

    def now(self) -> float: ...
    def monotonic(self) -> float: ...
    def sleep(self, seconds: float) -> None: ...


class Forge(Protocol):
    """Where the code comes from."""

    def resolve(self, revision: str) -> str:
        """The full commit id of a word; an error where there is none."""
        ...

    def read(self, commit: str, path: str) -> str | None:
        """A file's text at a commit."""
        ...

    def export(self, commit: str, folder: str) -> None:
        """The commit's files, and nothing else, in an empty folder."""
        ...

    def describe(self, old: str | None, new: str) -> list[dict[str, Any]]:
        """Commits from old to new, newest first, at most 200."""
        ...
