"""The store against death, company and a full disk."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from penstock import shell
from penstock.errors import PenstockError
from penstock.providers.artifacts import Store, disk
from penstock.providers.artifacts.digest import digest
from penstock.providers.git import GitForge
from tests.providers.artifacts.conftest import Build
from tests.providers.git.made import Repository, contents

BUILDER = """
import json, sys
from pathlib import Path
from penstock.providers.artifacts import Store
from penstock.providers.git import GitForge
folder, repository, log, section, secrets = sys.argv[1:]
forge = GitForge(Path(repository))
store = Store(Path(folder))
artifact = store.build(forge, forge.resolve("HEAD"), json.loads(section), json.loads(secrets), Path(log))
print(artifact.locator, artifact.digest)
"""


@pytest.fixture
def builder(tmp_path: Path, repository: Repository) -> Iterator[Callable[..., shell.Process]]:
    """Starts builds in processes of their own, and ends what is left of them."""
    started: list[shell.Process] = []

    def start(name: str, line: str, **secrets: str) -> shell.Process:
        section = json.dumps({"kind": "command", "run": {"words": [], "sh": line}})
        words = [str(tmp_path / "artifacts"), str(repository.folder), str(tmp_path / f"{name}.log"), section]
        argv = [sys.executable, "-c", BUILDER, *words, json.dumps(secrets)]
        started.append(shell.spawn(argv, tmp_path / f"{name}.out", env={**os.environ}))
        return started[-1]

    yield start
    for process in started:
        shell.end(process, signal.SIGKILL)
        shell.reap(process.pid)


def until(is_so: Callable[[], object], deadline_s: float = 60) -> None:
    deadline = time.monotonic() + deadline_s
    while not is_so():
        assert time.monotonic() < deadline, "it never became so"
        time.sleep(0.01)


def section(line: str) -> dict[str, object]:
    return {"kind": "command", "run": {"words": [], "sh": line}}


def test_of_two_builds_at_once_one_builds(builder: Callable[..., shell.Process], tmp_path: Path) -> None:
    """The second waits for the first, and gets the very same artifact."""
    line = f"echo x >> {tmp_path}/runs; until [ -e {tmp_path}/go ]; do sleep 0.05; done; touch built"
    processes = [builder(name, line) for name in ("one", "two")]
    until((tmp_path / "runs").exists)
    time.sleep(0.3)  # so that the second stands at the lock; it may come later, and the law is the same
    (tmp_path / "go").touch()
    until(lambda: all(shell.reap(process.pid) == 0 or not shell.alive(process) for process in processes))
    said = [(tmp_path / f"{name}.out").read_text() for name in ("one", "two")]
    assert "x\n" == (tmp_path / "runs").read_text()
    assert said[0] == said[1]
    assert said[0].startswith(str(tmp_path / "artifacts"))


def test_a_killed_build_is_built_anew(
    builder: Callable[..., shell.Process], build: Build, log: Path, tmp_path: Path
) -> None:
    """Killed in the middle, what it had begun is no artifact; its orphans end before the next begins; its log is masked."""
    lives = f"grep -q ') [^Z]' /proc/$(cat {tmp_path}/pid)/stat 2>/dev/null && touch lives"
    begins = f"echo $TOKEN; touch half; echo $$ > {tmp_path}/pid; sleep 300"
    line = f"if [ -e {tmp_path}/again ]; then {lives}; touch whole; else {begins}; fi"
    first = builder("first", line, TOKEN="s3cret-value")
    until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().strip())
    orphan = int((tmp_path / "pid").read_text())
    os.kill(first.pid, signal.SIGKILL)
    until(lambda: shell.reap(first.pid) is not None)
    assert Path(f"/proc/{orphan}").exists(), "the command outlives the worker"
    assert "s3cret-value" in (tmp_path / "first.log").read_text()
    (tmp_path / "again").touch()
    log.parent.mkdir()
    (tmp_path / "first.log").rename(log)
    artifact = build(section(line), {"TOKEN": "s3cret-value"})
    assert {"a", "whole"} == set(contents(Path(artifact.locator)))
    assert "s3cret-value" not in log.read_text()


def test_whatever_a_killed_build_left_the_next_is_whole(build: Build, store: Store) -> None:
    """Half a folder, a home, an archive: each is cleared before the next build begins."""
    place = Path(build().locator)
    store.prune(set())
    for path in (place, place.with_name(f"{place.name}.home")):
        path.mkdir()
        (path / "half").write_text("x")
    place.with_name(f"{place.name}.tar").write_text("half")
    artifact = build()
    assert {"a": b"1"} == contents(place)
    assert digest(place) == artifact.digest
    assert {place.name, f"{place.name}.complete", f"{place.name}.lock"} == {p.name for p in store._folder.iterdir()}


def test_what_is_being_built_is_not_pruned(builder: Callable[..., shell.Process], store: Store, tmp_path: Path) -> None:
    """Pruning does not wait for a build, and does not touch it."""
    process = builder("one", f"touch {tmp_path}/began; until [ -e {tmp_path}/go ]; do sleep 0.05; done; touch built")
    until((tmp_path / "began").exists)
    store.prune(set())
    (tmp_path / "go").touch()
    until(lambda: shell.reap(process.pid) == 0 or not shell.alive(process))
    place = Path((tmp_path / "one.out").read_text().split()[0])
    assert {"a", "built"} == set(contents(place))


def test_a_lock_whose_file_was_removed_is_taken_anew(tmp_path: Path) -> None:
    """Two never hold the lock of one name, though its file was unlinked by whoever held it before."""
    path = tmp_path / "lock"
    with disk.locked(path, 0) as first:
        path.unlink()
        with disk.locked(path, 0) as second, disk.locked(path, 0) as third:
            assert (True, True, False) == (first, second, third)


def test_a_wait_for_a_lock_has_an_end(tmp_path: Path) -> None:
    """Who cannot have it is told so, when the time is over."""
    with disk.locked(tmp_path / "lock", 0), disk.locked(tmp_path / "lock", 0.1) as is_ours:
        assert not is_ours


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A disk of two mebibytes."""
    folder = tmp_path / "small"
    folder.mkdir()
    if os.geteuid() != 0 or not shell.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]).ok:
        pytest.skip("mounting a small disk needs root")
    try:
        yield folder
    finally:
        shell.run(["umount", "-l", str(folder)])


@pytest.mark.parametrize("free", [0, 4096, 12288, 40960, 204800])
def test_a_full_disk_leaves_nothing_half(small: Path, repository: Repository, free: int) -> None:
    """However far a build comes on a full disk, it is an error, and no artifact; with space it is built."""
    repository.commit({"data": os.urandom(150_000)})
    forge, store = GitForge(repository.folder), Store(small / "artifacts")
    commit = forge.resolve("HEAD")
    (small / "artifacts").mkdir()
    with (small / "ballast").open("wb") as file:
        size = os.statvfs(small).f_bavail * os.statvfs(small).f_frsize - free
        file.write(b"x" * max(0, size))
    with pytest.raises(PenstockError) as error:
        store.build(forge, commit, section("head -c 900000 /dev/zero > more"), {}, small / "log")
    assert error.value.code in ("build-disk", "build", "git", "export")
    assert not list((small / "artifacts").glob("*.complete"))
    assert not [path for path in (small / "artifacts").iterdir() if path.is_dir()]
    (small / "ballast").unlink()
    artifact = store.build(forge, commit, section("head -c 900000 /dev/zero > more"), {}, small / "log")
    assert {"a", "data", "more"} == set(contents(Path(artifact.locator)))
    assert store.verify(artifact)
