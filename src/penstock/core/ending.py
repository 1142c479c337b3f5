"""How a release can end, and the sentence that says it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["released", "blocked", "aborted", "rolled_back", "superseded", "stuck", "baking", "drilled"]

EXIT_CODES: dict[str, int] = {
    "released": 0, "baking": 0, "drilled": 0, "blocked": 3, "aborted": 3, "superseded": 3, "rolled_back": 4, "stuck": 5,
}  # fmt: skip
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


class Over(Exception):
    """Raised from a step's result: the release goes no further forward."""

    def __init__(self, ending: Ending) -> None:
        super().__init__(ending.sentence)
        self.ending = ending
