"""A release decided again, from what was recorded: the same readings, the same rules, and so the same moves.

The rules (plan and policy) and the readings are evidence; the audit log says at which reading every move was made, and what
else it knew then (orders, trouble, seconds). Nothing else decides, so nothing else is needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from penstock.core import verdict
from penstock.core.evidence_windows import begun
from penstock.core.plan import Plan
from penstock.core.reading import Reading
from penstock.core.rollout import Move, Standing, next_move
from penstock.core.verdict import Eras, Policy, State

ENGINE = 2
"""Which verdict decides: other bets on the same readings come to other odds, so each is replayed by its own alone."""


@dataclass(frozen=True)
class Rules:
    """By what a release was decided: kept as evidence when its plan is drawn. `units` are those that were compared (None: all)."""

    plan: Plan
    policy: Policy
    bake: tuple[Policy, ...]
    settle_s: float
    step_s: float = 1.0
    warm_s: float = 0.0
    units: tuple[str, ...] | None = None
    engine: int = 1


@dataclass(frozen=True)
class Decided:
    """A move as it was recorded in a line of the audit log, and as it comes out again."""

    line: int
    rung: int
    recorded: Move
    again: Move
    odds: float
    readings: int

    @property
    def same(self) -> bool:
        """Whether the same move was made, for the same cause and in the same words."""
        return self.recorded == self.again


def replay(rules: Rules, readings: Sequence[Reading], lines: Iterable[dict[str, Any]]) -> list[Decided]:
    """Every move of the rollout, decided again in order. `lines` are the release's `move:` lines of the audit log."""
    fold = _Fold(rules, readings)
    return [_decided(rules, fold, line) for line in lines if line["standing"]["phase"] == "watch"]


def _decided(rules: Rules, fold: _Fold, line: dict[str, Any]) -> Decided:
    known = line["standing"]
    fold.on_to(line["position"])
    said = verdict.judge(rules.policy, fold.state)
    standing = Standing(
        line["rung"], known["watched_s"], said.outcome, said.odds, said.sentence, trouble=_pair(known["trouble"]),
        order=_pair(known["order"]), source=known["source"], held=known["held"], hurried=known["hurried"],
        waited_s=known["waited_s"], unmet=known.get("unmet", ""),
        unended=known.get("unended", ""),
    )  # fmt: skip
    plan = rules.plan
    again = next_move(plan.rungs, standing, plan.undecided_then, plan.bounds["undecided_hold_s"],
                      plan.kind)  # fmt: skip
    kind = line["what"].removeprefix("move: ")
    recorded = Move(kind, line["why"], line["to"], line["cause"])
    if recorded.cause == "undecided" and again.cause == "undecided":
        again = replace(again, reason=recorded.reason)  # its words also foretell, from the clock of that moment
    return Decided(line["line"], line["rung"], recorded, again, said.odds, fold.count)


def _pair(found: Sequence[str] | None) -> tuple[str, str] | None:
    return (found[0], found[1]) if found else None


class _Fold:
    """The evidence, as far as a position of the readings."""

    def __init__(self, rules: Rules, readings: Sequence[Reading]) -> None:
        self._rules = rules
        self._readings = readings
        self._began: dict[int, float] = {}
        self.state: State = verdict.start(rules.policy)
        self.count = 0

    def on_to(self, position: str) -> None:
        """Fold every reading up to the last one with this position; a position that is not there folds nothing."""
        ends = [n for n, reading in enumerate(self._readings) if reading.position == position]
        new = self._readings[self.count : ends[-1] + 1] if ends else ()
        self._began = begun(new, self._began)
        plan = self._rules.plan
        stable = plan.stable.id if plan.stable and self._rules.policy.compared else None
        found = verdict.windows(
            new,
            plan.candidate.id,
            stable,
            Eras(self._began, self._rules.settle_s, self._rules.step_s, self._rules.warm_s),
            self._rules.units,
        )
        self.state = verdict.fold(self._rules.policy, self.state, found)
        self.count += len(new)
