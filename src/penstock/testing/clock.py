"""A clock that moves only when it is told to."""

from __future__ import annotations

from bisect import bisect_right


class FakeClock:
    """The Clock port, without waiting: `sleep` advances both clocks at once and returns immediately.

    `now` is the wall clock's beginning, in seconds since the epoch; the monotonic clock begins at 0.
    """

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self._monotonic = 0.0
        self._jumps = [(0.0, now)]  # from which monotonic second on, and wall clock minus monotonic clock

    def now(self) -> float:
        """Seconds since the epoch."""
        return self.wall_at(self._monotonic)

    def monotonic(self) -> float:
        """Seconds since this clock was made."""
        return self._monotonic

    def sleep(self, seconds: float) -> None:
        """Advance both clocks; a negative number is a mistake of the caller's."""
        assert seconds >= 0, "nobody sleeps backwards"
        self._monotonic += seconds

    def jump(self, seconds: float) -> None:
        """Move the wall clock alone: back as when it is set, on as when the machine was suspended."""
        self._jumps.append((self._monotonic, self._jumps[-1][1] + seconds))

    def wall_at(self, monotonic: float) -> float:
        """What the wall clock showed at a monotonic second."""
        index = bisect_right(self._jumps, monotonic, key=lambda jump: jump[0])
        return monotonic + self._jumps[max(0, index - 1)][1]
