"""`checklist.later`: reminders that only a person can tick, due some time after a release has ended."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from pydantic import Field, field_validator

from penstock.manifest.node import Entry, Map, Node, Scalar, is_none
from penstock.manifest.problems import Problems, choice, nearest
from penstock.manifest.section import Duration, Section, wrong
from penstock.manifest.typed import typed
from penstock.manifest.when import EndConditions
from penstock.manifest.words import is_name

LATER = "later"
WEEK_S = 7 * 86400.0


class Reminder(Section):
    """What is asked, of which group, how long after the end, and after which releases."""

    not_yet: ClassVar[frozenset[str]] = frozenset({"tell", "blocks"})

    ask: str
    by: str = ""
    due_s: Duration = Field(default=WEEK_S, alias="due", gt=0)
    when: EndConditions = ()
    unless: EndConditions = ()

    @field_validator("ask")
    @classmethod
    def _words(cls, value: str) -> str:
        if not value.strip():
            raise wrong("this question is empty", "a person ticks what was asked", "Lessons written down?")
        return value


def reminders(tree: Map, problems: Problems, *, whole: bool) -> dict[str, Reminder]:
    """The reminders of a resolved tree. With `whole` false it is a part of one, and who is asked may be said elsewhere."""
    asked, found = tree.get("checklist"), {}
    entry = asked.entries.get(LATER) if isinstance(asked, Map) else None
    for one in _named(entry, problems):
        if is_name("reminder", one.key, problems) and (reminder := typed(Reminder, one.value, one.key, problems)):
            found[one.key.text] = reminder
        if whole:
            _known_group(one.value, tree.get("groups"), problems)
    return found


def _named(entry: Entry | None, problems: Problems) -> Iterable[Entry]:
    if entry is None or is_none(entry.value):
        return ()
    if isinstance(entry.value, Map):
        return entry.value.entries.values()
    problems.add(
        "shape",
        entry.value.place,
        f"`{LATER}` is a map of named reminders",
        "each reminder has a name, by which it is ticked",
        f"{LATER}: {{review: {{ask: Lessons written down?}}}}",
    )
    return ()


def _known_group(reminder: Node, groups: Node | None, problems: Problems) -> None:
    """Note a `by` that names no group."""
    by = reminder.get("by") if isinstance(reminder, Map) else None
    known = groups.entries if isinstance(groups, Map) else {}
    if isinstance(by, Scalar) and by.text not in known:
        problems.add(
            "unknown-group",
            by.place,
            f"there is no group `{by.text[:60]}`",
            "`by` names an entry of `groups`",
            nearest(by.text, known) or (f"one of: {choice(known)}" if known else "an entry in `groups`"),
        )
