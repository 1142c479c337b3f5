"""The check `branch`, with real repositories."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from penstock.checks.branch import BranchCheck, BranchSection
from penstock.core import data
from penstock.core.finding import Outcome
from tests.checks.commits_repository import ENV, Written, written


@pytest.fixture
def repository(tmp_path: Path) -> Written:
    """An empty repository."""
    return written(tmp_path / "work")


def run(repository: Written, section: dict[str, Any], commit: str, last: str = "", **more: Any) -> Outcome:
    """The outcome of a section as a manifest writes it."""
    plain = data.dump(BranchSection.model_validate(section))
    return BranchCheck().run(repository.asking(plain, commit, last, **more))


def side(repository: Written, files: dict[str, Any] | None = None) -> str:
    """A commit on a branch of its own; main is checked out again."""
    repository.git("switch", "-q", "-c", "side")
    commit = repository.commit("feat: side", files)
    repository.git("switch", "-q", "main")
    return commit


def test_the_commit_is_on_its_branch(repository: Written) -> None:
    """On the branch: its tip or anything before it. Elsewhere: failed, and the branches are named."""
    first = repository.commit("feat: one")
    other = side(repository)
    tip = repository.commit("feat: two")
    assert ["passed", "passed", "failed"] == [run(repository, {"on": "main"}, one).state for one in (first, tip, other)]
    outcome = run(repository, {"on": ["main", "release/*"]}, other)
    assert f"{other[:12]} is not on `main` or `release/*`" == outcome.sentence
    assert "passed" == run(repository, {"on": ["main", "s*"]}, other).state
    assert "there is no branch `master`" == run(repository, {"on": "master"}, tip).sentence


def test_what_origin_has_counts(repository: Written) -> None:
    """A commit that is only on the local branch is not on it for anybody else."""
    first = repository.commit("feat: one")
    repository.git("update-ref", "refs/remotes/origin/main", first)
    repository.git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main")
    tip = repository.commit("feat: two")
    assert ("passed", "failed") == (
        run(repository, {"on": "main"}, first).state,
        run(repository, {"on": "main"}, tip).state,
    )
    assert "is on origin/main" in run(repository, {"on": "main"}, first).sentence
    assert "there is no branch `HEAD`" == run(repository, {"on": "HEAD"}, first).sentence


def test_what_runs_must_not_be_lost(repository: Written) -> None:
    """The released commit contains the one that runs; else what would be lost is counted."""
    first = repository.commit("feat: one")
    other = side(repository)
    tip = repository.commit("feat: two")
    assert "passed" == run(repository, {}, tip, first).state
    assert "passed" == run(repository, {}, tip, tip).state
    outcome = run(repository, {}, tip, other)
    assert f"{tip[:12]} does not contain {other[:12]}, which runs: 1 commits would be lost" == outcome.sentence
    assert "failed" == run(repository, {}, first, tip).state
    assert "passed" == run(repository, {"ahead": "false", "on": "main"}, first, tip).state


def test_a_first_release_has_nothing_to_compare_with(repository: Written) -> None:
    """Alone, the comparison is undecided; beside anything else it is said, and the rest decides."""
    commit = repository.commit("feat: one")
    assert "undecided" == run(repository, {}, commit).state
    outcome = run(repository, {"on": "main"}, commit)
    assert ("passed", True) == (outcome.state, "nothing was released before" in outcome.sentence)
    assert "failed" == run(repository, {"on": "other"}, commit).state


def test_conflicts_are_found_and_nothing_is_written(repository: Written) -> None:
    """A merge is tried in memory: its conflicts are named by file, and the repository stays as it was."""
    repository.commit("feat: one", {"a\n\x1b[31m.py": "1\n", "b": "1\n"})
    bad = side(repository, {"a\n\x1b[31m.py": "2\n"})
    repository.git("switch", "-q", "-c", "good", "main")
    good = repository.commit("feat: good", {"c": "1\n"})
    repository.git("switch", "-q", "main")
    tip = repository.commit("feat: two", {"a\n\x1b[31m.py": "3\n"})
    before = repository.git("count-objects", "-v")
    outcome = run(repository, {"into": "main"}, bad)
    assert ("failed", True) == (outcome.state, outcome.sentence.isprintable())
    assert ["a\ufffd\ufffd[31m.py"] == [finding.where for finding in outcome.findings if finding.where]
    assert "goes into main without a conflict" in run(repository, {"into": "main"}, good).sentence
    assert "passed" == run(repository, {"into": "main"}, tip).state
    assert before == repository.git("count-objects", "-v")
    assert "failed" == run(repository, {"into": "nowhere"}, good).state


def test_up_to_date(repository: Written) -> None:
    """The commit has all that the branch it goes into has, or what it lacks is counted."""
    repository.commit("feat: one")
    other = side(repository)
    tip = repository.commit("feat: two", {"a": "1"})
    outcome = run(repository, {"into": "main", "up_to_date": "true"}, other)
    assert ("failed", f"{other[:12]} lacks 1 commits of main") == (outcome.state, outcome.sentence)
    both = repository.git("commit-tree", "-p", tip, "-p", other, "-m", "m", f"{tip}^{{tree}}")
    assert "it has all of main" in run(repository, {"into": "main", "up_to_date": "true"}, both).sentence


def test_a_tag(repository: Written) -> None:
    """A tag of the pattern, plain or annotated, points at the very commit."""
    first = repository.commit("feat: one")
    commit = repository.commit("feat: two")
    repository.git("tag", "v1", first)
    outcome = run(repository, {"tag": "v*"}, commit)
    assert ("failed", f"no tag `v*` points at {commit[:12]}") == (outcome.state, outcome.sentence)
    repository.git("tag", "-a", "v2", "-m", "two", commit)
    assert "tagged v2" in run(repository, {"tag": "v*"}, commit).sentence


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """A key that signs, made for this test."""
    place = tmp_path / "key"
    words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "ana", "-f", str(place)]
    subprocess.run(words, check=True, env=ENV, timeout=30)
    return place


def signed(repository: Written, key: Path, files: dict[str, Any] | None = None) -> str:
    """A commit with a signature of that key."""
    for name, value in (("gpg.format", "ssh"), ("user.signingKey", str(key)), ("commit.gpgSign", "true")):
        repository.git("config", name, value)
    commit = repository.commit("feat: signed", files)
    repository.git("config", "commit.gpgSign", "false")
    return commit


def test_a_signature(repository: Written, key: Path) -> None:
    """One of the signers of the commit itself signed it; anybody else's, none, or a broken one fails."""
    line = f"ana@example.com {key.with_suffix('.pub').read_text()}"
    plain = repository.commit("feat: one", {".penstock/allowed_signers": line})
    good = signed(repository, key)
    assert ("failed", f"{plain[:12]} is not signed") == (
        run(repository, {"signed": "true"}, plain).state, run(repository, {"signed": "true"}, plain).sentence)  # fmt: skip
    outcome = run(repository, {"signed": "true"}, good, plain)
    assert ("passed", True) == (outcome.state, outcome.sentence.endswith("signed by ana@example.com"))
    raw = repository.git("cat-file", "commit", good)
    (repository.folder.parent / "raw").write_text(raw.replace("feat: signed", "feat: other") + "\n")
    forged = repository.git("hash-object", "-t", "commit", "-w", str(repository.folder.parent / "raw"))
    assert "failed" == run(repository, {"signed": "true"}, forged).state
    other = signed(repository, key, {".penstock/allowed_signers": "# nobody\n"})
    outcome = run(repository, {"signed": "true"}, other)
    assert ("failed", True) == (outcome.state, "a key that the signers do not have" in outcome.sentence)


def test_a_signer_whose_time_is_over(repository: Written, key: Path) -> None:
    """A key that was valid until before the commit was made signs nothing any more."""
    line = f'ana@example.com valid-before="20200101" {key.with_suffix(".pub").read_text()}'
    commit = signed(repository, key, {".penstock/allowed_signers": line})
    assert "failed" == run(repository, {"signed": "true"}, commit).state


def test_new_signers_are_said(repository: Written, key: Path) -> None:
    """A signature by a list that this very release changed passes, and says so."""
    first = repository.commit("feat: one", {".penstock/allowed_signers": "# nobody\n"})
    line = f"ana@example.com {key.with_suffix('.pub').read_text()}"
    commit = signed(repository, key, {".penstock/allowed_signers": line})
    assert "(`.penstock/allowed_signers` is new)" in run(repository, {"signed": "true"}, commit, first).sentence


def test_signers_that_are_no_file_are_an_error(repository: Written, tmp_path: Path) -> None:
    """No file of signers, or a link out of the tree instead of one: nothing was verified."""
    commit = repository.commit("feat: one")
    assert "errored" == run(repository, {"signed": "true"}, commit).state
    (repository.folder / ".penstock").mkdir()
    (repository.folder / ".penstock" / "allowed_signers").symlink_to("/etc/passwd")
    commit = repository.commit("feat: two", {"a": "1"})
    assert "errored" == run(repository, {"signed": "true"}, commit).state


def test_a_mirror_without_branches_is_an_error(repository: Written, tmp_path: Path) -> None:
    """Where the branches are not known, nobody knows whether the commit is on one; what needs none is asked."""
    commit = repository.commit("feat: one")
    bare = Written(tmp_path / "bare")
    bare.folder.mkdir()
    bare.git("init", "-q", "--bare")
    repository.git("push", "-q", str(bare.folder), f"{commit}:refs/penstock/{commit}")
    for section in ({"on": "main"}, {"into": "main"}, {"tag": "v*"}):
        outcome = run(bare, section, commit)
        assert ("errored", True) == (outcome.state, "branches" in outcome.sentence)
    assert "passed" == run(bare, {}, commit, commit).state


def test_a_work_tree_is_clean(repository: Written) -> None:
    """Of a folder that is a work tree, all is committed; any other folder is not asked about."""
    commit = repository.commit("feat: one", {"a": "1"})
    here = {"folder": str(repository.folder)}
    assert "the work tree is clean" in run(repository, {"on": "main"}, commit, **here).sentence
    (repository.folder / "-new\n\x1b").write_text("1")
    outcome = run(repository, {"on": "main"}, commit, **here)
    assert ("failed", "1 files are not committed: -new\ufffd\ufffd") == (outcome.state, outcome.sentence)
    assert "passed" == run(repository, {"on": "main"}, commit).state


def test_hostile_branches_are_names(repository: Written, tmp_path: Path) -> None:
    """A branch that looks like an option is a branch, and runs nothing."""
    commit = repository.commit("feat: one")
    name = f"--upload-pack=touch${{IFS}}{tmp_path}/owned"
    repository.git("update-ref", f"refs/heads/{name}", commit)
    assert "passed" == run(repository, {"on": name, "into": name, "up_to_date": "true"}, commit).state
    assert "failed" == run(repository, {"on": "--output=x", "into": "--all"}, commit).state
    assert not (tmp_path / "owned").exists()


def test_what_cannot_be_read_is_an_error(repository: Written, tmp_path: Path) -> None:
    """No repository, no such commit, no time: errored, with what to do."""
    commit = repository.commit("feat: one")
    assert "errored" == run(repository, {}, "0" * 40).state
    assert "errored" == run(repository, {}, commit, "0" * 40).state
    assert "errored" == run(repository, {"on": "main", "within": "1ms"}, commit).state
    request = replace(repository.asking({"on": ["main"]}, commit), repository=str(tmp_path / "nowhere"))
    outcome = BranchCheck().run(request)
    assert ("errored", True) == (outcome.state, bool(outcome.findings[0].remedy))


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"ahead": "false"}, "nothing is asked of the commit"),
        ({"up_to_date": "true"}, "with what?"),
        ({"on": "a b"}, "is no name that git knows"),
        ({"into": "main..x"}, "is no name that git knows"),
        ({"on": ""}, "is no name that git knows"),
        ({"signers": "../x"}, "leads out of the repository"),
        ({"from": "main"}, "Extra inputs"),
    ],
)
def test_a_section_that_cannot_be_is_refused(section: dict[str, Any], said: str) -> None:
    """What could never be asked is refused when the manifest is read."""
    with pytest.raises(ValidationError) as refused:
        BranchSection.model_validate(section)
    assert said in str(refused.value)
