"""The check `ticket`: a change has a ticket, and the ticket allows it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from penstock.checks.ticket import TicketCheck, TicketSection, judged, named
from penstock.core import data
from penstock.core.finding import CheckRequest, Last, Outcome

SECRET = "s3cr3t-t0ken"
PATTERN = r"CHG\d+"
Make = Callable[..., CheckRequest]
Start = Callable[..., Any]


def run(make: Make, section: dict[str, Any], **more: Any) -> Outcome:
    """The outcome of a section as a manifest writes it."""
    plain = json.loads(json.dumps(data.dump(TicketSection.model_validate(section))))
    return TicketCheck().run(make(plain, **{"env": {"PATH": "/usr/local/bin:/usr/bin:/bin"}, **more}))


class Repository:
    """A repository of commits without files."""

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *words: str) -> str:
        """What git prints."""
        who = ["-c", "user.name=Ana", "-c", "user.email=ana@example.org", "-c", "commit.gpgsign=false"]
        return subprocess.check_output(["git", "-C", self.folder, *who, *words], text=True).strip()

    def commit(self, message: str) -> str:
        """The commit that has this message."""
        self.git("commit", "--quiet", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """An empty repository."""
    folder = tmp_path / "repository"
    folder.mkdir()
    return Repository(folder)


def test_tickets_stand_in_the_messages_since_the_last_release(repository: Repository, request_for: Make) -> None:
    """Named since then, each once; what was named before does not count."""
    before = repository.commit("CHG1 first")
    repository.commit("CHG7 one\n\nalso CHG8")
    now = repository.commit("more of CHG7")
    where = {"repository": repository.folder, "commit": now}
    outcome = run(request_for, {"pattern": PATTERN}, last=Last(before), **where)
    assert ("passed", "CHG7, CHG8 in 2 commit messages") == (outcome.state, outcome.sentence)
    assert {"tickets": ["CHG7", "CHG8"]} == dict(outcome.measured)
    outcome = run(request_for, {"pattern": PATTERN}, **where)
    assert "CHG7 in 1 commit message" == outcome.sentence
    outcome = run(request_for, {"pattern": "ABC-[0-9]+"}, last=Last(before), **where)
    assert ("failed", "no ticket: 2 commit messages name nothing like `ABC-[0-9]+`") == (
        outcome.state,
        outcome.sentence,
    )


def test_nothing_new_needs_no_ticket(repository: Repository, request_for: Make) -> None:
    """The same commit again, or an older one, is no change."""
    old = repository.commit("CHG1")
    new = repository.commit("CHG2")
    for commit in (old, new):
        outcome = run(request_for, {"pattern": PATTERN}, repository=repository.folder, commit=commit, last=Last(new))
        assert "skipped" == outcome.state


@pytest.mark.parametrize("commit", ["", "c0ffee" * 6 + "beef", "HEAD", "--output=x"])
def test_what_git_cannot_tell_is_errored(commit: str, repository: Repository, request_for: Make) -> None:
    """A commit that is not there, or is none, is no change without a ticket: nothing is known of it."""
    known = repository.commit("CHG1")
    where = {"repository": repository.folder, "last": Last(known)}
    assert "errored" == run(request_for, {"pattern": PATTERN}, commit=commit, **where).state
    outcome = run(
        request_for, {"pattern": PATTERN}, commit=known, last=Last(commit or "beef"), repository=repository.folder
    )
    assert "errored" == outcome.state
    assert "errored" == run(request_for, {"pattern": PATTERN}, commit=known, repository="/nonexistent").state


def test_each_ticket_is_asked_for(repository: Repository, request_for: Make, start: Start) -> None:
    """All of them must be in a state that allows a release."""
    commit = repository.commit("CHG7 and CHG8")
    service = start({"json": {"fields": {"status": "Approved"}}}, {"json": {"fields": {"status": "New"}}})
    section = {
        "pattern": PATTERN, "url": f"{service.url}/api/$TICKET", "field": "fields.status", "allow": ["Approved", "Done"],
        "bearer": "$TOKEN",
    }  # fmt: skip
    where = {"repository": repository.folder, "commit": commit, "secrets": {"TOKEN": SECRET}}
    outcome = run(request_for, section, **where)
    assert ("failed", "1 of 2 tickets are not Approved or Done: CHG8 is New") == (outcome.state, outcome.sentence)
    assert ["/api/CHG7", "/api/CHG8"] == [one["path"] for one in service.asked]
    assert f"Bearer {SECRET}" == service.asked[0]["headers"]["authorization"]
    outcome = run(request_for, {**section, "allow": ["New"]}, **where)
    assert ("passed", "CHG7, CHG8: New") == (outcome.state, outcome.sentence)


def test_a_number_may_be_given(request_for: Make, start: Start) -> None:
    """A ticket that is known needs no repository; its sign is quoted in the URL."""
    service = start({"json": {"state": 3}})
    section = {"number": "$CHANGE", "url": f"{service.url}/$TICKET", "field": "state", "allow": "3"}
    outcome = run(request_for, section, env={"CHANGE": "CHG 1?x"})
    assert ("passed", "/CHG%201%3Fx") == (outcome.state, service.asked[0]["path"])
    assert "errored" == run(request_for, section, env={}).state


@pytest.mark.parametrize(
    "answer",
    [{"status": 404}, {"status": 500}, {"json": {}}, {"json": {"state": None}}, {"json": {"state": True}},
     {"json": {"state": ["Approved"]}}, {"body": "Approved"}],
)  # fmt: skip
def test_a_ticket_that_cannot_be_asked_is_errored(answer: Any, request_for: Make, start: Start) -> None:
    """No such ticket, no state, no answer: nobody knows whether the release is allowed."""
    section = {"number": "CHG1", "url": f"{start(answer).url}/$TICKET", "field": "state", "allow": "Approved"}
    assert "errored" == run(request_for, section).state


def test_many_tickets_fit_in_a_line() -> None:
    """What is long is cut, what holds a control sign is shown without it."""
    tickets = named(r"T\S+", [f"T{n}\x1b" + "x" * 90 for n in range(40)])
    outcome = judged(TicketSection.model_validate({"pattern": "T"}), dict.fromkeys(tickets, ""), "40 messages")
    assert len(outcome.sentence) <= 300
    assert outcome.sentence.isprintable()
    assert outcome.sentence.endswith("and 32 more in 40 messages")


@pytest.mark.parametrize(
    "section",
    [
        {}, {"pattern": PATTERN, "number": "CHG1"}, {"pattern": "CHG("}, {"pattern": ".*"}, {"pattern": "x", "field": "a"},
        {"number": "1", "url": "http://h/$TICKET"}, {"number": "1", "url": "http://h/", "field": "a", "allow": "b"},
        {"number": "1", "url": "http://h/$TICKET", "field": "a", "allow": "b", "bearer": "x"},
    ],
)  # fmt: skip
def test_a_section_that_cannot_be_is_refused(section: dict[str, Any]) -> None:
    """No way to a ticket, two, a pattern that matches everything, a URL without its ticket."""
    with pytest.raises(ValidationError):
        TicketSection.model_validate(section)
