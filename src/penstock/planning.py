"""Drawing a plan for a look: no order, no worker, no engine, and nothing is changed."""

from __future__ import annotations

from pathlib import Path

from penstock.api import Desk
from penstock.core.plan import Facts, Plan, draw
from penstock.core.revision import revision_of
from penstock.core.rollout import Place
from penstock.orders import environment_named
from penstock.providers.git import GitForge
from penstock.providers.secrets import ReferenceSecrets
from penstock.records import releases, revisions
from penstock.worlds import at_boot, manifest_at, target_of


def draw_for(desk: Desk, repository: Path, asked: str, name: str, *, again: bool, older: bool) -> Plan:
    """The plan as a release ordered now would draw it; its number is 0, and its artifact is not built."""
    forge = GitForge(repository)
    commit = forge.resolve(asked)
    manifest = manifest_at(forge, commit)
    environment = environment_named(manifest, name)
    resolver = ReferenceSecrets(desk.state.root)
    values = resolver.resolve({n: str(r) for n, r in environment.secrets.items()}, name)
    candidate = revision_of(environment, commit, secrets_digest=resolver.digest(values), secrets="")
    target = target_of(desk.state, manifest.service, environment)
    observed = target.observe()
    stable = revisions.stable(desk.store, manifest.service, name, observed)
    section = environment.target.section
    places = {n: Place(section.instances_of(n), traffic=u.traffic) for n, u in environment.units.items()}  # type: ignore[attr-defined]
    is_older = bool(stable and stable.commit != commit and forge.is_ancestor(commit, stable.commit))
    return draw(
        environment,
        Facts(
            0, "release", manifest.service, candidate, observed, target.capabilities(), places, stable,
            older=is_older, again=again, may_be_older=older, at_boot=at_boot(desk.state),
            rehearsed=releases.rehearsed(desk.store, manifest.service, name),
        ),
    )  # fmt: skip
