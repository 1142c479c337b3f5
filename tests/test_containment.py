"""What a contained command may reach, and what it finds, beside what attacks meet (tests/checks/test_attacks.py)."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from penstock import containment, footprint, landlock, shell
from penstock.checks.running import Ended
from penstock.containment import End, Fence, Limits, fence_of
from penstock.errors import PenstockError
from penstock.footprint import Disk, Family, Growth

PATH = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
MIB = 1 << 20
contained = pytest.mark.skipif(containment.available() is not None, reason=str(containment.available()))


def run(folder: Path, *words: str, within_s: float = 10.0, **env: str) -> tuple[End, bytes]:
    """How a command ends in a folder, and what it printed."""
    log = folder.with_name("log")
    log.unlink(missing_ok=True)
    fence = fence_of(str(folder), "", "", str(log))
    end = containment.run(words, {**PATH, **env}, fence, log, within_s, limits=Limits())
    return end, log.read_bytes()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A check's folder, with a name that nobody expects."""
    made = tmp_path / os.fsdecode(b"a place \xff'\n")
    made.mkdir()
    return made


@pytest.mark.parametrize(
    ("command", "code"), [("exit 0", 0), ("exit 3", 3), ("kill -9 $$", -9), ("kill -TERM $$", -15), ("exit 255", 255)]
)
def test_a_command_ends_as_it_ends(command: str, code: int, folder: Path) -> None:
    """Its exit code, or the signal that ended it, comes through."""
    end, _ = run(folder, "sh", "-c", command)
    assert (code, "", "") == (end.code, end.stopped, end.how)


@pytest.mark.parametrize("lang", ["", "C", "en_US.ISO-8859-1"])
def test_bytes_that_are_no_text_come_through(lang: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Words, variables and folders are bytes; no language of ours or of the command's changes them."""
    monkeypatch.delenv("LANG", raising=False)
    env = {"LC_ALL": lang} if lang else {}
    odd = os.fsdecode(b"\xfe\xc3\xa4")
    _, output = run(folder, "sh", "-c", 'printf "%s|%s|" "$1" "$X"; pwd', "sh", odd, X=odd, **env)
    assert b"\xfe\xc3\xa4|\xfe\xc3\xa4|" + os.fsencode(folder) + b"\n" == output


@pytest.mark.parametrize("words", [("no-such-program",), ("/etc/passwd",), ("./gone",), ("/dev/null/x",)])
def test_what_is_not_there_is_said(words: tuple[str, ...], folder: Path) -> None:
    """A program that is not there, or may not be executed, is the error that it always was."""
    with pytest.raises(PenstockError) as raised:
        run(folder, *words)
    assert "no-program" == raised.value.code
    assert words[0] in raised.value.what


def test_what_cannot_be_run_is_said(folder: Path) -> None:
    """A folder that is gone, a file that is no program, a word that is none: errors, and nothing temporary is left."""
    (folder / "odd").write_text("no first line")
    (folder / "odd").chmod(0o755)
    with pytest.raises(OSError, match="Exec format"):
        run(folder, "./odd")
    with pytest.raises(ValueError, match="NUL"):
        run(folder, "echo", "a\0b")
    with pytest.raises(PenstockError):
        run(folder.with_name("gone"), "true")


def test_a_command_finds_an_ordinary_process(folder: Path) -> None:
    """No input, no signal ignored or blocked, no file open but the three; no core is written."""
    script = "cat; grep -E 'Sig(Ign|Blk):' /proc/self/status; ulimit -c; ls /proc/self/fd | wc -l; cat /proc/self/oom_score_adj"
    _, output = run(folder, "sh", "-c", script)
    blocked, ignored, *rest = output.decode().split()[1::2][:2] + output.decode().split()[4:]
    ours = ~(3 << 31)  # 32 and 33 are the C library's own: nobody can set them
    assert (0, 0) == (int(blocked, 16), int(ignored, 16) & ours)
    assert ["0", "4", "500"] == rest


@pytest.mark.skipif(landlock.abi() < 6, reason="Linux 6.12 or later forbids it")
def test_it_can_signal_nobody_but_its_own(folder: Path) -> None:
    """Neither its launcher nor the worker hears a signal of its; its own children do."""
    script = f"kill -0 $PPID && echo reached; kill -0 {os.getpid()} && echo reached; sleep 9 & kill $! && echo own"
    _, output = run(folder, "sh", "-c", f"{{ {script}; }} 2>/dev/null")
    assert b"own\n" == output


def test_the_launcher_is_not_steered_by_the_command(folder: Path) -> None:
    """What the command's variables do to programs, they do not do to what watches over it."""
    env = {"LD_PRELOAD": "/no/such.so", "PYTHONHOME": "/no/such", "PYTHONPATH": str(folder), "PYTHONSTARTUP": "x.py"}
    (folder / "os.py").write_text("raise SystemExit(0)")
    end, output = run(folder, "sh", "-c", "exit 3", **env)
    assert 3 == end.code
    assert output.count(b"cannot be preloaded") <= 1


def test_its_temporary_folder_is_its_own(folder: Path) -> None:
    """Each run gets a new TMPDIR, gone afterwards; one that is set stays as it is set."""
    seen = [Path(run(folder, "sh", "-c", "touch $TMPDIR/x; echo $TMPDIR")[1].decode().strip()) for _ in range(2)]
    assert seen[0] != seen[1]
    assert [False, False] == [path.exists() for path in seen]
    assert b"/mine\n" == run(folder, "sh", "-c", "echo $TMPDIR", TMPDIR="/mine")[1]


def test_output_is_kept_as_it_came(folder: Path) -> None:
    """Both streams, in order, to the last byte, also of what is left behind when the command ends."""
    _, output = run(
        folder, "sh", "-c", "for n in 1 2 3; do echo o$n; echo e$n >&2; done; head -c 300000 /dev/zero | tr '\\0' x"
    )
    assert b"o1\ne1\no2\ne2\no3\ne3\n" + b"x" * 300_000 == output


@pytest.mark.skipif(os.geteuid() != 0, reason="root has capabilities to lose")
def test_root_loses_what_leads_past_the_kernel(folder: Path) -> None:
    """No raw memory, modules, mounts or tracing, whatever the command becomes."""
    _, output = run(
        folder, "sh", "-c", "grep CapEff /proc/self/status; cat /proc/kcore | head -c 1; head -c 1 /dev/mem"
    )
    kept = int(output.split()[1], 16)
    assert [] == [number for number in (16, 17, 19, 21, 22) if kept >> number & 1]
    assert kept & 1  # chown, as an installer needs it
    assert 2 == output.count(b"denied") + output.count(b"not permitted") + output.count(b"No such")


# What is granted.


@pytest.mark.parametrize(("abi", "works"), [(0, False), (1, False), (2, True), (7, True), (99, True)])
def test_what_this_kernel_lacks_is_said(abi: int, works: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Landlock that cannot rename between folders is none; the sentence names the kernel that can."""
    monkeypatch.setattr(landlock, "abi", lambda: abi)
    assert works == (containment.available() is None)
    assert works or "Linux 5.19 or later" in str(containment.available())


def test_all_but_what_is_closed_may_be_read(tmp_path: Path) -> None:
    """Grants cannot be taken back below, so that every neighbour on the way down has one of its own; links have none."""
    for name in ("a/b/c/closed", "a/b/d", "a/e", "f"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "a/file").touch()
    (tmp_path / "a/link").symlink_to(tmp_path / "a/b/c")
    (tmp_path / "a/b/c/x").symlink_to("closed")
    closed = (str(tmp_path / "a/b/c/closed"),)
    found = [os.path.relpath(path, tmp_path) for path in containment._readable(str(tmp_path), closed)]
    assert ["a/b/d", "a/e", "a/file", "f"] == sorted(found)
    assert [str(tmp_path)] == list(containment._readable(str(tmp_path), ("/elsewhere",)))


@pytest.mark.parametrize(
    ("ours", "shared"),
    [
        ((), {"/tmp", "/var/tmp"}),
        (("/tmp/penstock-0",), {"/var/tmp"}),
        (("/tmp", "/var/tmp/x/y"), set()),
        (("/tmpx",), {"/tmp", "/var/tmp"}),
    ],
)
def test_what_is_shared_holds_nothing_of_ours(ours: tuple[str, ...], shared: set[str]) -> None:
    """The system's temporary folders may be written where nothing of ours lies in them."""
    rules = dict(containment._rules(Fence(("/srv/x",), ours=ours), ["/srv/x"]))
    assert shared == {path for path in ("/tmp", "/var/tmp") if rules.get(path) == landlock.WRITE}


def test_a_state_folder_is_known_by_what_it_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever it lies: all of it is closed, but for what was built and the repository."""
    monkeypatch.setenv("PENSTOCK_STATE", str(tmp_path / "none"))
    monkeypatch.setenv("PENSTOCK_AUDIT_KEY", str(tmp_path / "keys/k.pem"))
    state = tmp_path / "state"
    place = state / "releases/7/place"
    place.mkdir(parents=True)
    (state / "records.sqlite").touch()
    fence = fence_of(str(place), "", str(state / "repos/shop.git"), "")
    assert (str(place),) == fence.own
    assert (str(state), str(tmp_path / "keys/k.pem")) == fence.closed
    assert (str(state / "artifacts"), str(state / "repos/shop.git")) == fence.open


def test_a_folder_that_holds_the_state_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that may write around the state folder could write into it: it is not run."""
    (tmp_path / "work/state").mkdir(parents=True)
    monkeypatch.setenv("PENSTOCK_STATE", str(tmp_path / "work/state"))
    with pytest.raises(ValueError, match="holds the state folder"):
        run(tmp_path / "work", "true")


# Where the kernel does not help.


def test_without_landlock_it_runs_and_that_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It runs all the same, its daemons end with it, and the outcome says that it was not held."""
    monkeypatch.setattr(landlock, "lacks", lambda: "this kernel has none")
    script = "(env -i setsid sh -c 'sleep 50 & sleep 50' &); sleep 0.2; touch ../out; setsid sleep 50 & echo $!; ps -eo pid,args"
    end, output = run(folder, "sh", "-c", script)
    assert (0, "this kernel has none") == (end.code, end.uncontained)
    assert folder.with_name("out").exists()
    assert not Path(f"/proc/{output.split()[0].decode()}").exists()
    assert ("output", "containment") == tuple(e.name for e in Ended(0, "", 1.0, uncontained="x").evidence())
    assert ("output",) == tuple(e.name for e in Ended(0, "", 1.0).evidence())


def test_without_landlock_the_launcher_is_closed_all_the_same(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On no kernel may a command look into its launcher, or write where that answers."""
    monkeypatch.setattr(landlock, "lacks", lambda: "this kernel has none")
    end, output = run(
        folder, "sh", "-c", "cat /proc/$PPID/environ && echo seen; cat /proc/$PPID/fd/0 && echo seen; exit 3"
    )
    assert 3 == end.code
    assert b"seen" not in output


def test_where_proc_shows_nothing(folder: Path) -> None:
    """Without /proc, as in some containers, a command runs, and ends with what it started."""
    probe = ["unshare", "-m", "sh", "-c", "mount -t tmpfs none /proc"]
    if os.geteuid() != 0 or not shell.run(probe).ok:
        pytest.skip("only root hides /proc")
    nap = f"51.{time.time_ns()}"
    code = f"""
import sys
from pathlib import Path
from penstock.containment import Limits, fence_of, run
place = Path({str(folder.parent)!r}) / "p"
place.mkdir()
words = ["sh", "-c", "echo hi; setsid sleep {nap} & sleep {nap} & setsid -f env -i sleep {nap}"]
print(run(words, {PATH!r}, fence_of(str(place), "", "", ""), place.with_name("log2"), 5, limits=Limits()))
"""
    script = 'mount -t tmpfs none /proc && exec "$@"'
    done = shell.run(["unshare", "-m", "sh", "-c", script, "sh", sys.executable, "-c", code])
    assert "End(code=0" in done.out, done.err
    words = [Path(f"/proc/{pid}/cmdline") for pid in os.listdir("/proc") if pid.isdigit()]
    assert [] == [path for path in words if path.exists() and nap.encode() in path.read_bytes()]


# What is measured.


def test_a_family_is_everybody_who_descends(folder: Path) -> None:
    """Children and theirs, with what they use; nobody else."""
    script = "sh -c 'echo $$; sleep 20 & echo $!; wait' & wait"
    place = shell.spawn(["sh", "-c", script], folder / "pids")
    try:
        deadline = time.monotonic() + 5
        while len((folder / "pids").read_text().split()) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        expected = {int(pid) for pid in (folder / "pids").read_text().split()}
        family = Family(place.pid)
        assert expected == set(family.members)
        assert 2 == family.threads
        assert 0 < family.memory(1) <= family.memory(1 << 40) < 100 * MIB
    finally:
        shell.end(place, 9)
        os.waitpid(place.pid, 0)


def test_only_what_is_new_counts(tmp_path: Path) -> None:
    """Files from before do not count, nor what links lead to; what was changed or made since does."""
    (tmp_path / "old").write_bytes(bytes(MIB))
    (tmp_path / "link").symlink_to("/usr")
    mark = tmp_path / "mark"
    time.sleep(0.02)
    mark.mkdir()
    since = mark.stat().st_ctime_ns
    time.sleep(0.02)
    (mark / "new").write_bytes(bytes(2 * MIB))
    found = Growth([os.fsencode(tmp_path)], since)
    assert [os.fsencode(mark / "new")] == found.files
    assert 2 * MIB <= found.size < 3 * MIB


def test_what_others_write_is_not_blamed_on_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that others fill is no fault of the command, until what it wrote itself is too much."""
    own = tmp_path / "own"
    own.mkdir()
    since = own.stat().st_ctime_ns
    free = [100 << 30]
    monkeypatch.setattr(footprint, "_free", lambda space: free[0])
    disk = Disk([os.fsencode(own)], since, 4 * MIB, 512 * MIB, 60.0)
    family = Family(os.getpid())
    free[0] -= 50 << 30
    time.sleep(0.02)
    assert "" == disk.complaint(family)
    (own / "big").write_bytes(bytes(5 * MIB))
    assert "" == disk.complaint(family)  # nothing more was lost: no walk
    free[0] -= 5 * MIB
    assert "wrote 5 MiB to the disk" == disk.complaint(family)


def test_what_cannot_be_looked_into_counts_against_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders deeper than a path may be long hide nothing: what the disk lost is taken to lie there."""
    since = tmp_path.stat().st_ctime_ns
    free = [100 << 30]
    monkeypatch.setattr(footprint, "_free", lambda space: free[0])
    disk = Disk([os.fsencode(tmp_path)], since, 64 * MIB, 0, 60.0)
    free[0] -= 70 * MIB
    assert "" == disk.complaint(Family(os.getpid()))
    shell.run([sys.executable, "-c", "import os\nfor _ in range(2500): os.mkdir('d'); os.chdir('d')"], cwd=tmp_path)
    free[0] -= 70 * MIB
    said = disk.complaint(Family(os.getpid()))
    shell.run(["rm", "-rf", str(tmp_path / "d")])
    assert "wrote 140 MiB to the disk" == said


def test_others_who_free_space_hide_nothing(tmp_path: Path) -> None:
    """What it wrote is measured now and then, though the disk has no less free than before."""
    since = tmp_path.stat().st_ctime_ns
    disk = Disk([os.fsencode(tmp_path)], since, 4 * MIB, 0, 0.0)
    time.sleep(0.02)
    (tmp_path / "big").write_bytes(bytes(5 * MIB))
    assert "wrote 5 MiB to the disk" == disk.complaint(Family(os.getpid()))


def test_a_disk_that_is_nearly_full_is_protected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where little is left, less than the limit is too much."""
    since = tmp_path.stat().st_ctime_ns
    free = [1 << 30]
    monkeypatch.setattr(footprint, "_free", lambda space: free[0])
    disk = Disk([os.fsencode(tmp_path)], since, 8 << 30, 512 * MIB, 60.0)
    time.sleep(0.02)
    for number in range(70):
        (tmp_path / str(number)).write_bytes(bytes(MIB))
    free[0] = 400 * MIB
    assert disk.complaint(Family(os.getpid())).startswith("wrote 70 MiB in 7")


def test_nothing_is_walked_while_nothing_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking costs one system call as long as the disk does not fill."""
    monkeypatch.setattr(footprint, "Growth", lambda *args: pytest.fail("walked"))
    disk = Disk([os.fsencode(tmp_path)], 0, 8 << 30, 0, 60.0)
    assert "" == disk.complaint(Family(os.getpid()))
