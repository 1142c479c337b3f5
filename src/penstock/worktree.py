"""A work tree as it lies: its content under one name, and what in it differs from a commit. The repository stays as it is."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from penstock import shell
from penstock.errors import PenstockError
from penstock.providers.git.program import environment

_WITHIN_S = 300.0
_QUIET = ("-c", "core.quotePath=false", "-c", "core.fsmonitor=false", "-c", "core.safecrlf=false",
          "-c", "advice.addEmbeddedRepo=false")  # fmt: skip


@dataclass(frozen=True)
class Tree:
    """What lies there: the id of a git tree of all that git does not ignore, and the paths that differ from `base`."""

    id: str
    base: str = ""
    changed: frozenset[str] = frozenset()


def tree_of(folder: Path, base: str = "") -> Tree:
    """The content of the work tree at `folder`; with `base`, a commit, what is different since.

    Git writes objects for this; they go into a folder that is removed, never into the repository.
    """
    with _aside(folder) as env:
        _git(folder, env, "add", "--all", "--ignore-errors", ".", bears=True)
        found = _git(folder, env, "write-tree").strip()
        if not base:
            return Tree(found)
        paths = _git(folder, env, "diff", "--name-only", "-z", "--no-renames", "--end-of-options", base, found, "--")
        return Tree(found, base, frozenset(filter(None, paths.split("\0"))))


def base_of(folder: Path, last: str) -> str:
    """What `--changed` compares with: the last release's commit if it is here, else where the default branch was left."""
    env = environment()
    for words in ([last], ["origin/HEAD"], ["origin/main"], ["origin/master"]):
        if not words[0]:
            continue
        done = _ask(folder, env, "merge-base", "HEAD", *words)
        if done.ok:
            exact = _ask(folder, env, "rev-parse", "--verify", "--quiet", f"{last}^{{commit}}") if last else done
            return exact.out.strip()
    return ""


def hooks_of(folder: Path) -> Path:
    """The folder in which git looks for this repository's hooks."""
    said = _git(folder, environment(), "rev-parse", "--git-path", "hooks").strip()
    return folder / said


@contextmanager
def _aside(folder: Path) -> Iterator[dict[str, str]]:
    """The environment of a git that has an index and new objects of its own; the real index is where it begins."""
    env = environment()
    index, objects = (
        folder / _git(folder, env, "rev-parse", "--git-path", name).strip() for name in ("index", "objects")
    )
    with tempfile.TemporaryDirectory(prefix="penstock-tree-") as place:
        if index.exists():  # what it knows of unchanged files need not be read again
            shutil.copy2(index, Path(place, "index"))
        Path(place, "objects").mkdir()
        yield {
            **env, "GIT_INDEX_FILE": f"{place}/index", "GIT_OBJECT_DIRECTORY": f"{place}/objects",
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": os.fspath(objects.absolute()),
        }  # fmt: skip


def _git(folder: Path, env: dict[str, str], *words: str, bears: bool = False) -> str:
    done = _ask(folder, env, *words)
    if done.timed_out or not (done.ok or bears):  # what may not be read is left out: the checks will say so
        raise PenstockError("git", f"git says: {(done.err.strip().splitlines() or ['nothing'])[-1]}", str(folder))
    return done.out


def _ask(folder: Path, env: dict[str, str], *words: str) -> shell.Completed:
    return shell.run(["git", "-C", str(folder), *_QUIET, *words], env=env, timeout_s=_WITHIN_S)
