"""The check `headroom`: capacity beside the peak."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from penstock.checks.headroom import HeadroomCheck, HeadroomSection
from penstock.core import data
from penstock.core.finding import CheckRequest, Outcome

RECORDED = Path(__file__).parent / "recorded" / "load"
NOW = 1795268990.0
KNOWN = {"instances": "4", "per_instance": "200/s", "peak": "500/s"}
Make = Callable[..., CheckRequest]
Start = Callable[..., Any]


def run(make: Make, section: dict[str, Any], **more: Any) -> Outcome:
    """The outcome of a section as a manifest writes it."""
    plain = json.loads(json.dumps(data.dump(HeadroomSection.model_validate(section))))
    return HeadroomCheck().run(make(plain, **{"env": {"PATH": "/usr/bin:/bin"}, "now": NOW, **more}))


@pytest.mark.parametrize(
    ("change", "state", "says"),
    [
        ({}, "passed", "1.60x the peak: 4 instances carry 800/s, the peak is 500/s"),
        ({"instances": "3"}, "failed", "1.20x the peak: 3 instances carry 600/s, the peak is 500/s, less than 1.5x"),
        ({"at_least": "1.6x"}, "passed", "1.60x"),
        ({"per_instance": "12000/m"}, "passed", "1.60x"),
        ({"peak": "0/s"}, "errored", "the peak is 0/s"),
    ],
)
def test_capacity_is_so_many_times_the_peak(change: Any, state: str, says: str, request_for: Make) -> None:
    """Instances times what one carries, beside the peak; the remedy says how many would do."""
    outcome = run(request_for, {**KNOWN, **change})
    assert state == outcome.state
    assert outcome.sentence.startswith(says)
    if state == "failed":
        assert "4 instances, or more from each" == outcome.findings[0].remedy


def test_the_peak_may_be_asked_for(start: Start, request_for: Make) -> None:
    """A query gives it; one that gives no series gives no peak."""
    value = {"metric": {}, "value": [NOW, "400"]}
    answers = [{"json": {"status": "success", "data": {"resultType": "vector", "result": r}}} for r in ([value], [])]
    section = {**KNOWN, "peak": "max_over_time(rate(x[5m])[7d:5m])", "url": start(*answers).url}
    assert ("passed", 2.0) == ((outcome := run(request_for, section)).state, outcome.measured["factor"])
    assert "errored" == run(request_for, section).state


def test_what_one_carries_may_be_measured(request_for: Make, tmp_path: Path) -> None:
    """The rate that a load reached, shared by the instances that it ran against."""
    (tmp_path / "load.txt").write_bytes((RECORDED / "hey.txt").read_bytes())
    section = {"instances": "4", "report": "load.txt", "peak": "100/s", "loaded": "2"}
    outcome = run(request_for, section)
    assert ("passed", pytest.approx(90.93 / 2, 0.01)) == (outcome.state, outcome.measured["per_instance"])


@pytest.mark.parametrize("report", ["hey-bad.txt", "hey-refused.txt", "k6-export.json", "README.md"])
def test_a_load_that_was_not_carried_shows_no_capacity(report: str, request_for: Make, tmp_path: Path) -> None:
    """A load whose requests failed, and what is no report, are errored."""
    (tmp_path / "load").write_bytes((RECORDED / report).read_bytes())
    assert "errored" == run(request_for, {"instances": "400", "report": "load", "peak": "1/s"}).state


def test_no_report_is_errored(request_for: Make) -> None:
    """A report that is not there, or whose command failed, shows nothing."""
    section = {"instances": "4", "report": "load", "peak": "1/s"}
    assert "errored" == run(request_for, section).state
    assert "errored" == run(request_for, {**section, "run": "false"}).state
    script = f"cp {RECORDED / 'hey.txt'} load; exit 1"
    assert "errored" == run(request_for, {**section, "run": {"sh": script}}).state


@pytest.mark.parametrize(
    "change",
    [
        {"instances": "0"}, {"per_instance": "200"}, {"per_instance": "0/s"}, {"peak": "many"}, {"url": "http://h"},
        {"report": "x"}, {"at_least": "0x"}, {"at_least": "1.5x + 1pp"}, {"run": "x"}, {"loaded": "0"},
    ],
)  # fmt: skip
def test_a_section_that_cannot_be_is_refused(change: dict[str, Any]) -> None:
    """No instances, no rate, a peak that nobody is asked for, a factor that is none."""
    with pytest.raises(ValidationError):
        HeadroomSection.model_validate({**KNOWN, **change})
