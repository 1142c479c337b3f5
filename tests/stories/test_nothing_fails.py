"""Under a strict client, moving traffic loses no request: rolling, all at once, canary, restart, rollback."""

from __future__ import annotations

import pytest

from penstock.testing.load import Ask
from penstock.testing.tally import Summary
from tests.site import JOBS, Site

MIX = (Ask("GET", "/", share=6), Ask("POST", "/echo", '{"n": {1-99}}', share=2), Ask("GET", "/slow?ms=300", share=1))
CANARY = "{is: canary, increments: [20% up to 20s, 50% up to 30s], min_ready: 300ms, start_within: 20s}"
ROLLING = "{is: rolling, min_ready: 300ms, start_within: 20s}"


def nothing_failed(summary: Summary) -> None:
    assert 0 == summary.failed, summary.kinds
    assert summary.requests > 100


@pytest.fixture(scope="module")
def served(site: Site) -> Site:
    """A site where v1 serves."""
    row = site.release(site.commit(site.manifest(rollout=ROLLING), "v1"))
    assert "released" == row["state"], site.story(row["number"])
    return site


@pytest.mark.parametrize(
    "rollout", [ROLLING, "{is: all_at_once, min_ready: 300ms}", CANARY], ids=["rolling", "all_at_once", "canary"]
)
def test_a_release_loses_no_request(served: Site, rollout: str) -> None:
    """From one version to the next no request fails, and no idle connection is closed."""
    before = served.observed()["split"]
    load = served.load(150, MIX)
    row = served.release(served.commit(served.manifest(rollout=rollout), f"next by {rollout}"), again=True)
    summary = load.stop()
    assert "released" == row["state"], served.story(row["number"])
    nothing_failed(summary)
    assert before != served.observed()["split"]
    assert 2 == len([v for v in summary.by_version if v]), "both versions answered"


def test_a_rollback_loses_no_request(served: Site) -> None:
    """Back to the revision before, as a release with a number of its own."""
    from penstock import api

    load = served.load(150, MIX)
    env = served.desk.store.row("SELECT stable, previous FROM environments") or {}
    number = api.rollback(served.desk, "app", "production")
    row = served.wait(number)
    summary = load.stop()
    assert "released" == row["state"], served.story(number)
    assert {"web": None} != served.observed()["split"]
    assert {env["previous"]: 1000} == served.observed()["split"]["app"]
    nothing_failed(summary)


def test_a_restart_loses_no_request(served: Site) -> None:
    """What serves is placed anew beside itself; the instances are others afterwards."""
    from penstock import api

    before = {i["pid"] for i in served.instances()}
    load = served.load(150, MIX)
    row = served.wait(api.restart(served.desk, "app", "production"))
    summary = load.stop()
    assert "released" == row["state"], served.story(row["number"])
    nothing_failed(summary)
    assert not before & {i["pid"] for i in served.instances() if i["state"] == "ready"}


def test_a_service_of_two_units_goes_and_comes_back_as_one(served: Site) -> None:
    """A unit without traffic is released with the one that has some, and comes back with it."""
    from penstock import api
    from tests.site import APP

    units = f"units:\n  app: {{run: {APP}}}\n  jobs: {{run: {JOBS}, traffic: none}}"
    first = served.release(served.commit(served.manifest(rollout=ROLLING, units=units), "with jobs"))
    assert "released" == first["state"], served.story(first["number"])
    second = served.release(served.commit(served.manifest(rollout=ROLLING, units=units, env="COLOUR: blue")))
    assert "released" == second["state"], served.story(second["number"])
    running = {(i["unit"], i["revision"]) for i in served.instances() if i["state"] == "ready"}
    assert {("app", second["revision"]), ("jobs", second["revision"])} == running
    back = served.wait(api.rollback(served.desk, "app", "production"))
    assert "released" == back["state"], served.story(back["number"])
    running = {(i["unit"], i["revision"]) for i in served.instances() if i["state"] == "ready"}
    assert {("app", first["revision"]), ("jobs", first["revision"])} == running
