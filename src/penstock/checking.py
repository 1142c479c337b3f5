"""The checks of a release, tried out where one works: the same lines and the same runner, on the work tree as it lies.

Nothing is released and nothing is promised: what is remembered of it lies in a state folder of its own, below the real one,
from which no release ever takes an answer.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path

from penstock import rehearsal
from penstock.core.brought import Brought
from penstock.core.finding import Finding
from penstock.core.questions import ASK, lines_left_out
from penstock.core.target import Reach
from penstock.errors import UsageError, UserError
from penstock.manifest import CheckEntry, Environment, Manifest
from penstock.manifest.environment import MOMENTS, Moment
from penstock.providers.git import GitForge
from penstock.records import checks, releases
from penstock.records.store import Store
from penstock.rehearsal import Rehearsal
from penstock.render.checked import Checked, CheckedLine
from penstock.render.checked_places import place_of
from penstock.state import State
from penstock.steps.asking import Asking
from penstock.worktree import Tree, base_of, tree_of

Entries = Mapping[str, CheckEntry]


@dataclass(frozen=True)
class Wish:
    """What somebody wants checked. No `only`: every line. `cached` false: nothing is answered from what is remembered."""

    repository: Path
    moments: tuple[Moment, ...] = ("revision",)
    only: tuple[str, ...] = ()
    changed: bool = False
    url: str = ""
    cached: bool = True


@dataclass(frozen=True)
class Chosen:
    """The lines that are asked; questions to people, and lines left out, each with what is asked, or why not."""

    lines: Mapping[Moment, Entries]
    open: tuple[tuple[str, str], ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Glance:
    """What is so at this moment: the lines that ended since the last glance, what runs and for how long, how many wait."""

    ended: tuple[CheckedLine, ...]
    running: tuple[tuple[str, float], ...]
    waiting: int


def choose(
    environment: Environment,
    moments: Sequence[Moment],
    only: Collection[str] = (),
    left_out: Mapping[str, str] | None = None,
) -> Chosen:
    """The lines of some moments, in the order of the file; with `only`, those and what they need."""
    asked = {m: environment.checklist[m] for m in MOMENTS if m in moments and m in environment.checklist}
    wanted = _with_needs(environment, asked, only) if only else None
    out = {name: why for name, why in (left_out or {}).items() if not only or name not in only}
    lines: dict[Moment, Entries] = {}
    questions: list[tuple[str, str]] = []
    for moment, entries in asked.items():
        mine = {n: e for n, e in entries.items() if (wanted is None or n in wanted) and n not in out}
        questions += [(n, str(getattr(e.section, ASK, ""))) for n, e in mine.items() if e.kind == ASK]
        lines[moment] = {n: e for n, e in mine.items() if e.kind != ASK}
    known = {name for entries in asked.values() for name in entries}
    told = tuple((name, why) for name, why in out.items() if name in known and (wanted is None or name in wanted))
    return Chosen({m: e for m, e in lines.items() if e}, tuple(questions), told)


def _with_needs(environment: Environment, asked: Mapping[Moment, Entries], only: Collection[str]) -> set[str]:
    found: set[str] = set()
    for name in only:
        moment = next((m for m, entries in asked.items() if name in entries), None)
        if moment is None:
            raise _no_line(environment, name, asked)
        ahead = [name]
        while ahead:
            one = ahead.pop()
            if one not in found:
                found.add(one)
                ahead += asked[moment][one].section.needs
    return found


def _no_line(environment: Environment, name: str, asked: Mapping[Moment, Entries]) -> UsageError:
    elsewhere = next((m for m, entries in environment.checklist.items() if name in entries), "")
    if elsewhere:
        return UsageError("no-line", f"`{name}` is a line of `{elsewhere}`", environment.name,
                          "only lines of the moments that are named are asked", f"--stage {elsewhere} --only {name}")  # fmt: skip
    known = [line for entries in asked.values() for line in entries]
    near = get_close_matches(name, known, 1)
    return UsageError("no-line", f"the checklist has no line `{name}`", environment.name, "--only names lines of it",
                      f"did you mean `{near[0]}`?" if near else f"one of: {', '.join(known) or 'none'}")  # fmt: skip


def run(
    state: State, manifest: Manifest, environment: Environment, wish: Wish, look: Callable[[Glance], None]
) -> Checked:
    """Ask the lines, side by side; `look` is called several times a second, and may raise to break it off."""
    began, at = time.monotonic(), time.time()
    past = Store(state.records) if state.records.exists() else None
    forge = GitForge(wish.repository)
    commit = _head(forge)
    serving = releases.serving(past, manifest.service, environment.name) if past else None
    last = str(serving["commit_id"]) if serving else ""
    tree = _tree(wish, last)
    out = _left_out(environment, forge, tree, last, commit)
    chosen = choose(environment, wish.moments, wish.only, out)
    _refuse_without_url(chosen, wish)
    entries = [entry for lines in chosen.lines.values() for entry in lines.values()]
    world = rehearsal.world_of(state, manifest, environment, wish.repository, past, commit, tree.id, entries)
    if not wish.cached:
        rehearsal.forget(world, entries)
    told = [one for moment, lines in chosen.lines.items() for one in _ask(world, moment, lines, wish, tree, look)]
    rehearsal.prune(world)
    return Checked(
        manifest.service, environment.name, tuple(chosen.lines) or wish.moments, commit, tree.id, world.release, at,
        time.monotonic() - began, tuple(told), chosen.open, chosen.left_out, tree.base, str(world.work),
        _notes(wish, tree, told),
    )  # fmt: skip


def _notes(wish: Wish, tree: Tree, told: Sequence[CheckedLine]) -> tuple[str, ...]:
    """What `changed` did, which otherwise nobody sees."""
    if not wish.changed:
        return ()
    if not tree.base:
        return ("nothing to compare with, neither a release nor a branch at origin: everything counts as changed",)
    files, elsewhere = len(tree.changed), sum(one.elsewhere for one in told)
    said = f"{files} {'file' if files == 1 else 'files'} changed since {tree.base[:12]}"
    return (f"{said}; {elsewhere} findings in others are left out" if elsewhere else said,)


def _ask(
    world: Rehearsal, moment: Moment, entries: Entries, wish: Wish, tree: Tree, look: Callable[[Glance], None]
) -> list[CheckedLine]:
    reach = Reach(wish.url, {}) if wish.url and moment in ("candidate", "promoted") else None
    asking = Asking(world, world.candidate, moment, reach, entries)
    watch = _Watch(world, asking, tree, look)
    asking.ask(watch.look, world.clock.monotonic() + world.environment.checks.within_s)
    watch.look()
    told = {one.name: one for one in watch.told}
    return [told.get(name) or _unasked(entry, asking) for name, entry in entries.items()]


def _unasked(entry: CheckEntry, asking: Asking) -> CheckedLine:
    first = next(iter(asking.blocked), "")
    said = f"not run: `{first}` had failed" if first else "not run"
    return CheckedLine(entry.name, entry.moment, entry.kind, "skipped", said, 0.0, blocks=entry.section.blocks)


class _Watch:
    """Tells what ended and what runs, each end once."""

    def __init__(self, world: Rehearsal, asking: Asking, tree: Tree, tell: Callable[[Glance], None]) -> None:
        self.told: list[CheckedLine] = []
        self._world, self._asking, self._tree, self._tell = world, asking, tree, tell
        self._began: dict[str, float] = {}

    def look(self) -> None:
        known = {one.name for one in self.told}
        new = tuple(self._one(name) for name in self._asking.ended if name not in known)
        self.told += new
        now = time.monotonic()
        names = list(self._asking.running.values())
        running = tuple((name, now - self._began.setdefault(name, now)) for name in names)
        waiting = len(self._asking.entries) - len(self._asking.ended) - len(running)
        self._tell(Glance(new, running, waiting))

    def _one(self, name: str) -> CheckedLine:
        asking, world = self._asking, self._world
        row = checks.get(world.store, world.release, asking.moment, name)
        assert row is not None, "what ended has its row"
        findings = world.told.get((asking.moment, name), [])
        shown = [one for one in findings if _is_here(one, self._tree)]
        facts, again = row["facts"], int(row["facts"].get("again", 0))
        return CheckedLine(
            name, asking.moment, row["kind"], row["state"],
            row["sentence"].replace(f"in release {again}:", f"in run {again}:") if again else row["sentence"],
            row["seconds"], name in asking.blocked, facts["blocks"], facts["pace"], facts["pace_s"], "late_s" in facts,
            tuple(shown), len(findings) - len(shown), again, facts.get("waived", {}), facts["evidence"],
        )  # fmt: skip


def _is_here(finding: Finding, tree: Tree) -> bool:
    """Whether a finding is about what changed, as far as it says where it is."""
    path = place_of(finding.where)[0]
    return not tree.base or not path or os.path.normpath(path) in tree.changed


def _head(forge: GitForge) -> str:
    """The commit that is checked out; empty before the first one, and outside any repository."""
    try:
        return forge.resolve("HEAD")
    except UserError as error:
        if error.code not in ("no-repository", "no-revision"):
            raise
        return ""


def _tree(wish: Wish, last: str) -> Tree:
    if not (wish.repository / ".git").exists():
        return Tree("")
    return tree_of(wish.repository, base_of(wish.repository, last) if wish.changed else "")


def _left_out(environment: Environment, forge: GitForge, tree: Tree, last: str, commit: str) -> dict[str, str]:
    """Lines whose conditions do not hold: for what HEAD brings, or with `changed` for what lies here."""
    if not commit:
        return {}
    brought = forge.brings(last or None, commit)
    if tree.base:
        brought = replace(brought, known=True, paths=tuple(sorted(tree.changed)))
    elif not brought.known:
        brought = Brought(messages=brought.messages, authors=brought.authors)
    return lines_left_out(environment, brought, forge.branch(), ())


def _refuse_without_url(chosen: Chosen, wish: Wish) -> None:
    needs = [moment for moment in chosen.lines if moment in ("candidate", "promoted")]
    if needs and not wish.url:
        raise UsageError("no-url", f"the lines of `{needs[0]}` ask something that runs", "",
                         "here nothing is placed, so there is nothing to ask", "--url http://127.0.0.1:8080")  # fmt: skip
