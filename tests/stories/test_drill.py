"""A rollback rehearsed: for real, under real traffic, with nothing left behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock import api
from penstock.errors import UserError
from tests.site import Site

CANARY = "{is: canary, increments: [20% for 2s, 50% for 2s], min_ready: 200ms, start_within: 20s}"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = Site(tmp_path_factory.mktemp("drill"))
    try:
        text = site.manifest(rollout=CANARY, extra="checklist:\n  before:\n    rehearsed: {is: drill, at_most: 30d}")
        row = site.release(site.commit(text, "v1"))
        assert "released" == row["state"], site.story(row["number"])
        yield site
    finally:
        site.close()


def test_a_drill_goes_back_and_harms_nobody(served: Site) -> None:
    """Through the increments and back under load: drilled, not one request failed, what served serves, alone."""
    stable = api.status(served.desk)[0]["stable"]
    load = served.load(60)
    number = api.drill(served.desk, "app", "production")
    api.wake(served.desk)
    row = served.wait(number)
    summary = load.stop()
    assert "drilled" == row["state"], served.story(number)
    assert 0 == summary.failed, summary.kinds
    assert stable == api.status(served.desk)[0]["stable"]
    assert {stable} == {i["revision"] for i in served.instances() if i["state"] == "ready"}
    report = api.report(served.desk, number)
    assert 0 == report.harmed
    assert any("the rollback works" in note.text for note in report.went_well)
    assert report.rollback_required is False


def test_a_planted_fault_is_found(served: Site) -> None:
    """Failing on purpose, the copy is taken back by what judges releases: drilled, and the cause is said."""
    load = served.load(60)
    number = api.drill(served.desk, "app", "production", {"APP_FAULTS": "* error 0.4"})
    api.wake(served.desk)
    row = served.wait(number)
    load.stop()
    assert ("drilled", "verdict") == (row["state"], row["cause"]), served.story(number)
    assert row["sentence"].startswith("the planted fault was found: ")


def test_the_next_release_knows(served: Site) -> None:
    """A check asks for the drill, and the plan says when it was."""
    row = served.release(served.commit(served.manifest(
        rollout="{is: all_at_once, min_ready: 200ms}", env="N: next",
        extra="checklist:\n  before:\n    rehearsed: {is: drill, at_most: 30d}",
    ), "v2"))  # fmt: skip
    assert "released" == row["state"], served.story(row["number"])
    assert "last rehearsed on" in row["plan"]["way_back"]


def test_a_drill_too_long_ago_blocks(served: Site) -> None:
    """Older than the check allows: blocked, with the command that helps."""
    text = served.manifest(
        rollout=CANARY, env="O: late", extra="checklist:\n  before:\n    rehearsed: {is: drill, at_most: 1s}"
    )
    row = served.release(served.commit(text, "v3"))
    assert ("blocked", "check") == (row["state"], row["cause"])
    assert "penstock drill --to production" in row["sentence"]


def test_an_abort_ends_a_drill(served: Site) -> None:
    """A person may end it like any release."""
    number = api.drill(served.desk, "app", "production")
    api.wake(served.desk)
    served.wait_weight(number, 500)
    api.order(served.desk, "abort", "app", "production")
    assert ("rolled_back", "person") == (served.wait(number)["state"], served.row(number)["cause"])


def test_nothing_to_rehearse(tmp_path: Path) -> None:
    """Where nothing serves, that is said."""
    site = Site(tmp_path)
    try:
        with pytest.raises(UserError):
            api.drill(site.desk, "app", "production")
    finally:
        site.close()
