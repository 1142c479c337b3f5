"""How peers would have judged the same traffic: their canary judgements by behaviour, at their documented settings.

None of it is their code, and none of it speaks for them: each policy names where its rules are written down. They judge for as
long as the traces last, at the weight that the traces have: longer than some of their documented rollouts take, which helps them
to find regressions and costs them false alarms.
"""

from __future__ import annotations

from typing import Protocol

from penstock.simulation.peers.counters import ErrorAlarm, FailedChecks, SuccessRate
from penstock.simulation.peers.kayenta import Kayenta
from penstock.simulation.peers.peeking import Peeking
from penstock.simulation.peers.traces import NEVER, Ints, Traces
from penstock.simulation.peers.windows import BurnRate, Window, tuned_windows

__all__ = [
    "DOCUMENTED",
    "NEVER",
    "BurnRate",
    "ErrorAlarm",
    "FailedChecks",
    "Kayenta",
    "Peeking",
    "PeerPolicy",
    "SuccessRate",
    "Traces",
    "Window",
    "tuned_windows",
]


class PeerPolicy(Protocol):
    """A canary judgement: what it is called, what it does in a sentence, and where that is written down."""

    @property
    def name(self) -> str:
        """A few words for a table, unlike any other policy's."""

    @property
    def described(self) -> str:
        """The rule with its numbers, for a person."""

    @property
    def source(self) -> str:
        """The document or file that the rule and its settings were read from."""

    def rolled_back_at(self, traces: Traces) -> Ints:
        """For each release, seconds from the start to the look that rolls it back; `NEVER` (-1) if none does."""


DOCUMENTED: tuple[PeerPolicy, ...] = (
    SuccessRate(),
    SuccessRate(at_least=0.99, failure_limit=0),
    FailedChecks(),
    ErrorAlarm(),
    BurnRate(),
    Kayenta(),
    Kayenta(fresh_baseline=True),
    Kayenta(interval_s=600),
    Peeking(),
)
"""Every policy that needs no tuning. Argo's second setting and Kayenta's third are variants, no documented examples."""
