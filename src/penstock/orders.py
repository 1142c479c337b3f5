"""Writing the order of a release: the commit, its manifest, its secrets' values, and the row that a worker will find."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from penstock.core.branches import fits
from penstock.core.rollout import strategies
from penstock.errors import Blocked, UserError
from penstock.manifest import Environment
from penstock.providers.git import GitForge
from penstock.providers.secrets import ReferenceSecrets
from penstock.records import environments, orders, releases
from penstock.records.store import Row
from penstock.worlds import MANIFEST, environment_named, manifest_at, target_of

if TYPE_CHECKING:
    from penstock.api import Desk


def order_release(
    desk: Desk, repository: Path, asked: str, name: str, *, again: bool, older: bool, supersede: bool,
    hotfix: str = "", labels: Sequence[str] = (), branch: str = "",
) -> int:  # fmt: skip
    """A release of a commit. Everything that can be wrong with the asking is said here, before anything is written.

    `branch`: the one that asks, where the word for the commit names none.
    """
    forge = GitForge(repository)
    root = forge.root_commit()
    commit = forge.resolve(asked)
    manifest = manifest_at(forge, commit)
    environment = environment_named(manifest, name, desk.store)
    branch = branch_of(forge, asked) or branch
    check_branch(environment, branch, asked)
    _check_template(forge, commit, environment)
    _check_calendar(forge, commit, environment)
    check_hotfix(environment, hotfix)
    environments.know(desk.store, manifest.service, root, str(repository))
    forge.mirror(desk.state.repository(manifest.service), commit)
    options: dict[str, Any] = {"again": again, "older": older, "version": forge.describe_version(commit)}
    options |= {"branch": branch}
    options |= {"labels": list(labels)} if labels else {}
    options |= {"hotfix": " ".join(hotfix.split())} if hotfix else {}
    values = _resolve(desk, environment)  # before there is a number: an order that cannot be given uses none up
    number = _write(desk, manifest.service, environment, "release", asked, commit, options)
    options |= _keep_secrets(desk, manifest.service, environment, number, values)
    options["suffix"] = f".{number}" if again else ""
    _seal(desk, number, options, supersede=supersede)
    return number


def branch_of(forge: GitForge, asked: str) -> str:
    """The branch that is released, by the word it was asked by; empty where that names none."""
    if asked in ("HEAD", "@"):
        return forge.branch()
    return asked.removeprefix("origin/") if forge.is_branch(asked) else ""


def check_branch(environment: Environment, branch: str, asked: str) -> None:
    """What may be released only by some branches is asked for by one of them."""
    if not environment.branches or fits(branch, environment.branches):
        return
    only = f"only what is asked for by the branch {' or '.join(environment.branches)} is released there"
    what = f"the branch `{branch}` is not released to `{environment.name}`"
    if not branch:
        what = f"`{asked}` names no branch, and `{environment.name}` asks for one"
    raise Blocked("branch", what, MANIFEST, only, "penstock release BRANCH, by the name of such a branch")


def check_hotfix(environment: Environment, reason: str) -> None:
    """What may be left out in haste is said in the manifest, and nowhere else."""
    if reason and environment.hotfix is None:
        raise UserError("no-hotfix", f"`{environment.name}` knows no hotfix", MANIFEST,
                        "who may let one through, and what it leaves out, is agreed on before there is haste",
                        "hotfix: {by: GROUP, skips: [windows]}, or release it as any other")  # fmt: skip


def _check_calendar(forge: GitForge, commit: str, environment: Environment) -> None:
    """A calendar that cannot be read says so now: it would close everything, or nothing."""
    path = environment.windows.closed.calendar if environment.windows and environment.windows.closed else ""
    if path and forge.read(commit, path) is None:
        raise UserError("no-calendar", f"there is no `{path}` in the commit {commit[:12]}", MANIFEST,
                        "`windows` closes by it, and a release reads it from the commit that it releases",
                        "commit the calendar, or take it out")  # fmt: skip


def _check_template(forge: GitForge, commit: str, environment: Environment) -> None:
    """A form that could not be filled is said now, not when the release is over."""
    path = environment.report.template
    if not path:
        return
    from penstock.render import template

    text = forge.read(commit, path)
    if text is None:
        raise UserError("no-template", f"there is no `{path}` in the commit {commit[:12]}", MANIFEST,
                        "`report` names it, and a release reads it from the commit that it releases",
                        "commit the file, or take `report` out")  # fmt: skip
    template.check(text, path)


def order_again(
    desk: Desk,
    kind: str,
    service: str,
    name: str,
    found: Row,
    *,
    fresh_secrets: bool = False,
    fault: dict[str, str] | None = None,
    lasts_s: float = 0.0,
) -> int:
    """A rollback to a revision that is kept, or a restart, drill or calibration of it, placed anew; under its own number."""
    forge = GitForge(desk.state.repository(service))
    environment = environment_named(manifest_at(forge, found["commit_id"]), name, desk.store)
    if found["artifact"] and not Path(found["artifact"]).exists():
        raise UserError("artifact-gone", f"the artifact of {found['id']} is not there any more", found["artifact"],
                        next=f"release it anew: penstock release {found['commit_id'][:12]} --to {name} --older")  # fmt: skip
    options: dict[str, Any] = {"of": found["id"], "again": kind != "rollback", "secrets": found["data"]["secrets"]}
    if fault:
        options["fault"] = fault
    if lasts_s:
        options["lasts_s"] = lasts_s
    values = _resolve(desk, environment) if fresh_secrets else {}
    if kind in ("drill", "calibrate"):
        _refuse_turning(desk, service, environment, kind)
    number = _write(desk, service, environment, kind, found["id"], found["commit_id"], options)
    if fresh_secrets:
        options |= {**_keep_secrets(desk, service, environment, number, values), "fresh": True}
    if kind != "rollback":
        options["suffix"] = f".{number}"
    _seal(desk, number, options, supersede=kind == "rollback")
    return number


def _write(
    desk: Desk, service: str, environment: Environment, kind: str, asked: str, commit: str, options: dict[str, Any]
) -> int:
    """The row, not yet to be walked: its number names the files that belong to it."""
    from penstock.api import who

    me = who()
    folder = desk.state.environment(service, environment.name)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    environments.place(desk.store, service, environment.name, environment.target.kind, str(folder))
    return releases.create(
        desk.store, time.time(), service=service, environment=environment.name, kind=kind, asked=asked,
        commit_id=commit, state="ordering", options=options, **me,
    )  # fmt: skip


def _refuse_turning(desk: Desk, service: str, environment: Environment, kind: str) -> None:
    """A target that cannot split its traffic has nothing that could be taken back half-way."""
    reason = strategies(target_of(desk.state, service, environment).capabilities())["canary"]
    if reason and kind == "drill":
        raise UserError("drill", f"there is no rollback to rehearse in `{environment.name}`", environment.name, reason)
    if reason:
        raise UserError(
            "calibrate", f"there are no two arms to compare in `{environment.name}`", environment.name, reason
        )


def _resolve(desk: Desk, environment: Environment) -> dict[str, str]:
    resolver = ReferenceSecrets(desk.state.root)
    return resolver.resolve({n: str(r) for n, r in environment.secrets.items()}, environment.name)


def _keep_secrets(
    desk: Desk, service: str, environment: Environment, number: int, values: dict[str, str]
) -> dict[str, str]:
    """The secrets' values, into the release's own 0600 file; returns where it lies, and their digest."""
    resolver = ReferenceSecrets(desk.state.root)
    path = desk.state.secrets(service, environment.name, number)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        resolver.write_private(path, values)
    except BaseException:
        _take_back(desk, number)
        raise
    return {"secrets": str(path), "secrets_digest": resolver.digest(values)}


def _seal(desk: Desk, number: int, options: dict[str, Any], *, supersede: bool) -> None:
    """From here on a worker may walk it."""
    row = releases.get(desk.store, number)
    assert row is not None, "just written"
    if supersede:
        _supersede(desk, row)
    releases.update(desk.store, number, state="waiting", options=options)
    desk.audit(f"{number}:ordered", "release ordered", release=f"{row['service']}/{row['environment']}/{number}",
               asked=row["asked"], commit=row["commit_id"], kind=row["kind"], supersede=supersede)  # fmt: skip


def _supersede(desk: Desk, row: Row) -> None:
    for other in releases.unended(desk.store):
        same = (other["service"], other["environment"]) == (row["service"], row["environment"])
        if same and other["number"] < row["number"] and other["state"] not in ("baking", "ordering"):
            orders.give(
                desk.store, time.time(), "supersede", person=row["person"], uid=row["uid"], service=row["service"],
                environment=row["environment"], release=other["number"], reason=f"release {row['number']}",
            )  # fmt: skip


def _take_back(desk: Desk, number: int) -> None:
    """An order that could not be given whole leaves nothing behind."""
    with desk.store.write() as db:
        db.execute("DELETE FROM releases WHERE number = ?", (number,))
    shutil.rmtree(desk.state.release(number), ignore_errors=True)
