"""The keeper, its Envoy and its instances, killed: what comes back, and what is never lost."""

from __future__ import annotations

import os
import signal
import time

from penstock import shell
from penstock.providers.local import desire, heartbeat, lock
from penstock.testing.load import Load
from tests.providers.local.kept import Kept


def test_a_killed_instance_is_replaced(kept: Kept) -> None:
    """An instance that is killed is started again; its neighbour serves meanwhile."""
    kept.settled({"r1": 2}, {"r1": 1000})
    before = kept.pids()
    os.kill(before["web-r1-1"], signal.SIGKILL)
    kept.until(lambda o: kept.pids()["web-r1-1"] not in (None, before["web-r1-1"]) and o["phase"] == "settled")
    assert before["web-r1-2"] == kept.pids()["web-r1-2"]
    assert [1, 0] == [i["restarts"] for i in sorted(kept.seen()["instances"], key=lambda i: i["id"])]
    assert 200 == kept.get()[0]


def test_a_killed_keeper_is_followed_by_one_that_adopts(kept: Kept) -> None:
    """The next keeper takes over the same processes, restarts none, and no request fails meanwhile."""
    before = kept.settled({"r1": 2}, {"r1": 1000})
    running = Load(f"http://127.0.0.1:{kept.port}", rps=50, connections=8).start()
    kept.end_keeper()
    keeper = kept.start()
    after = kept.until(lambda o: o["keeper"]["pid"] == keeper.pid and o["phase"] == "settled")
    time.sleep(0.5)
    assert 0 == running.stop().failed
    assert [i["pid"] for i in before["instances"]] == [i["pid"] for i in after["instances"]]
    assert (before["envoy"]["pid"], before["era"]) == (after["envoy"]["pid"], after["era"])


def test_an_adopted_instance_that_dies_is_replaced(kept: Kept) -> None:
    """Exits are heard of processes that are not our children, too."""
    kept.settled({"r1": 1}, {"r1": 1000})
    kept.end_keeper()
    keeper = kept.start()
    kept.until(lambda o: o["keeper"]["pid"] == keeper.pid and o["phase"] == "settled")
    pid = kept.pids()["web-r1-1"]
    os.kill(pid, signal.SIGKILL)
    shell.reap(pid)
    kept.until(lambda o: kept.pids()["web-r1-1"] not in (None, pid) and o["phase"] == "settled")


def test_a_process_that_was_never_written_down_is_adopted(kept: Kept) -> None:
    """A keeper killed between starting a process and writing it down leaves no stray: the next one knows
    its mark.
    """
    before = kept.settled({"r1": 2}, {"r1": 1000})
    kept.end_keeper()
    kept.folder.instances.unlink()
    keeper = kept.start()
    after = kept.until(lambda o: o["keeper"]["pid"] == keeper.pid and o["phase"] == "settled")
    assert sorted(i["pid"] for i in before["instances"]) == sorted(i["pid"] for i in after["instances"])
    assert before["envoy"]["pid"] == after["envoy"]["pid"]


def test_sigterm_hands_over(kept: Kept) -> None:
    """A keeper that is asked to end leaves instances and Envoy to the next."""
    before = kept.settled({"r1": 1}, {"r1": 1000})
    kept.end_keeper(signal.SIGTERM)
    assert not lock.is_kept(kept.folder)
    assert 200 == kept.get()[0]
    keeper = kept.start()
    after = kept.until(lambda o: o["keeper"]["pid"] == keeper.pid and o["phase"] == "settled")
    assert before["instances"][0]["pid"] == after["instances"][0]["pid"]


def test_what_no_desire_names_is_stopped(kept: Kept) -> None:
    """What an earlier keeper started, and nobody wants any more, ends."""
    kept.settled({"r1": 1, "r2": 1}, {"r1": 1000})
    pid = kept.pids("r2")["web-r2-1"]
    kept.end_keeper()
    kept.settled({"r1": 1}, {"r1": 1000})
    shell.reap(pid)
    assert {"web-r1-1"} == set(kept.pids())
    assert not shell.alive(shell.Process(pid, shell.boot_id(), shell.start_ticks(pid)))


def test_a_killed_envoy_is_back_with_the_same_routes(kept: Kept) -> None:
    """Envoy is started again, serves the same split, and the hole is on record."""
    before = kept.settled({"r1": 1, "r2": 1}, {"r1": 500, "r2": 500})
    os.kill(before["envoy"]["pid"], signal.SIGKILL)
    began = time.monotonic()
    after = kept.until(lambda o: o["envoy"]["up"] and o["envoy"]["restarts"] == 1 and o["phase"] == "settled")
    assert time.monotonic() - began < 10
    assert before["split"] == after["split"]
    assert {"r1", "r2"} == {kept.get()[1] for _ in range(40)}
    time.sleep(1.5)
    assert ["Envoy ended"] == [why for (why,) in kept.rows("SELECT why FROM holes")]


def test_a_sick_instance_leaves_only_while_another_is_ready(kept: Kept) -> None:
    """Of two instances the sick one gets no more requests."""
    kept.settled({"r1": 2}, {"r1": 1000})
    kept.get("/sicken")
    kept.until(lambda o: sorted(i["state"] for i in o["instances"]) == ["ready", "unhealthy"])
    sick = next(i["pid"] for i in kept.seen()["instances"] if i["state"] == "unhealthy")
    time.sleep(0.3)
    assert all(str(sick).encode() not in kept.get()[2] for _ in range(10))


def test_a_crash_loop_is_said(kept: Kept) -> None:
    """Three exits within a minute are a crash loop; the keeper goes on trying, and the split stays."""
    kept.settled({"r1": 1}, {"r1": 1000})
    kept.programs["r2"] = kept.program("r2", "--die")
    kept.want({"r1": 1, "r2": 1}, {"r1": 900, "r2": 100})
    seen = kept.until(lambda o: any(i["crash_loop"] for i in o["instances"]))
    loop = next(i for i in seen["instances"] if i["crash_loop"])
    assert ("r2", 7) == (loop["revision"], loop["exit"])
    assert {"web": {"r1": 1000}} == seen["split"]


def test_an_unattended_candidate_goes_back(kept: Kept) -> None:
    """When nobody watches for `attended_s` the way back is taken, and it is said."""
    kept.settled({"r1": 1, "r2": 1}, {"r1": 1000})
    desire.lay_way_back(kept.folder, kept.data({"r1": 1}, {"r1": 1000}))
    kept.settled({"r1": 1, "r2": 1}, {"r1": 500, "r2": 500}, attended_s=2)
    for _ in range(15):
        heartbeat.beat(kept.folder)
        time.sleep(0.2)
    assert {"web": {"r1": 500, "r2": 500}} == kept.seen()["split"]
    seen = kept.until(lambda o: o["fallback_applied"] and o["phase"] == "settled")
    assert ({"web": {"r1": 1000}}, "fallback") == (seen["split"], seen["origin"])
    assert ("nobody has watched for 2 s", 2) == (
        seen["fallback_applied"]["why"], seen["fallback_applied"]["from_generation"]
    )  # fmt: skip


def test_after_a_reboot_a_canary_starts_at_its_fallback(kept: Kept, tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    """Under another boot id an attended desire is at once replaced by its way back."""
    kept.settled({"r1": 1, "r2": 1}, {"r1": 1000})
    desire.lay_way_back(kept.folder, kept.data({"r1": 1}, {"r1": 1000}))
    kept.settled({"r1": 1, "r2": 1}, {"r1": 500, "r2": 500}, attended_s=600)
    kept.end_keeper()
    (tmp_path / "boot").write_text("another-boot\n")
    monkeypatch.setenv("PENSTOCK_BOOT_ID_FILE", str(tmp_path / "boot"))
    kept.start()
    seen = kept.until(lambda o: o["fallback_applied"] and o["phase"] == "settled")
    assert {"web": {"r1": 1000}} == seen["split"]
    assert "started anew" in seen["fallback_applied"]["why"]
    assert {"web-r1-1"} == set(kept.pids())


def test_a_second_keeper_is_refused(kept: Kept) -> None:
    """It ends at once, naming the first one's pid."""
    import sys

    kept.settled({"r1": 1}, {"r1": 1000})
    assert kept.keeper
    done = shell.run([sys.executable, "-m", "penstock.providers.local.keeper", str(kept.folder.root)])
    assert 1 == done.code
    assert (
        f"keeper-lives: {kept.folder.root}: this environment has a keeper already: process {kept.keeper.pid}"
        in done.err
    )


def test_a_newer_format_waits_for_the_newer_keeper(kept: Kept) -> None:
    """A desire of a later format changes nothing, is said, and `reexec` starts the keeper anew under the
    same pid.
    """
    before = kept.settled({"r1": 1}, {"r1": 1000})
    kept.want({"r1": 1}, {"r1": 1000}, format=2)
    seen = kept.until(lambda o: o["phase"] == "failed")
    assert "a newer Penstock wrote this" in seen["reason"]
    kept.want({"r1": 1}, {"r1": 1000})
    kept.folder.reexec.touch()
    after = kept.until(
        lambda o: o["keeper"]["started_at"] != before["keeper"]["started_at"] and o["phase"] == "settled"
    )
    assert before["keeper"]["pid"] == after["keeper"]["pid"]
    assert (before["instances"][0]["pid"], before["envoy"]["pid"]) == (
        after["instances"][0]["pid"],
        after["envoy"]["pid"],
    )
