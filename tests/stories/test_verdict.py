"""What the verdict sees in the real Envoy's log: slowness, memory, a condition, and requests of Penstock's own."""

from __future__ import annotations

import pytest

from penstock.testing.load import Ask
from tests.site import Site

CANARY = "{is: canary, increments: [50% up to 30s], min_ready: 200ms, start_within: 20s}"


def manifest(site: Site, verdict: str, env: str = "", rollout: str = CANARY) -> str:
    """The test service's manifest, with more under `verdict`."""
    text = site.manifest(rollout=rollout, env=env)
    return text.replace("    verdict:\n", f"    verdict:\n      {verdict}\n")


@pytest.fixture(scope="module")
def served(site: Site) -> Site:
    """A site where v1 serves."""
    row = site.release(site.commit(site.manifest(rollout=CANARY), "v1"))
    assert "released" == row["state"], site.story(row["number"])
    return site


def test_a_slow_candidate_goes_back(served: Site) -> None:
    """A fifth of the candidate's requests take a second: p90 convicts, and the sentence has both arms' shares."""
    text = manifest(
        served, "latency: {p90: {against_stable: 1.5x + 20ms}}", 'APP_FAULTS: "/ slow 0.2", APP_SLOW_MS: 1000'
    )
    with_load = served.load(100, (Ask("GET", "/"),))
    row = served.release(served.commit(text, "slow"))
    summary = with_load.stop()
    assert ("rolled_back", "verdict") == (row["state"], row["cause"]), served.story(row["number"])
    assert "p90: " in row["sentence"]
    assert "of the candidate's requests took longer than" in row["sentence"]
    assert 0 == summary.failed


def test_who_hangs_is_not_accepted_while_its_clients_wait(served: Site) -> None:
    """Half of the requests are not answered for ten seconds. The other half would do to accept it: what is open holds it."""
    errors = "{at_most: 5%, against_stable: 1.5x + 0.05pp, promote_at: 3x + 10pp}"
    text = served.manifest(rollout=CANARY, env='APP_FAULTS: "/ hang 0.5"', errors=errors)
    with_load = served.load(60, (Ask("GET", "/"),), connections=500)
    row = served.release(served.commit(text, "hangs"))
    with_load.stop()
    story = served.story(row["number"])
    assert ("rolled_back", "verdict") == (row["state"], row["cause"]), story
    assert "requests of the candidate have not ended" in story


def test_penstocks_own_requests_decide_where_nobody_else_asks(served: Site) -> None:
    """Without a single user, `traffic:` alone convicts a broken candidate; its requests are counted apart from users'."""
    ask = "traffic: {get: [/], rps: 60}"
    bad = served.release(served.commit(manifest(served, ask, 'APP_FAULTS: "/ error 0.5"'), "broken, unseen"))
    assert ("rolled_back", "verdict") == (bad["state"], bad["cause"]), served.story(bad["number"])
    assert bad["revision"] not in bad["facts"]["served"]
    good = served.release(served.commit(manifest(served, ask, "P: q"), "good, unseen"))
    assert "released" == good["state"], served.story(good["number"])


def test_a_condition_goes_back(served: Site) -> None:
    """`fail_if` is a cause of its own, with its expression and its samples in the sentence."""
    text = manifest(
        served,
        "fail_if: {if: requests > 20, over: 12s}",
        "T: u",
        "{is: canary, increments: [50% for 25s], min_ready: 200ms}",
    )
    with_load = served.load(60, (Ask("GET", "/"),))
    row = served.release(served.commit(text, "condition"))
    with_load.stop()
    assert ("rolled_back", "condition") == (row["state"], row["cause"]), served.story(row["number"])
    assert "requests" in row["sentence"]


def test_a_plain_limit_goes_back(served: Site) -> None:
    """More processor time than a limit allows for two seconds, on the candidate alone, is a cause of its own."""
    text = manifest(
        served,
        "cpu: {at_most: 50%, for: 2s}",
        "APP_SPIN: 1",
        "{is: canary, increments: [50% for 25s], min_ready: 200ms}",
    )
    row = served.release(served.commit(text, "spins"))
    assert ("rolled_back", "limit") == (row["state"], row["cause"]), served.story(row["number"])
    assert row["sentence"].startswith("cpu: ")
