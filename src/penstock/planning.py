"""Drawing a plan for a look: no order, no worker, no engine, and nothing is changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from penstock.api import Desk, who
from penstock.core.calibration import reckoned_with
from penstock.core.foresight import ahead_of, blind_spots
from penstock.core.plan import Facts, Plan, draw
from penstock.core.policies import unjudged_in_bake
from penstock.core.revision import revision_of
from penstock.core.rollout import Place
from penstock.core.target import Change, Fence, Observed
from penstock.errors import PenstockError
from penstock.manifest import Environment
from penstock.manifest.waivers import Waiver
from penstock.orders import branch_of, check_branch, check_hotfix
from penstock.ports import Target
from penstock.providers.git import GitForge
from penstock.providers.secrets import ReferenceSecrets
from penstock.records import releases, revisions
from penstock.steps.learn import last_calibration, look_back
from penstock.worlds import at_boot, environment_before, environment_named, manifest_at, metrics_of, target_of


@dataclass(frozen=True)
class Foreseen:
    """A plan, what the target says that its first step would do, and the waivers by line, whether they hold or not.

    `ahead`: what the rollout will be able to see at the traffic there is.
    """

    plan: Plan
    preview: tuple[str, ...]
    waivers: Mapping[str, Waiver] = field(default_factory=dict)
    ahead: tuple[str, ...] = ()


def draw_for(desk: Desk, repository: Path, asked: str, name: str, *, again: bool, older: bool,
    hotfix: str = "", labels: Sequence[str] = (),
) -> Foreseen:  # fmt: skip
    """The plan as a release ordered now would draw it; its number is 0, and its artifact is not built."""
    with TemporaryDirectory(prefix="penstock-plan-") as folder:
        return _draw(
            desk, repository, asked, name, Path(folder), again=again, older=older, hotfix=hotfix, labels=labels
        )


def _draw(desk: Desk, repository: Path, asked: str, name: str, folder: Path, *, again: bool, older: bool,
    hotfix: str, labels: Sequence[str],
) -> Foreseen:  # fmt: skip
    forge = GitForge(repository)
    commit = forge.resolve(asked)
    manifest = manifest_at(forge, commit)
    environment = environment_named(manifest, name, desk.store)
    check_branch(environment, branch_of(forge, asked), asked)
    check_hotfix(environment, hotfix)
    resolver = ReferenceSecrets(desk.state.root)
    values = resolver.resolve({n: str(r) for n, r in environment.secrets.items()}, name)
    candidate = revision_of(environment, commit, secrets_digest=resolver.digest(values), secrets="")
    if environment.target.kind == "command":  # its commands are files of the commit
        forge.export(commit, str(folder))
    target = target_of(desk.state, manifest.service, environment, folder)
    observed = target.observe()
    stable = revisions.stable(desk.store, manifest.service, name, observed)
    section = environment.target.section
    places = {n: Place(section.instances_of(n), traffic=u.traffic) for n, u in environment.units.items()}  # type: ignore[attr-defined]
    is_older = bool(stable and stable.commit != commit and forge.is_ancestor(commit, stable.commit))
    plan = draw(
        environment,
        Facts(
            0, "release", manifest.service, candidate, observed, target.capabilities(), places, stable,
            older=is_older, again=again, may_be_older=older, at_boot=at_boot(desk.state),
            rehearsed=releases.rehearsed(desk.store, manifest.service, name),
            brought=forge.brings(stable.commit if stable else None, commit), ordered_by=who()["person"],
            hotfix=hotfix, branch=branch_of(forge, asked), labels=tuple(labels),
            before=environment_before(forge, stable.commit, name, desk.store) if stable else None,
        ),
    )  # fmt: skip
    ahead = _ahead(desk, manifest.service, environment, values, stable.id) if stable else ()
    return Foreseen(plan, _preview(target, plan, observed), environment.waivers, ahead)


def _ahead(
    desk: Desk, service: str, environment: Environment, secrets: Mapping[str, str], stable: str
) -> tuple[str, ...]:
    """A source that cannot be read says nothing of the future, and that is said."""
    try:
        known = look_back(metrics_of(desk.state, service, environment, secrets), environment, stable)
        known = reckoned_with(known, last_calibration(desk.store, service, environment.name))
    except PenstockError as error:
        return (f"the past cannot be read: {error.what}",)
    unseen = blind_spots(environment, known).values()
    return (*ahead_of(environment, known).sentences, *unseen, *unjudged_in_bake(environment, known))


def _preview(target: Target, plan: Plan, observed: Observed) -> tuple[str, ...]:
    """What the target itself says of the first step; an error of it is said, and stops no plan."""
    if plan.nothing_to_do or plan.blocked:
        return ()
    try:
        found = target.preview(Change(plan.desire(0, Fence(0), None), observed))
    except PenstockError as error:
        return (f"the target could not say what it would do: {error.what}",)
    return (*found.summary, *(f"no rollback undoes: {one}" for one in found.irreversible))
