"""The check `problems`: what was reported since the last release."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from penstock.checks.problems import ProblemsCheck, ProblemsSection
from penstock.core import data
from penstock.core.finding import CheckRequest, Last, Outcome

SECRET = "s3cr3t-t0ken"
LAST = Last("c0ffee", "r1", 1795268990.0)
SINCE = "2026-11-21T13:49:50Z"
Make = Callable[..., CheckRequest]
Start = Callable[..., Any]


def run(make: Make, section: dict[str, Any], **more: Any) -> Outcome:
    """The outcome of a section as a manifest writes it."""
    plain = json.loads(json.dumps(data.dump(ProblemsSection.model_validate(section))))
    return ProblemsCheck().run(make(plain, **{"last": LAST, **more}))


@pytest.mark.parametrize(("answer", "count"), [({"total": 3}, 3), ({"total": [{}, {}]}, 2), ({"total": 0}, 0)])
def test_a_number_or_a_list_is_counted(answer: Any, count: int, start: Start, request_for: Make) -> None:
    """At most as many as may be; asked for since the last release was promoted."""
    service = start({"json": answer})
    section = {"url": f"{service.url}/tickets?from=$SINCE", "count": "total", "at_most": "2", "bearer": "$TOKEN"}
    outcome = run(request_for, section, secrets={"TOKEN": SECRET})
    assert ("passed" if count <= 2 else "failed", count) == (outcome.state, outcome.measured["problems"])
    assert outcome.sentence.startswith(f"{count} problem")
    assert SINCE in outcome.sentence
    assert (f"/tickets?from={SINCE}", f"Bearer {SECRET}") == (
        service.asked[0]["path"],
        service.asked[0]["headers"]["authorization"],
    )


def test_issues_of_github(start: Start, request_for: Make) -> None:
    """GitHub's search counts issues with all labels opened since; a search that was not finished is errored."""
    service = start(
        {"json": {"total_count": 4, "incomplete_results": False, "items": []}},
        {"json": {"total_count": 0, "incomplete_results": True}},
    )
    section = {"github": "acme/shop", "url": service.url, "labels": ["bug", "from users"], "at_most": "3"}
    outcome = run(request_for, section)
    assert ("failed", 4) == (outcome.state, outcome.measured["problems"])
    asked = (
        f"/search/issues?q=repo%3Aacme%2Fshop%20is%3Aissue%20created%3A%3E%3D{SINCE.replace(':', '%3A')}"
        "%20label%3A%22bug%22%20label%3A%22from%20users%22&per_page=1"
    )
    assert asked == service.asked[0]["path"]
    assert "errored" == run(request_for, section).state


def test_issues_of_gitlab(start: Start, request_for: Make) -> None:
    """GitLab's statistics count them."""
    service = start({"json": {"statistics": {"counts": {"all": 1, "closed": 1, "opened": 0}}}})
    outcome = run(request_for, {"gitlab": "acme/web/shop", "url": service.url, "labels": "bug"})
    assert "failed" == outcome.state
    assert service.asked[0]["path"].startswith("/api/v4/projects/acme%2Fweb%2Fshop/issues_statistics?created_after=")


def test_the_first_release_has_nothing_to_count_from(request_for: Make) -> None:
    """Without a last release it is undecided, and said, without asking anybody."""
    for last in (Last(), Last("c0ffee")):
        outcome = run(request_for, {"github": "acme/shop"}, last=last)
        assert "undecided" == outcome.state
        assert "no release before this one" in outcome.sentence


@pytest.mark.parametrize(
    "answer",
    [{"json": {}}, {"json": {"total": "3"}}, {"json": {"total": -1}}, {"json": {"total": 1.5}}, {"json": {"total": True}},
     {"body": '{"total": NaN}'}, {"body": '{"total": 1e999}'}, {"body": ""}, {"status": 500}, {"status": 302}],
)  # fmt: skip
def test_what_is_no_count_is_errored(answer: Any, start: Start, request_for: Make) -> None:
    """An answer without a whole number from 0 on is no answer."""
    section = {"url": f"{start(answer).url}/$SINCE", "count": "total", "at_most": "9"}
    assert "errored" == run(request_for, section).state


def test_nobody_there_is_errored(request_for: Make) -> None:
    """Nobody who answers is nobody who counted; the token is in no text."""
    section = {"url": "http://127.0.0.1:9/$SINCE", "count": "a", "bearer": "$TOKEN"}
    outcome = run(request_for, section, secrets={"TOKEN": SECRET})
    assert ("errored", False) == (outcome.state, SECRET in str(data.dump(outcome)))


@pytest.mark.parametrize(
    "section",
    [
        {}, {"github": "a/b", "gitlab": "a/b"}, {"github": "acme"}, {"github": "a/b c"}, {"url": "http://h/$SINCE"},
        {"url": "http://h/", "count": "a"}, {"github": "a/b", "count": "a"}, {"url": "http://h/$SINCE", "count": "a..b"},
        {"github": "a/b", "labels": 'x" repo:c/d'}, {"url": "http://h/$SINCE", "count": "a", "labels": "bug"},
        {"github": "a/b", "bearer": "ghp"},
    ],
)  # fmt: skip
def test_a_section_that_cannot_be_is_refused(section: dict[str, Any]) -> None:
    """Nowhere to ask, two places, a URL that does not say since when, a label that would end the search."""
    with pytest.raises(ValidationError):
        ProblemsSection.model_validate(section)
