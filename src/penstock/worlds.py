"""Binds the world of one release: its manifest at its commit, its target, its checks, its builds. Nothing is journaled."""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from math import inf
from pathlib import Path

from penstock import registry, workplaces
from penstock.core import data
from penstock.core.reading import Level, Reading
from penstock.core.revision import revision_of
from penstock.core.splits import Asked
from penstock.core.target import Artifact, Revision
from penstock.errors import StateError, UserError
from penstock.manifest import Environment, Manifest, read
from penstock.manifest.templates import environment_of
from penstock.ports import Metrics, Target
from penstock.providers.artifacts import Store as Artifacts
from penstock.providers.git import GitForge
from penstock.providers.sources.given import Given
from penstock.records import previews, releases, revisions
from penstock.records.store import Row, Store
from penstock.sending import Sending
from penstock.state import State
from penstock.steps.world import World

MANIFEST = "penstock.yaml"


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class NoMetrics:
    """A target without arms: there is nothing to compare, and nothing is."""

    lag_s = 0.0
    step_s = 1.0

    def position(self) -> str:
        """Nowhere."""
        return ""

    def closed_until(self) -> float:
        """For ever: there is nothing to wait for."""
        return inf

    def readings(self, since: str) -> list[Reading]:
        """None, ever."""
        return []

    def past(self, span_s: float, *, latency: bool) -> list[Reading]:
        """None, ever."""
        return []

    def levels(self) -> list[Level]:
        """None, ever."""
        return []


class Builds:
    """The builds of one release's commit, in the state's own store."""

    def __init__(self, state: State, row: Row, environment: Environment, secrets: dict[str, str]) -> None:
        self._state = state
        self._row = row
        self._environment = environment
        self._secrets = secrets
        self._store = Artifacts(state.artifacts)
        self._forge = GitForge(state.repository(row["service"]))
        self._alone = threading.Lock()

    def build(self, log_file: Path) -> Artifact:
        section = data.dump(self._environment.build) if self._environment.build else None
        seen = (section or {}).get("sees") or ()
        secrets = {name: value for name, value in self._secrets.items() if name in seen}
        return self._store.build(self._forge, self._row["commit_id"], section, secrets, log_file)

    def paths(self, artifact: Artifact) -> list[str]:
        return self._store.paths(artifact)

    def checkout(self, revision: Revision) -> Path:
        """A clean export beside the release's logs, made once: checks may write there, the artifact stays as it is."""
        with self._alone:  # the checks of a moment ask for it side by side
            return checkout_at(self._state, self._forge, self._row["number"], revision.commit)

    def workplace(self, revision: Revision, name: str, needs: tuple[str, ...]) -> Path:
        return workplaces.prepare(
            self.checkout(revision), self._places() / name, [self._places() / one for one in needs]
        )

    def leave(self, name: str) -> None:
        workplaces.leave(self._places() / name)

    def _places(self) -> Path:
        return self._state.release(self._row["number"]) / "workplaces"

    def prune(self, keep: set[str]) -> None:
        self._store.prune(keep)


def checkout_at(state: State, forge: GitForge, number: int, commit: str) -> Path:
    """The files of a commit in a release's own folder, made once: whole, or not at all."""
    folder = state.release(number) / f"checkout-{commit[:12]}"
    marker = folder.with_suffix(".complete")
    if not marker.exists() or not folder.is_dir():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700, parents=True)
        try:
            forge.export(commit, str(folder))
            marker.touch(mode=0o600)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)  # half of it is of no use to anybody
            raise
    return folder


def target_of(state: State, service: str, environment: Environment, checkout: Path | None = None) -> Target:
    """The target of an environment, as its manifest describes it; `checkout` is where a user's own commands run."""
    kind = registry.find("target", environment.target.kind)
    made: Target = kind(
        environment.target.section, service, environment.name, state.environment(service, environment.name),
        paths=Artifacts(state.artifacts).paths, hung_after_s=environment.verdict.errors.hung_after_s, checkout=checkout,
        once_per_client=environment.verdict.errors.once_per == "client", synthetic=environment.verdict.traffic is not None,
    )  # fmt: skip
    return made


def metrics_of(
    state: State, service: str, environment: Environment, secrets: Mapping[str, str] | None = None,
    splits: Asked = lambda: (),
) -> Metrics:  # fmt: skip
    """Where the readings of an environment come from. `splits` tells a foreign source which split was in force when."""
    source, measures = environment.verdict.metrics, environment.verdict
    if source is not None:
        unit = next((name for name, one in environment.units.items() if one.traffic), "")
        given = Given(splits, unit, environment.env, secrets or {}, measures.events(), measures.gauges())
        foreign: Metrics = registry.find("metrics.source", source.kind)(source, given)
        return foreign
    if environment.target.kind not in registry.BUILT_IN["metrics"]:
        return NoMetrics()
    found: Metrics = registry.find("metrics", environment.target.kind)(state.environment(service, environment.name))
    return found


def manifest_at(forge: GitForge, commit: str) -> Manifest:
    """The manifest of a commit; an error when the commit has none."""
    text = forge.read(commit, MANIFEST)
    if text is None:
        raise UserError("no-manifest", f"there is no {MANIFEST} in the commit {commit[:12]}", MANIFEST,
                        "a release reads the manifest from the commit that it releases, not from the work tree",
                        f"write {MANIFEST} (see `penstock explain manifest`) and commit it")  # fmt: skip
    return read(text, MANIFEST, registry.kinds())


def environment_named(manifest: Manifest, name: str, store: Store | None = None) -> Environment:
    """An environment of a manifest, or by the records one that is a branch's; an error that names those there are.

    Without records a template stands for any of its environments: enough to look at, nothing to release to.
    """
    known = previews.get(store, manifest.service, name) if store else None
    found = manifest.environments.get(known["template"] if known else name)
    if found is None or (known and not found.is_template):
        raise UserError("no-environment", f"there is no environment `{name}`", MANIFEST,
                        "it was made after a template that this commit does not have" if known else "",
                        f"one of: {', '.join(manifest.environments)}")  # fmt: skip
    if known:
        return environment_of(found, name, known["branch"], known["ports"])
    if found.is_template and store:
        raise _template(found, previews.living(store, manifest.service))
    return environment_of(found, name, name, {}) if found.is_template else found


def environment_before(forge: GitForge, commit: str, name: str, store: Store) -> Environment | None:
    """The environment by the manifest of an older commit; None where that has none, or none that this version reads."""
    try:
        return environment_named(manifest_at(forge, commit), name, store)
    except UserError:
        return None


def _template(environment: Environment, there: list[Row]) -> UserError:
    name = environment.name
    made = ", ".join(row["environment"] for row in there if row["template"] == name)
    return UserError("template-itself", f"`{name}` is a template: each branch has an environment of its own", MANIFEST,
                     f"there is {made}" if made else f"no branch of {' or '.join(environment.branches)} has one yet",
                     "penstock preview, or penstock preview BRANCH; --to takes the environment of a branch")  # fmt: skip


def template_at(forge: GitForge, commit: str, environment: Environment) -> str:
    """The text of the environment's own form of the report; empty when it has none."""
    path = environment.report.template
    return (forge.read(commit, path) or "") if path else ""


def world_of(state: State, store: Store, number: int, epoch: int) -> World:
    """The world of a release, from its record."""
    row = releases.get(store, number)
    assert row is not None, "a release that is walked has its record"
    service = row["service"]
    forge = GitForge(state.repository(service))
    manifest = manifest_at(forge, row["commit_id"])
    environment = environment_named(manifest, row["environment"], store)
    secrets = _secrets(Path(row["options"]["secrets"]))
    work = state.release(number)
    work.mkdir(mode=0o700, parents=True, exist_ok=True)
    own = checkout_at(state, forge, number, row["commit_id"]) if environment.target.kind == "command" else None
    return World(
        number, store, state.audit_log, state.evidence, work, SystemClock(), environment,
        target_of(state, service, environment, own),
        metrics_of(state, service, environment, secrets, lambda: _splits(store, number)),
        Builds(state, row, environment, secrets),
        registry.Checks(),
        candidate=_candidate(store, row, environment), epoch=epoch, secrets=secrets,
        is_ancestor=forge.is_ancestor, commits=forge.describe, at_boot=at_boot(state),
        template=template_at(forge, row["commit_id"], environment), repository=str(state.repository(service)),
        configured=_configured(manifest, environment),
        processors=len(os.sched_getaffinity(0)), brings=forge.brings, proofs=proofs_of(state, row),
        before=lambda older: environment_before(forge, older, row["environment"], store),
        calendar=_calendar(forge, row["commit_id"], environment), sender=Sending,
    )  # fmt: skip


def _splits(store: Store, number: int) -> list[tuple[float, int]]:
    """Which traffic split was in force when, as a release has noted it."""
    row = releases.get(store, number)
    return [(float(at), int(era)) for at, era in (row["facts"].get("splits", ()) if row else ())]


def _configured(manifest: Manifest, environment: Environment) -> dict[str, dict[str, str]]:
    """What is configured in each environment; a template is none, the environment of a branch is."""
    found = {name: one.env for name, one in manifest.environments.items() if not one.is_template}
    return {**found, environment.name: environment.env}


def proofs_of(state: State, row: Row) -> Callable[[Row], tuple[str, str]]:
    """Of a signed answer to a release: why it proves nothing (empty when it does), and which key signed it.

    Whose key is whose is said by the commit that is released, and by the one that serves: nobody lets himself in by the
    very commit that he wants released.
    """
    forge = GitForge(state.repository(row["service"]))

    def proofs(answer: Row) -> tuple[str, str]:
        from penstock.core.signed import parse
        from penstock.signatures import SIGNERS, prove

        try:
            said = parse(answer["signed"])
        except ValueError as error:
            return f"it is no signed answer: {error}", ""
        for key in ("line", "verb", "person", "digest"):
            if getattr(said, key) != answer[key]:
                return f"its {key} is not what was signed", ""
        if said.place.split("/")[0] != row["service"] or said.place.rpartition("/")[2] != str(answer["release"]):
            return f"it was signed for {said.place}", ""
        found = prove(said, forge.read(row["commit_id"], SIGNERS))
        before = _serving(state, row)
        older = forge.read(before, SIGNERS) if before and not found.doubt else None
        found = found if older is None else prove(said, older)
        return found.doubt, found.key

    return proofs


def _serving(state: State, row: Row) -> str:
    """The commit that was promoted last where a release goes, also if it was taken down since; empty when none ever was."""
    store = Store(state.records)
    try:
        found = releases.last_promoted(store, row["service"], row["environment"])
        return str(found["commit_id"]) if found else ""
    finally:
        store.close()


def _calendar(forge: GitForge, commit: str, environment: Environment) -> str:
    """The text of the calendar that closes the environment's windows; empty when it names none."""
    path = environment.windows.closed.calendar if environment.windows and environment.windows.closed else ""
    return (forge.read(commit, path) or "") if path else ""


def at_boot(state: State) -> bool:
    """Whether `penstock up --at-boot` wrote its mark here."""
    return (state.root / "at-boot").exists()


def _candidate(store: Store, row: Row, environment: Environment) -> Revision:
    options = row["options"]
    if row["kind"] != "release":
        known = revisions.get(store, row["service"], row["environment"], options["of"])
        assert known is not None, "what is rolled back to is remembered"
        changed = {"id": options["of"] + options.get("suffix", "")}
        if options.get("fault"):
            units = known["data"]["units"]
            changed["units"] = {n: {**unit, "env": {**unit["env"], **options["fault"]}} for n, unit in units.items()}
        if options.get("fresh"):
            changed["secrets"] = options["secrets"]
        return data.load(Revision, {**known["data"], **changed})
    return revision_of(
        environment, row["commit_id"], secrets_digest=options["secrets_digest"], secrets=options["secrets"],
        version=options.get("version", ""), suffix=options.get("suffix", ""),
    )  # fmt: skip


def _secrets(path: Path) -> dict[str, str]:
    try:
        return dict(json.loads(path.read_text()))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise StateError("secrets", f"the release's secrets cannot be read: {error}", str(path)) from error
