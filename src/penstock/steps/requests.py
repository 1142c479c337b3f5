"""What a check is given: the request for one line of the checklist, and the key under which its answer may be reused."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import Any

from penstock.core import data
from penstock.core.finding import CheckRequest, History, Last, Moment
from penstock.core.target import Reach, Revision
from penstock.manifest import CheckEntry
from penstock.records import checks, environments, releases
from penstock.steps.world import World

PATH = "/usr/local/bin:/usr/bin:/bin"
_NAMED = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)")


def request_of(
    world: World, revision: Revision, moment: str, entry: CheckEntry, reach: Reach | None, stopped: Callable[[], bool]
) -> CheckRequest:
    """The request for one line, in a place of its own where it runs anything."""
    section = data.dump(entry.section)
    asked: Moment = "candidate" if moment == "verified" else moment  # type: ignore[assignment]
    row = world.row()
    return CheckRequest(
        entry.name, asked, section, str(_folder(world, revision, asked, entry)),
        env=environment_of(world, revision, moment, entry.name), secrets=_visible(world, entry), reach=reach,
        key=key_for(world, moment, entry.name), log_file=str(world.work / f"{moment}-{entry.name}.log"),
        history=_history(world), service=row["service"], environment=row["environment"], repository=world.repository,
        commit=revision.commit, branch=row["options"].get("branch", ""), last=last_of(world, asked, entry.name),
        configured=world.configured, references={n: str(r) for n, r in world.environment.secrets.items()},
        groups={name: group.people for name, group in world.environment.groups.items()}, now=world.clock.now(),
        in_place=world.home is not None, stopped=stopped,
    )  # fmt: skip


def key_for(world: World, moment: str, name: str) -> str:
    """The idempotency key of a line: the same for every try."""
    tried = f"{data.digest(str(world.work))[:8]}-" if world.home else ""  # other state folders count from 1, too
    return f"penstock-{tried}{world.release}-{moment}-{name}"


def key_of(world: World, revision: Revision, entry: CheckEntry) -> str:
    """Under which key a pass may be given again: what the answer follows from. Empty: never.

    Of the moment `revision` a steady check, as long as commit, section, variables and secrets are the same; anywhere else
    only where the manifest says `once_in`.
    """
    once = entry.section.once_in_s is not None
    if not once and not (entry.moment == "revision" and entry.section.steady):
        return ""
    row = world.row()
    follows: dict[str, Any] = {
        "service": row["service"], "kind": entry.kind, "name": entry.name, "section": data.dump(entry.section),
        "env": _own_env(world, entry.moment), "secrets": row["options"].get("secrets_digest", ""),
    }  # fmt: skip
    if not once:
        return data.digest(follows | {"commit": world.content(entry) or revision.commit})
    about = (
        revision.id if entry.moment in ("candidate", "promoted") else ""
    )  # there, what is asked about is the revision
    return data.digest(follows | {"environment": row["environment"], "revision": about})


def last_of(world: World, moment: str, name: str) -> Last:
    """The last release to this environment that serves, and what this very line measured then."""
    row = world.row()
    store = world.past or world.store
    serving = releases.serving(store, row["service"], row["environment"])
    if serving is None:
        return Last()
    line = checks.get(store, serving["number"], moment, name)
    measured = line["facts"].get("measured") if line else None
    return Last(
        serving["commit_id"], serving["revision"] or "", serving["promoted_at"] or 0.0, measured or None,
        serving["facts"].get("env"),
    )  # fmt: skip


def environment_of(world: World, revision: Revision, moment: str, name: str) -> dict[str, str]:
    """All that a command of this release gets as its environment; secrets are added by what it sees.

    What is asked once for every environment sees only the variables that are the same in all of them.
    """
    row = world.row()
    home = world.home or world.work / "home" / f"{moment}-{name}"
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    return {
        **_own_env(world, moment),
        "PATH": ":".join([*world.builds.paths(revision.artifact), PATH]),
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "PENSTOCK_SERVICE": row["service"],
        "PENSTOCK_ENVIRONMENT": row["environment"],
        "PENSTOCK_RELEASE": str(world.release),
        "PENSTOCK_REVISION": revision.id,
        "PENSTOCK_COMMIT": revision.commit,
        "PENSTOCK_IDEMPOTENCY_KEY": key_for(world, moment, name),
    }


def _own_env(world: World, moment: str) -> dict[str, str]:
    env = world.environment.env
    if moment != "revision" or not world.configured:
        return env
    everywhere = list(world.configured.values())
    return {name: value for name, value in env.items() if all(one.get(name) == value for one in everywhere)}


def _folder(world: World, revision: Revision, moment: str, entry: CheckEntry) -> object:
    """Where it runs: what looks at files has a copy of its own, so that no tool it runs disturbs another's."""
    if not entry.section.reads_files and not entry.section.needs:
        return world.builds.checkout(revision)
    needs = tuple(f"{moment}-{name}" for name in entry.section.needs)
    return world.builds.workplace(revision, f"{moment}-{entry.name}", needs)


def _visible(world: World, entry: CheckEntry) -> dict[str, str]:
    asked = named(entry, world.secrets)
    return {name: value for name, value in world.secrets.items() if name in asked}


def named(entry: CheckEntry, known: Collection[str]) -> set[str]:
    """The secrets that a check names: in `sees`, as $NAME in what it sends, or by its kind."""
    section = data.dump(entry.section)
    if entry.section.looks_at_all():
        return set(known)
    said = set(section.get("sees") or ()) | entry.section.names()
    if section.get("run") is None:
        said |= set(_NAMED.findall(data.canonical(section)))
    return said & set(known)


def _history(world: World) -> History:
    row = world.row()
    store = world.past or world.store
    env = environments.get(store, row["service"], row["environment"])
    drill = releases.last_drill(store, row["service"], row["environment"])
    return History(
        bool(env and env["stable"]), max(0.0, world.clock.now() - drill["ended_at"]) if drill else None,
        drill["facts"].get("back_s", 0.0) if drill else 0.0,
    )  # fmt: skip
