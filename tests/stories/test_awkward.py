"""Services, builds, checks and machines that misbehave: each is said in plain words, and nothing is left behind."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock import shell
from penstock.records import evidence as kept
from penstock.records.store import Row
from tests.cli import penstock
from tests.site import APP, Site

AT_ONCE = "{is: all_at_once, min_ready: 200ms, start_within: 4s}"
CANARY = "{is: canary, increments: [50% for 30s], min_ready: 200ms, start_within: 4s}"
SLEEPS = f"{sys.executable} -c 'import time; time.sleep(600)'"
SHOUTS = "import os, sys\n[os.write(1, b'x' * 99 + bytes([10])) for _ in range(int(sys.argv[1]) * 10_000)]\n"


def manifest(site: Site, run: str = APP, extra: str = "", env: str = "", rollout: str = AT_ONCE, more: str = "") -> str:
    return site.manifest(rollout=rollout, instances=1, env=env, extra=extra, units=f"run: {run}", production=more)


@pytest.fixture(scope="module")
def served(site: Site) -> Site:
    """A site where v1 serves."""
    (site.repository / "shout.py").write_text(SHOUTS)
    row = site.release(site.commit(manifest(site), "v1"))
    assert "released" == row["state"], site.story(row["number"])
    return site


def goes_back(site: Site, text: str, name: str) -> Row:
    """Release what cannot go well: it ends rolled back, and what served before serves as if nothing had been."""
    before = (site.observed()["split"], {i["pid"] for i in site.instances()})
    row = site.release(site.commit(text, name))
    assert "rolled_back" == row["state"], site.story(row["number"])
    site.until(lambda: before == (site.observed()["split"], {i["pid"] for i in site.instances()}))
    site.until(lambda: not strangers(site))  # a worker that was just woken goes by itself
    return row


def strangers(site: Site) -> list[str]:
    """The processes of this site that are neither an instance nor Envoy, keeper, worker or this test."""
    ours = {i["pid"] for i in site.instances()} | {site.keeper_pid(), site.worker_pid(), os.getpid()}
    ours.add(site.observed()["envoy"]["pid"])
    found = [p.pid for p in site._processes() if p.pid not in ours]
    return [Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode() for pid in found]


def evidence(site: Site, number: int) -> str:
    """All that was kept of a release, as text."""
    pieces = kept.of(site.desk.store, number)
    return "".join(kept.read(site.desk.state.evidence, piece["digest"]) for piece in pieces)


def test_a_port_that_never_listens(served: Site) -> None:
    """A process that runs and does not listen goes back after `start_within`; the sentence says what was waited for."""
    row = goes_back(served, manifest(served, SLEEPS), "deaf")
    assert "start" == row["cause"]
    assert "did not become ready within 4 s" in row["sentence"]
    assert "refused" in row["sentence"]


def test_a_service_that_exits_at_once(served: Site) -> None:
    """The exit code stands in the sentence, and what it said last in the kept testimony."""
    row = goes_back(served, manifest(served, "{sh: 'echo no such file; exit 7'}"), "exits")
    assert "crash_loop" == row["cause"]
    assert "ended with exit code 7" in row["sentence"]
    assert "no such file" in penstock(served, "show", str(row["number"])).out + evidence(served, row["number"])


def test_health_that_answers_500(served: Site) -> None:
    """The status that health answered with stands in the sentence."""
    text = manifest(served).replace("get: /health", 'get: "/error"')
    row = goes_back(served, text, "ill")
    assert "start" == row["cause"]
    assert "answered 500" in row["sentence"]


def test_a_crash_loop_after_three_seconds(served: Site) -> None:
    """Well for three seconds, then gone, again and again: a canary of it goes back although each start looks good."""
    row = goes_back(served, manifest(served, env="APP_EXIT_AFTER_S: 3", rollout=CANARY), "dies")
    assert row["cause"] in ("crash_loop", "health", "verdict")


def test_fifty_megabytes_on_stdout(served: Site) -> None:
    """What a service prints does not fill the disk, and neither release nor `logs` is slowed by it."""
    run = f"{{sh: '{sys.executable} shout.py 50; exec {APP}'}}"
    row = served.release(served.commit(manifest(served, run), "loud"))
    assert "released" == row["state"], served.story(row["number"])
    folder = served.environment / "instances"
    served.until(lambda: sum(f.stat().st_size for f in folder.glob(f"*-{row['revision']}-*/*")) < 17 << 20, 25)
    done = penstock(served, "logs", "-n", "5")
    assert 0 == done.code, done
    assert 100 > len(done.out.splitlines())


def test_a_build_that_fails_blocks(served: Site) -> None:
    """The command, its exit code and the log are named; nothing was touched, and no half artifact is left."""
    before = served.observed()["split"]
    row = served.release(served.commit(manifest(served, extra="build: {is: command, run: {sh: 'echo oops; exit 3'}}")))
    assert ("blocked", "build") == (row["state"], row["cause"])
    assert "ended with 3" in row["sentence"]
    log = Path(row["sentence"].rpartition("log: ")[2])
    assert "oops" in log.read_text()
    assert before == served.observed()["split"]


def test_a_build_that_prints_twenty_megabytes(served: Site) -> None:
    """It is built; its log is cut at 4 MiB, and the end is what is kept."""
    extra = f"build: {{is: command, run: {{sh: '{sys.executable} shout.py 20; echo the end'}}}}"
    row = served.release(served.commit(manifest(served, extra=extra), "wordy"))
    assert "released" == row["state"], served.story(row["number"])
    log = served.desk.state.release(row["number"]) / "build.log"
    assert log.stat().st_size <= 4 << 20
    assert "the end" in log.read_text()[-200:]


def test_a_check_that_hangs_is_ended(served: Site) -> None:
    """Past `within` it is killed with what it started: errored, blocked, the time named, no process left."""
    extra = "checklist: {before: {slow: {run: {sh: 'sleep 600 & sleep 600'}, within: 1s}}}"
    row = served.release(served.commit(manifest(served, extra=extra), "hangs"))
    assert ("blocked", "check") == (row["state"], row["cause"])
    assert "`slow` errored" in row["sentence"]
    assert "was not over after 1 s" in row["sentence"]
    served.until(lambda: not strangers(served))


def test_what_a_check_leaves_behind_is_ended(served: Site) -> None:
    """A check that passes and leaves processes, one even in a session of its own: they do not outlive it."""
    extra = "checklist: {before: {litter: {run: {sh: 'sleep 600 & setsid sleep 600 & true'}, within: 20s}}}"
    row = served.release(served.commit(manifest(served, extra=extra), "litters"))
    assert "released" == row["state"], served.story(row["number"])
    served.until(lambda: not strangers(served))


def test_a_check_that_prints_a_hundred_megabytes(served: Site) -> None:
    """The end of it is kept as evidence, and what it fills on the disk is bounded."""
    shout = f"{sys.executable} shout.py 100; echo the end; false"
    extra = f"checklist: {{before: {{wordy: {{run: {{sh: '{shout}'}}}}}}}}"
    row = served.release(served.commit(manifest(served, extra=extra), "prints"))
    assert ("blocked", "check") == (row["state"], row["cause"])
    assert "the end" in row["sentence"]
    assert sum(f.stat().st_size for f in served.desk.state.release(row["number"]).glob("*.log")) <= 5 << 20
    assert len(evidence(served, row["number"])) < 1 << 20


def test_a_port_that_another_process_has(served: Site) -> None:
    """The release to that environment goes back; its sentence names the port, the process and its pid."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        more = f"\n  other:\n    like: production\n    target: {{is: local, port: {port}}}"
        served.commit(manifest(served, more=more), "taken")
        done = penstock(served, "release", "--to", "other", "--plain")
    assert 4 == done.code, done
    assert f"port {port} is taken by process {os.getpid()} (" in done.out


def test_a_damaged_desire_is_never_taken_for_nothing(served: Site) -> None:
    """Who needs it says so and names the file, with 5; a restart is blocked, and what serves goes on serving."""
    before = {i["pid"] for i in served.instances()}
    path = served.environment / "desired.json"
    whole = path.read_bytes()
    try:
        for damaged in (b"", whole[: len(whole) // 2], b"[]", b"{}"):
            path.write_bytes(damaged)
            done = penstock(served, "plan", "--to", "production")
            assert (5, True) == (done.code, f"unreadable: {path}" in done.err), (damaged, done)
        assert 5 == penstock(served, "down", "production", "--yes").code
        done = penstock(served, "restart", "production", "--plain")
        assert (3, True) == (done.code, "blocked: unreadable: " in done.out), done
    finally:
        path.write_bytes(whole)
    load = served.load(50)
    assert 0 == penstock(served, "restart", "production", "--plain").code
    assert 0 == load.stop().failed
    assert not before & {i["pid"] for i in served.instances()}


def test_a_damaged_observation_is_written_anew(served: Site) -> None:
    """The keeper knows better than the file: within seconds it is whole again, and nothing was restarted."""
    before = served.observed()["instances"]
    path = served.environment / "observed.json"
    path.write_bytes(b"\x00{")
    served.until(lambda: not path.read_bytes().startswith(b"\x00"), 15)
    assert before == served.observed()["instances"]


@pytest.fixture
def readonly(tmp_path: Path) -> Iterator[Path]:
    """A folder that nobody may write to, root neither."""
    folder = tmp_path / "readonly"
    folder.mkdir(mode=0o500)
    is_root = os.geteuid() == 0
    if is_root and not shell.run(["mount", "-t", "tmpfs", "-o", "ro,mode=0500", "tmpfs", str(folder)]).ok:
        pytest.skip("as root a folder is read-only only by mounting it so")
    yield folder
    if is_root:
        shell.run(["umount", "-l", str(folder)])


VERBS = (["status"], ["release", "--to", "production"], ["history"], ["up"], ["abort"], ["watch"], ["down", "--yes"])


def test_a_state_folder_that_is_none_is_said(served: Site, readonly: Path) -> None:
    """Read-only, a file, below a file, or where nothing can be made: 5, the folder, and PENSTOCK_STATE; no traceback."""
    file = served.folder / "a-file"
    file.touch()
    for place in (readonly, readonly / "below", file, file / "below", Path("/proc/penstock")):
        for words in VERBS[:2]:
            done = penstock(served, *words, PENSTOCK_STATE=str(place))
            assert (5, "") == (done.code, done.out), (place, words, done)
            assert str(place) in done.err
            assert "PENSTOCK_STATE" in done.err
            assert "Traceback" not in done.err


@pytest.mark.parametrize("damage", ["garbage", "cut"])
def test_damaged_records_are_said_by_every_verb(served: Site, tmp_path: Path, damage: str) -> None:
    """5, the file, and that nothing is guessed; the file stays as it is, for whoever mends it."""
    penstock(served, "status", PENSTOCK_STATE=str(tmp_path))
    records = tmp_path / "records.sqlite"
    broken = b"garbage " * 1000 if damage == "garbage" else records.read_bytes()[:5000]
    records.write_bytes(broken)
    for words in VERBS:
        done = penstock(served, *words, PENSTOCK_STATE=str(tmp_path))
        assert (5, "") == (done.code, done.out), (words, done)
        assert f"records-corrupt: {records}" in done.err
        assert "does not guess" in done.err
    assert broken == records.read_bytes()


def test_emptied_records_are_no_new_beginning(served: Site, tmp_path: Path) -> None:
    """Where the audit log tells of releases, records without any are damaged, not new: 5."""
    (tmp_path / "audit.log").write_bytes(served.desk.state.audit_log.read_bytes())
    (tmp_path / "records.sqlite").touch(mode=0o600)
    assert 5 == penstock(served, "status", PENSTOCK_STATE=str(tmp_path)).code
