"""The store: what it builds, in what it builds, and what a failure leaves."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from penstock.core.data import dump
from penstock.core.target import Artifact
from penstock.errors import PenstockError, StateError
from penstock.manifest.build import Build as BuildSection
from penstock.providers.artifacts import Store
from penstock.providers.artifacts import log as build_log
from penstock.providers.artifacts.digest import digest
from tests.providers.artifacts.conftest import Build
from tests.providers.git.made import Repository, contents


def sh(line: str, **more: object) -> dict[str, object]:
    """The plain data of a command build."""
    return dump(BuildSection.model_validate({"is": "command", "run": {"sh": line}, **more}))


def left(store: Store) -> set[str]:
    """What lies in the store, without locks."""
    return {path.name for path in store._folder.glob("*") if path.suffix != ".lock"}


def test_without_a_section_the_artifact_is_the_commit(build: Build, store: Store) -> None:
    """A plain export, marked whole, with its digest; its files may not be written."""
    artifact = build()
    place = Path(artifact.locator)
    marker = json.loads(place.with_name(f"{place.name}.complete").read_text())
    assert {"a": b"1"} == contents(place)
    assert ("folder", digest(place), marker["digest"]) == (artifact.kind, artifact.digest, artifact.digest)
    assert {"format", "digest", "commit", "built_at", "seconds"} == set(marker)
    assert {place.name, f"{place.name}.complete"} == left(store)
    assert 0o444 == stat.S_IMODE((place / "a").stat().st_mode)


def test_a_build_is_made_once(build: Build, tmp_path: Path) -> None:
    """The same commit by the same section is found; another section, or another commit, is another artifact."""
    section = sh(f"echo x >> {tmp_path}/runs; echo built > made")
    first = build(section)
    assert first == build(section)
    assert "x\n" == (tmp_path / "runs").read_text()
    assert "built\n" == (Path(first.locator) / "made").read_text()
    assert first.locator != build(sh("echo other > made")).locator


def test_builds_of_one_commit_have_one_digest(build: Build, repository: Repository, tmp_path: Path) -> None:
    """Built anew at its place, or in another store, the same is the same."""
    section = sh("pwd > where; mkdir -p __pycache__; date +%N > __pycache__/x")
    first = build(section)
    from penstock.providers.git import GitForge

    other = Store(tmp_path / "other")
    second = other.build(GitForge(repository.folder), "HEAD", section, {}, tmp_path / "log")
    assert first.digest == second.digest
    assert first.locator != second.locator


def test_the_environment_of_a_build_is_its_own(build: Build, monkeypatch: pytest.MonkeyPatch, log: Path) -> None:
    """PATH, HOME, LANG, what leads to packages, `env` and the secrets; nothing of the caller's, and HOME is empty."""
    for name in [*os.environ]:
        if name not in ("PATH", "HOME"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "private")
    monkeypatch.setenv("PIP_INDEX_URL", "https://ana:pass-word@index.example/simple")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example")
    artifact = build(sh("env > made; ls -A $HOME >> made; pwd", env={"LEVEL": "3"}), {"TOKEN": "s3cret-value"})
    place = Path(artifact.locator)
    found = dict(line.split("=", 1) for line in (place / "made").read_text().splitlines())
    for by_the_shell in ("PWD", "OLDPWD", "SHLVL", "_", "PIP_CONFIG_FILE"):
        found.pop(by_the_shell, None)
    expected = {
        "PATH",
        "HOME",
        "TMPDIR",
        "LANG",
        "LEVEL",
        "TOKEN",
        "PIP_INDEX_URL",
        "PIP_CACHE_DIR",
        "HTTPS_PROXY",
    }
    assert expected == set(found)
    assert f"{place}/.venv/bin" == found["PATH"].split(":")[0]
    assert not Path(found["HOME"]).exists()
    assert str(place) in log.read_text()


def test_names_are_filled_in_from_what_the_build_sees(build: Build) -> None:
    """`$NAME` in words is its value; one that the build does not see is an error, and a shell fills its own."""
    words = dump(BuildSection.model_validate({"run": "sh -e make.sh $LEVEL", "env": {"LEVEL": "3"}}))
    with pytest.raises(PenstockError) as error:
        build({**words, "env": {}})
    assert "no-variable" == error.value.code
    assert "LEVEL" in error.value.what
    mine = dump(BuildSection.model_validate({"run": "tee $HOME/../$LEVEL.txt", "env": {"LEVEL": "3"}}))
    place = Path(build(mine).locator)
    assert (place.parent / "3.txt").exists()


def test_secrets_are_masked_in_the_log_and_in_errors(build: Build, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a build prints of its secrets, or of an index's password, nobody reads, whether it fails or not."""
    monkeypatch.setenv("PIP_INDEX_URL", "https://ana:pass-word@index.example/simple")
    secrets = {"TOKEN": "s3cret-value"}
    build(sh('echo "token: $TOKEN"; echo $PIP_INDEX_URL'), secrets)
    with pytest.raises(PenstockError) as error:
        build(sh('echo "bad: $TOKEN" >&2; exit 3'), secrets)
    words = dump(BuildSection.model_validate({"run": "false $TOKEN"}))
    with pytest.raises(PenstockError) as other:
        build(words, secrets)
    said = f"{log.read_text()} {error.value} {other.value}"
    assert "s3cret-value" not in said
    assert "pass-word" not in said
    assert "token: ***" in said
    assert ("bad: ***", "ended with 3") == (error.value.why, error.value.what[-12:])
    assert 0o600 == stat.S_IMODE(log.stat().st_mode)


@pytest.mark.parametrize("shift", [0, 5, 9])
def test_the_log_has_a_limit(tmp_path: Path, shift: int) -> None:
    """A command that prints without end leaves its last 4 MiB, and no half of a secret at the cut."""
    path = tmp_path / "log"
    path.write_text("x" * shift + "s3cret-value " * 400_000 + "\nthe end\n")
    build_log.settle(path, ["s3cret-value"])
    first, stars, end = path.read_text().splitlines()
    assert ("[earlier output was cut]", {"*"}, "the end") == (first, set(stars.replace(" ", "")), end)
    path.write_text("y" * (build_log.LIMIT + 1))
    build_log.settle(path, [])
    assert build_log.LIMIT == path.stat().st_size


def test_the_log_of_a_killed_try_is_masked_whatever_comes(build: Build, log: Path) -> None:
    """Though the artifact was made by somebody else meanwhile, and nothing is built."""
    build()
    log.write_text("s3cret-value\n")
    build(None, {"TOKEN": "s3cret-value"})
    assert "***\n" == log.read_text()


@pytest.mark.parametrize(("line", "code"), [("exit 3", "build"), ("sleep 60", "build-within"), ("kill -9 $$", "build")])
def test_a_failed_build_leaves_its_log_and_nothing_else(
    build: Build, store: Store, log: Path, line: str, code: str
) -> None:
    """Whether it exits, is killed or is too slow; the next build is as if it had never been."""
    with pytest.raises(PenstockError) as error:
        build(sh(f"echo said; touch half; {line}", within="1s"))
    assert (code, set()) == (error.value.code, left(store))
    assert "said" in log.read_text()
    assert str(log) in error.value.next
    assert {"a", "good"} == set(contents(Path(build(sh("touch good")).locator)))


def test_folders_that_a_build_made_read_only_go_too(build: Build, store: Store) -> None:
    """Package caches are often read-only: they are removed as everything else."""
    with pytest.raises(PenstockError):
        build(sh("mkdir -p $HOME/go/pkg d/e; touch $HOME/go/pkg/x d/e/x; chmod -R a-w $HOME/go d; exit 1"))
    assert set() == left(store)
    artifact = build(sh("mkdir -p $HOME/go/pkg d/e; touch $HOME/go/pkg/x d/e/x; chmod -R a-w $HOME/go d"))
    store.prune(set())
    assert not Path(artifact.locator).exists()


def test_nobody_writes_on_when_a_build_is_over(build: Build, tmp_path: Path) -> None:
    """What a build left in the background, in a session of its own too, has ended when the digest is taken."""
    line = f"setsid sleep 300 & echo $! > {tmp_path}/pid; sleep 300 & sleep 0.2"
    artifact = build(sh(line))
    pid = int((tmp_path / "pid").read_text())
    status = Path(f"/proc/{pid}/stat")
    assert not status.exists() or " Z " in status.read_text()
    assert digest(Path(artifact.locator)) == artifact.digest


@pytest.mark.parametrize("program", ["nowhere-to-be-found", "./a"])
def test_a_program_that_cannot_be_run_is_said(build: Build, repository: Repository, store: Store, program: str) -> None:
    """It is not there, or is no program: an error of the build, not of the disk."""
    (repository.folder / "a").chmod(0o755)
    repository.commit()
    with pytest.raises(PenstockError) as error:
        build(dump(BuildSection.model_validate({"run": program})))
    assert error.value.code in ("no-program", "build")
    assert program in error.value.what
    assert set() == left(store)


def test_a_hard_linked_file_keeps_its_rights(build: Build, tmp_path: Path) -> None:
    """A file that a package cache shares is not made read-only for the cache."""
    cached = tmp_path / "cached"
    cached.write_text("x")
    cached.chmod(0o644)
    build(sh(f"ln {cached} shared"))
    assert 0o644 == stat.S_IMODE(cached.stat().st_mode)


def test_verify_sees_every_change(build: Build, store: Store) -> None:
    """As built it is true; a cache changes nothing; another content, a new file, or no folder at all is false."""
    artifact = build()
    place = Path(artifact.locator)
    (place / "__pycache__").mkdir()
    (place / "__pycache__" / "a.pyc").write_text("x")
    assert store.verify(artifact)
    (place / "new").write_text("x")
    assert not store.verify(artifact)
    (place / "new").unlink()
    (place / "a").chmod(0o644)
    (place / "a").write_text("2")
    assert not store.verify(artifact)
    assert not store.verify(Artifact("folder", str(place.with_name("gone")), artifact.digest))


def test_a_damaged_marker_is_said_and_nothing_removed(build: Build) -> None:
    """Whether that artifact runs is not known: it is not built over."""
    place = Path(build().locator)
    place.with_name(f"{place.name}.complete").write_text("{")
    with pytest.raises(StateError) as error:
        build()
    assert "artifact" == error.value.code
    assert place.is_dir()


def test_prune_keeps_what_is_named(build: Build, store: Store, repository: Repository, tmp_path: Path) -> None:
    """Everything else goes, what killed builds left too; a stranger's file in the folder stays."""
    first = build()
    repository.commit({"a": "2"})
    second = build()
    half = store._folder / "0123456789ab-0123456789ab"
    for path in (half, half.with_name(f"{half.name}.home")):
        path.mkdir()
    half.with_name(f"{half.name}.tar").write_text("x")
    (store._folder / ".stranger").write_text("x")
    elsewhere = tmp_path / "link"
    elsewhere.symlink_to(store._folder)
    store.prune({str(elsewhere / Path(second.locator).name), ""})
    kept = Path(second.locator).name
    assert {kept, f"{kept}.complete", f"{kept}.lock", ".stranger"} == {path.name for path in store._folder.glob("*")}
    assert first == build_again(first, repository, store, tmp_path)


def build_again(of: Artifact, repository: Repository, store: Store, tmp_path: Path) -> Artifact:
    from penstock.providers.git import GitForge

    forge = GitForge(repository.folder)
    return store.build(forge, forge.resolve("HEAD~1"), None, {}, tmp_path / "log")


def test_paths_are_the_artifacts_own(build: Build, store: Store) -> None:
    """The folders of programs that a build left, and no other."""
    artifact = build(sh("mkdir -p node_modules/.bin .venv/bin"))
    places = [f"{artifact.locator}/.venv/bin", f"{artifact.locator}/node_modules/.bin"]
    assert (places, []) == (store.paths(artifact), store.paths(build()))
