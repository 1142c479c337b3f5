"""The demo's repository."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from penstock.demo.repository import create
from penstock.errors import UsageError
from penstock.shell import run


def git(folder: Path, *words: str) -> str:
    done = run(("git", *words), cwd=folder)
    assert done.ok, done.err
    return done.out.strip()


def test_three_commits_are_tagged(tmp_path: Path) -> None:
    """The ids are those of v1, v2 and v3, one after the other on main, and nothing is left uncommitted."""
    folder = tmp_path / "new" / "shop"

    ids = create(folder, sys.executable)

    assert ids == [git(folder, "rev-parse", tag) for tag in ("v1", "v2", "v3")]
    assert ids == git(folder, "rev-list", "--reverse", "main").split()
    assert "" == git(folder, "status", "--porcelain")


def test_nothing_of_the_users_git_is_needed_or_heeded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No name, no mail, a hook that refuses and a signature that cannot be made: none of it matters."""
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    (hooks / "pre-commit").write_text("#!/bin/sh\nexit 1\n")
    (hooks / "pre-commit").chmod(0o755)
    (tmp_path / ".gitconfig").write_text(f"[commit]\n gpgsign = true\n[core]\n hooksPath = {hooks}\n")
    for name, value in {"HOME": str(tmp_path), "GIT_DIR": str(tmp_path / "elsewhere")}.items():
        monkeypatch.setenv(name, value)

    assert 3 == len(create(tmp_path / "shop", sys.executable))


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    """A folder that is not empty is refused, and nothing is written."""
    (tmp_path / "mine").touch()

    with pytest.raises(UsageError) as caught:
        create(tmp_path, sys.executable)

    assert ("demo-folder", ["mine"]) == (caught.value.code, os.listdir(tmp_path))


def test_program_and_port_are_filled_in(tmp_path: Path) -> None:
    """The manifest runs the shop and its tests with the given Python, and listens on the given port."""
    create(tmp_path / "a", "/opt/python/bin/python3.12", 9123)
    create(tmp_path / "b", "/opt/my python")

    plain, quoted = ((tmp_path / name / "penstock.yaml").read_text() for name in "ab")
    assert "\nrun: /opt/python/bin/python3.12 shop.py --port $PORT  " in plain
    assert "tests: /opt/python/bin/python3.12 -m unittest\n" in plain
    assert "target: {is: local, port: 9123, instances: 2}" in plain
    assert "\nrun: \"'/opt/my python' shop.py --port $PORT\"  " in quoted
    assert "port: 8080" in quoted
