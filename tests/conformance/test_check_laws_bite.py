"""Each law of `penstock.testing.check_conformance` finds the check that breaks it."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import pytest

from penstock.core.finding import CheckRequest, Finding, Outcome
from penstock.core.target import Evidence
from penstock.manifest.check import CheckSection
from penstock.testing import check_conformance as laws
from penstock.testing.check_conformance import LAWS, Subject

WHY = (Finding("nothing to inspect"),)
COUNT = itertools.count()


class SampleSection(CheckSection):
    """A steady kind with one key."""

    steady: ClassVar[bool] = True

    file: str = "$TOKEN"


class Sample:
    """Errored where nothing is there.

    - `file`: what is inspected.

    Bad:   it: {is: sample}
    Good:  it: {is: sample, file: a.txt}
    """

    def __init__(self, answer: Callable[[CheckRequest], Outcome]) -> None:
        self.answer = answer

    def run(self, request: CheckRequest) -> Outcome:
        """What it was told to answer."""
        return self.answer(request)


def good(request: CheckRequest) -> Outcome:
    """A check that keeps every law."""
    return Outcome("errored", "there is no file", WHY)


def slow(request: CheckRequest) -> Outcome:
    """A check that takes longer than it may."""
    time.sleep(0.3)
    return good(request)


def crash(request: CheckRequest) -> Outcome:
    """A check that raises."""
    raise KeyError("no file")


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_a_good_check_keeps_every_law(law: Callable[..., None], tmp_path: Path) -> None:
    """What is done right is found right."""
    law(Subject("sample", Sample(good), SampleSection, ({},)), tmp_path)


@pytest.mark.parametrize(
    ("law", "answer"),
    [
        (laws.answers_always, crash),
        (laws.answers_always, slow),
        (laws.answers_always, lambda _: None),
        (laws.answers_always, lambda _: Outcome("waived", "fine")),
        (laws.passes_nothing_that_is_not_there, lambda _: Outcome("passed", "0 problems")),
        (laws.tells_no_secret, lambda r: Outcome("errored", f"no {r.secrets.get('TOKEN')}", WHY)),
        (laws.tells_no_secret, lambda r: Outcome("errored", "no", WHY, measured={"a": r.secrets.get("TOKEN")})),
        (laws.says_it_in_one_line, lambda _: Outcome("errored", "a\nb", WHY)),
        (laws.says_it_in_one_line, lambda _: Outcome("errored", "a\x1b[31m", WHY)),
        (laws.says_it_in_one_line, lambda _: Outcome("errored", " ", WHY)),
        (laws.says_it_in_one_line, lambda _: Outcome("errored", "a" * 301, WHY)),
        (laws.says_why, lambda _: Outcome("failed", "bad")),
        (laws.says_why, lambda _: Outcome("failed", "bad", WHY * 102)),
        (laws.says_why, lambda _: Outcome("failed", "bad", (Finding("a", severity="bad"),))),
        (laws.says_why, lambda _: Outcome("failed", "bad", (Finding("a", where="/etc/passwd:1"),))),
        (laws.keeps_little, lambda _: Outcome("errored", "a", WHY, measured={"a": float("nan")})),
        (laws.keeps_little, lambda _: Outcome("errored", "a", WHY, measured={"a": "x" * 300_000})),
        (laws.keeps_little, lambda _: Outcome("errored", "a", WHY, (Evidence("e", "text/plain", "x" * 300_000),))),
        (laws.keeps_little, lambda _: Outcome("errored", "a", WHY, (Evidence("e", "text/plain", "x"),) * 2)),
        (laws.answers_the_same, lambda _: Outcome("errored", f"try {next(COUNT)}", WHY)),
    ],
)
def test_a_law_finds_who_breaks_it(
    law: Callable[..., None],
    answer: Callable[..., Outcome],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A check that does this is found out by that law."""
    monkeypatch.setattr(laws, "WITHIN_S", 0.1)
    monkeypatch.setattr(laws, "GRACE_S", 0.1)
    with pytest.raises(AssertionError):
        law(Subject("sample", Sample(answer), SampleSection, ({},)), tmp_path)


class Silent(Sample):
    """Says nothing of its key."""


class Unreadable(Sample):
    """Shows what no manifest may say.

    - `file`: what is inspected.

    Bad:   it: {is: sample, fil: a.txt}
    Good:  it: {is: sample, file: a.txt}
    """


class ForgetfulSection(SampleSection):
    """Reads its own plain data as something else."""

    def __eq__(self, other: object) -> bool:
        return False

    __hash__ = None  # type: ignore[assignment]


class StrangeSection(SampleSection):
    """Work of a sort that nobody knows."""

    pace: ClassVar[str] = "sometimes"


@pytest.mark.parametrize(
    ("law", "check", "section"),
    [
        (laws.has_its_page, Silent, SampleSection),
        (laws.shows_lines_that_can_be_read, Unreadable, SampleSection),
        (laws.is_itself_as_plain_data, Sample, ForgetfulSection),
        (laws.is_of_a_known_sort, Sample, StrangeSection),
    ],
)
def test_a_page_and_a_section_are_held_to_theirs(
    law: Callable[..., None], check: type[Sample], section: type[CheckSection], tmp_path: Path
) -> None:
    """A key without its item, an example that cannot be read, a section that is another one as plain data."""
    with pytest.raises(AssertionError):
        law(Subject("sample", check(good), section, ({},)), tmp_path)
