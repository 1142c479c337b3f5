"""What `penstock init` promises beside what it writes: nothing is overwritten, nothing is half written, names are names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from penstock.cli import root
from penstock.errors import UsageError

FLASK = 'from flask import Flask\napp = Flask(__name__)\n@app.get("/health")\n'


def init(*words: str) -> Result:
    return CliRunner().invoke(root, ["init", *words])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small service."""
    (tmp_path / "app.py").write_text(FLASK)
    (tmp_path / "requirements.txt").write_text("flask\ngunicorn\n")
    return tmp_path


def test_it_says_what_it_saw_and_what_comes_next(folder: Path) -> None:
    """A table of what was seen and where, then the next three commands."""
    done = init(str(folder))
    assert 0 == done.exit_code
    for words in ("Python (Flask)", "gunicorn app:app", "/health", "requirements.txt"):
        assert words in done.output
    last = done.output.split("Next:\n")[1].splitlines()
    assert ["penstock check", "git add penstock.yaml", "penstock release --to production"] == [
        last[0].strip().split("&& ")[-1],
        last[1].strip().split(" &&")[0],
        last[2].strip(),
    ]
    assert "git init" in done.output


@pytest.mark.parametrize("there", ["file", "link", "folder"])
def test_what_is_there_is_never_overwritten(folder: Path, there: str) -> None:
    """With a penstock.yaml of any kind there: exit code 2, `--dry-run` is named, and it is as it was."""
    file = folder / "penstock.yaml"
    if there == "file":
        file.write_text("mine\n")
    elif there == "link":
        file.symlink_to(folder / "nowhere")
    else:
        file.mkdir()
    done = init(str(folder))
    assert isinstance(done.exception, UsageError)
    assert ("exists", 2) == (done.exception.code, done.exception.exit_code)
    assert "--dry-run" in done.exception.next
    assert there != "file" or "mine\n" == file.read_text()
    assert not (folder / "nowhere").exists()


def test_what_comes_meanwhile_stays(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A penstock.yaml that somebody writes while `init` looks is not overwritten either."""
    (folder / "penstock.yaml").write_text("mine\n")
    monkeypatch.setattr(os.path, "lexists", lambda _: False)
    refused = init(str(folder)).exception
    assert isinstance(refused, UsageError)
    assert ("exists", "mine\n") == (refused.code, (folder / "penstock.yaml").read_text())


def test_a_dry_run_prints_and_writes_nothing(folder: Path) -> None:
    """The manifest alone is on the output, the table is not; nothing is written, and an old file does not matter."""
    before = sorted(os.listdir(folder))
    done = init("--dry-run", str(folder))
    assert before == sorted(os.listdir(folder))
    init(str(folder))
    assert (folder / "penstock.yaml").read_text() == done.stdout
    assert done.stdout == init("--dry-run", str(folder)).stdout
    assert "seen" in done.stderr


def test_a_name_is_taken_or_refused(folder: Path) -> None:
    """`--name` names the service; what cannot be a name is refused with one that can."""
    assert "service: tea-shop  # from --name\n" in init("--dry-run", "--name", "tea-shop", str(folder)).stdout
    refused = init("--name", "Tea Shop", str(folder)).exception
    assert isinstance(refused, UsageError)
    assert "--name tea-shop" == refused.next
    assert isinstance(init("--name", "", str(folder)).exception, UsageError)


def test_where_nothing_is_seen_nothing_is_written(tmp_path: Path) -> None:
    """An empty folder, a folder of prose, and no folder at all are refused with exit code 2."""
    (tmp_path / "README.md").write_text("# Notes\n")
    for place in (tmp_path, tmp_path / "README.md", tmp_path / "nowhere"):
        refused = init(str(place)).exception
        assert isinstance(refused, UsageError)
    assert ["README.md"] == os.listdir(tmp_path)


def test_a_folder_that_may_not_be_written(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is full leaves no half of a file, and is said."""

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    refused = init(str(folder)).exception
    assert isinstance(refused, UsageError)
    assert "No space left" in refused.what
    assert not (folder / "penstock.yaml").exists()
