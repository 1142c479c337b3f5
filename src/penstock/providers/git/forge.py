"""A repository as a release sees it: commits, files at a commit, clean exports. Its work tree is never touched."""

from __future__ import annotations

import difflib
import os
import tarfile
from pathlib import Path
from typing import Any

from penstock import shell
from penstock.errors import PenstockError, UserError

FILE_LIMIT = 1 << 20
COMMITS_LIMIT = 200
_TIMEOUT_S = 120.0


class GitForge:
    """Fills `ports.Forge` from a checkout or a bare repository."""

    def __init__(self, repository: Path) -> None:
        self._repository = Path(repository)

    def resolve(self, revision: str) -> str:
        """The full commit id of a word that git knows; an error with the nearest names where there is none."""
        done = self._try("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        if done.ok:
            return done.out.strip()
        self._whole()
        names = self._git("for-each-ref", "--format=%(refname:short)", "refs/heads", "refs/tags").splitlines()
        near = difflib.get_close_matches(revision, names, 3)
        raise UserError(
            "no-revision", f"there is no commit, branch or tag `{revision}`", str(self._repository),
            "a release takes what is committed", f"did you mean {', '.join(near)}?" if near else "git log --oneline",
        )  # fmt: skip

    def read(self, commit: str, path: str) -> str | None:
        """A file's text at a commit, at most 1 MiB; None when it is not there."""
        size = self._try("cat-file", "-s", f"{commit}:{path}")
        if not size.ok:
            return None
        if int(size.out) > FILE_LIMIT:
            raise UserError("file-too-large", f"{path} has {int(size.out):,} bytes; 1 MiB is the limit", path)
        return self._git("cat-file", "blob", f"{commit}:{path}")

    def export(self, commit: str, folder: str) -> None:
        """The commit's files in an empty folder, nothing else; `export-ignore` of .gitattributes is honoured."""
        modules = self._git("ls-tree", "-r", commit)
        if any(line.startswith("160000 ") for line in modules.splitlines()):
            raise UserError("submodules", f"the commit {commit[:12]} has submodules", str(self._repository),
                            "their files are not in this repository", "vendor them, or build them in `build`")  # fmt: skip
        archive = Path(folder).with_name(Path(folder).name + ".tar")
        try:
            self._git("archive", "--format=tar", f"--output={archive}", commit)
            with tarfile.open(archive) as tar:
                tar.extractall(folder, filter="data")
        except (OSError, tarfile.TarError) as error:
            raise PenstockError("export", f"the commit {commit[:12]} cannot be exported: {error}", folder) from error
        finally:
            archive.unlink(missing_ok=True)

    def describe(self, old: str | None, new: str) -> list[dict[str, Any]]:
        """Commits from old to new, newest first, at most 200: id, author, at (seconds), subject."""
        span = f"{old}..{new}" if old else new
        text = self._git("log", f"--max-count={COMMITS_LIMIT}", "--format=%H%x1f%an%x1f%at%x1f%s", span)
        rows = [line.split("\x1f", 3) for line in text.splitlines()]
        return [{"id": i, "author": a, "at": float(t), "subject": s} for i, a, t, s in rows]

    def describe_version(self, commit: str) -> str:
        """The tag at a commit, else the commit itself: what a service may call itself."""
        tags = self._git("tag", "--points-at", commit).split()
        return tags[0] if tags else commit

    def root_commit(self) -> str:
        """Where the history begins: with the service's name, its identity. A shallow clone is refused."""
        self._whole()
        roots = self._git("rev-list", "--max-parents=0", "HEAD").split()
        if not roots:
            raise UserError("no-commits", "the repository has no commit", str(self._repository), next="git commit")
        return min(roots)

    def is_ancestor(self, old: str, new: str) -> bool:
        """Whether `old` is in the history of `new`."""
        return self._try("merge-base", "--is-ancestor", old, new).ok

    def mirror(self, folder: Path, commit: str) -> None:
        """Make sure that a bare repository has the commit and its history, so that it can be built from there later."""
        if not (folder / "HEAD").exists():
            folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            done = shell.run(["git", "init", "--quiet", "--bare", str(folder)], env=_environment(), timeout_s=30)
            if not done.ok:
                raise PenstockError("mirror", f"no mirror can be made: {done.err.strip()}", str(folder))
            folder.chmod(0o700)
        there = GitForge(folder)
        if not there._try("cat-file", "-e", f"{commit}^{{commit}}").ok or not there._kept(commit):
            ref = f"refs/penstock/{commit}"
            self._git("push", "--quiet", "--no-verify", str(folder), f"{commit}:{ref}")

    def _kept(self, commit: str) -> bool:
        return self._try("rev-parse", "--verify", "--quiet", f"refs/penstock/{commit}").ok

    def _whole(self) -> None:
        done = self._try("rev-parse", "--is-shallow-repository")
        if done.ok and done.out.strip() == "true":
            raise UserError("shallow", "this is a shallow clone", str(self._repository),
                            "its history does not begin where the repository's does: it would be another service",
                            "git fetch --unshallow")  # fmt: skip
        if not done.ok:
            raise self._wrong(done)

    def _git(self, *words: str) -> str:
        done = self._try(*words)
        if not done.ok:
            raise self._wrong(done)
        return done.out

    def _try(self, *words: str) -> shell.Completed:
        argv = ["git", "--no-pager", "-C", str(self._repository), "-c", "core.hooksPath=/dev/null", *words]
        return shell.run(argv, env=_environment(), timeout_s=_TIMEOUT_S)

    def _wrong(self, done: shell.Completed) -> UserError:
        text = done.err.strip() or f"git ended with {done.code}"
        if "not a git repository" in text:
            return UserError("no-repository", "this is not a git repository", str(self._repository),
                             "a release is of a commit", "git init, and commit what shall be released")  # fmt: skip
        if "dubious ownership" in text:
            return UserError("unsafe-repository", "this repository belongs to another user", str(self._repository),
                             "git refuses to read what another user may have prepared",
                             f"git config --global --add safe.directory {self._repository}")  # fmt: skip
        return UserError("git", f"git says: {text.splitlines()[-1]}", str(self._repository))


def _environment() -> dict[str, str]:
    """What git gets: the user's home and path, and none of the variables that would lead it elsewhere."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "XDG_CONFIG_HOME") if name in os.environ}
    return {**kept, "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0"}
