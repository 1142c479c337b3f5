"""Anything may be killed at any time: it comes back, and the release ends as it would have."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock import boot, shell
from penstock.errors import UserError
from penstock.providers.local import lock
from tests.site import Site

CANARY = "{is: canary, increments: [20% for 2s, 50% for 2s], min_ready: 200ms, start_within: 20s}"
LONG = "{is: canary, increments: [50% for 60s], min_ready: 200ms, start_within: 20s}"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Site]:
    """A fresh site where v1 serves: these stories are rough with it."""
    site = Site(tmp_path)
    try:
        row = site.release(promoting(site, "v1", "{is: all_at_once, min_ready: 200ms}"))
        assert "released" == row["state"], site.story(row["number"])
        yield site
    finally:
        site.close()


def promoting(site: Site, word: str, rollout: str = CANARY, production: str = "") -> str:
    """A commit whose canary needs no load to be promoted."""
    text = site.manifest(rollout=rollout, env=f"WORD: {word}", hold="1s", production=production)
    return site.commit(text.replace("then: roll_back", "then: promote"), word)


def pids(site: Site) -> set[int]:
    return {i["pid"] for i in site.instances()}


def test_envoy_is_back_within_a_second_with_the_same_routes(served: Site) -> None:
    """Envoy killed: the keeper starts it again; routes and instances are what they were."""
    before, split = pids(served), served.observed()["split"]
    old = served.observed()["envoy"]["pid"]
    os.kill(old, signal.SIGKILL)
    killed = time.monotonic()
    served.until(lambda: served.observed()["envoy"]["up"] and served.observed()["envoy"]["pid"] != old, 10)
    assert 3 > time.monotonic() - killed
    assert (before, split) == (pids(served), served.observed()["split"])
    load = served.load(50)
    time.sleep(0.5)
    assert 0 == load.stop().failed


def test_an_instance_that_dies_is_replaced(served: Site) -> None:
    """One of two killed: the other serves, and a new one takes its place."""
    victim = served.instances()[0]["pid"]
    os.kill(victim, signal.SIGKILL)
    served.until(lambda: victim not in pids(served) and 2 == sum(i["state"] == "ready" for i in served.instances()), 20)


def test_a_keeper_that_dies_is_followed_by_one_that_adopts(served: Site) -> None:
    """The next keeper restarts no instance, and no request fails meanwhile."""
    before = pids(served)
    load = served.load(80)
    os.kill(served.keeper_pid(), signal.SIGKILL)
    served.until(lambda: not lock.is_kept(served.environment))
    boot.bring_up(served.desk)
    served.until(lambda: lock.is_kept(served.environment), 10)
    time.sleep(1)
    assert 0 == load.stop().failed
    assert before == pids(served)


@pytest.mark.parametrize("victim", ["keeper", "envoy", "instance"])
def test_a_death_in_the_middle_of_a_canary_does_not_change_its_end(served: Site, victim: str) -> None:
    """Keeper, Envoy or an instance killed at half of the traffic: the release is released all the same."""
    number = served.order(promoting(served, victim))
    served.wait_weight(number, 500)
    if victim == "keeper":
        os.kill(served.keeper_pid(), signal.SIGKILL)
    elif victim == "envoy":
        os.kill(served.observed()["envoy"]["pid"], signal.SIGKILL)
    else:
        os.kill(next(i["pid"] for i in served.instances() if i["revision"] == served.row(number)["revision"]), 9)
    row = served.wait(number)
    assert "released" == row["state"], served.story(number)
    served.until(lambda: {row["revision"]: 1000} == served.observed()["split"]["app"], 10)


def test_a_worker_that_dies_is_resumed(served: Site) -> None:
    """Killed at half: its successor goes on within seconds, and the release is released."""
    number = served.order(promoting(served, "worker"))
    served.wait_weight(number, 500)
    os.kill(served.worker_pid(), signal.SIGKILL)
    assert "released" == served.wait(number)["state"], served.story(number)


def test_nobody_watching_the_keeper_goes_back(served: Site) -> None:
    """Dead man's rule: the worker stays away, the keeper takes the way back; the release ends unattended."""
    stable = next(iter(served.observed()["split"]["app"]))
    number = served.order(promoting(served, "unattended", LONG, production="unattended: 5s"))
    served.wait_weight(number, 500)
    os.kill(served.worker_pid(), signal.SIGKILL)
    served.until(lambda: {stable: 1000} == served.observed()["split"]["app"], 20)
    assert served.observed()["fallback_applied"]
    row = served.wait(number)
    assert ("rolled_back", "unattended") == (row["state"], row["cause"]), served.story(number)
    served.until(lambda: {stable} == {i["revision"] for i in served.instances()}, 20)


def test_after_a_reboot_up_restores_and_a_canary_is_at_its_way_back(
    served: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No process lives, another boot id: `up` brings stable back; the release ends unattended."""
    stable = next(iter(served.observed()["split"]["app"]))
    number = served.order(promoting(served, "reboot", LONG))
    served.wait_weight(number, 500)
    everything = [served.worker_pid(), served.keeper_pid(), served.observed()["envoy"]["pid"], *pids(served)]
    for pid in everything:
        os.kill(pid, signal.SIGKILL)
    other = served.folder / "boot_id"
    other.write_text("another-boot\n")
    monkeypatch.setenv("PENSTOCK_BOOT_ID_FILE", str(other))
    served.until(lambda: not lock.is_kept(served.environment))
    assert boot.bring_up(served.desk)
    served.until(
        lambda: {stable: 1000} == served.observed()["split"].get("app") and served.observed()["phase"] == "settled", 30
    )
    row = served.wait(number)
    assert ("rolled_back", "unattended") == (row["state"], row["cause"]), served.story(number)


def test_the_boot_unit_is_one_that_systemd_takes(served: Site) -> None:
    """The unit that `up --at-boot` writes passes systemd's own check."""
    path = served.folder / "penstock.service"
    path.write_text(boot.unit(served.desk.state))
    try:
        done = shell.run(["systemd-analyze", "verify", str(path)], timeout_s=30)
    except Exception as error:
        pytest.skip(f"systemd-analyze is not here: {error}")
    assert done.ok, done.err
    assert "penstock.service" not in done.err


def test_two_keepers_are_one(served: Site) -> None:
    """A second keeper says who keeps, and does nothing."""
    from penstock.errors import PenstockError
    from penstock.providers.local.keeper import keep

    before = pids(served)
    with pytest.raises(PenstockError) as caught:
        keep(served.environment)
    assert "keeper-lives" == caught.value.code
    assert str(served.keeper_pid()) in str(caught.value)
    assert before == pids(served)


def test_another_repository_and_a_shallow_clone_are_refused(served: Site, tmp_path: Path) -> None:
    """The same name from another history is another service; a shallow clone does not show its history's beginning."""
    from penstock import api

    commit = promoting(served, "whole")
    clone = tmp_path / "clone"
    done = shell.run(["git", "clone", "--quiet", "--depth=1", f"file://{served.repository}", str(clone)])
    assert done.ok, done.err
    with pytest.raises(UserError) as shallow:
        api.release(served.desk, clone, "HEAD", "production")
    assert "shallow" == shallow.value.code
    other = tmp_path / "other"
    other.mkdir()
    for words in (
        ["init", "-q"],
        ["-c", "user.name=A", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", "x"],
    ):
        shell.run(["git", *words], cwd=other)
    (other / "penstock.yaml").write_text((served.repository / "penstock.yaml").read_text())
    shell.run(["git", "add", "."], cwd=other)
    shell.run(["git", "-c", "user.name=A", "-c", "user.email=a@b", "commit", "-q", "-m", "y"], cwd=other)
    with pytest.raises(UserError) as stranger:
        api.release(served.desk, other, "HEAD", "production")
    assert "another-repository" == stranger.value.code
    assert commit


def test_an_older_keeper_goes_on_as_a_newer_one(served: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A newer Penstock asks the keeper to re-exec itself: the same process, and no instance is restarted."""
    from penstock.providers.local import target
    from penstock.providers.local.section import LocalSection

    before, keeper = pids(served), served.keeper_pid()
    started = served.observed()["keeper"]["started_at"]
    monkeypatch.setattr(target, "__version__", "99.0")
    local = target.LocalTarget(LocalSection(port=served.port), "app", "production", served.environment, lambda a: [])
    local.keep()
    served.until(lambda: served.observed()["keeper"]["started_at"] != started, 15)
    assert keeper == served.keeper_pid()
    assert before == pids(served)
