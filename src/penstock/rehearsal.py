"""A world on paper, in which checks are tried out on the work tree as it lies: nothing is released, and nothing is proven."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from penstock import registry
from penstock.api import who
from penstock.core import data as plain
from penstock.core.finding import CheckRequest, Finding, Outcome
from penstock.core.revision import revision_of
from penstock.core.target import Artifact, Revision
from penstock.errors import UserError
from penstock.manifest import CheckEntry, Environment, Manifest
from penstock.ports import Check, Target
from penstock.providers.git import GitForge
from penstock.providers.secrets import ReferenceSecrets
from penstock.records import releases
from penstock.records.store import Store
from penstock.state import State
from penstock.steps.requests import key_of, named
from penstock.steps.world import World
from penstock.worlds import NoMetrics, SystemClock

KEPT = 20  # runs whose logs and evidence stay
PROOF_S = 30 * 86400.0  # an answer that is older is not given again
UNUSED_S = 3600.0  # evidence that nobody refers to may be just being written


class HereBuilds:
    """Nothing is built and nothing is copied: everybody works in the work tree, with the programs that one has oneself."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def build(self, log_file: Path) -> Artifact:
        return Artifact("none")

    def paths(self, artifact: Artifact) -> list[str]:
        return [path for path in os.environ.get("PATH", "").split(":") if path]

    def checkout(self, revision: Revision) -> Path:
        return self._folder

    def workplace(self, revision: Revision, name: str, needs: tuple[str, ...]) -> Path:
        return self._folder

    def leave(self, name: str) -> None:
        return None

    def prune(self, keep: set[str]) -> None:
        return None


class HereChecks(Mapping[str, Check]):
    """The registry's checks; a line whose secret cannot be had here is errored, unasked."""

    def __init__(self, lacking: Mapping[str, UserError]) -> None:
        self._checks: Mapping[str, Check] = registry.Checks()
        self._lacking = lacking

    def __getitem__(self, kind: str) -> Check:
        return _Here(self._checks[kind], self._lacking)

    def __iter__(self) -> Iterator[str]:
        return iter(self._checks)

    def __len__(self) -> int:
        return len(self._checks)


@dataclass(frozen=True)
class _Here:
    inner: Check
    lacking: Mapping[str, UserError]

    def run(self, request: CheckRequest) -> Outcome:
        error = self.lacking.get(request.name)
        if error is None:
            return self.inner.run(request)
        finding = Finding(f"{error.what}: {error.why} ({error.where})", "nothing was inspected", error.next)
        return Outcome("errored", f"not run: {error.what} here", (finding,))


@dataclass
class Rehearsal(World):
    """A world in which nothing is released: nothing is proven to anybody, so there is no audit log, and no story."""

    told: dict[tuple[str, str], list[Finding]] = field(default_factory=dict)

    def tell(self, key: str, kind: str, text: str, **data: Any) -> None:
        """Every finding of a line is kept, not only the first ones, which the records have."""
        if kind == "check" and "findings" in data:
            self.told[data["moment"], data["name"]] = [Finding(**found) for found in self.masked(data["findings"])]

    def record(self, key: str, what: str, **facts: Any) -> None:
        """Nothing is changed anywhere, so nothing has to be proven."""


def world_of(
    state: State, manifest: Manifest, environment: Environment, repository: Path, past: Store | None, commit: str,
    tree: str, entries: Iterable[CheckEntry],
) -> Rehearsal:  # fmt: skip
    """The world of one run, numbered and recorded below the real state folder. `tree` names what lies in the work tree."""
    paper = State(state.root / "checks").make()
    store = Store(paper.records)
    store.row("PRAGMA synchronous = OFF")  # what a power cut takes of it is asked again
    secrets, lacking = _secrets(state, environment, entries)
    digest = ReferenceSecrets(state.root).digest(secrets)
    branch = GitForge(repository).branch() if commit else ""
    number = releases.create(
        store, time.time(), service=manifest.service, environment=environment.name, kind="check", asked="HEAD",
        commit_id=commit, state="checked", options={"secrets_digest": digest, "branch": branch}, **who(),
    )  # fmt: skip
    work = paper.release(number)
    work.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Rehearsal(
        number, store, paper.audit_log, paper.evidence, work, SystemClock(), environment,
        cast(Target, None),  # nothing is placed, and no check is given the target
        NoMetrics(), HereBuilds(repository), HereChecks(lacking),
        revision_of(environment, commit, secrets_digest=digest, secrets=""), secrets=secrets,
        repository=str(repository), configured={name: one.env for name, one in manifest.environments.items()},
        processors=len(os.sched_getaffinity(0)), home=Path.home(), past=past,
        content=lambda entry: plain.digest([tree or f"run {number}", *_report_there(repository, entry)]),
    )  # fmt: skip


def _report_there(folder: Path, entry: CheckEntry) -> list[tuple[str, int, int]]:
    """The reports that a line reads and does not make: git mostly ignores them, so the tree does not tell them apart."""
    section = entry.section
    if getattr(section, "run", None) is not None:
        return []
    found = sorted({path for pattern in getattr(section, "report", ()) or () for path in folder.glob(str(pattern))})
    return [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in found if path.is_file()]


def _secrets(
    state: State, environment: Environment, entries: Iterable[CheckEntry]
) -> tuple[dict[str, str], dict[str, UserError]]:
    """The values of what these lines name; and the lines for which one cannot be had, with the reason."""
    resolver, values, lacking = ReferenceSecrets(state.root), dict[str, str](), dict[str, UserError]()
    for entry in entries:
        for secret in sorted(named(entry, environment.secrets)):
            try:
                values |= resolver.resolve({secret: str(environment.secrets[secret])}, environment.name)
            except UserError as error:
                lacking[entry.name] = error
    return values, lacking


def forget(world: Rehearsal, entries: Iterable[CheckEntry]) -> None:
    """None of these lines is answered by an older pass."""
    keys = [(key_of(world, world.candidate, entry),) for entry in entries]
    with world.store.write() as db:
        db.executemany("DELETE FROM proven WHERE key = ?", keys)


def prune(world: Rehearsal) -> None:
    """Only the last runs stay; a line that may answer again stays with its answer."""
    store, last = world.store, world.release - KEPT
    with store.write() as db:
        db.execute("DELETE FROM proven WHERE at < ?", (time.time() - PROOF_S,))
        for table in ("releases", "evidence"):
            column = "number" if table == "releases" else "release"
            db.execute(f"DELETE FROM {table} WHERE {column} <= ?", (last,))
        db.execute(
            "DELETE FROM checks WHERE release <= ? AND NOT EXISTS (SELECT 1 FROM proven WHERE proven.release ="
            " checks.release AND proven.moment = checks.moment AND proven.name = checks.name)", (last,),
        )  # fmt: skip
    kept = {row["digest"] for row in store.rows("SELECT digest FROM evidence")}
    for path in world.evidence.glob("*/*"):
        if path.name not in kept and path.stat().st_mtime < time.time() - UNUSED_S:
            path.unlink(missing_ok=True)
    for folder in world.work.parent.iterdir():
        if folder.name.isdigit() and int(folder.name) <= last:
            shutil.rmtree(folder, ignore_errors=True)
