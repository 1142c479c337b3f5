"""Previews: an environment for each branch that fits a template, released like any other, and taken down when it is over."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from penstock import locks, registry
from penstock.api import Desk
from penstock.core.branches import name_for, ports_for, template_for, templates
from penstock.errors import Blocked, PenstockError, UserError
from penstock.manifest import Environment, Manifest
from penstock.manifest.leased import Leased
from penstock.orders import branch_of, order_release
from penstock.providers.git import GitForge
from penstock.records import environments, previews, releases
from penstock.records.store import Row
from penstock.taking_down import take_down
from penstock.worlds import MANIFEST, environment_named, manifest_at, target_of

LOCK_WITHIN_S = 150.0  # taking one down takes its drain and its stop


@dataclass(frozen=True)
class Ordered:
    """A release to the preview of a branch, which is not over yet."""

    number: int
    environment: str
    url: str


def order_preview(desk: Desk, repository: Path, asked: str, *, again: bool = False, supersede: bool = False) -> Ordered:
    """Order a release of a branch to the environment that is its own, which is made when there is none yet.

    It goes wherever its branch goes: to an older commit too.
    """
    forge = GitForge(repository)
    commit, branch = forge.resolve(asked), branch_of(forge, asked)
    manifest = manifest_at(forge, commit)
    template = _template(manifest, branch, asked)
    with _alone(desk):
        before = previews.of_branch(desk.store, manifest.service, template.name, branch)
        row = _claim(desk, repository, manifest, template, branch, before)
        try:
            number = order_release(
                desk, repository, asked, row["environment"], again=again, older=True, supersede=supersede,
                branch=branch,
            )  # fmt: skip
        except BaseException:
            _unclaim(desk, row, before)
            raise
    return Ordered(number, row["environment"], row["url"])


def listed(desk: Desk, service: str) -> list[Row]:
    """The previews of a service: branch, environment, URL, what serves there, and when it expires (None: not while a
    release runs).
    """
    keys = ("branch", "environment", "template", "url", "revision")
    return [
        {**{key: row[key] for key in keys}, "expires_at": None if row["busy"] else row["expires_at"]}
        for row in previews.living(desk.store, service)
    ]


def remove_branch(desk: Desk, service: str, branch: str) -> list[str]:
    """Remove the previews of a branch, at a person's word; says what was removed."""
    with _alone(desk):
        there = previews.living(desk.store, service)
        mine = [row for row in there if row["branch"] == branch]
        if mine:
            return [_remove(desk, row, "somebody asked for it") for row in mine]
        known = ", ".join(row["branch"] for row in there)
        raise UserError("no-preview", f"the branch `{branch}` has no preview", service,
                        f"there are those of {known}" if known else "there is none at all", "penstock preview --list")  # fmt: skip


def expire(desk: Desk) -> list[str]:
    """Remove what is over: its time has come, or its branch is gone. One that cannot be removed is said, and stops no other."""
    said = []
    with _alone(desk):
        for row in previews.living(desk.store):
            why = _why_over(row, time.time())
            if not why:
                continue
            try:
                said.append(_remove(desk, row, why))
            except PenstockError as error:
                said.append(f"{row['service']}/{row['environment']}: not removed: {error.sentence}")
    return said


def _template(manifest: Manifest, branch: str, asked: str) -> Environment:
    """The template that a branch fits, or what is wrong with it."""
    known = templates(manifest)
    if not known:
        raise UserError("no-previews", "this manifest has no template of environments", MANIFEST,
                        "a preview is made after an environment with `branches` and a target that `expires`",
                        'preview: {branches: ["feature/*"], target: {is: local, expires: 7d}} below `environments`')  # fmt: skip
    if not branch:
        raise UserError("no-branch", f"`{asked}` names no branch", MANIFEST, "a preview is a branch's, and is named by it",
                        "penstock preview BRANCH, or git switch BRANCH first")  # fmt: skip
    found = template_for(manifest, branch)
    if found is None:
        globs = "; ".join(f"{one.name}: {', '.join(one.branches)}" for one in known)
        raise UserError("no-fit", f"the branch `{branch}` fits no template", MANIFEST, f"the templates are for {globs}",
                        f"a branch of such a name, or a glob for `{branch}` in `branches`")  # fmt: skip
    return found


def _claim(
    desk: Desk, repository: Path, manifest: Manifest, template: Environment, branch: str, before: Row | None
) -> Row:
    """The row of a branch's preview, with the name and the ports that are its own from now on."""
    lives = before is not None and before["removed_at"] is None
    taken = previews.taken(desk.store, manifest.service)
    name = before["environment"] if before else name_for(template.name, template.branches, branch, taken)
    row: Row = {
        "service": manifest.service, "environment": name, "template": template.name, "branch": branch,
        "repository": str(repository), "ports": _ports(desk, manifest, template, before["ports"] if before else {}),
        "url": "", "expires_s": template.target.expires_s, "since": before["since"] if before and lives else time.time(),
        "removed_at": None,
    }  # fmt: skip
    previews.keep(desk.store, row)
    row["url"] = _url(desk, manifest, name)
    previews.keep(desk.store, row)
    return row


def _unclaim(desk: Desk, row: Row, before: Row | None) -> None:
    """What could not be ordered claims nothing."""
    if before is None:
        previews.forget(desk.store, row["service"], row["environment"])
    else:
        previews.keep(desk.store, before)


def _ports(desk: Desk, manifest: Manifest, template: Environment, had: dict[str, int]) -> dict[str, int]:
    """The ports of a preview, by unit: those it has, and free ones."""
    section = template.target.section
    wanted = section.ports_to_take() if isinstance(section, Leased) else None
    if wanted is None:
        return {}
    is_free, bind = registry.find("port_is_free", template.target.kind), getattr(section, "bind", "")
    units = [name for name, unit in template.units.items() if unit.traffic]
    taken = previews.ports(desk.store) | set(_ports_said(manifest))
    found = ports_for(wanted, units, had, taken, lambda port: is_free(bind, port))
    if found is None:
        raise UserError("no-free-port", f"no port from {wanted[0]} to {wanted[1]} is free", MANIFEST,
                        f"{len(units)} are needed; other previews have them, or other programs listen there",
                        "penstock preview --list shows what could be removed; or a wider range: ports: 20000-20999")  # fmt: skip
    return found


def _ports_said(manifest: Manifest) -> Iterator[int]:
    """The ports of the manifest's own environments: they are not taken, even while nothing listens there."""
    for environment in manifest.environments.values():
        port = getattr(environment.target.section, "port", None)
        yield from port.values() if isinstance(port, dict) else [port] if port else []


def _url(desk: Desk, manifest: Manifest, name: str) -> str:
    """Where people find it; several units with traffic have a URL each."""
    environment = environment_named(manifest, name, desk.store)
    target = target_of(desk.state, manifest.service, environment)
    found = [target.reach(unit, "") for unit, told in environment.units.items() if told.traffic]
    return " ".join(reach.url for reach in found if reach)


def _why_over(row: Row, now: float) -> str:
    """Why a preview is over; empty while it is not."""
    if row["busy"]:
        return ""
    if row["expires_at"] <= now:
        return f"nothing was released there for {row['expires_s']:g} s"
    return f"the branch {row['branch']} is gone" if _is_gone(row) else ""


def _is_gone(row: Row) -> bool:
    """Whether the checkout it was released from still is there, and has the branch no more: neither here nor at origin."""
    try:
        forge = GitForge(Path(row["repository"]))
        forge.root_commit()
        return not (forge.is_branch(row["branch"]) or forge.is_branch(f"origin/{row['branch']}"))
    except PenstockError:
        return False  # of a checkout that is not there nothing is known


def _remove(desk: Desk, row: Row, why: str) -> str:
    """Nothing runs any more, and nothing is left but its history. Killed anywhere and called again: the same end."""
    service, name = row["service"], row["environment"]
    _refuse_running(desk, service, name)
    desk.audit(f"preview:{service}/{name}:{row['since']:.6f}:removed", "preview removed", service=service,
               environment=name, branch=row["branch"], why=why)  # fmt: skip
    env = environments.get(desk.store, service, name)
    folder = desk.state.environment(service, name)
    if env and folder.exists() and releases.last(desk.store, service, name):
        for _ in take_down(desk, service, name):
            pass
    _refuse_running(desk, service, name)  # somebody may have ordered one meanwhile
    if env and env["target"] in registry.BUILT_IN["remove"]:
        registry.find("remove", env["target"])(folder)
    shutil.rmtree(folder, ignore_errors=True)
    for number in previews.numbers(desk.store, service, name):
        _remove_work(desk.state.release(number))
    previews.remove(desk.store, time.time(), service, name)
    return f"{service}/{name}: removed: {why}"


def _refuse_running(desk: Desk, service: str, name: str) -> None:
    if any(row["environment"] == name and row["busy"] for row in previews.living(desk.store, service)):
        raise Blocked("running", f"a release runs in {name}", next=f"penstock abort {name}, or wait until it is over")


def _remove_work(folder: Path) -> None:
    """The files of the commit that a release worked with; what it reported stays."""
    for path in (*folder.glob("checkout-*"), folder / "workplaces"):
        shutil.rmtree(path, ignore_errors=True)
        path.unlink(missing_ok=True)


@contextmanager
def _alone(desk: Desk) -> Iterator[None]:
    """Nobody else orders a preview or removes one meanwhile."""
    with locks.held(desk.state.previews_lock, LOCK_WITHIN_S):
        yield
