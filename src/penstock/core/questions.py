"""The questions of a release to people: which are asked, of whom, and which are left out and why. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from penstock.core.brought import Brought, is_author
from penstock.core.condition import Change, bump_of, holds, labels_of
from penstock.core.gate import Asked, may_ever
from penstock.core.loosened import kept
from penstock.core.plan_defaults import time_as_written
from penstock.manifest import Environment
from penstock.manifest.approvals import Approval
from penstock.manifest.asking import AskSection
from penstock.manifest.check import CheckSection

ASK = "ask"


@dataclass(frozen=True)
class Gates:
    """What a plan says about everything that is not a check and stands before the first change.

    `asked` are the questions to people, `after` the environments in which the artifact must have run (seconds), `authors`
    the people whose own yes does not count, `left_out` the lines that are not asked, each with its reason. `hotfix` is the
    reason of one, `skips` what it leaves out.
    """

    asked: tuple[Asked, ...] = ()
    after: Mapping[str, float] = field(default_factory=dict)
    authors: tuple[str, ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()
    hotfix: str = ""
    skips: tuple[str, ...] = ()
    windows: bool = False
    freezes: bool = True

    @property
    def any(self) -> bool:
        """Whether there is anything to wait for, beside freezes."""
        return bool(self.asked or self.after or self.windows)


def gates_of(
    environment: Environment, brought: Brought, ordered_by: str, hotfix: str, left_out: Mapping[str, str],
    before: Environment | None = None, before_left_out: Mapping[str, str] = MappingProxyType({}),
) -> Gates:  # fmt: skip
    """The gates of a release. `left_out` are lines whose conditions do not hold, each with its reason. `before` is the
    environment by the manifest that serves: where that demands more approvals, they are demanded this once.
    """
    skips = environment.hotfix.skips if hotfix and environment.hotfix else ()
    asked = [*_confirmations(environment, left_out)] if "confirmations" not in skips else []
    if hotfix and environment.hotfix:
        asked.append(_hotfix(environment, hotfix))
    if "approvals" not in skips:
        asked += _approvals(environment, left_out)
    if before and not (hotfix and before.hotfix and "approvals" in before.hotfix.skips):
        asked += kept(asked, _approvals(before, before_left_out))
    people = _people(environment) | {ordered_by} | (_people(before) if before else set())
    authors = tuple(sorted(p for p in people if p == ordered_by or is_author(p, brought.authors)))
    return Gates(
        tuple(asked), {} if "after" in skips else dict(environment.after), authors, tuple(sorted(left_out.items())),
        hotfix, tuple(skips), environment.windows is not None and "windows" not in skips, "freezes" not in skips,
    )  # fmt: skip


def hopeless(gates: Gates) -> tuple[str, ...]:
    """The questions that nobody can ever answer well, each with its reason: a release would be blocked by them."""
    return tuple(why for asked in gates.asked if (why := may_ever(asked, gates.authors)))


def in_words(asked: Asked) -> str:
    """A question and whom it is asked of, in one line."""
    whom = ", ".join(asked.by) or "anybody"
    count = f"{asked.at_least} of " if asked.at_least > 1 else ""
    return f"{asked.question} ({count}{whom}{', signed' if asked.signed else ''})"


def _confirmations(environment: Environment, left_out: Mapping[str, str]) -> Iterable[Asked]:
    for moment in ("revision", "before"):
        for name, entry in environment.checklist.get(moment, {}).items():
            section = entry.section
            if isinstance(section, AskSection) and name not in left_out:
                yield Asked(
                    name, section.ask, by=_groups(environment, section.by), within_s=section.within_s,
                    good_for_s=0.0, remind_s=section.remind_s or 0.0, authors_count=True,
                    signed=len(section.by) > 1, of_plan=False,
                )  # fmt: skip


def _approvals(environment: Environment, left_out: Mapping[str, str]) -> Iterable[Asked]:
    several = len(environment.approvals) > 1
    for number, approval in enumerate(environment.approvals, 1):
        line = f"approval-{number}" if several else "approval"
        if line not in left_out:
            yield _approval(environment, line, approval)


def _approval(environment: Environment, line: str, asked: Approval) -> Asked:
    up = asked.escalate
    return Asked(
        line, f"Release it to {environment.name}?", asked.at_least, _groups(environment, asked.by), asked.within_s,
        asked.good_for_s, asked.remind_s or 0.0, up.after_s if up else 0.0,
        _groups(environment, (up.to,)) if up else {}, asked.authors == "count", asked.needs_signatures,
    )  # fmt: skip


def _hotfix(environment: Environment, reason: str) -> Asked:
    assert environment.hotfix is not None, "a hotfix that no manifest knows is refused when it is ordered"
    skipped = ", ".join(environment.hotfix.skips) or "nothing"
    question = f"Let this hotfix through to {environment.name}, without: {skipped}? ({reason})"
    return Asked("hotfix", question, 1, _groups(environment, (environment.hotfix.by,)))


def _groups(environment: Environment, names: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    return {name: environment.groups[name].people for name in names if name in environment.groups}


def _people(environment: Environment) -> set[str]:
    return {person for group in environment.groups.values() for person in group.people}


def lines_left_out(environment: Environment, brought: Brought, branch: str, labels: tuple[str, ...]) -> dict[str, str]:
    """The lines of the checklist, and the approvals, whose conditions this release does not meet, each with the reason."""
    change = change_of(brought, branch, labels)
    asked: dict[str, CheckSection | Approval] = {
        name: entry.section for entries in environment.checklist.values() for name, entry in entries.items()
    }
    several = len(environment.approvals) > 1
    asked |= {f"approval-{n}" if several else "approval": one for n, one in enumerate(environment.approvals, 1)}
    told = {name: holds(one.when, one.unless, change) for name, one in asked.items() if one.when or one.unless}
    return {name: reason for name, (yes, reason) in told.items() if not yes}


def change_of(brought: Brought, branch: str, labels: tuple[str, ...]) -> Change:
    """What conditions are held against. Where nothing serves yet, what changed is not known."""
    said = labels_of(brought.messages) | set(labels)
    if not brought.known:
        return Change(labels=frozenset(said), branch=branch or None)
    return Change(brought.paths, frozenset(said), brought.lines, bump_of(brought.messages), branch or None)


def lines_asked(environment: Environment, moment: str, left_out: Mapping[str, str]) -> tuple[str, ...]:
    """The checks of a moment that run, in the order of the file; questions to people are no checks."""
    entries = environment.checklist.get(moment, {})  # type: ignore[call-overload]
    return tuple(name for name, entry in entries.items() if entry.kind != ASK and name not in left_out)


def gates_in_words(environment: Environment, gates: Gates) -> list[str]:
    """What stands before the first change, a line each, as a plan says it."""
    said = [f"{asked.line}: {in_words(asked)}" for asked in gates.asked]
    said += [
        f"after {name}: this very artifact, {time_as_written(s)} ago at least, not rolled back since"
        for name, s in gates.after.items()
    ]
    windows = environment.windows
    if gates.windows and windows:
        said.append(
            f"windows, in {windows.timezone}: outside them it {'waits' if windows.outside == 'wait' else 'is blocked'}"
        )
    if gates.hotfix:
        said.append(f"a hotfix, which leaves out: {', '.join(gates.skips) or 'nothing'}")
    return said
