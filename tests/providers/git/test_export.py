"""Clean exports: the commit's bytes and nothing else, for everybody the same."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest

from penstock.errors import PenstockError, UserError
from penstock.providers.git import GitForge
from penstock.providers.git.unpack import unpack
from tests.providers.git.made import Repository, contents


def export(repository: Repository, commit: str, name: str = "out") -> Path:
    folder = repository.folder.parent / name
    GitForge(repository.folder).export(commit, str(folder))
    return folder


def test_the_export_is_the_commit_and_nothing_else(repository: Repository) -> None:
    """What the work tree holds beside or instead is not in it, nor is .git; links and executable bits are."""
    (repository.folder / "link").symlink_to("d/run")
    (repository.folder / "d").mkdir()
    (repository.folder / "d/run").write_text("#!/bin/sh\n")
    (repository.folder / "d/run").chmod(0o755)
    commit = repository.commit({"a": b"\x00\xff", "name with  spaces and ü": "x"})
    repository.commit({"later": "x"})
    (repository.folder / "a").write_text("changed")
    folder = export(repository, commit)
    expected = {
        "a": b"\x00\xff",
        "d/run": b"#!/bin/sh\n",
        "link": b"-> d/run",
        "name with  spaces and ü": b"x",
    }
    assert expected == contents(folder)
    assert [0o755, 0o644, 0o755] == [(folder / name).stat().st_mode & 0o777 for name in ("d/run", "a", "d")]
    assert ["out", "repository"] == sorted(path.name for path in folder.parent.iterdir() if path.name != "home")


def test_an_export_touches_neither_work_tree_nor_index(repository: Repository) -> None:
    """Every file of the repository, .git included, is byte for byte what it was, staged work too."""
    commit = repository.commit({"a": "1"})
    (repository.folder / "a").write_text("2")
    repository.git("add", "a")
    (repository.folder / "b").write_text("3")
    before = contents(repository.folder)
    export(repository, commit)
    forge = GitForge(repository.folder)
    forge.mirror(repository.folder.parent / "mirror.git", commit)
    forge.is_dirty()
    assert before == contents(repository.folder)


def test_nobodys_settings_change_the_bytes(repository: Repository, home: Path) -> None:
    """Line ends, attributes, umask and filters that a user or a machine configured have no say."""
    commit = repository.commit({"a": "1\n2\n", ".gitattributes": "*.bin filter=shout\n", "x.bin": "quiet"})
    (home / "attributes").write_text("* text eol=crlf export-ignore\n")
    (home / ".gitconfig").write_text(
        "[core]\nautocrlf = true\neol = crlf\nattributesFile = ~/attributes\n[tar]\numask = 0777\n"
        '[filter "shout"]\nsmudge = tr a-z A-Z\nrequired = true\n'
    )
    folder = export(repository, commit)
    assert {".gitattributes": b"*.bin filter=shout\n", "a": b"1\n2\n", "x.bin": b"quiet"} == contents(folder)
    assert 0o644 == (folder / "a").stat().st_mode & 0o777


def test_what_the_commit_marks_is_left_out(repository: Repository) -> None:
    """`export-ignore` of the commit's own .gitattributes is honoured."""
    commit = repository.commit({"a": "1", "docs/b": "2", ".gitattributes": "docs export-ignore\n"})
    assert {"a", ".gitattributes"} == set(contents(export(repository, commit)))


def test_a_submodule_is_an_error_unless_left_out(repository: Repository, tmp_path: Path) -> None:
    """Its files are not in the repository: said by its name, never an empty folder."""
    other = Repository(tmp_path / "other")
    other.commit({"lib": "1"})
    repository.git("submodule", "--quiet", "add", str(other.folder), "vendor/lib")
    commit = repository.commit({"a": "1"})
    with pytest.raises(UserError) as error:
        export(repository, commit)
    assert "submodules" == error.value.code
    assert "vendor/lib" in error.value.what
    without = repository.commit({".gitattributes": "vendor/lib export-ignore\n"})
    assert {"a", ".gitattributes", ".gitmodules"} == set(contents(export(repository, without, "second")))


def test_an_empty_folder_is_no_submodule(repository: Repository) -> None:
    """A folder all of whose files are left out stays empty, and is no error."""
    commit = repository.commit({"a": "1", "d/e/f": "2", ".gitattributes": "d/e/* export-ignore\n"})
    assert {"a", ".gitattributes"} == set(contents(export(repository, commit)))


def test_a_file_in_large_file_storage_is_an_error(repository: Repository) -> None:
    """A pointer is never released as if it were the file; a text that only looks like one is."""
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
    innocent = repository.commit({"big.bin": pointer})
    assert {"big.bin"} == set(contents(export(repository, innocent)))
    commit = repository.commit({".gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n"})
    with pytest.raises(UserError) as error:
        export(repository, commit, "second")
    assert ("lfs", "big.bin lies in Git LFS") == (error.value.code, error.value.what)


@pytest.mark.parametrize("target", ["/etc/passwd", "../outside", "d/../../outside"])
def test_a_link_that_leads_out_is_refused(repository: Repository, target: str) -> None:
    """A release holds what it names: a link to elsewhere is an error that names the link."""
    (repository.folder / "link").symlink_to(target)
    commit = repository.commit()
    with pytest.raises(UserError) as error:
        export(repository, commit)
    assert ("unsafe-file", "link") == (error.value.code, error.value.where)


def members(*found: tuple[str, bytes, str]) -> io.BytesIO:
    """An archive of (name, kind, target)."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        for name, kind, target in found:
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, target
            tar.addfile(member)
    return data


@pytest.mark.parametrize(
    "found",
    [
        [("../x", tarfile.REGTYPE, "")],
        [("/tmp/x", tarfile.REGTYPE, "")],
        [("d/../../x", tarfile.REGTYPE, "")],
        [(".git/hooks/x", tarfile.REGTYPE, "")],
        [("d/.GIT/config", tarfile.REGTYPE, "")],
        [("d", tarfile.SYMTYPE, "e"), ("d/x", tarfile.REGTYPE, "")],
        [("d", tarfile.SYMTYPE, "e"), ("d", tarfile.REGTYPE, "")],
        [("x", tarfile.LNKTYPE, "/etc/passwd")],
        [("x", tarfile.FIFOTYPE, "")],
        [("x", tarfile.CHRTYPE, "")],
    ],
)
def test_no_archive_writes_outside_of_its_folder(tmp_path: Path, found: list[tuple[str, bytes, str]]) -> None:
    """Names that climb, links that are written through, devices: each is refused, whichever Python runs."""
    archive, folder = tmp_path / "a.tar", tmp_path / "out"
    archive.write_bytes(members(*found).getvalue())
    folder.mkdir()
    with pytest.raises(UserError) as error:
        unpack(archive, folder)
    assert "unsafe-file" == error.value.code
    assert ["a.tar", "home", "out"] == sorted(path.name for path in tmp_path.iterdir())


def test_an_unknown_commit_is_not_exported(repository: Repository) -> None:
    """It is `no-revision`, and nothing is left beside the folder."""
    repository.commit({"a": "1"})
    with pytest.raises(UserError) as error:
        export(repository, "1" * 40)
    assert "no-revision" == error.value.code
    assert not list(repository.folder.parent.glob("*.tar"))


def test_an_export_that_cannot_be_written_is_said(repository: Repository) -> None:
    """No traceback of the disk: a PenstockError, and no archive left beside."""
    commit = repository.commit({"a": "1"})
    (repository.folder.parent / "out").write_text("in the way")
    with pytest.raises(PenstockError) as error:
        export(repository, commit)
    assert "export" == error.value.code
    assert not list(repository.folder.parent.glob("*.tar"))


def test_the_mirror_outlives_the_checkout(repository: Repository, tmp_path: Path) -> None:
    """From the mirror the commit is read, exported and told as before, when the checkout is gone."""
    first = repository.commit({"a": "1"})
    second = repository.commit({"a": "2"})
    mirror = tmp_path / "repos" / "shop.git"
    for _ in range(2):
        GitForge(repository.folder).mirror(mirror, second)
    repository.folder.rename(tmp_path / "gone")
    there = GitForge(mirror)
    there.export(second, str(tmp_path / "out"))
    assert {"a": b"2"} == contents(tmp_path / "out")
    assert ("1", True) == (there.read(first, "a"), there.is_ancestor(first, second))
    assert 0o700 == mirror.stat().st_mode & 0o777
    assert ["shop.git"] == [path.name for path in mirror.parent.iterdir()]


def test_a_mirror_takes_what_no_branch_holds(repository: Repository, tmp_path: Path) -> None:
    """A commit of a deleted branch, and one of a rewritten history, stay in the mirror beside each other."""
    commits = []
    for name in ("one", "two"):
        repository.git("checkout", "--quiet", "--orphan", name)
        commits.append(repository.commit({"a": name}))
        GitForge(repository.folder).mirror(tmp_path / "m.git", commits[-1])
    assert ["one", "two"] == [GitForge(tmp_path / "m.git").read(commit, "a") for commit in commits]


def test_hooks_and_settings_of_the_user_do_not_reach_the_mirror(
    repository: Repository, home: Path, tmp_path: Path
) -> None:
    """No hook runs, no signature is asked, no submodule is pushed."""
    commit = repository.commit({"a": "1"})
    hook = repository.folder / ".git/hooks/pre-push"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\nexit 1\n")
    hook.chmod(0o755)
    settings = "[push]\ngpgSign = true\nrecurseSubmodules = check\nfollowTags = true\n[core]\nhooksPath = /nowhere\n"
    (home / ".gitconfig").write_text(settings + "[protocol]\nallow = never\n")
    GitForge(repository.folder).mirror(tmp_path / "m.git", commit)
    assert "1" == GitForge(tmp_path / "m.git").read(commit, "a")
    assert not (tmp_path / "ran").exists()


def test_a_mirror_that_was_begun_is_finished(repository: Repository, tmp_path: Path) -> None:
    """What a killed process left beside does not stop the next, and what another made at once is taken."""
    commit = repository.commit({"a": "1"})
    half = tmp_path / "repos" / f".m.git.{os.getpid()}"
    half.mkdir(parents=True)
    (half / "HEAD").write_text("half")
    GitForge(repository.folder).mirror(tmp_path / "repos" / "m.git", commit)
    assert "1" == GitForge(tmp_path / "repos" / "m.git").read(commit, "a")
