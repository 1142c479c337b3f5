"""The demo's service as a git repository of its own: three commits of a small shop, tagged v1, v2 and v3.

v2 is better than v1. v3 has a bug that its own tests do not see: the page of a product that nobody has rated
yet (6 of the 40) answers 500, while its health stays green.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from penstock.errors import PenstockError, UsageError
from penstock.shell import run

COMMITS = {
    "v1": "A shop that sells tea",
    "v2": "Prices have a currency, search reads descriptions, bestsellers are listed",
    "v3": "Products show their rating",
}


def create(folder: Path, python: str = "python3", port: int = 8080) -> list[str]:
    """Make the repository in a folder that is new or empty; the ids of v1, v2 and v3, in this order.

    `python` is the program that runs the shop and its tests, `port` where its production environment listens.
    Needs git, but none of the user's configuration of it. A folder that holds anything is a UsageError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise UsageError("demo-folder", "the folder is not empty", str(folder), next="name a new folder")
    _git(folder, "init", "--quiet", "--initial-branch=main")
    return [_commit(folder, tag, python, port) for tag in COMMITS]


def _commit(folder: Path, tag: str, python: str, port: int) -> str:
    shipped = resources.files("penstock.demo") / "shop" / tag
    for source in shipped.iterdir():
        if source.is_file():
            (folder / source.name).write_text(_filled(source, python, port), encoding="utf-8")
    _git(folder, "add", "--all")
    _git(folder, "commit", "--quiet", "--message", COMMITS[tag])
    _git(folder, "tag", tag)
    return _git(folder, "rev-parse", "HEAD")


def _filled(source: Traversable, python: str, port: int) -> str:
    text = source.read_text(encoding="utf-8")
    if source.name != "penstock.yaml":
        return text
    text = text.replace("port: 8080", f"port: {port}")
    return re.sub(r"python3 ([^#\n]*[^#\s])", lambda found: _scalar(f"{shlex.quote(python)} {found[1]}"), text)


def _scalar(command: str) -> str:
    """A command as YAML reads it back: plain where that is safe, else quoted."""
    return command if re.fullmatch(r"[\w./$ -]+", command) else json.dumps(command)


def _git(folder: Path, *words: str) -> str:
    """Run git as if it had never been configured: no hooks, signatures or templates of the user's."""
    identity = ("-c", "user.name=Penstock demo", "-c", "user.email=demo@localhost")
    env = {
        "PATH": os.environ.get("PATH", os.defpath),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
    }
    done = run(("git", *identity, *words), cwd=folder, env=env)
    if not done.ok:
        raise PenstockError("demo-git", f"git {words[0]} failed", str(folder), why=done.err.strip())
    return done.out.strip()
