"""A sample service with planted faults, and its twin without: every fault is found at its place, and nothing else is."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock import registry

from .planted import asking
from .planted.asking import Answer, Asked
from .planted.table import LINES, PLANTED

ELSEWHERE = {
    "alarms", "command", "drill", "fresh", "headroom", "http", "load", "masked", "on_call", "problems", "provenance",
    "reachable", "reviews", "slo",
}  # fmt: skip
"""Kinds that ask a service or a schedule, or make something: there is nothing to plant in a repository for them."""


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Answer], list[Asked], list[Asked]]:
    """Both twins, asked once."""
    return asking.both(tmp_path_factory.mktemp("planted"))


def test_what_is_planted_is_found_at_its_place(asked: tuple[list[Answer], list[Asked], list[Asked]]) -> None:
    """Of all planted faults at least 95 % are named, in their own words and at their own line."""
    answers, faulty, _ = asked
    missed = [
        f"{one.planted.line}: {one.planted.id} at {one.where or '(no place)'}" for one in answers if not one.found
    ]
    assert len(missed) <= len(answers) * 0.05, "\n".join([f"{len(missed)} missed", *missed, *_said(faulty, answers)])


def test_nothing_is_said_against_the_clean_twin(asked: tuple[list[Answer], list[Asked], list[Asked]]) -> None:
    """The clean twin passes every line, without a single finding of any severity."""
    assert [] == asking.alarms(asked[2])


def test_no_fault_is_found_by_accident(asked: tuple[list[Answer], list[Asked], list[Asked]]) -> None:
    """What recognises a fault in the faulty twin stands nowhere in the answers about the clean one."""
    answers, _, clean = asked
    said = {finding for one in clean for finding in one.outcome.findings}
    assert [] == [one.planted.id for one in answers if one.found in said]


def test_every_kind_that_inspects_has_something_planted() -> None:
    """Ninety faults and more, in every kind that inspects files, history or reports."""
    kinds = {line.name: line.kind for line in LINES}
    planted = {kinds[one.line] for one in PLANTED}
    assert set(registry.BUILT_IN["check"]) == planted | ELSEWHERE
    assert 90 <= len({one.id for one in PLANTED})
    assert len(PLANTED) == len({one.id for one in PLANTED})


def test_the_twins_differ_in_their_faults_alone() -> None:
    """The clean twin has every file of the faulty one, but for what should not be there; it is just as rich."""
    here = Path(asking.__file__).parent
    faulty, clean = (
        {str(path.relative_to(here / name)): path.stat().st_size for path in (here / name).rglob("*") if path.is_file()}
        for name in ("faulty", "clean")
    )
    assert {"deploy/id_deploy"} == {name for name in faulty if "__pycache__" not in name} - clean.keys()
    assert sum(faulty.values()) * 0.9 <= sum(clean.values())


def _said(asked: list[Asked], answers: list[Answer]) -> list[str]:
    """What the lines with a missed fault said instead."""
    lines = {one.planted.line for one in answers if not one.found}
    return [
        f"  {one.line.name} ({one.outcome.state}): {finding.where} {finding.condition}"
        for one in asked if one.line.name in lines for finding in one.outcome.findings
    ]  # fmt: skip
