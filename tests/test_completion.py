"""Completion in a shell: the names of the records, nothing heavy loaded, and never a word of an error."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from penstock import shell
from penstock.cli import root
from penstock.records.store import Store

HEAVY = ("dbos", "pydantic", "ruamel", "ruamel.yaml", "httpx2", "rich", "cryptography", "jinja2")


def state(folder: Path) -> Path:
    """A state folder with two services, three environments, two releases and their revisions."""
    folder.mkdir()
    store = Store(folder / "records.sqlite")
    with store.write() as db:
        for service, where in (("shop", "/srv/shop"), ("mail", "/srv/mail")):
            db.execute("INSERT INTO services VALUES (?, 'r', ?)", (service, where))
        for service, environment in (("shop", "production"), ("shop", "staging"), ("mail", "live")):
            db.execute("INSERT INTO environments (service, environment) VALUES (?, ?)", (service, environment))
            db.execute(
                "INSERT INTO releases (service, environment, kind, asked, commit_id, state, uid, person, host, asked_at)"
                " VALUES (?, ?, 'release', 'HEAD', 'c', 'released', 0, 'ana', 'h', 0)",
                (service, environment),
            )
            db.execute(
                "INSERT INTO revisions (id, service, environment, release, commit_id, artifact, data, made_at)"
                " VALUES (?, ?, ?, 1, 'c', 'a', '{}', 0)",
                (f"{environment[:4]}1", service, environment),
            )
    store.close()
    return folder


def completed(words: str, folder: Path, *options: str) -> shell.Completed:
    """What a shell gets, for a line; the last word is the one that is being written."""
    env = {
        **os.environ,
        "PENSTOCK_STATE": str(folder),
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1),
        "_PENSTOCK_COMPLETE": "bash_complete",
    }
    return shell.run([sys.executable, *options, "-m", "penstock"], env=env)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("penstock abort ", ["live", "production", "staging"]),
        ("penstock abort p", ["production"]),
        ("penstock abort --service shop ", ["production", "staging"]),
        ("penstock release --to st", ["staging"]),
        ("penstock plan --to ", ["live", "production", "staging"]),
        ("penstock logs --service m", ["mail"]),
        ("penstock watch ", ["1", "2", "3"]),
        ("penstock abort --release ", ["1", "2", "3"]),
        ("penstock rollback --service shop --to ", ["prod1", "stag1"]),
        ("penstock rollback staging --to ", ["stag1"]),
        ("penstock explain roll", ["rollback_within", "rolling", "rollout"]),
        ("penstock completion ", ["bash", "fish", "zsh"]),
    ],
)
def test_names_come_from_the_records(words: str, expected: list[str], tmp_path: Path) -> None:
    """Environments, releases, revisions, services and topics are completed, as far as they fit."""
    done = completed(words, state(tmp_path / "state"))
    names = sorted(line.partition(",")[2] for line in done.out.split() if not line.startswith("plain,rollout."))

    assert (expected, "") == (names, done.err)


@pytest.mark.parametrize(
    "words", ["penstock nonsense ", 'penstock abort "', "penstock abort --nonsense ", "penstock 'a\\"]
)
def test_whatever_was_typed_nothing_is_said(words: str, tmp_path: Path) -> None:
    """A line that is no command of ours, or not one yet, leads to no error."""
    done = completed(words, state(tmp_path / "state"))

    assert (0, "") == (done.code if done.code > 1 else 0, done.err)


def broken(folder: Path, how: str) -> None:
    """Records in which nothing can be looked up."""
    path = folder / "records.sqlite"
    if how == "none":
        shutil.rmtree(folder)
    elif how == "garbage":
        path.write_bytes(b"no database" * 1000)
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "older":
        with sqlite3.connect(path) as db:
            db.execute("DROP TABLE environments")
    else:
        path.unlink()
        path.mkdir()


@pytest.mark.parametrize("how", ["none", "garbage", "empty", "older", "folder"])
def test_what_cannot_be_looked_up_completes_to_nothing(how: str, tmp_path: Path) -> None:
    """Whatever is wrong with the records, the prompt gets nothing: no name, no error, no file that was not there."""
    folder = state(tmp_path / "state")
    broken(folder, how)
    there = sorted(tmp_path.rglob("*"))
    done = completed("penstock abort ", folder)

    assert ("", "", there) == (done.out.strip(), done.err, sorted(tmp_path.rglob("*")))


def test_a_locked_record_is_not_waited_for(tmp_path: Path) -> None:
    """While another process writes, the names are completed from what was there before, or not at all; nobody waits."""
    folder = state(tmp_path / "state")
    db = sqlite3.connect(folder / "records.sqlite", isolation_level=None)
    db.execute("BEGIN EXCLUSIVE")
    done = completed("penstock abort ", folder)
    db.execute("ROLLBACK")
    db.close()

    assert ("", True) == (done.err, done.out.split() in ([], ["plain,live", "plain,production", "plain,staging"]))


@pytest.mark.parametrize(
    "words", ["penstock ", "penstock re", "penstock abort ", "penstock explain ro", "penstock release --to "]
)
def test_completing_loads_nothing_heavy(words: str, tmp_path: Path) -> None:
    """A key press reaches neither the engine nor what reads manifests nor what draws (`python -X importtime` lists it)."""
    done = completed(words, state(tmp_path / "state"), "-X", "importtime")
    loaded = set(re.findall(r"\| +(\S+)$", done.err, re.MULTILINE))

    assert [] == sorted(loaded.intersection(HEAVY))


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_the_script_calls_the_program_and_hides_what_goes_wrong(name: str) -> None:
    """A script asks the program itself, and whatever goes wrong there is not shown at the prompt."""
    script = CliRunner().invoke(root, ["completion", name]).output
    calls = [line for line in script.split("\n") if f"_PENSTOCK_COMPLETE={name}_complete" in line]

    assert calls
    assert all("2>/dev/null)" in line for line in calls)


@pytest.mark.skipif(not shutil.which("bash"), reason="no bash")
def test_bash_completes(tmp_path: Path) -> None:
    """The script, sourced by a real bash, puts the names where readline takes them."""
    script = tmp_path / "completion.sh"
    script.write_text(CliRunner().invoke(root, ["completion", "bash"]).output)
    words = "COMP_WORDS=(penstock abort p); COMP_CWORD=2"
    line = f". {script}; {words}; _penstock_completion {tmp_path}/penstock; echo ${{COMPREPLY[@]}}"
    (tmp_path / "penstock").write_text(f'#!/bin/sh\nexec {sys.executable} -m penstock "$@"\n')
    (tmp_path / "penstock").chmod(0o755)
    env = {**os.environ, "PENSTOCK_STATE": str(state(tmp_path / "state"))}

    assert "production" == shell.run(["bash", "-c", line], env=env).out.strip()


def test_branches_and_tags_are_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What may be released has the words of git; where there is no repository there are none but HEAD."""
    from penstock.cli.completion import words_of_git

    monkeypatch.chdir(tmp_path)
    context, parameter = click.Context(click.Command("release")), click.Argument(["revision"])
    assert ["HEAD"] == [item.value for item in words_of_git(context, parameter, "")]
    git = ["git", "-c", "user.name=ana", "-c", "user.email=ana@example.org"]
    for words in (["init", "-q", "-b", "main"], ["commit", "-q", "--allow-empty", "-m", "first"], ["tag", "v1.0"]):
        subprocess.run([*git, *words], check=True)
    assert ["v1.0"] == [item.value for item in words_of_git(context, parameter, "v")]
    assert {"HEAD", "main", "v1.0"} == {item.value for item in words_of_git(context, parameter, "")}
