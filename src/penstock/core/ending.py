"""How a release can end, and the sentence that says it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal[
    "released", "blocked", "aborted", "rolled_back", "superseded", "stuck", "baking", "drilled", "calibrated"
]

# state: (the exit code of a verb that follows a release, what it means)
STATES: dict[str, tuple[int, str]] = {
    "waiting": (6, "Ordered, and in line: a release before it holds the environment, or no worker has come yet."),
    "planned": (6, "Begun: it is built, its plan is drawn, its checks of `revision` and `before` are asked."),
    "awaiting": (6, "Its checks are asked; it waits for people, for a window, or for its time in another environment."),
    "rolling_out": (6, "It may change the environment: placed, checked, and given traffic, or on its way back."),
    "released": (0, "It serves all of the environment."),
    "baking": (0, "It serves all of the environment, and is still watched with the power to go back."),
    "drilled": (0, "A drill: the rollback was rehearsed, and what served before serves."),
    "calibrated": (0, "A calibration: stable was held against itself, and what served before serves."),
    "blocked": (3, "A check, a limit or an error stopped it before anything was changed."),
    "aborted": (3, "A person stopped it before anything was changed."),
    "superseded": (3, "A newer release took its place; what it had changed was put back."),
    "rolled_back": (4, "What served before serves again: the verdict, a check, health, a crash loop, or a person."),
    "stuck": (
        5,
        "It could neither go on nor go back in time: a person is needed, and the sentence says which command.",
    ),
}
EXIT_CODES: dict[str, int] = {state: code for state, (code, _) in STATES.items() if code != 6}
NOT_OVER = 6


@dataclass(frozen=True)
class Ending:
    """The end of a release: its state, what caused it (verdict, health, person, …), and why, in one sentence.

    `head` is the signed head of the audit log then, as `LINE:HASH`: the journal keeps what the report repeats.
    """

    state: State
    cause: str = ""
    sentence: str = ""
    head: str = ""


class Parked(Exception):
    """Raised by a step that can only wait: for people, or for a time. Its story is told again from its kept results when
    something was said that was not `heard` when it looked, or at `wakes_at` (seconds since the epoch).
    """

    def __init__(self, wakes_at: float, heard: tuple[int, ...] = ()) -> None:
        super().__init__("waits")
        self.wakes_at = wakes_at
        self.heard = heard


class Over(Exception):
    """Raised from a step's result: the release goes no further forward."""

    def __init__(self, ending: Ending) -> None:
        super().__init__(ending.sentence)
        self.ending = ending
