"""What judges a release, in the words of its plan."""

from __future__ import annotations

from penstock.core.plan_judges import judges_of
from penstock.manifest import Environment, TargetEntry
from penstock.manifest.section import Section
from penstock.manifest.verdict import Verdict

ASKED = {
    "latency": {"p95": {"against_stable": "1.3x + 3ms"}, "p99": {"at_most": "300ms", "against_stable": "1.3x"}},
    "measures": {"orders": {"is": "rate", "query": "q", "at_least_of_stable": "0.8x"}},
}


def judges(*, compared: bool) -> tuple[str, ...]:
    """The rules of an environment that asks for errors, times and a rate."""
    target = TargetEntry(kind="fake", section=Section())
    environment = Environment(name="production", units={}, target=target, verdict=Verdict.model_validate(ASKED))
    return judges_of(environment, compared=compared)


def test_each_rule_says_which_side_of_it_is_accepted() -> None:
    """A margin is passed by what is better: no line reads as if worse than it were accepted."""
    assert (
        "errors: sent back if worse than 1.75x + 0.05pp of stable's or if more than 5 % fail; accepted if better than 2x + 0.5pp",
        "p95: sent back if slower than 1.3x + 3ms of stable's; accepted if faster than 1.625x + 3ms",
        "p99: sent back if slower than 1.3x of stable's or if it is above 300 ms; accepted if faster than 1.625x",
        "orders: sent back if fewer than 0.8 times stable's for each request; accepted if more than 0.6 times",
    ) == judges(compared=True)


def test_where_nothing_is_compared_only_limits_are_named() -> None:
    """Without a stable arm beside it there is nothing to be better than."""
    assert ("errors: sent back if more than 5 % fail", "p99: sent back if it is above 300 ms") == judges(compared=False)
