"""Whole releases under plain limits and conditions, on paper: what rolls back, what holds, what is promoted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from penstock.core.ending import Ending
from penstock.core.reading import Level
from penstock.manifest.verdict import Verdict
from penstock.testing.simulation import Simulation, environment


def simulated(folder: Path, **verdict: Any) -> Simulation:
    asked = {"undecided": {"hold": "120s"}, **verdict}
    return Simulation(folder, asked=environment().model_copy(update={"verdict": Verdict.model_validate(asked)}))


def ended(sim: Simulation) -> Ending:
    return sim.release()


@pytest.mark.parametrize(
    ("verdict", "end"),
    [
        ({}, ("released", "")),
        ({"fail_if": "errors > 9999"}, ("released", "")),
        ({"fail_if": {"if": "requests > 10", "over": "12s"}}, ("rolled_back", "condition")),
        ({"promote_if": {"if": "requests > 10", "over": "12s"}}, ("released", "")),
        ({"promote_if": {"if": "requests > 1000000", "over": "12s"}}, ("rolled_back", "undecided")),
        ({"fail_if": {"if": "p99_ms > 9999", "over": "12s"}}, ("rolled_back", "undecided")),
        ({"errors": {"at_most": "9999 per 1m"}}, ("released", "")),
        ({"throttles": {"at_most": "0"}}, ("rolled_back", "undecided")),
        ({"cpu": {"at_most": "80%", "for": "10s"}}, ("rolled_back", "limit")),
        ({"cpu": {"at_most": "99%", "for": "10s"}}, ("released", "")),
    ],
)
def test_how_it_ends(verdict: dict[str, Any], end: tuple[str, str], tmp_path: Path) -> None:
    """A broken limit and a condition that holds roll back; what is not told or not met is never promoted."""
    sim = simulated(tmp_path, **verdict)
    levels = sim.metrics.levels
    sim.metrics.levels = lambda: [*levels(), Level("cpu", sim.candidate.id, sim.clock.now(), 0.9, "web-1")]
    found = sim.release()
    assert end == (found.state, found.cause or ""), found
