"""Stable held against itself: for real, behind the real proxy, with nothing left behind."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from penstock import api
from penstock.cli import root
from penstock.errors import UserError
from tests.site import Site

CANARY = "{is: canary, increments: [20% for 2s, 50% for 3s], min_ready: 200ms, start_within: 20s}"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = Site(tmp_path_factory.mktemp("calibrate"))
    try:
        row = site.release(site.commit(site.manifest(rollout=CANARY), "v1"))
        assert "released" == row["state"], site.story(row["number"])
        yield site
    finally:
        site.close()


def test_a_calibration_goes_back_and_says_what_holds(served: Site) -> None:
    """Through the increments and back under load: nobody is harmed, what served serves alone, and the margins hold."""
    stable = api.status(served.desk)[0]["stable"]
    load = served.load(120)
    done = CliRunner().invoke(root, ["calibrate", "--service", "app", "--to", "production", "--for", "8s", "--json"])
    summary = load.stop()
    number = api.latest(served.desk, "app")
    assert 0 == done.exit_code, served.story(number)
    assert ("calibrate", "calibrated") == (served.row(number)["kind"], served.row(number)["state"])
    assert 0 == summary.failed, summary.kinds
    assert stable == api.status(served.desk)[0]["stable"]
    assert {stable} == {i["revision"] for i in served.instances() if i["state"] == "ready"}
    found = json.loads(done.output.splitlines()[-1])["calibration"]
    assert found["candidate"]["requests"] > 50
    assert ({}, False, 1.0) == (found["patch"], found["convicted"], found["errors"])
    assert api.report(served.desk, number).calibration


def test_a_drill_is_no_calibration(served: Site) -> None:
    """The two are told apart: a calibration is not a rehearsal that a check may count."""
    shown = CliRunner().invoke(root, ["history", "--service", "app"])
    assert "calibrate" in shown.output
    row = served.release(served.commit(served.manifest(
        rollout="{is: all_at_once, min_ready: 200ms}", extra="checklist:\n  before:\n    rehearsed: {is: drill, at_most: 30d}",
    ), "v2"))  # fmt: skip
    assert ("blocked", "check") == (row["state"], row["cause"])


def test_nothing_to_calibrate(tmp_path: Path) -> None:
    """Where nothing serves, that is said."""
    site = Site(tmp_path)
    try:
        with pytest.raises(UserError):
            api.calibrate(site.desk, "app", "production")
    finally:
        site.close()
