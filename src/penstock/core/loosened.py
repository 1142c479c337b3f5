"""What a release would demand less than the one that serves did: the stricter holds this once, and the plan says the rest.

Nobody lets a release through by the very commit that is released. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from penstock.core.gate import Asked
from penstock.manifest import Environment


def kept(asked: Iterable[Asked], before: Iterable[Asked]) -> Iterator[Asked]:
    """The approvals that the serving manifest demands, and no approval of the new one demands as much."""
    new = [one for one in asked if one.of_plan]
    for old in before:
        if not any(_as_strict(one, old) for one in new):
            yield replace(
                old, line=f"{old.line}-before", question=f"{old.question} (as the release that serves demands)"
            )


def _as_strict(new: Asked, old: Asked) -> bool:
    """Whether whoever satisfies the new one satisfies the old one too."""
    fewer_people = all(
        set(new.by.get(name, ())) and set(new.by[name]) <= set(people) for name, people in old.by.items()
    )
    instead = {person for people in new.escalate_to.values() for person in people}
    known = {person for people in (*old.by.values(), *old.escalate_to.values()) for person in people}
    return (
        new.at_least >= old.at_least
        and fewer_people
        and set(new.by) <= set(old.by)
        and instead <= known
        and (new.signed or not old.signed)
        and (old.authors_count or not new.authors_count)
    )


def loosened(environment: Environment, before: Environment | None) -> tuple[str, ...]:
    """What the serving manifest demands and the new one does not, a line each, for people to read."""
    if before is None:
        return ()
    found = [f"`after: {name}` is demanded no more" for name in before.after if name not in environment.after]
    found += [
        f"`after: {name}` is shorter than before" for name, seconds in before.after.items()
        if environment.after.get(name, seconds) < seconds
    ]  # fmt: skip
    if before.windows is not None and environment.windows != before.windows:
        found.append("`windows` are not as before" if environment.windows else "there are no `windows` any more")
    for moment, lines in before.checklist.items():
        now = environment.checklist.get(moment, {})
        found += [f"`{name}` of `{moment}` is asked no more" for name in lines if name not in now]
        found += [
            f"`{name}` of `{moment}` is not as before"
            for name, line in lines.items()
            if name in now and now[name] != line
        ]
    found += [f"`{name}` is waived now" for name in environment.waivers if name not in before.waivers]
    return tuple(found)
