"""Whether a line is asked of a release: `when` and `unless`, held against what the release brings. Pure.

What is not known counts as so for `when`, and as not so for `unless`: in doubt a line is asked. So where nothing serves yet, and
there is nothing to compare with, everything counts as changed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

from penstock.core.brought import Brought
from penstock.manifest.when import Bump, When

MIGRATIONS = (
    "**/migrations/**",
    "**/migrate/**",
    "**/alembic/**",
    "**/flyway/**",
    "**/liquibase/**",
    "**/changelog/**/*.sql",
    "**/db/changelog/**",
)
"""Where migrations usually lie: Django, Rails, Alembic, Flyway, Liquibase, Prisma, Supabase, Laravel, Knex."""

_HEAD = re.compile(r"([a-zA-Z]+)(?:\([^()\r\n]*\))?(!)?:\s")
_BREAKING = re.compile(r"^BREAKING[ -]CHANGE: ", re.MULTILINE)
_LABEL = re.compile(r"^Release-label:(.*)$", re.MULTILINE | re.IGNORECASE)
Told = tuple[bool | None, str]


@dataclass(frozen=True)
class Change:
    """What a release brings. None: it is not known. `lines` are those added and removed; renamed files have both paths.

    `ended` is how the release ended, where it has.
    """

    paths: tuple[str, ...] | None = None
    labels: frozenset[str] | None = None
    lines: int | None = None
    bump: Bump | None = None
    branch: str | None = None
    ended: str | None = None


def holds(
    when: Sequence[When], unless: Sequence[When], change: Change, migrations: Sequence[str] = MIGRATIONS
) -> tuple[bool, str]:
    """Whether a line is asked, and why (or why not), in words. Of several conditions any one is enough.

    Nothing said is always; `unless` is stronger than `when`.
    """
    asked, why = _any(when, change, migrations) if when else (True, "")
    if asked is False:
        return False, why
    spared, because = _any(unless, change, migrations) if unless else (False, "")
    if spared:
        return False, because
    return True, why or because or "it is always asked"


def change_of(brought: Brought, branch: str, labels: Iterable[str] = ()) -> Change:
    """What a release brings, as its repository tells it; `labels` are given with the order, beside those of its commits.

    Where nothing serves yet only the branch is known: labels of older commits may be lacking.
    """
    if not brought.known:
        return Change(branch=branch or None)
    given = frozenset(labels) | labels_of(brought.messages)
    return Change(brought.paths, given, brought.lines, bump_of(brought.messages), branch or None)


def matches(path: str, glob: str) -> bool:
    """Whether a glob matches a whole path. `*` is any letters but `/`, `?` one, `**` any folders or none; case counts."""
    parts = glob.split("/")
    at = _past_stars(parts, {0})
    for name in path.split("/"):
        now = [n for n in at if n < len(parts) and (parts[n] == "**" or fnmatchcase(name, parts[n]))]
        at = _past_stars(parts, {n if parts[n] == "**" else n + 1 for n in now})
    return len(parts) in at


def _past_stars(parts: Sequence[str], at: set[int]) -> set[int]:
    """The places in a glob that are reached, and those behind a `**` that stands there: it may be no folder at all."""
    for n in range(min(at, default=0), len(parts)):
        if n in at and parts[n] == "**":
            at.add(n + 1)
    return at


def bump_of(messages: Iterable[str]) -> Literal["major", "minor", "patch"]:
    """The step of the version that the messages of commits ask for, by Conventional Commits. What is none of them is a patch."""
    found = set()
    for message in messages:
        head = _HEAD.match(message)
        if (head and head[2]) or _BREAKING.search(message):
            return "major"
        found.add(head[1].lower() if head else "")
    return "minor" if "feat" in found else "patch"


def labels_of(messages: Iterable[str]) -> frozenset[str]:
    """The labels that commits give a release: `Release-label: schema` in the last paragraph; several with commas."""
    said = (text for message in messages for text in _LABEL.findall(re.split(r"\n\s*\n", message.strip())[-1]))
    return frozenset(label.strip() for text in said for label in text.split(",") if label.strip())


def _any(conditions: Sequence[When], change: Change, migrations: Sequence[str]) -> Told:
    """The first that holds, else the first of which nobody knows, else why none does."""
    told = [_all(one, change, migrations) for one in conditions]
    for answer in (True, None):
        if found := next((one for one in told if one[0] is answer), None):
            return found
    return False, "; ".join(dict.fromkeys(why for _, why in told))


def _all(when: When, change: Change, migrations: Sequence[str]) -> Told:
    """Whether every key holds: the first that does not decides, else the first that is not known."""
    told = list(_each(when, change, migrations))
    for answer in (False, None):
        if found := next((one for one in told if one[0] is answer), None):
            return found
    return True, ", ".join(why for _, why in told)


def _each(when: When, change: Change, migrations: Sequence[str]) -> Iterator[Told]:
    if when.paths:
        yield _paths(change.paths, when.paths, f"no path of {_or(when.paths)} changed")
    if when.migrations:
        yield _paths(change.paths, migrations, "no migration changed")
    if when.labels:
        yield _labels(change.labels, when.labels)
    if when.lines:
        yield _lines(change.lines, when.lines.at_least)
    if when.bump:
        yield _one(change.bump, when.bump.__contains__, "a {} bump", f"no {_or(when.bump)} bump", "which bump it is")
    if when.branches:
        globs = when.branches
        yield _one(change.branch, lambda name: any(matches(name, glob) for glob in globs), "branch {}",
                   f"not a branch of {_or(globs)}", "which branch it is")  # fmt: skip
    if when.ended:
        yield _one(change.ended, when.ended.__contains__, "it ended {}", f"not {_or(when.ended)}", "how it ended")


def _paths(paths: Sequence[str] | None, globs: Sequence[str], none: str) -> Told:
    if paths is None:
        return None, "there is nothing to compare with, so everything counts as changed"
    found = [path for path in paths if any(matches(path, glob) for glob in globs)]
    if not found:
        return False, none
    more = f" and {len(found) - 1} more" if len(found) > 1 else ""
    return True, f"{found[0]}{more} changed"


def _labels(labels: frozenset[str] | None, asked: Sequence[str]) -> Told:
    if labels is None:
        return None, "nobody knows its labels"
    found = [label for label in asked if label in labels]
    return (True, f"labelled {_and(found)}") if found else (False, f"not labelled {_or(asked)}")


def _lines(lines: int | None, at_least: int) -> Told:
    if lines is None:
        return None, "there is nothing to compare with, so every line counts as changed"
    return lines >= at_least, f"{lines} lines changed" + (
        "" if lines >= at_least else f", and {at_least} are asked for"
    )


def _one(value: str | None, is_meant: Callable[[str], bool], yes: str, no: str, what: str) -> Told:
    if value is None:
        return None, f"nobody knows {what}"
    told = yes.format(value)
    return (True, told) if is_meant(value) else (False, f"{told}, {no}")


def _or(words: Sequence[str]) -> str:
    return " or ".join(words)


def _and(words: Sequence[str]) -> str:
    return " and ".join(words)
