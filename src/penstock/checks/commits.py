"""The check `commits`: the messages of what is released, as a team agreed to write them."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from penstock.checks.commits_git import CannotRead, Commit, Repository, bounded, plain, since, unread
from penstock.core.finding import CheckRequest, Finding, Outcome
from penstock.manifest.check import CheckSection
from penstock.manifest.groups import one_or_several
from penstock.manifest.section import Count, wrong

_TYPES = ("build", "chore", "ci", "docs", "feat", "fix", "perf", "refactor", "revert", "style", "test")
_CONVENTIONAL = re.compile(r"([A-Za-z][A-Za-z0-9-]*)(?:\([^()\s][^()]*\))?!?: \S")
_OWN_RULES = ("style", "pattern", "closes", "max_subject", "authors")
_SUBJECT = 1000
_MESSAGE = 64 << 10  # a pattern is asked of so much, and no more


class CommitsSection(CheckSection):
    """What every message, or one of them, must be like."""

    pace: ClassVar[str] = "quality"

    style: Literal["conventional"] | None = None
    types: Annotated[tuple[str, ...], BeforeValidator(one_or_several)] = _TYPES
    pattern: str | None = None
    closes: str | None = None
    closes_in: Literal["each", "any"] = "each"
    merge: Literal["allowed", "refused"] = "allowed"
    max_subject: Count | None = Field(default=None, ge=10)
    authors: Annotated[tuple[str, ...], BeforeValidator(one_or_several)] = ()

    @field_validator("pattern", "closes")
    @classmethod
    def _a_pattern(cls, value: str | None) -> str | None:
        try:
            re.compile(value or "")
        except (re.error, RecursionError, OverflowError) as error:
            raise wrong(f"this pattern cannot be read: {error}", "it is a regular expression", r"JIRA-\d+") from error
        return value

    @field_validator("authors")
    @classmethod
    def _domains(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for one in value:
            if not re.fullmatch(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*", one):
                raise wrong(f"`{one[:60]}` is no domain", "it is what stands behind the @", "example.com")
        return value

    @model_validator(mode="after")
    def _something(self) -> CommitsSection:
        if self.merge == "allowed" and not any(getattr(self, key) for key in _OWN_RULES):
            why = "without a rule every message passes"
            raise wrong("nothing is asked of the messages", why, "style: conventional", code="missing-key")
        return self


class CommitsCheck:
    """Passes when the messages of the commits since the last release are as your team agreed.

    A changelog, a version number and a search for the reason of a line are only as good as the messages. Of a first
    release the released commit alone is read. Merges, and reverts as git words them, are asked for nothing but
    `merge` and `authors`: their messages are git's.

    - `style`: `conventional`, as in `fix(cart): count what was removed`; `!` before the colon says that it breaks something.
    - `types`: the words that may stand first in that style; build, chore, ci, docs, feat, fix, perf, refactor, revert,
      style and test if left out.
    - `pattern`: a regular expression that is found in every subject (write `^` and `$` to mean all of it).
    - `closes`: a regular expression that is found in every message, such as the number of an issue.
    - `closes_in`: `each` commit, or `any` of them: at least one. `each` if left out.
    - `merge`: `refused` where the history has to be a line; `allowed` if left out.
    - `max_subject`: how many characters a subject has at most.
    - `authors`: the domains that authors' addresses are of. (git proves no address: for that, `is: branch, signed: true`.)

    Bad:   messages: {is: commits, pattern: ".*"}        # every message has that
    Good:  messages: {is: commits, style: conventional, closes: "JIRA-[0-9]+", max_subject: 72}
    """

    def run(self, request: CheckRequest) -> Outcome:
        """Read the messages, and judge them."""
        section = CommitsSection.model_validate(request.section)
        began = time.monotonic()
        repository = Repository(request.repository, began + section.within_s)
        try:
            commits = _commits(repository, request.commit, request.last.commit)
        except CannotRead as error:
            return unread(error)
        return judged(section, commits, first=not request.last.commit)


def _commits(repository: Repository, commit: str, last: str) -> list[Commit]:
    repository.need(commit, "the released commit")
    if not last:
        return repository.commits((commit,), newest=1)
    repository.need(last, "the last release's commit")
    return repository.commits(since(commit, last))


def judged(section: CommitsSection, commits: Sequence[Commit], *, first: bool) -> Outcome:
    """What the messages say."""
    if not commits:
        return Outcome("skipped", "there are no new commits since the last release: no message to read")
    whose = "the released commit (nothing was released before)" if first else _counted(len(commits))
    findings = [finding for commit in commits for finding in _problems(section, commit)]
    findings += _unclosed(section, commits)
    if not findings:
        return Outcome("passed", f"the messages of {whose} are as agreed", measured={"commits": len(commits)})
    bad = len({finding.where for finding in findings})
    subjects = ", ".join(dict.fromkeys(finding.where for finding in findings if finding.where))
    sentence = f"{bad} of {len(commits)} messages are not as agreed: {subjects}" if subjects else findings[0].condition
    return Outcome("failed", plain(sentence, 300), bounded(findings), measured={"commits": len(commits)})


def _counted(number: int) -> str:
    return f"{number} commits since the last release" if number > 1 else "the one commit since the last release"


def _problems(section: CommitsSection, commit: Commit) -> list[Finding]:
    said = [_merged(section, commit), _author(section, commit)]
    if not _by_git(commit):
        said += [_style(section, commit), _pattern(section, commit), _long(section, commit)]
        said += [_closing(section, commit)] if section.closes_in == "each" else []
    name = f"{commit.id[:12]} `{plain(commit.subject, 80)}`"
    return [
        Finding(f"{name} {what}", "the message says less than agreed", remedy, commit.id[:12], "medium")
        for what, remedy in filter(None, said)
    ]


def _by_git(commit: Commit) -> bool:
    """Whether git wrote the message: of a merge, or of a revert."""
    return len(commit.parents) > 1 or commit.subject.startswith('Revert "')


def _merged(section: CommitsSection, commit: Commit) -> tuple[str, str] | None:
    if section.merge == "refused" and len(commit.parents) > 1:
        return "is a merge, and `merge` is refused", "rebase the branch instead of merging into it"
    return None


def _author(section: CommitsSection, commit: Commit) -> tuple[str, str] | None:
    domain = commit.email.rpartition("@")[2].lower()
    if section.authors and domain not in {one.lower() for one in section.authors}:
        return f"is by an author of `{plain(domain, 60)}`", f"an address of {' or '.join(section.authors)}"
    return None


def _style(section: CommitsSection, commit: Commit) -> tuple[str, str] | None:
    if section.style is None:
        return None
    found = _CONVENTIONAL.match(commit.subject[:_SUBJECT])
    if found is None:
        return "is not in the conventional style", "`type(scope): what it does`, as in `fix: count removed items`"
    if found[1].lower() not in section.types:
        return f"begins with `{plain(found[1], 30)}`, which is no type here", f"one of {', '.join(section.types)}"
    return None


def _pattern(section: CommitsSection, commit: Commit) -> tuple[str, str] | None:
    if section.pattern is None or re.search(section.pattern, commit.subject[:_SUBJECT]):
        return None
    return "does not match `pattern`", f"a subject that matches {plain(section.pattern, 80)}"


def _long(section: CommitsSection, commit: Commit) -> tuple[str, str] | None:
    if section.max_subject is None or len(commit.subject) <= section.max_subject:
        return None
    return f"has {len(commit.subject)} characters", f"at most {section.max_subject}; the rest below an empty line"


def _closing(section: CommitsSection, commit: Commit) -> tuple[str, str] | None:
    if section.closes is None or re.search(section.closes, commit.message[:_MESSAGE]):
        return None
    return "names nothing that it closes", f"a message with {plain(section.closes, 80)} in it"


def _unclosed(section: CommitsSection, commits: Sequence[Commit]) -> list[Finding]:
    """With `closes_in: any`: what is wrong when no message at all names what it closes."""
    if section.closes is None or section.closes_in == "each":
        return []
    if any(_closing(section, commit) is None for commit in commits):
        return []
    what = f"none of {len(commits)} messages names what it closes"
    return [Finding(what, "nobody can tell what this release is for", f"{plain(section.closes, 80)} in one of them")]
