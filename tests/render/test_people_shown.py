"""Status, history, show and plan: who is waited for, what is frozen, what was a hotfix."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from penstock import api
from penstock.cli.view import happenings
from penstock.core import data
from penstock.core.plan import Plan
from penstock.manifest.waivers import Waiver
from penstock.records import freezes
from penstock.render import actions
from penstock.render.plan import text, waivers
from tests.render.careful import careful
from tests.render.paper import CANDIDATE, Paper, awaiting, promoted
from tests.render.test_pictures import CASES


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[api.Desk]:
    """Records on paper, and the worker's lock held, so that nobody walks what stands there."""
    desk = api.open_desk(tmp_path / "state")
    with desk.store.write() as db:
        db.execute("INSERT INTO environments (service, environment, stable) VALUES ('shop', 'production', 'x')")
    with desk.state.worker_lock.open("a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield desk
    desk.store.close()


def said(desk: api.Desk, *words: str) -> str:
    clean = {n: v for n, v in os.environ.items() if n not in ("NO_COLOR", "GITHUB_ACTIONS", "COLUMNS")}
    done = subprocess.run(
        [sys.executable, "-m", "penstock", *words], capture_output=True, text=True, check=True,
        env={**clean, "PENSTOCK_STATE": str(desk.state.root), "PYTHONUTF8": "1", "TZ": "UTC"},
    )  # fmt: skip
    return done.stdout


def served(hotfix: bool) -> Paper:
    """A release that went well, in haste or not."""
    paper = promoted().end(206, "released", "it serves")
    paper.row |= {"promoted_at": paper.row["ended_at"], "options": {"hotfix": "payments fail"} if hotfix else {}}
    return paper


def freeze(desk: api.Desk, until: float | None = None) -> int:
    who = {"person": "max", "uid": 1}
    return freezes.begin(desk.store, 1.0, who, "quarter end", service="shop", environment=None, until=until)


def test_status_says_whom_a_release_waits_for(desk: api.Desk) -> None:
    """For whom, what is asked, and what to type; as data too."""
    awaiting().write(desk.store)
    told = said(desk, "status")
    assert "waits for one of each: security" in told
    assert "penstock approve 7 --line approval --sign KEY --as NAME  Release it to production?" in told
    assert "HOTFIX (payments fail since noon)" in told
    (env,) = json.loads(said(desk, "status", "--json"))
    (row,) = env["running"]
    assert [("approval", "one of each: security")] == [(one["line"], one["of"]) for one in row["asks"]]
    assert "payments fail since noon" == row["hotfix"]


def test_status_says_what_is_frozen(desk: api.Desk) -> None:
    """By whom, why, until when, and how it ends; a frozen environment in which nothing happens, too."""
    number = freeze(desk, 4102444800.0)
    told = said(desk, "status")
    assert f"frozen by max until 2100-01-01 00:00: quarter end  (penstock thaw {number})" in told
    (env,) = json.loads(said(desk, "status", "--json"))
    assert ("max", "quarter end", 4102444800.0) == tuple(env["frozen"][n] for n in ("person", "reason", "until_at"))
    freezes.thaw(desk.store, 2.0, number, "max", "")
    assert "frozen" not in said(desk, "status")
    (env,) = json.loads(said(desk, "status", "--json"))
    assert env["frozen"] is None


@pytest.mark.parametrize("hotfix", [True, False])
def test_a_hotfix_is_marked_for_ever_after(desk: api.Desk, hotfix: bool) -> None:
    """In history and its data, in the report, and in status for as long as it serves; nothing else is marked."""
    served(hotfix).write(desk.store)
    with desk.store.write() as db:
        db.execute("UPDATE environments SET stable = ?", (CANDIDATE,))
    assert hotfix == ("HOTFIX, released" in said(desk, "history", "--service", "shop"))
    (row,) = json.loads(said(desk, "history", "--service", "shop", "--json"))
    assert row["hotfix"] == ("payments fail" if hotfix else None)
    assert hotfix == (f"{CANDIDATE} HOTFIX" in said(desk, "status"))
    (env,) = json.loads(said(desk, "status", "--json"))
    assert env["hotfix"] == ("payments fail" if hotfix else "")
    assert hotfix == said(desk, "show", "7").startswith("# Release 7: Hotfix ")


def test_show_has_every_answer(desk: api.Desk) -> None:
    """All that is known of a release has what people said to it."""
    awaiting().write(desk.store)
    told = json.loads(said(desk, "show", "7", "--json"))
    assert ["mallory", "chris", "dee", "bo"] == [one["person"] for one in told["answers"]]


def test_a_plan_says_what_it_leaves_out_and_which_waivers_are_over(tmp_path: Path) -> None:
    """Gates, lines left out with their reasons, waivers that hold, and those that do not help any more."""
    plain: dict[str, Any] = {**careful(tmp_path).row["plan"]}
    del plain["digest"]
    plain["gates"] = {**plain["gates"], "left_out": [["load", "no path of src/** changed"]]}
    found = {
        "types": Waiver(owner="bo", reason="in work", until="2026-11-20"),
        "leaks": Waiver(owner="eve", reason="a false alarm", until="2026-11-21"),
    }
    told = text(data.load(Plan, plain), (), waivers(found, date(2026, 11, 21)))
    assert "gates              approval: Release it to production? (2 of managers, security, signed)" in told
    assert "left out\n  - load: no path of src/** changed" in told
    debts = ("leaks: until 2026-11-21, by eve: a false alarm", "types: OVER since 2026-11-20, by bo: in work")
    assert "\n  - ".join(["waivers", *debts]) in told


def test_a_plan_without_any_of_it_says_nothing_of_it(tmp_path: Path) -> None:
    """No heading stands above nothing."""
    plain: dict[str, Any] = {**careful(tmp_path).row["plan"]}
    del plain["digest"]
    told = text(data.load(Plan, plain))
    assert "left out\n" not in told
    assert "waivers" not in told


def test_a_log_has_every_event_of_people_once() -> None:
    """Questions, answers that do not count, and waits are lines of a log; what needs a person is a notice on GitHub."""
    seen = CASES["awaiting"]
    made = list(actions.told(seen.events))
    for event in seen.events:
        if event["kind"] in ("ask", "wait"):
            assert 1 == sum(event["text"] in text and not text.startswith("::") for text in made), event
    assert any(text.startswith("::notice") and "to answer" in text for text in made)


def test_a_viewer_hears_the_end_that_is_told_a_moment_after_it_is_so(desk: api.Desk) -> None:
    """Between the row that says that it is over and the event that says so, nobody leaves."""
    paper = served(hotfix=False)
    end = paper.events.pop()
    paper.write(desk.store)
    told: list[str] = []
    for _, new in happenings(desk, 7):
        told += [event["kind"] for event in new]
        if not new and end not in paper.events:
            paper.events.append(end)
            paper.write(desk.store)
    assert "end" == told[-1]
    assert 1 == told.count("end")
