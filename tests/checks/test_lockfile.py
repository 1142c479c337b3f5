"""The check `lockfile`: every kind in step, out of step, and not to be read."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from penstock.checks import lockfile_files as files
from penstock.checks import lockfile_node as node
from penstock.checks.lockfile import LockfileCheck, LockfileSection, found_in
from penstock.checks.tests_reading import Unreadable
from penstock.core import data
from penstock.core.finding import CheckRequest, Outcome

RECORDED = Path(__file__).parent / "recorded" / "lockfile"
Make = Callable[..., CheckRequest]


def run(make: Make, section: dict[str, Any], **more: Any) -> Outcome:
    """The outcome of a section as a manifest writes it."""
    plain = data.dump(LockfileSection.model_validate(section))
    return LockfileCheck().run(make(plain, **{"env": {"PATH": "/usr/bin:/bin"}, **more}))


CARGO = b'[package]\nname = "shop"\nversion = "1.0.0"\n[dependencies]\nserde = "1"\nrand_ = {package = "rand", version = "0.8"}\n'
CARGO += b"[target.'cfg(unix)'.dev-dependencies]\nlibc = \"0.2\"\n"
CARGO_LOCK = b"""version = 4
[[package]]
name = "libc"
version = "0.2.1"
source = "registry"
[[package]]
name = "shop"
version = "1.0.0"
dependencies = ["libc", "rand 0.8.5", "serde"]
"""
GO = b"module example.com/shop\n\nrequire example.com/one v1.0.0\nrequire (\n\texample.com/two/v2 v2.1.0 // indirect\n)\n"
GO += b"replace example.com/three => ./three\nrequire example.com/three v0.0.0\n"
GO_SUM = b"example.com/one v1.0.0/go.mod h1:aaa=\nexample.com/two/v2 v2.1.0 h1:bbb=\nexample.com/two/v2 v2.1.0/go.mod h1:ccc=\n"
HASH = b" --hash=sha256:" + b"0" * 64
REQUIREMENTS = (
    b"# made\n-i https://example.com\nclick==8.1.7 \\\n   "
    + HASH
    + b"\n-e .\nidna==3 ; python_version > '3' "
    + HASH
    + b"\n"
)


@pytest.fixture
def project(tmp_path: Path) -> Callable[..., Path]:
    """Puts a project of a kind into the check's folder, with some of its files' texts replaced."""

    def put(kind: str, *changes: tuple[str, str, str]) -> Path:
        written = {
            "cargo": {"Cargo.toml": CARGO, "Cargo.lock": CARGO_LOCK}, "go": {"go.mod": GO, "go.sum": GO_SUM},
            "requirements": {"requirements.txt": REQUIREMENTS},
        }  # fmt: skip
        if kind in written:
            for name, text in written[kind].items():
                (tmp_path / name).write_bytes(text)
        else:
            shutil.copytree(RECORDED / kind, tmp_path, dirs_exist_ok=True)
        for name, old, new in changes:
            text = (tmp_path / name).read_text()
            assert old in text
            (tmp_path / name).write_text(text.replace(old, new, 1))
        return tmp_path

    return put


KINDS = ["npm", "pipfile", "poetry", "poetry-1", "cargo", "go", "requirements"]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_in_step_passes(kind: str, project: Any, request_for: Make) -> None:
    """Every kind is found by itself, and held against what it locks."""
    project(kind)
    outcome = run(request_for, {"hashes": "true"})
    assert ("passed", True) == (outcome.state, outcome.sentence.startswith("1 lock file in step: "))


@pytest.mark.parametrize(
    ("kind", "name", "old", "new", "said"),
    [
        ("npm", "package.json", "^6.0.0", "^7.0.0", "`semver` is `^7.0.0` in dependencies, and `^6.0.0` in the lock"),
        ("npm", "package.json", '"ms"', '"mz"', "`ms` is not there in dependencies, and `2.0.0` in the lock"),
        ("npm", "package-lock.json", "node_modules/ms", "node_modules/mz", "`ms` is asked for, and not resolved"),
        ("pipfile", "Pipfile", ">=8", ">=9", "the Pipfile has changed since it was locked"),
        ("poetry", "pyproject.toml", ">=8", ">=9", "pyproject.toml has changed since it was locked"),
        ("poetry-1", "pyproject.toml", "^9", "^10", "pyproject.toml has changed since it was locked"),
        ("cargo", "Cargo.toml", "serde", "toml", "`toml` is asked for, and not locked"),
        ("cargo", "Cargo.toml", "1.0.0", "1.1.0", "the package is 1.1.0, and 1.0.0 in the lock"),
        ("cargo", "Cargo.lock", 'name = "shop"', 'name = "other"', "the package `shop` is not in it"),
        ("go", "go.mod", "v2.1.0", "v2.2.0", "`example.com/two/v2 v2.2.0` is required, and has no hash"),
        ("go", "go.mod", "one v1.0.0", "one v1.0.1", "`example.com/one v1.0.1` is required, and has no hash"),
        ("requirements", "requirements.txt", "==8.1.7", ">=8.1.7", "`click>=8.1.7` names no single version"),
        ("requirements", "requirements.txt", "==8.1.7", "==8.*", "`click==8.*` names no single version"),
        ("requirements", "requirements.txt", "--hash=sha256:", "#", "`click==8.1.7` has no hash"),
    ],
)
def test_what_is_out_of_step_fails(
    kind: str, name: str, old: str, new: str, said: str, project: Any, request_for: Make
) -> None:
    """Whatever changed on one of the two sides is named, with what mends it."""
    folder = project(kind, (name, old, new))
    outcome = run(request_for, {"hashes": "true"})
    assert "failed" == outcome.state
    assert any(said in finding.condition for finding in outcome.findings)
    assert (folder / outcome.findings[0].where).exists()


def test_what_does_not_matter_does_not(project: Any, request_for: Make) -> None:
    """A new description, or a script, changes no lock."""
    project("npm", ("package.json", '"version"', '"description":"x","version"'))
    assert "passed" == run(request_for, {}).state
    project("poetry-1", ("pyproject.toml", 'description=""', 'description="x"'))
    assert "passed" == run(request_for, {}).state


def test_hashes_are_asked_for_only_where_said(project: Any, request_for: Make) -> None:
    """Without `hashes` a version suffices."""
    project("requirements", ("requirements.txt", "--hash=sha256:", "#"))
    assert ("passed", "failed") == (run(request_for, {}).state, run(request_for, {"hashes": "true"}).state)


def test_an_optional_dependency_is_not_asked_for_twice(project: Any, request_for: Make) -> None:
    """npm keeps it among the optional ones alone, and may leave it out."""
    folder = project("npm")
    for name in ("package.json", "package-lock.json"):
        tree = json.loads((folder / name).read_text())
        (tree if name == "package.json" else tree["packages"][""])["optionalDependencies"] = {"fsevents": "2"}
        if name == "package.json":
            tree["dependencies"]["fsevents"] = "2"
        (folder / name).write_text(json.dumps(tree))
    assert "passed" == run(request_for, {}).state


def test_a_workspace_is_held_against_its_own(project: Any, request_for: Make) -> None:
    """A workspace's package.json counts as the project's does."""
    folder = project("npm")
    tree = json.loads((folder / "package-lock.json").read_text())
    tree["packages"]["web"] = {"name": "web", "dependencies": {"ms": "1"}}
    (folder / "package-lock.json").write_text(json.dumps(tree))
    (folder / "web").mkdir()
    (folder / "web" / "package.json").write_text('{"name": "web", "dependencies": {"ms": "2"}}')
    outcome = run(request_for, {})
    assert "1 lock file out of step" in outcome.sentence.replace("1 of ", "")
    assert "`ms` is `2` in dependencies in `web`, and `1` in the lock" in outcome.findings[0].condition


def test_an_included_list_counts(project: Any, request_for: Make) -> None:
    """`-r` is followed, and one that includes itself is not followed for ever."""
    folder = project("requirements")
    (folder / "requirements.txt").write_text("-r more.txt\n")
    (folder / "more.txt").write_text("click\n")
    assert "failed" == run(request_for, {}).state
    (folder / "more.txt").write_text("--requirement requirements.txt\n")
    outcome = run(request_for, {})
    assert ("errored", "`requirements.txt` includes itself") == (outcome.state, outcome.sentence)


@pytest.mark.parametrize(
    ("names", "found"),
    [
        ({"requirements.txt"}, ["requirements.txt"]), ({"requirements.txt", "uv.lock"}, ["uv.lock"]),
        ({"go.mod"}, ["go.sum"]), ({"README.md"}, []),
        ({"requirements.txt", "package-lock.json"}, ["package-lock.json", "requirements.txt"]),
    ],
)  # fmt: skip
def test_what_is_found_by_itself(names: set[str], found: list[str]) -> None:
    """requirements.txt is a lock only where Python has no other; a module of Go should have one."""
    assert found == found_in(names)


def test_what_is_not_locked_is_no_pass(request_for: Make, tmp_path: Path) -> None:
    """No lock file at all, one that was named and is not there, and a project without any: all fail."""
    assert ("failed", "no lock file is here") == ((none := run(request_for, {})).state, none.sentence)
    assert "failed" == run(request_for, {"files": "web/package-lock.json"}).state
    (tmp_path / "package.json").write_text("{}")
    assert "there is no lock file beside `package.json`" in run(request_for, {}).sentence
    (tmp_path / "go.mod").write_bytes(GO)
    assert "go.sum" in run(request_for, {}).sentence


def test_files_may_lie_anywhere_inside(project: Any, request_for: Make) -> None:
    """A lock file is held against what stands beside it, wherever that is."""
    folder = project("npm")
    (folder / "web").mkdir()
    for name in ("package.json", "package-lock.json"):
        (folder / name).rename(folder / "web" / name)
    outcome = run(request_for, {"files": ["web/package-lock.json"]})
    assert ("passed", "1 lock file in step: web/package-lock.json") == (outcome.state, outcome.sentence)


@pytest.mark.parametrize(
    ("script", "state", "said"),
    [
        ("exit 0", "passed", "1 lock file in step"),
        (
            "echo 'error: The lockfile at `uv.lock` needs to be updated, but `--check` was provided.'; exit 1",
            "failed",
            "has changed",
        ),
        ("echo 'error: No solution found when resolving dependencies'; exit 1", "errored", "No solution found"),
        ("", "errored", "cannot run `uv`"),
    ],
)
def test_uv_is_asked(script: str, state: str, said: str, request_for: Make, tmp_path: Path) -> None:
    """In step, out of step, not to be told without the network, or not there: as uv says each of them."""
    (tmp_path / "uv.lock").write_text("version = 1\n")
    tools = tmp_path / "bin"
    tools.mkdir()
    if script:
        (tools / "uv").write_text(f"#!/bin/sh\n{script}\n")
        (tools / "uv").chmod(0o755)
    outcome = run(request_for, {}, env={"PATH": str(tools)})
    assert (state, True) == (outcome.state, said in outcome.sentence)


@pytest.mark.parametrize(
    ("kind", "name", "text"),
    [
        ("npm", "package-lock.json", "{"), ("npm", "package.json", "[]"), ("npm", "package-lock.json", "[" * 200_000),
        ("pipfile", "Pipfile", "= ="), ("pipfile", "Pipfile.lock", "{}"), ("poetry", "poetry.lock", "[metadata]"),
        ("poetry", "pyproject.toml", "["), ("cargo", "Cargo.toml", "[workspace]"), ("cargo", "Cargo.lock", "\x00"),
        ("pipfile", "Pipfile", "[packages]\na = 2026-01-01"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_errored(kind: str, name: str, text: str, project: Any, request_for: Make) -> None:
    """A file that is cut, of another kind, or made to hurt was not inspected."""
    (project(kind) / name).write_text(text)
    assert "errored" == run(request_for, {}).state


def test_a_link_that_leads_out_is_not_followed(project: Any, request_for: Make, tmp_path: Path) -> None:
    """A lock file, or what it locks, must lie in the repository itself."""
    folder = project("npm")
    (folder / "package.json").unlink()
    (folder / "package.json").symlink_to("/etc/hostname")
    outcome = run(request_for, {})
    assert ("errored", True) == (outcome.state, "leads out of the folder" in outcome.sentence)


def test_a_missing_folder_is_errored(request_for: Make, tmp_path: Path) -> None:
    """A check that has no folder inspected nothing."""
    assert "errored" == run(request_for, {}, folder=str(tmp_path / "gone")).state


@pytest.mark.parametrize(
    ("files_", "said"),
    [("../uv.lock", "leads out"), ("/uv.lock", "leads out"), ("Gemfile.lock", "`Gemfile.lock` is no lock file that is known here")],
)  # fmt: skip
def test_a_section_that_cannot_be_is_refused(files_: str, said: str) -> None:
    """What could never be judged is refused when the manifest is read."""
    with pytest.raises(ValidationError) as refused:
        LockfileSection.model_validate({"files": files_})
    assert said in str(refused.value)


READERS = [files.npm, files.pipfile, files.poetry, files.cargo, files.go]
SEEDS = [
    b"",
    b"{}",
    b'{"packages": 3}',
    b'{"packages": {"": 3}}',
    b'{"_meta": 3}',
    b"[metadata]\ncontent-hash = 3",
    b"package = 3",
]
SEEDS += [b"[package]\nname = 3", b"[tool]\npoetry = 3", b'[[package]]\ndependencies = 3\nname="a"', b"require a.b v1"]


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(READERS),
    st.sampled_from(SEEDS) | st.binary(max_size=60),
    st.sampled_from(SEEDS) | st.binary(max_size=60),
)
def test_any_bytes_are_judged_or_refused(reader: Any, lock: bytes, beside: bytes) -> None:
    """No pair of files makes a reader stumble."""
    try:
        assert isinstance(reader(lock, lambda name: beside), list)
    except Unreadable:
        return


def _beside(**manifest: Any) -> Callable[[str], bytes | None]:
    return {"package.json": json.dumps({"name": "shop", **manifest}).encode()}.get


_YARN = b'# yarn lockfile v1\n\n"@shop/b@~2.0.0":\n  version "2.0.1"\n\na@^1, a@^1.2:\n  version "1.3.0"\n'
_BERRY = b'__metadata:\n  version: 8\n\n"@shop/b@npm:~2.0.0":\n  version: 2.0.1\n\n"a@npm:^1, a@npm:^1.2":\n  version: 1.3.0\n'
_PNPM = b"""lockfileVersion: '9.0'
importers:
  .:
    dependencies:
      a: {specifier: ^1, version: 1.3.0}
    devDependencies:
      '@shop/b': {specifier: ~2.0.0, version: 2.0.1}
packages:
  a@1.3.0: {resolution: {integrity: sha512-x}}
"""
_PNPM_5 = b"lockfileVersion: 5.4\nspecifiers:\n  a: ^1\n  '@shop/b': ~2.0.0\ndependencies:\n  a: 1.3.0\n"
_BUN = b'{"lockfileVersion": 1, "workspaces": {"": {"dependencies": {"a": "^1",}, "devDependencies": {"@shop/b": "~2.0.0"},},},}'
_NODE = [(node.yarn, _YARN), (node.yarn, _BERRY), (node.pnpm, _PNPM), (node.pnpm, _PNPM_5), (node.bun, _BUN)]


@pytest.mark.parametrize(("held", "lock"), _NODE, ids=["yarn 1", "yarn 4", "pnpm 9", "pnpm 5", "bun"])
def test_locks_of_other_managers_of_node(held: Callable[..., list[str]], lock: bytes) -> None:
    """In step with what was asked for; out of step with another range, and with something more."""
    asked = {"dependencies": {"a": "^1"}, "devDependencies": {"@shop/b": "~2.0.0"}}
    assert [] == held(lock, _beside(**asked))
    assert ["a" in said for said in held(lock, _beside(**{**asked, "dependencies": {"a": "^2"}}))] == [True]
    more = held(lock, _beside(**asked, optionalDependencies={"c": "^1"}))
    assert 1 == len(more)
    assert "`c`" in more[0]


@pytest.mark.parametrize(("held", "lock"), [(node.pnpm, _PNPM), (node.pnpm, _PNPM_5), (node.bun, _BUN)])
def test_what_is_locked_and_not_asked_for_is_said(held: Callable[..., list[str]], lock: bytes) -> None:
    """pnpm and bun write down what was asked for, so that what is gone from it shows."""
    assert ["@shop/b" in said for said in held(lock, _beside(dependencies={"a": "^1"}))] == [True]


@given(st.binary(max_size=200))
@settings(max_examples=60)
def test_no_lock_of_node_breaks_its_reader(lock: bytes) -> None:
    """Any bytes are differences, or Unreadable."""
    for held in (node.yarn, node.pnpm, node.bun):
        with suppress(Unreadable):
            held(lock, _beside(dependencies={"a": "^1"}))


def test_a_mark_of_the_byte_order_is_no_requirement() -> None:
    """Some editors of Windows write one."""
    assert [] == files.requirements(b"\xef\xbb\xbfa==1.0\r\n", lambda _: None, hashes=False)
