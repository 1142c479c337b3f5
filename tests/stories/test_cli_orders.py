"""What a person orders at a shell: the words that come back, the exit code, and what serves afterwards."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time

import pytest

from penstock.testing.load import Ask
from tests.cli import PROGRAM, beside, environment, lines, penstock
from tests.site import Site, free_port

QUICK = "{is: all_at_once, min_ready: 200ms, start_within: 20s}"
LONG = "{is: canary, increments: [50% for 60s], min_ready: 200ms, start_within: 20s}"
SHORT = "{is: canary, increments: [50% for 1s], min_ready: 200ms, start_within: 20s}"
MIX = (Ask("GET", "/", share=6), Ask("POST", "/echo", '{"n": {1-99}}', share=2), Ask("GET", "/slow?ms=300", share=1))


def commit(site: Site, word: str, rollout: str = QUICK, staging: int = 0) -> str:
    """A commit of a healthy service; with `staging` also released there, on that port."""
    more = f"\n  staging:\n    like: production\n    target: {{is: local, port: {staging}}}" if staging else ""
    return site.commit(site.manifest(rollout=rollout, env=f"WORD: {word}", instances=1, production=more), word)


@pytest.fixture(scope="module")
def served(site: Site) -> Site:
    """A site where v1 serves, released at a shell."""
    unknown = penstock(site, "rollback")
    assert 2 == unknown.code, unknown
    assert "which-service" in unknown.err
    commit(site, "v1")
    done = penstock(site, "release", "--to", "production")
    assert 0 == done.code, done
    return site


def detached(site: Site, word: str, rollout: str) -> int:
    """Order a release that nobody watches; its number is all that is printed."""
    commit(site, word, rollout)
    done = penstock(site, "release", "--to", "production", "--detach")
    assert (0, "") == (done.code, done.err)
    return int(done.out)


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_rollback_with_nothing_before_says_so(served: Site) -> None:
    """Nothing served before v1: exit 2, the kept revisions are named, no release is made."""
    done = penstock(served, "rollback")
    assert 2 == done.code, done
    assert "nothing-before" in done.err
    assert "kept: " in done.err
    assert 1 == len(served.desk.store.rows("SELECT * FROM releases"))


def test_a_restart_at_a_shell_loses_no_request(served: Site) -> None:
    """`restart` ends with 0 when other processes serve, and a strict client has lost nothing."""
    before = {i["pid"] for i in served.instances()}
    load = served.load(120, MIX)
    done = penstock(served, "restart", "--plain")
    summary = load.stop()
    assert 0 == done.code, done
    assert 0 == summary.failed, summary.kinds
    assert not before & {i["pid"] for i in served.instances() if i["state"] == "ready"}


def test_promote_ends_a_canary_at_once(served: Site) -> None:
    """An increment of a minute, and `promote`: released within seconds; `watch` ends with 0."""
    number = detached(served, "promoted", LONG)
    served.wait_weight(number, 500)
    done = penstock(served, "promote", "--reason", "seen enough")
    assert 0 == done.code, done
    assert f"release {number} (production)" in done.out
    assert "100 %" in done.out
    seen = penstock(served, "watch", str(number), "--plain", timeout_s=40)
    assert 0 == seen.code, seen
    assert "released: " in seen.out
    order = served.desk.store.row("SELECT * FROM orders WHERE release = ? OR verb = 'promote'", number) or {}
    assert "seen enough" == order["reason"]


def test_what_is_held_waits_for_promote(served: Site) -> None:
    """`hold` keeps a release at its share past its time, and says who; `promote` ends it released."""
    number = detached(served, "held", SHORT)
    served.wait_weight(number, 500)
    assert 0 == penstock(served, "hold").code
    time.sleep(2)
    served.until(lambda: "asked to hold" in penstock(served, "status").out, 30)
    assert 500 == served.row(number)["facts"]["weight_permille"]
    assert 0 == penstock(served, "promote", "production", "--release", str(number)).code
    assert 0 == penstock(served, "watch", "--plain", timeout_s=40).code
    assert "released" == served.row(number)["state"]


def test_down_stops_and_the_next_release_serves_again(served: Site) -> None:
    """`down` asks first; then nothing runs or listens, `up` starts nothing, and a release serves anew."""
    assert 130 == penstock(served, "down").code
    assert answers(served.port)
    done = penstock(served, "down", "--yes")
    assert 0 == done.code, done
    served.until(lambda: not answers(served.port), 10)
    assert [] == served.instances()
    up = penstock(served, "up")
    assert (0, "app/production: runs, or is empty\n") == (up.code, up.out)
    assert not answers(served.port)
    restart = penstock(served, "restart")
    assert 2 == restart.code, restart
    assert "nothing-runs" in restart.err
    again = penstock(served, "release", "--to", "production", "--plain")
    assert 0 == again.code, again
    load = served.load(50)
    time.sleep(0.5)
    assert 0 == load.stop().failed


def test_two_shells_at_once_to_one_environment(served: Site) -> None:
    """One goes first, the other waits in line for it and says so; both end released."""
    commit(served, "twice")
    both = [beside(served, "release", "--to", "production", "--again", "--plain") for _ in range(2)]
    told = [process.communicate(timeout=90) for process in both]
    assert [0, 0] == [process.returncode for process in both], told
    numbers = [row["number"] for row in served.desk.store.rows("SELECT number FROM releases ORDER BY number")][-2:]
    assert ["released"] * 2 == [served.row(n)["state"] for n in numbers]
    assert any(f"waiting for release {numbers[0]} to end" in out for out, _ in told)
    assert {served.row(numbers[1])["revision"]: 1000} == served.observed()["split"]["app"]


def test_two_shells_at_once_to_two_environments(served: Site) -> None:
    """Neither waits for the other: both are under way at one moment, and both are released."""
    commit(served, "parallel", staging=free_port())
    both = [beside(served, "release", "--to", name, "--plain") for name in ("production", "staging")]
    told = [process.communicate(timeout=90) for process in both]
    assert [0, 0] == [process.returncode for process in both], told
    assert not any("waiting for release" in out for out, _ in told)
    rows = served.desk.store.rows("SELECT * FROM releases ORDER BY number DESC LIMIT 2")
    assert {"production", "staging"} == {row["environment"] for row in rows}
    assert max(row["started_at"] for row in rows) < min(row["ended_at"] for row in rows)
    assert 0 == penstock(served, "down", "staging", "--yes").code


def test_ctrl_c_leaves_the_view_and_not_the_release(served: Site) -> None:
    """SIGINT: exit 6, how to look again and how to end it; the release goes on. With abort meant, it is aborted."""
    commit(served, "left", LONG)
    view = beside(served, "release", "--to", "production", "--plain")
    number = _newest(served)
    served.wait_weight(number, 500)
    view.send_signal(signal.SIGINT)
    _, err = view.communicate(timeout=20)
    assert 6 == view.returncode, err
    assert f"penstock watch {number}" in err
    assert f"penstock abort --release {number}" in err
    again = beside(served, "watch", str(number), "--json", "--on-interrupt", "abort")
    assert again.stdout
    first = again.stdout.readline()  # it shows something, so it hears signals
    assert "rolling_out" == served.row(number)["state"]
    again.send_signal(signal.SIGINT)
    out, err = again.communicate(timeout=20)
    assert 6 == again.returncode, err
    assert lines(first + out)
    assert "goes back" in err
    row = served.wait(number)
    assert ("rolled_back", "person") == (row["state"], row["cause"])
    assert 4 == penstock(served, "watch", str(number), "--plain").code


def test_a_stream_of_json_is_json_to_its_end(served: Site) -> None:
    """`--json`: every line an object, events in order, the last one the end; nothing else; the exit code is right."""
    commit(served, "streamed")
    done = penstock(served, "release", "--to", "production", "--json")
    assert (0, "") == (done.code, done.err)
    told = lines(done.out)
    assert sorted(one["id"] for one in told) == [one["id"] for one in told]
    assert ("end", "released") == (told[-1]["kind"], told[-1]["data"]["state"])
    number = told[-1]["release"]
    for words in (["show", str(number)], ["status"], ["history"], ["plan", "--to", "production"]):
        shown = penstock(served, *words, "--json")
        assert 0 == shown.code, shown
        assert json.loads(shown.out)


def test_a_reader_that_leaves_is_no_bug(served: Site) -> None:
    """`penstock … | head -1`: no traceback, no word on stderr, and never exit code 1."""
    for words in (["watch", "--plain"], ["watch", "--json"], ["history"], ["show"], ["logs", "production"]):
        gone, ours = os.pipe()
        os.close(gone)
        done = subprocess.run(
            [*PROGRAM, *words], cwd=served.repository, env=environment(served), stdout=ours, stderr=subprocess.PIPE,
            timeout=30, check=False,
        )  # fmt: skip
        os.close(ours)
        assert (b"", True) == (done.stderr, done.returncode in (0, 141)), (words, done)


def test_up_brings_back_what_was_killed(served: Site) -> None:
    """Keeper, Envoy and instance killed: `up` says so, and the same revision serves again."""
    before = served.observed()["split"]
    for pid in [served.keeper_pid(), served.observed()["envoy"]["pid"], *(i["pid"] for i in served.instances())]:
        os.kill(pid, signal.SIGKILL)
    served.until(lambda: not answers(served.port), 10)
    done = penstock(served, "up")
    assert 0 == done.code, done
    assert "app/production: keeper started" in done.out
    served.until(lambda: answers(served.port) and served.observed()["phase"] == "settled", 30)
    assert before == served.observed()["split"]


def _newest(site: Site) -> int:
    """The number of the release that is being ordered now."""
    before = site.desk.store.row("SELECT max(number) AS n FROM releases WHERE ended_at IS NOT NULL") or {}
    found: list[int] = []

    def is_there() -> bool:
        row = site.desk.store.row("SELECT max(number) AS n FROM releases") or {}
        found[:] = [row["n"]]
        return bool(row["n"] > before["n"])

    site.until(is_there, 20)
    return found[0]
