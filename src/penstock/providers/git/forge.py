"""A repository as a release sees it: commits, files at a commit, clean exports. Never its work tree."""

from __future__ import annotations

import difflib
import os
import shutil
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penstock.core.brought import Brought
from penstock.errors import PenstockError, UserError
from penstock.providers.git.brings import brings
from penstock.providers.git.program import Git
from penstock.providers.git.unpack import unpack

FILE_LIMIT = 1 << 20
COMMITS_LIMIT = 200
_WORD_LIMIT = 250
_NAMES_LIMIT = 2000
_POINTER_LIMIT = 1024
_POINTER = b"version https://git-lfs.github.com/spec/"


@dataclass(frozen=True)
class Author:
    """Who wrote a commit, in the words of the commit: git does not prove them."""

    name: str
    email: str


class GitForge:
    """Fills `ports.Forge` from a checkout or a bare repository.

    Errors: `no-repository`, `unsafe-repository` (of another user), `no-revision`, `ambiguous`, `shallow`,
    `submodules`, `lfs`, `unsafe-file`, `file-too-large`, `git` with git's own words.
    """

    def __init__(self, repository: Path) -> None:
        self._git = Git(repository)
        self._where = str(repository)

    def resolve(self, revision: str) -> str:
        """The full commit id of a word that git knows; an error with the nearest names when there is none."""
        if not revision.strip() or not revision.isprintable() or len(revision) > _WORD_LIMIT:
            raise self._unknown("")
        done = self._git.attempt("rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}")
        if "is ambiguous" in done.err:
            raise self._ambiguous(revision, done.err)
        if done.ok:
            return done.out.strip()
        self._whole()  # in a shallow clone the commit may well exist
        raise self._unknown(revision)

    def read(self, commit: str, path: str) -> str | None:
        """A file's text at a commit, at most 1 MiB, links inside it followed; None when it is not there."""
        if not path.isprintable():
            return None
        ask = ("cat-file", "--batch-check", "--follow-symlinks")
        words = self._git.text(*ask, stdin=f"{commit}:{path}\n").split("\n", 1)[0].rsplit(" ", 2)
        if len(words) != 3 or words[1] != "blob":
            self._must_have(commit)
            return None
        if int(words[2]) > FILE_LIMIT:
            raise UserError("file-too-large", f"{path} has {int(words[2]):,} bytes; 1 MiB is the limit", path)
        return self._git.text("cat-file", "blob", words[0])

    def export(self, commit: str, folder: str) -> None:
        """The commit's files in an empty folder, nothing else; made anew if it is not there.

        Everybody gets the same bytes: nobody's line-end settings or filters have a say, only the commit's own
        .gitattributes (`export-ignore`, `export-subst`, `eol`). Submodules and files that lie in Git LFS are
        errors, unless `export-ignore` leaves them out: their contents are not in the commit.
        """
        place = Path(folder)
        archive = place.with_name(f"{place.name}.tar")
        self._must_have(commit)
        try:
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._archive(commit, archive)
            unpack(archive, place)
        except (OSError, tarfile.TarError) as error:
            said = getattr(error, "strerror", None) or error
            raise PenstockError("export", f"{commit[:12]} cannot be exported: {said}", folder) from error
        finally:
            archive.unlink(missing_ok=True)
        self._refuse_submodules(commit, place)
        self._refuse_lfs(place)

    def describe(self, old: str | None, new: str) -> list[dict[str, Any]]:
        """Commits from old to new, newest first, at most 200: id, author, at (seconds), subject."""
        form = "--format=%H%x00%at%x00%<(200,trunc)%an%x00%<(500,trunc)%s"  # a line may hold anything but NUL
        span = f"{old}..{new}" if old else new
        text = self._git.text("log", "-z", f"--max-count={COMMITS_LIMIT}", form, "--end-of-options", span)
        words = text.removesuffix("\0").split("\0") if text else []
        rows = (words[at : at + 4] for at in range(0, len(words), 4))
        return [{"id": i, "author": a.strip(), "at": float(t), "subject": s.strip()} for i, t, a, s in rows]

    def brings(self, old: str | None, new: str) -> Brought:
        """What a release of `new` brings where `old` serves; None, or a commit that is not here: nothing is known."""
        return brings(self._git, old if old and self._has(old) else None, new)

    def describe_version(self, commit: str) -> str:
        """The tag at a commit, else the commit itself: what a service may call itself."""
        tags = self._git.text("tag", "--points-at", commit).split()
        return tags[0] if tags else commit

    def author(self, commit: str) -> Author:
        """Who wrote a commit."""
        self._must_have(commit)
        text = self._git.text("log", "-1", "--format=%an%x00%ae", commit)
        return Author(*text.rstrip("\n").split("\0"))

    def root_commit(self) -> str:
        """Where the history begins: with the service's name, its identity. A shallow clone is refused.

        It is where the line of first parents ends: a history that was merged in from elsewhere, however old,
        makes no other service of this one.
        """
        self._whole()
        if not self._git.attempt("rev-parse", "--verify", "--quiet", "HEAD").ok:
            raise UserError(
                "no-commits",
                "the repository has no commit",
                self._where,
                "a release is of a commit",
                "git commit",
            )
        return self._git.text("rev-list", "--first-parent", "--max-parents=0", "HEAD").split()[-1]

    def branch(self) -> str:
        """The name of the branch that is checked out; empty when none is."""
        return self._git.attempt("symbolic-ref", "--quiet", "--short", "HEAD").out.strip()

    def is_branch(self, name: str) -> bool:
        """Whether a word is the name of a branch, here or at origin."""
        names = [f"refs/heads/{name}", f"refs/remotes/{name}"]
        return any(self._git.attempt("show-ref", "--verify", "--quiet", one).ok for one in names)

    def is_dirty(self) -> bool:
        """Whether the work tree holds what no commit has; files that git ignores do not count."""
        if self._git.text("rev-parse", "--is-inside-work-tree").strip() != "true":
            return False
        return bool(self._git.text("status", "--porcelain", "--untracked-files=normal"))

    def is_ancestor(self, old: str, new: str) -> bool:
        """Whether `old` is in the history of `new`; one that this repository does not have is in nobody's."""
        if not (self._has(old) and self._has(new)):
            return False
        done = self._git.attempt("merge-base", "--is-ancestor", old, new)
        if done.code not in (0, 1):
            raise self._git.failure(done)
        return done.ok

    def mirror(self, folder: Path, commit: str) -> None:
        """Make sure that a bare repository has the commit and its history, to be built from there later.

        Killed anywhere and called again, by several at once too: the same end.
        """
        ref = f"refs/penstock/{commit}"
        if not (folder / "HEAD").exists():
            self._make_mirror(folder)
        mirror = Git(folder)
        self._mirror_names(folder, mirror)
        if mirror.attempt("rev-parse", "--verify", "--quiet", ref).ok:
            return
        plain = ("--quiet", "--no-verify", "--no-signed", "--no-follow-tags", "--recurse-submodules=no")
        done = self._git.attempt("push", *plain, str(folder.absolute()), f"{commit}:{ref}")
        # Of two at once git lets one have the ref, and refuses the other: by then it is there.
        if not done.ok and not mirror.attempt("rev-parse", "--verify", "--quiet", ref).ok:
            raise self._git.failure(done)

    def _mirror_names(self, folder: Path, mirror: Git) -> None:
        """Branches and tags as they are now, and where the repository came from: checks ask about them. A release needs none
        of it, so what cannot be had is missing there, and the checks that ask for it say so.
        """
        kinds = ("refs/heads/*", "refs/remotes/origin/*", "refs/tags/*")
        names = [f"+{kind}:{kind}" for kind in kinds]
        self._git.attempt("push", "--quiet", "--no-verify", "--no-signed", "--prune", "--recurse-submodules=no",
                          str(folder.absolute()), *names)  # fmt: skip
        origin = self._git.attempt("config", "--get", "remote.origin.url").out.strip()
        if origin:
            mirror.attempt("config", "remote.origin.url", origin)

    def _make_mirror(self, folder: Path) -> None:
        form = self._git.text("rev-parse", "--show-object-format").strip()
        beside = folder.with_name(f".{folder.name}.{os.getpid()}")
        try:
            shutil.rmtree(beside, ignore_errors=True)  # of one that was killed
            beside.mkdir(mode=0o700, parents=True)
            init = ("init", "--quiet", "--bare", "--template=", f"--object-format={form}")
            Git(beside).text(*init, alone=True)
            # What is pushed stays one pack, which git flushes to the disk.
            Git(beside).text("config", "receive.unpackLimit", "1", alone=True)
            os.rename(beside, folder)
        except OSError as error:
            if not (folder / "HEAD").exists():  # else somebody else was quicker
                said = f"no mirror can be made: {error.strerror}"
                raise PenstockError("mirror", said, str(folder)) from error
        finally:
            shutil.rmtree(beside, ignore_errors=True)

    def _archive(self, commit: str, archive: Path) -> None:
        same = ("core.autocrlf=false", "core.eol=lf", f"core.attributesFile={os.devnull}")
        # That this repository may be read was just asked, under the user's own configuration.
        config = [part for value in (*same, "safe.directory=*") for part in ("-c", value)]
        words = ("archive", "--format=tar", f"--output={archive.absolute()}", commit)
        done = self._git.attempt(*config, *words, alone=True)
        if not done.ok:
            raise self._git.failure(done)

    def _refuse_submodules(self, commit: str, place: Path) -> None:
        """Git archives a submodule as an empty folder, and only an empty folder can be one."""
        empty = [here for here, folders, names in os.walk(place) if not (folders or names)]
        for path in (os.path.relpath(here, place) for here in empty):
            if path != "." and self._git.text("ls-tree", commit, "--", f":(top){path}").startswith("160000 "):
                raise UserError(
                    "submodules",
                    f"the commit {commit[:12]} has a submodule: {path}",
                    self._where,
                    "its files are not in this repository",
                    "vendor them, fetch them in `build`, or mark it `export-ignore` in .gitattributes",
                )

    def _refuse_lfs(self, place: Path) -> None:
        attributes = [path for path in place.rglob(".gitattributes") if path.is_file()]
        if not any(b"filter=lfs" in path.read_bytes() for path in attributes):
            return
        for path in sorted(path for path in place.rglob("*") if _is_pointer(path)):
            raise UserError(
                "lfs",
                f"{path.relative_to(place)} lies in Git LFS",
                self._where,
                "the commit holds a pointer to it only",
                "commit the file itself, or mark it `export-ignore` and fetch it in `build`",
            )

    def _has(self, commit: str) -> bool:
        return self._git.attempt("cat-file", "-e", f"{commit}^{{commit}}").ok

    def _must_have(self, commit: str) -> None:
        if not self._has(commit):
            raise self._unknown(commit)

    def _whole(self) -> None:
        if self._git.text("rev-parse", "--is-shallow-repository").strip() == "true":
            raise UserError(
                "shallow",
                "this is a shallow clone",
                self._where,
                "its history does not begin where the repository's does: it would be another service",
                "git fetch --unshallow",
            )

    def _unknown(self, revision: str) -> UserError:
        ask = ("for-each-ref", f"--count={_NAMES_LIMIT}", "--sort=-creatordate", "--format=%(refname:short)")
        names = self._git.text(*ask, "refs/heads", "refs/tags", "refs/remotes").splitlines()
        near = difflib.get_close_matches(revision, names, 3)
        return UserError(
            "no-revision",
            f"there is no commit, branch or tag `{revision}`",
            self._where,
            "a release takes what is committed",
            f"did you mean {', '.join(near)}?" if near else "git log --oneline",
        )

    def _ambiguous(self, revision: str, said: str) -> UserError:
        is_short_id = "short object ID" in said or "short SHA1" in said
        return UserError(
            "ambiguous",
            f"`{revision}` means more than one thing",
            self._where,
            "several commits begin with it" if is_short_id else "a branch and a tag have this name",
            "more letters of the id" if is_short_id else f"refs/heads/{revision} or refs/tags/{revision}",
        )


def _is_pointer(path: Path) -> bool:
    """Whether Git LFS keeps the file's content elsewhere; a pointer is a text of a few lines."""
    if path.is_symlink() or not path.is_file() or path.stat().st_size > _POINTER_LIMIT:
        return False
    return path.read_bytes().startswith(_POINTER)
