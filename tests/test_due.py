"""`penstock due`: what is open is listed with the command that ticks it; a tick is told, audited, and counts once."""

from __future__ import annotations

import json
import os
import pwd
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from penstock import api
from penstock.cli import root
from penstock.errors import UsageError
from penstock.records import audit, due, releases
from penstock.render.report import markdown

DAY_S = 86400.0
ME = pwd.getpwuid(os.geteuid()).pw_name


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[api.Desk]:
    """Two releases that have ended, with three reminders, one of them overdue; and one that is under way."""
    monkeypatch.setenv("PENSTOCK_STATE", str(tmp_path / "state"))
    desk, now = api.open_desk(), time.time()
    for environment in ("production", "staging", "production"):
        releases.create(
            desk.store, now - 9 * DAY_S, service="shop", environment=environment, kind="release", asked="v1",
            commit_id="c" * 40, uid=0, person="ana", host="here",
        )  # fmt: skip
    for number in (1, 2):
        releases.update(desk.store, number, state="released", sentence="it serves", ended_at=now - 8 * DAY_S)
    due.remind(desk.store, 1, [("review", "Lessons written down?", "dev", now - DAY_S),
                               ("documents", "Documents up to date?", "", now + 2 * DAY_S + 600)])  # fmt: skip
    due.remind(desk.store, 2, [("review", "Lessons written down?", "dev", now + DAY_S + 600)])
    yield desk
    desk.store.close()


def run(*words: str) -> Result:
    return CliRunner().invoke(root, ["due", *words], catch_exceptions=True)


def refused(*words: str) -> UsageError:
    error = run(*words).exception
    assert isinstance(error, UsageError), error
    return error


def test_what_is_open_is_listed_oldest_due_first(desk: api.Desk) -> None:
    """A line each: overdue is marked, the command that ticks it stands there whole."""
    lines = run().output.splitlines()
    commands = ["penstock due 1 review --done", "penstock due 2 review --done", "penstock due 1 documents --done"]
    assert [True] * 3 == [command in line for command, line in zip(commands, lines[1:], strict=True)]
    assert [True] * 3 == [
        text in line for text, line in zip(["overdue 1 d", "in 1 d", "in 2 d"], lines[1:], strict=True)
    ]
    assert "shop/production" in lines[1]
    assert "anybody" in lines[3]
    assert "overdue" not in "".join(lines[2:])


def test_one_release_or_one_name_alone(desk: api.Desk) -> None:
    """A number, and a name, narrow the list."""
    assert ["review", "documents"] == [row["name"] for row in json.loads(run("1", "--json").output)]
    assert [2] == [row["release"] for row in json.loads(run("2", "review", "--json").output)]


def test_a_tick_is_recorded_where_it_is_looked_for(desk: api.Desk) -> None:
    """Who, when and what came of it: in the records, the audit log, and the report's timeline and follow-ups."""
    assert "ticked" in run("1", "review", "--done", "retries were\n missing").output
    row = next(row for row in due.of(desk.store, 1) if row["name"] == "review")
    assert (ME, "retries were missing", True) == (row["person"], row["text"], row["done_at"] <= time.time())
    line = list(audit.read(desk.state.audit_log))[-1]
    assert ("reminder ticked", "shop/production/1", "review", "retries were missing", ME) == (
        line["what"], line["release"], line["name"], line["text"], line["who"]["person"],
    )  # fmt: skip
    told = api.report(desk, 1)
    assert f"{ME} ticks review: retries were missing" in [entry["text"] for entry in told.timeline]
    assert "this report awaits 1 of 2 follow-ups: documents" == told.awaits
    assert f"ticked by {ME} on" in markdown(told)


def test_what_is_ticked_is_listed_when_asked(desk: api.Desk) -> None:
    """It leaves the list, and `--all` has it, without a command."""
    run("1", "review", "--done")
    assert [2, 1] == [row["release"] for row in json.loads(run("--json").output)]
    found = [row for row in json.loads(run("--all", "--json").output) if row["release"] == 1]
    assert [("review", "", False), ("documents", "penstock due 1 documents --done", False)] == [
        (row["name"], row["command"], row["overdue"]) for row in found
    ]
    assert f"review: ticked by {ME}" in run("--all").output


def test_when_all_is_ticked_nothing_is_awaited(desk: api.Desk) -> None:
    """The list says that nothing is due, the report that nothing is open."""
    for number, name in ((1, "review"), (1, "documents"), (2, "review")):
        assert 0 == run(str(number), name, "--done").exit_code
    assert "nothing is due" in run().output
    told = api.report(desk, 1)
    assert ("", True) == (told.awaits, "Nothing is open." in markdown(told))


def test_a_second_tick_is_refused(desk: api.Desk) -> None:
    """What was ticked stays as it was said; the error says by whom, and how to add to it."""
    run("1", "review", "--done", "first")
    error = refused("1", "review", "--done", "second")
    assert ("ticked", 2) == (error.code, error.exit_code)
    assert ME in error.why
    assert "penstock note 1" in error.next
    assert ["first"] == [row["text"] for row in due.of(desk.store, 1) if row["name"] == "review"]
    assert 1 == sum(line["what"] == "reminder ticked" for line in audit.read(desk.state.audit_log))


@pytest.mark.parametrize(
    ("words", "code", "remedy"),
    [
        (("1", "reviw", "--done"), "no-reminder", "did you mean `review`?"),
        (("1", "qqq", "--done"), "no-reminder", "`penstock due --all` lists them"),
        (("3", "review", "--done"), "no-reminder", "`penstock due --all` lists them"),
        (("9", "review", "--done"), "no-release", "`penstock history` lists them"),
        (("9",), "no-release", "`penstock history` lists them"),
    ],
)
def test_what_is_not_there_is_said(words: tuple[str, ...], code: str, remedy: str, desk: api.Desk) -> None:
    """An unknown name gets the nearest, an unknown release the list; nothing is recorded."""
    error = refused(*words)
    assert (code, remedy) == (error.code, error.next)
    assert not desk.state.audit_log.exists()


def test_a_release_that_is_not_over_has_none_yet(desk: api.Desk) -> None:
    """The error says that reminders come with the end."""
    assert "it is not over" in refused("3", "review", "--done").why


@pytest.mark.parametrize("words", [("--done",), ("1", "--done"), ("1", "review", "--all", "--done")])
def test_a_tick_names_one_reminder(words: tuple[str, ...], desk: api.Desk) -> None:
    """`--done` without a release and a name, or with a list's options, is a usage error that shows how."""
    result = run(*words)
    assert (2, True) == (result.exit_code, "penstock due RELEASE NAME --done [TEXT]" in result.output)
