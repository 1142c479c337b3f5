"""The forge against the real git: words, files, history, identity."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from penstock.errors import PenstockError, UserError
from penstock.providers.git import Author, GitForge
from tests.providers.git.made import Repository


def test_every_word_for_a_commit_becomes_its_full_id(repository: Repository) -> None:
    """A branch, a tag (annotated too), a short id, HEAD and a relative word all lead to one id of 40 digits."""
    first = repository.commit({"a": "1"})
    repository.git("tag", "-a", "v1", "-m", "one")
    second = repository.commit({"a": "2"})
    forge = GitForge(repository.folder)
    assert [second] * 4 == [forge.resolve(word) for word in ("main", "HEAD", second[:8], second)]
    assert [first] * 2 == [forge.resolve(word) for word in ("v1", "HEAD~1")]
    assert 40 == len(first)


@pytest.mark.parametrize("word", ["", " ", "--all", "-h", "HEAD:a", "a\0b", "a\nb", "x" * 10_000, "main..main", "v9"])
def test_a_word_that_is_no_commit_is_an_error(repository: Repository, word: str) -> None:
    """Nothing but the word of a commit passes: no option, no file, no range, no odd character."""
    repository.commit({"a": "1"})
    with pytest.raises(UserError) as error:
        GitForge(repository.folder).resolve(word)
    assert "no-revision" == error.value.code


def test_the_nearest_names_are_said(repository: Repository) -> None:
    """A misspelt branch or tag is answered with the names that are near."""
    repository.commit({"a": "1"})
    repository.git("tag", "release-1.2")
    with pytest.raises(UserError) as error:
        GitForge(repository.folder).resolve("relaese-1.2")
    assert "did you mean release-1.2?" == error.value.next


def test_a_branch_and_a_tag_of_one_name_are_never_guessed(repository: Repository) -> None:
    """Where a word means two things, the error names both."""
    repository.commit({"a": "1"})
    repository.git("tag", "v1")
    repository.commit({"a": "2"})
    repository.git("branch", "v1")
    with pytest.raises(UserError) as error:
        GitForge(repository.folder).resolve("v1")
    assert ("ambiguous", "refs/heads/v1 or refs/tags/v1") == (error.value.code, error.value.next)


def test_a_file_is_read_at_its_commit(repository: Repository) -> None:
    """The text is the commit's, whatever the work tree holds; what is not a file there is None."""
    first = repository.commit({"m.yaml": "größe: 1\n", "d/e": "x"})
    repository.commit({"m.yaml": "2"})
    (repository.folder / "m.yaml").write_text("3")
    forge = GitForge(repository.folder)
    assert "größe: 1\n" == forge.read(first, "m.yaml")
    assert [None] * 5 == [forge.read(first, path) for path in ("nope", "d", "d/nope", "", "m.yaml\nd/e")]


def test_a_link_is_followed_inside_the_commit_only(repository: Repository) -> None:
    """A manifest that is a link to another file of the commit is that file; one that leads out is not there."""
    (repository.folder / "inside").symlink_to("real")
    (repository.folder / "outside").symlink_to("/etc/passwd")
    commit = repository.commit({"real": "text"})
    forge = GitForge(repository.folder)
    assert ("text", None) == (forge.read(commit, "inside"), forge.read(commit, "outside"))


def test_a_file_is_read_up_to_one_mebibyte(repository: Repository) -> None:
    """A mebibyte is read whole, one byte more is refused."""
    commit = repository.commit({"most": "x" * (1 << 20), "more": "x" * ((1 << 20) + 1)})
    forge = GitForge(repository.folder)
    assert 1 << 20 == len(forge.read(commit, "most") or "")
    with pytest.raises(UserError) as error:
        forge.read(commit, "more")
    assert "file-too-large" == error.value.code


def test_a_commit_that_is_not_there_is_not_a_file_that_is_not_there(repository: Repository) -> None:
    """Reading from an unknown commit is an error, never None."""
    repository.commit({"a": "1"})
    with pytest.raises(UserError) as error:
        GitForge(repository.folder).read("1" * 40, "a")
    assert "no-revision" == error.value.code


def test_history_is_told_newest_first(repository: Repository) -> None:
    """From old (not told) to new, with author, time and subject, whatever characters they hold."""
    old = repository.commit(subject="one")
    odd = "two \x1f \u2028 \x0b three"
    ids = [repository.commit(subject=odd), repository.commit(subject="four", GIT_AUTHOR_NAME="B\u2028o")]
    found = GitForge(repository.folder).describe(old, ids[1])
    assert [(ids[1], "B\u2028o", "four"), (ids[0], "Ana", odd)] == [(c["id"], c["author"], c["subject"]) for c in found]
    assert {1767225600.0} == {c["at"] for c in found}
    assert 3 == len(GitForge(repository.folder).describe(None, ids[1]))


def test_history_is_bounded(repository: Repository) -> None:
    """At most 200 commits, and no subject makes the answer large."""
    for number in range(203):
        repository.git("commit", "--quiet", "--allow-empty", "-m", f"{number} " + "ü" * 8000)
    found = GitForge(repository.folder).describe(None, "HEAD")
    assert (200, "202 ") == (len(found), found[0]["subject"][:4])
    assert 500 >= max(len(commit["subject"]) for commit in found)


def test_the_configuration_of_the_user_changes_no_answer(
    repository: Repository, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Signatures shown in logs, colours, other encodings and the caller's GIT_* variables leave no trace."""
    first, second = repository.commit(subject="eins"), repository.commit({"a": "1"}, subject="größer")
    settings = "[log]\nshowSignature = true\n[color]\nui = always\n[i18n]\nlogOutputEncoding = latin1\n"
    (home / ".gitconfig").write_text(settings + "[core]\npager = false\nfsmonitor = /bin/false\n")
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY"):
        monkeypatch.setenv(name, "/nowhere")
    forge = GitForge(repository.folder)
    assert ["größer", "eins"] == [commit["subject"] for commit in forge.describe(None, "HEAD")]
    assert (second, first, False) == (forge.resolve("HEAD"), forge.root_commit(), forge.is_dirty())


def test_a_replacement_or_a_graft_does_not_change_a_commit(repository: Repository) -> None:
    """A commit is what its id names, in every clone."""
    first = repository.commit({"a": "1"})
    second = repository.commit({"a": "2"})
    repository.git("replace", second, repository.commit({"a": "evil"}))
    (repository.folder / ".git/info").mkdir(exist_ok=True)
    (repository.folder / ".git/info/grafts").write_text(f"{second}\n")
    forge = GitForge(repository.folder)
    assert ("2", first) == (forge.read(second, "a"), forge.root_commit())


def test_ancestry_is_yes_no_or_an_error(repository: Repository) -> None:
    """Old before new is true, the other way false; a commit that nobody has here is in nobody's history."""
    old, new = repository.commit({"a": "1"}), repository.commit({"a": "2"})
    forge = GitForge(repository.folder)
    assert (True, False, True) == (
        forge.is_ancestor(old, new),
        forge.is_ancestor(new, old),
        forge.is_ancestor(new, new),
    )
    assert (False, False) == (forge.is_ancestor("1" * 40, new), forge.is_ancestor(old, "1" * 40))
    with pytest.raises(UserError) as error:
        GitForge(repository.folder.parent / "nowhere").is_ancestor(old, new)
    assert "no-repository" == error.value.code


def test_branch_author_and_dirt_are_told(repository: Repository) -> None:
    """The branch's name (empty when detached), who wrote a commit, and whether there is work in no commit."""
    commit = repository.commit({"a": "1", ".gitignore": "built\n"})
    forge = GitForge(repository.folder)
    assert ("main", Author("Ana", "ana@example.org"), False) == (
        forge.branch(),
        forge.author(commit),
        forge.is_dirty(),
    )
    (repository.folder / "built").write_text("ignored")
    assert not forge.is_dirty()
    (repository.folder / "new").write_text("not ignored")
    assert forge.is_dirty()
    repository.git("checkout", "--quiet", "--detach")
    assert "" == forge.branch()


def test_a_commit_is_called_by_its_tag(repository: Repository) -> None:
    """The tag at a commit is its version; without one it is the commit itself."""
    first = repository.commit({"a": "1"})
    repository.git("tag", "v1")
    second = repository.commit({"a": "2"})
    forge = GitForge(repository.folder)
    assert ("v1", second) == (forge.describe_version(first), forge.describe_version(second))


def test_a_repository_is_known_by_where_it_begins(repository: Repository, tmp_path: Path) -> None:
    """The root stays the same over commits, clones and merged-in histories; another repository has another."""
    root = repository.commit({"a": "1"})
    other = Repository(tmp_path / "other")
    theirs = other.commit({"b": "1"}, GIT_AUTHOR_DATE="2001-01-01T00:00:00Z", GIT_COMMITTER_DATE="2001-01-01T00:00:00Z")
    for number in range(8):  # a root by sort would change sooner or later
        other.git("checkout", "--quiet", "--orphan", f"o{number}")
        other.commit(subject=f"root {number}")
        repository.git("fetch", "--quiet", str(other.folder), f"o{number}")
        repository.git("merge", "--quiet", "--allow-unrelated-histories", "-m", "theirs", "FETCH_HEAD")
    repository.git("clone", "--quiet", ".", str(tmp_path / "clone"))
    assert {root} == {GitForge(place).root_commit() for place in (repository.folder, tmp_path / "clone")}
    other.git("checkout", "--quiet", "main")
    assert theirs == GitForge(other.folder).root_commit()


def test_a_shallow_clone_is_refused(repository: Repository, tmp_path: Path) -> None:
    """Its root is another; the remedy is named, and works."""
    root = repository.commit({"a": "1"})
    repository.commit({"a": "2"})
    shallow = tmp_path / "shallow"
    repository.git("clone", "--quiet", "--depth=1", f"file://{repository.folder}", str(shallow))
    with pytest.raises(UserError) as error:
        GitForge(shallow).root_commit()
    assert ("shallow", "git fetch --unshallow") == (error.value.code, error.value.next)
    repository.git("-C", str(shallow), "fetch", "--quiet", "--unshallow")
    assert root == GitForge(shallow).root_commit()


@pytest.mark.parametrize("place", ["nowhere", "plain", "file"])
def test_what_is_no_repository_is_said(tmp_path: Path, place: str) -> None:
    """A folder that is not there, or is no repository, is `no-repository` from every question."""
    (tmp_path / "plain").mkdir()
    (tmp_path / "file").write_text("")
    forge = GitForge(tmp_path / place)
    asks = [
        lambda: forge.resolve("HEAD"),
        forge.root_commit,
        forge.branch,
        forge.is_dirty,
        lambda: forge.read("HEAD", "a"),
    ]
    for ask in asks:
        with pytest.raises(UserError) as error:
            ask()
        assert "no-repository" == error.value.code
        assert error.value.next


def test_a_repository_without_a_commit_is_said(repository: Repository) -> None:
    """Before the first commit there is nothing to release."""
    with pytest.raises(UserError) as error:
        GitForge(repository.folder).root_commit()
    assert "no-commits" == error.value.code


@pytest.mark.skipif(os.geteuid() != 0, reason="giving a folder to another user needs root")
def test_the_repository_of_another_user_is_refused(repository: Repository, home: Path) -> None:
    """git's own refusal, with the remedy; once the user trusts it, everything works."""
    commit = repository.commit({"a": "1"})
    for path in (repository.folder, *repository.folder.rglob("*")):
        os.chown(path, 65534, 65534)
    forge = GitForge(repository.folder)
    for ask in (lambda: forge.resolve("HEAD"), lambda: forge.read(commit, "a"), forge.root_commit):
        with pytest.raises(UserError) as error:
            ask()
        assert "unsafe-repository" == error.value.code
        assert f"git config --global --add safe.directory {repository.folder}" == error.value.next
    (home / ".gitconfig").write_text(f"[safe]\ndirectory = {repository.folder}\n")
    forge.export(commit, str(home / "out"))
    forge.mirror(home / "m.git", commit)
    assert "1" == (home / "out" / "a").read_text()


def test_a_failure_of_git_is_said_in_its_words(repository: Repository) -> None:
    """What git cannot do is a PenstockError with git's own reason, not its exit code."""
    repository.commit({"a": "1"})
    with pytest.raises(PenstockError) as error:
        GitForge(repository.folder).describe("1" * 40, "HEAD")
    assert "git" == error.value.code
    assert "1111111" in error.value.what
