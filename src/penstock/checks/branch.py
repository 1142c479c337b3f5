"""The check `branch`: the released commit is where it belongs, and goes on from what runs."""

from __future__ import annotations

import os
import re
import tempfile
import time
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import BeforeValidator, field_validator, model_validator

from penstock.checks.commits_git import CannotRead, Repository, bounded, plain, unread
from penstock.checks.reported import a_path_inside
from penstock.core.finding import CheckRequest, Finding, Outcome
from penstock.manifest.check import CheckSection
from penstock.manifest.groups import one_or_several
from penstock.manifest.section import Flag, wrong

SIGNERS = ".penstock/allowed_signers"
_LOCAL, _SHARED, _TAGS = "refs/heads/", "refs/remotes/origin/", "refs/tags/"
_NO_REF = re.compile(r"[\x00-\x20\x7f~^:\\]|\.\.|@\{|//")
_FILES_SHOWN = 20
_SIGNERS_LIMIT = 1 << 20
_GOOD = re.compile(r'Good "git" signature for (\S+)')


class BranchSection(CheckSection):
    """Where the commit must be: `on` branches, ready to go `into` one, `signed`, with a `tag`."""

    pace: ClassVar[str] = "quality"

    on: Annotated[tuple[str, ...], BeforeValidator(one_or_several)] = ()
    ahead: Flag = True
    into: str | None = None
    up_to_date: Flag = False
    signed: Flag = False
    signers: str = SIGNERS
    tag: str | None = None

    @field_validator("on", "into", "tag")
    @classmethod
    def _a_name(cls, value: str | tuple[str, ...] | None) -> str | tuple[str, ...] | None:
        for one in (value,) if isinstance(value, str) else value or ():
            if not one or _NO_REF.search(one) or one.startswith("/") or one.endswith("/"):
                raise wrong(f"`{plain(one, 60)}` is no name that git knows", "it is a branch's or tag's", "main")
        return value

    @field_validator("signers")
    @classmethod
    def _inside(cls, value: str) -> str:
        return a_path_inside(value)

    @model_validator(mode="after")
    def _whole(self) -> BranchSection:
        if self.up_to_date and not self.into:
            raise wrong("`up_to_date` with what?", "it compares with the branch `into`", "into: main", at="up_to_date")
        if not (self.on or self.ahead or self.into or self.signed or self.tag):
            raise wrong("nothing is asked of the commit", "so every commit passes", "on: main", code="missing-key")
        return self


class BranchCheck:
    """Passes when the released commit is on its branch, and nothing that runs would be lost by releasing it.

    What everybody shares counts: where the repository knows branches of `origin`, a commit that is only on a local
    branch is not on it yet. A folder that is a work tree has to be clean as well. A comparison that has nothing to
    compare with (a first release) is said, and decides nothing.

    - `on`: the branch that the commit must be on, or several; `*` stands for anything, as in `release/*`.
    - `ahead`: whether the commit must contain the one that runs; true if left out.
    - `into`: the branch that it must go into without a conflict.
    - `up_to_date`: whether it must contain all that `into` has; false if left out.
    - `signed`: whether the commit must have a good signature, by SSH, of one of the signers; false if left out.
    - `signers`: the file that names them, in the form of ssh-keygen's allowed signers, as it is at the commit;
      .penstock/allowed_signers if left out.
    - `tag`: a tag that must point at the commit; `*` stands for anything, as in `v*`.

    Bad:   branch: {is: branch, on: "*"}         # any branch of anybody
    Good:  branch: {is: branch, on: [main, "release/*"], signed: true}
    """

    def run(self, request: CheckRequest) -> Outcome:
        """Ask git everything that the section asks for, and gather what is wrong."""
        section = BranchSection.model_validate(request.section)
        repository = Repository(request.repository, time.monotonic() + section.within_s)
        try:
            repository.need(request.commit, "the released commit")
            answers = _answers(section, request, repository)
        except CannotRead as error:
            return unread(error)
        return judged(answers)


@dataclass(frozen=True)
class Answer:
    """One thing that was asked: what is so, and what is wrong with it. `compared` False: there was nothing to compare."""

    said: str
    problems: tuple[Finding, ...] = ()
    compared: bool = True


def judged(answers: list[Answer]) -> Outcome:
    """The answers as one."""
    problems = [problem for answer in answers for problem in answer.problems]
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        return Outcome("failed", plain(problems[0].condition, 280) + more, bounded(problems))
    state = "passed" if any(answer.compared for answer in answers) else "undecided"
    return Outcome(state, plain("; ".join(answer.said for answer in answers), 300))  # type: ignore[arg-type]


def _answers(section: BranchSection, request: CheckRequest, repository: Repository) -> list[Answer]:
    commit = request.commit
    answers = [_on(repository, commit, section.on)] if section.on else []
    answers += [_ahead(repository, commit, request.last.commit)] if section.ahead else []
    answers += _into(repository, commit, section) if section.into else []
    answers += [_signed(repository, section, request)] if section.signed else []
    answers += [_tagged(repository, commit, section.tag)] if section.tag else []
    answers += [_clean(request, repository)] if os.path.lexists(Path(request.folder) / ".git") else []
    return answers


def _branches(repository: Repository) -> dict[str, str]:
    """The shared branches if the repository knows any, else its own; full names, and where each is."""
    shared = repository.refs(_SHARED)
    shared.pop(f"{_SHARED}HEAD", None)
    found = shared or repository.refs(_LOCAL)
    if not found:
        raise CannotRead(
            "the repository that is read has no branches (neither refs/heads nor refs/remotes/origin)",
            "a release ordered from a clone with branches",
        )
    return found


def _short(ref: str) -> str:
    """A branch as a person names it: `main`, `origin/main`."""
    return ref.removeprefix("refs/heads/").removeprefix("refs/remotes/").removeprefix("refs/tags/")


def _named(ref: str) -> str:
    return ref.removeprefix(_LOCAL).removeprefix(_SHARED)


def _on(repository: Repository, commit: str, patterns: tuple[str, ...]) -> Answer:
    branches = _branches(repository)
    asked = {ref: at for ref, at in branches.items() if any(fnmatchcase(_named(ref), one) for one in patterns)}
    holding = sorted(_short(ref) for ref, at in asked.items() if repository.contains(commit, at))
    if holding:
        return Answer(f"{commit[:12]} is on {', '.join(holding[:3])}")
    wanted = " or ".join(f"`{plain(one, 60)}`" for one in patterns)
    if not asked:
        what, remedy = f"there is no branch {wanted}", f"one of {', '.join(map(_short, sorted(branches)[:5]))}"
    else:
        names = ", ".join(sorted(map(_short, asked))[:5])
        what, remedy = f"{commit[:12]} is not on {wanted}", f"merge it, and push: it is not in {names}"
    return Answer("", (Finding(what, "what is released is not what was agreed on", remedy, severity="high"),))


def _ahead(repository: Repository, commit: str, last: str) -> Answer:
    if not last:
        return Answer("nothing was released before to be ahead of", compared=False)
    repository.need(last, "the last release's commit")
    if commit == last:
        return Answer(f"{commit[:12]} is what runs")
    if repository.contains(last, commit):
        return Answer(f"it contains {last[:12]}, which runs")
    lost = repository.bytes("rev-list", "--count", "--end-of-options", last, f"^{commit}").decode().strip()
    what = f"{commit[:12]} does not contain {last[:12]}, which runs: {lost} commits would be lost"
    remedy = f"merge or rebase onto {last[:12]}; or `penstock rollback`, if going back is meant"
    return Answer("", (Finding(what, "what users have now would be gone", remedy, severity="high"),))


def _into(repository: Repository, commit: str, section: BranchSection) -> list[Answer]:
    branches, name = _branches(repository), section.into or ""
    ref = next((one for one in (_SHARED + name, _LOCAL + name) if one in branches), "")
    if not ref:
        what = f"there is no branch `{plain(name, 60)}` to go into"
        near = ", ".join(map(_short, sorted(branches)[:5]))
        return [Answer("", (Finding(what, "nothing can be merged into it", f"one of {near}", severity="high"),))]
    answers = [_merges(repository, commit, branches[ref], _short(ref))]
    if section.up_to_date:
        answers.append(_up_to_date(repository, commit, branches[ref], _short(ref)))
    return answers


def _up_to_date(repository: Repository, commit: str, tip: str, name: str) -> Answer:
    if repository.contains(tip, commit):
        return Answer(f"it has all of {name}")
    count = repository.bytes("rev-list", "--count", "--end-of-options", tip, f"^{commit}").decode().strip()
    what = f"{commit[:12]} lacks {count} commits of {plain(name, 60)}"
    return Answer("", (Finding(what, "it was tested without them", f"merge {plain(name, 60)} into it"),))


def _merges(repository: Repository, commit: str, tip: str, name: str) -> Answer:
    """Merge in memory; the objects that this makes go to a folder that is thrown away."""
    if repository.contains(tip, commit) or repository.contains(commit, tip):
        return Answer(f"nothing in {plain(name, 60)} stands against it")
    objects = repository.ask("rev-parse", "--path-format=absolute", "--git-path", "objects").out.rstrip("\n")
    words = ("merge-tree", "--write-tree", "--name-only", "--no-messages", "-z", tip, commit)
    with tempfile.TemporaryDirectory(prefix="penstock-merge-") as place:
        beside = {"GIT_OBJECT_DIRECTORY": place, "GIT_ALTERNATE_OBJECT_DIRECTORIES": _quoted(objects)}
        done = repository.ask(*words, env=beside)
    if done.code == 0:
        return Answer(f"it goes into {plain(name, 60)} without a conflict")
    if done.code != 1:
        said = "is older than 2.38" if "usage:" in done.err else f"says: {plain(done.err.strip(), 150)}"
        raise CannotRead(f"whether it goes into {plain(name, 60)} cannot be asked: git {said}", "git 2.38 or newer")
    return Answer("", _conflicts(done.out, commit, name))


def _quoted(path: str) -> str:
    """A path as git's list of folders takes it: C-quoted, for it may hold a colon."""
    return '"' + path.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _conflicts(out: str, commit: str, name: str) -> tuple[Finding, ...]:
    """A finding for each file in conflict; the list is NUL-separated, the tree's id first."""
    files = list(dict.fromkeys(part for part in out.split("\0")[1:] if part)) or ["(unnamed)"]
    what = f"{len(files)} files of {commit[:12]} are in conflict with {plain(name, 60)}"
    effect, remedy = "it cannot be merged as it is", f"merge {plain(name, 60)} into it, and resolve the conflicts"
    first = Finding(f"{what}: {', '.join(plain(one, 60) for one in files[:3])}", effect, remedy, severity="high")
    each = [Finding(f"`{plain(one)}` is in conflict", effect, remedy, plain(one)) for one in files[:_FILES_SHOWN]]
    return (first, *each)


def _signed(repository: Repository, section: BranchSection, request: CheckRequest) -> Answer:
    commit, path = request.commit, section.signers
    signers = _file(repository, commit, path)
    if signers is None:
        raise CannotRead(f"there is no `{plain(path, 100)}` at {commit[:12]}", "a line for each signer in that file")
    with tempfile.TemporaryDirectory(prefix="penstock-signers-") as place:
        file = Path(place) / "allowed_signers"
        file.write_bytes(signers)
        config = {"gpg.format": "ssh", "gpg.ssh.allowedSignersFile": str(file), "gpg.ssh.revocationFile": ""}
        done = repository.ask("verify-commit", commit, config=config)
    found = _GOOD.search(done.err + done.out)
    if done.code == 0 and found:
        changed = request.last.commit and signers != _file(repository, request.last.commit, path)
        return Answer(f"signed by {plain(found[1], 60)}" + (f" (`{plain(path, 60)}` is new)" if changed else ""))
    if "cannot run ssh-keygen" in done.err or ("ssh-keygen" in done.err and "needed" in done.err):
        raise CannotRead("a signature cannot be verified: ssh-keygen is not there", "install openssh-client")
    what = f"{commit[:12]} {_why_unsigned(done.err + done.out)}"
    remedy = f"git commit --amend -S, with a key that `{plain(path, 60)}` names"
    return Answer("", (Finding(what, "nobody knows who made it", remedy, plain(path), "high"),))


def _why_unsigned(said: str) -> str:
    if not said.strip():
        return "is not signed"
    if "No principal matched" in said or "Good" in said:
        return "is signed with a key that the signers do not have"
    if "Could not verify" in said or "incorrect signature" in said:
        return "has a signature that is not good"
    return "has a signature that SSH does not know"


def _file(repository: Repository, commit: str, path: str) -> bytes | None:
    """A plain file at a commit; None when it is not there (or a link: that could lead anywhere)."""
    row = repository.bytes("ls-tree", "-z", "--full-tree", commit, "--", path).split(b"\0")[0]
    head, _, name = row.partition(b"\t")
    if name != os.fsencode(path) or not head.startswith(b"100"):
        return None
    return repository.bytes("cat-file", "blob", head.split(b" ")[2].decode(), limit=_SIGNERS_LIMIT)


def _tagged(repository: Repository, commit: str, pattern: str) -> Answer:
    tags = repository.refs(_TAGS)
    if not tags and not repository.refs(_LOCAL, _SHARED):
        raise CannotRead("the repository that is read has neither tags nor branches", "a clone with its tags")
    names = sorted(_short(ref) for ref, at in tags.items() if at == commit and fnmatchcase(_short(ref), pattern))
    if names:
        return Answer(f"tagged {', '.join(names[:3])}")
    what = f"no tag `{plain(pattern, 60)}` points at {commit[:12]}"
    return Answer("", (Finding(what, "it is no release that has a name", f"git tag NAME {commit[:12]}"),))


def _clean(request: CheckRequest, repository: Repository) -> Answer:
    """Of a folder that is a work tree: that it holds nothing that is not committed."""
    here = Repository(request.folder, repository.until)
    names = [part for part in here.bytes("status", "--porcelain", "-z", "--no-renames").split(b"\0") if part]
    if not names:
        return Answer("the work tree is clean")
    shown = [plain(os.fsdecode(name[3:])) for name in names]
    what = f"{len(names)} files are not committed: {', '.join(shown[:3])}"
    remedy = "commit or remove them"
    return Answer("", tuple(Finding(what, "what was tested is not what is released", remedy, one) for one in shown[:1]))
