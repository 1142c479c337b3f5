"""Everything that rolls back does, says why, harms nobody else, and is counted to the request."""

from __future__ import annotations

import time

import pytest

from penstock import api
from penstock.records import evidence
from penstock.testing.load import Ask
from tests.site import Site

CANARY = "{is: canary, increments: [50% up to 30s], min_ready: 200ms, start_within: 20s}"
AT_ONCE = "{is: all_at_once, min_ready: 200ms, start_within: 20s}"
SLOW_CANARY = "{is: canary, increments: [50% for 30s], min_ready: 200ms, start_within: 20s}"
HASTY = CANARY.replace("start_within: 20s", "start_within: 4s")
CHECK_FAILS = "checklist: {candidate: {smoke: {get: /error, retry_for: 0s}}}"
LATE_CHECK_FAILS = "checklist: {promoted: {integration: {get: /error}}}"


@pytest.fixture(scope="module")
def served(site: Site) -> Site:
    """A site where v1 serves."""
    row = site.release(site.commit(site.manifest(rollout=CANARY), "v1"))
    assert "released" == row["state"], site.story(row["number"])
    return site


def manifest(site: Site, env: str = "", extra: str = "", rollout: str = AT_ONCE) -> str:
    return site.manifest(rollout=rollout, env=env, extra=extra)


CAUSES = {
    "verdict": {"env": 'APP_FAULTS: "/ error 0.3"'},
    "hung": {"env": 'APP_FAULTS: "/ hang 0.3"'},
    "cut": {"env": 'APP_FAULTS: "/ cut 0.3"'},
    "crash_loop": {"env": "APP_EXIT_AFTER_S: 1"},
    "start": {"env": "APP_START_S: 60", "rollout": HASTY},
    "check": {"extra": CHECK_FAILS},
    "promoted": {"extra": LATE_CHECK_FAILS},
    "logs": {"env": "APP_SAYS: FATAL out of luck", "extra": "logs: {critical: [FATAL]}", "rollout": SLOW_CANARY},
}
NAMES = {"hung": "verdict", "cut": "verdict", "promoted": "check"}


@pytest.mark.parametrize("what", CAUSES)
def test_each_cause_rolls_back(served: Site, what: str) -> None:
    """The release ends rolled back with its cause; stable serves everything again; the candidate is gone."""
    stable = next(iter(served.observed()["split"]["app"]))
    leaving = {"leave_after_s": 0.7, "connections": 200} if what == "hung" else {}
    errors = {"errors": "{at_most: 5%, hung_after: 500ms}"} if what == "hung" else {}
    asked = CAUSES[what]
    text = served.manifest(**{"rollout": CANARY, **asked, **errors})
    load = served.load(120, (Ask("GET", "/"),), **leaving)
    row = served.release(served.commit(text, what))
    time.sleep(0.3)
    summary = load.stop()
    assert ("rolled_back", NAMES.get(what, what)) == (row["state"], row["cause"]), served.story(row["number"])
    assert {stable: 1000} == served.observed()["split"]["app"]
    assert {stable} == {i["revision"] for i in served.instances() if i["state"] == "ready"}
    harmed = row["facts"].get("served", {}).get(row["revision"], {"errors": 0})["errors"]
    bad = summary.failed + (summary.left if what == "hung" else 0)
    assert harmed == bad, f"{summary.kinds} {row['facts'].get('served')} {served.story(row['number'])}"
    kept = {piece["name"] for piece in evidence.of(served.desk.store, row["number"])}
    assert any(name.startswith("testimony/") for name in kept) or what == "start"
    assert "report" in kept


def test_health_that_fails_rolls_back(served: Site) -> None:
    """A candidate whose health turns bad while it has traffic goes back."""
    number = served.order(served.commit(manifest(served, rollout=SLOW_CANARY, env="ILL: soon"), "ill"))
    served.wait_weight(number, 500)
    row = served.row(number)
    (served.environment / "data" / f"unhealthy-{row['revision']}").touch()
    try:
        row = served.wait(number)
    finally:
        (served.environment / "data" / f"unhealthy-{row['revision']}").unlink()
    assert ("rolled_back", "health") == (row["state"], row["cause"]), served.story(number)


def test_a_person_aborts(served: Site) -> None:
    """`abort` takes a release back at any moment, and says who asked."""
    number = served.order(served.commit(manifest(served, rollout=SLOW_CANARY, env="A: b"), "to be aborted"))
    served.wait_weight(number, 500)
    api.order(served.desk, "abort", "app", "production", reason="second thoughts")
    row = served.wait(number)
    assert ("rolled_back", "person") == (row["state"], row["cause"]), served.story(number)
    assert "second thoughts" in row["sentence"]


def test_hold_and_promote(served: Site) -> None:
    """`hold` keeps a release where it is past its time; `promote` takes it to the end."""
    short = "{is: canary, increments: [50% for 1s], min_ready: 200ms}"
    number = served.order(served.commit(manifest(served, rollout=short, env="C: d"), "to be held"))
    served.wait_weight(number, 500)
    api.order(served.desk, "hold", "app", "production")
    time.sleep(2.5)
    assert 500 == served.row(number)["facts"]["weight_permille"]
    api.order(served.desk, "promote", "app", "production")
    assert "released" == served.wait(number)["state"], served.story(number)


def test_abort_with_nothing_running_does_nothing(served: Site) -> None:
    """An order with nobody to hear it changes nothing, now or later."""
    assert "nothing" in api.order(served.desk, "abort", "app", "production")
    assert [] == served.desk.store.rows("SELECT * FROM orders WHERE answered_at IS NULL")


def test_what_runs_is_not_released_again_unless_asked(served: Site) -> None:
    """Releasing what runs says so; a changed configuration or secret is a new revision of the same artifact."""
    commit = served.commit(manifest(served, env="E: f"), "same twice")
    first = served.release(commit)
    second = served.release(commit)
    assert ("released", "nothing_to_do") == (second["state"], second["cause"])
    assert first["revision"] == second["revision"]
    again = served.release(commit, again=True)
    assert ("released", f"{first['revision']}.{again['number']}") == (again["state"], again["revision"])


def test_an_older_revision_does_not_overwrite_a_newer_one(served: Site) -> None:
    """It is blocked, with the ways that there are; `--older` releases it all the same."""
    old = served.commit(manifest(served, env="G: h"), "older")
    new = served.commit(manifest(served, env="I: j"), "newer")
    assert "released" == served.release(new)["state"]
    blocked = served.release(old)
    assert ("blocked", "older") == (blocked["state"], blocked["cause"])
    assert "released" == served.release(old, older=True)["state"]


def test_a_newer_release_waits_or_supersedes(served: Site) -> None:
    """A second release waits in line; with --supersede it ends the first cleanly, and takes its place."""
    first = served.order(served.commit(manifest(served, rollout=SLOW_CANARY, env="K: l"), "first"))
    served.wait_weight(first, 500)
    waiting = served.order(served.commit(manifest(served, env="M: n"), "waits"))
    served.until(lambda: f"for release {first} to end" == served.row(waiting)["waiting"])
    third = served.order(served.commit(manifest(served, env="O: p"), "takes over"), supersede=True)
    assert "superseded" == served.wait(first)["state"], served.story(first)
    assert "superseded" == served.wait(waiting)["state"], served.story(waiting)
    row = served.wait(third)
    assert "released" == row["state"], served.story(third)


def test_a_broken_stable_does_not_block_its_own_fix(site: Site) -> None:
    """Stable fails half of its requests; its fix goes out by canary all the same."""
    bad = site.commit(site.manifest(rollout="{is: all_at_once, min_ready: 200ms}", env='APP_FAULTS: "/ error 0.5"'))
    assert "released" == site.release(bad)["state"]
    load = site.load(100)
    row = site.release(site.commit(site.manifest(rollout=CANARY, env="FIXED: yes")))
    load.stop()
    assert "released" == row["state"], site.story(row["number"])
