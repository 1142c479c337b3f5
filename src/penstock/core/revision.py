"""What a revision is called, and what it is made of: commit, artifact, configuration."""

from __future__ import annotations

from penstock.core import data
from penstock.core.target import Artifact, Revision, Unit
from penstock.manifest import Environment


def revision_of(
    environment: Environment, commit: str, *, secrets_digest: str, secrets: str, version: str = "", suffix: str = ""
) -> Revision:
    """The revision that a commit is in an environment; its artifact is not built yet.

    Equal commits with equal configuration and equal secrets (by digest) have equal ids. `suffix` sets apart the same
    content placed anew.
    """
    units = {
        name: Unit(
            unit.run.argv(),
            {**environment.env, **unit.env},
            environment.sees(name),
            unit.traffic,
            data.dump(unit.health) if unit.health else None,
        )
        for name, unit in environment.units.items()
    }
    configuration = data.digest([{name: data.dump(unit) for name, unit in units.items()}, secrets_digest])
    return Revision(
        id=f"{commit[:7]}-{configuration[:6]}{suffix}",
        commit=commit,
        artifact=Artifact("none"),
        configuration=configuration,
        version=version or commit,
        units=units,
        secrets=secrets,
    )
