"""The check `kubernetes`: manifests that are whole, bounded, watched, and no more than they need to be."""

from __future__ import annotations

from typing import ClassVar

from pydantic import model_validator

from penstock.checks.infra.judging import Seen, judged
from penstock.checks.infra.k8s import ALL
from penstock.checks.infra.k8s.objects import Cluster, Object, read_manifests
from penstock.checks.infra.reading import Unreadable
from penstock.checks.infra.section import Judged
from penstock.checks.infra.sources import gather
from penstock.checks.reported import Report, unjudged
from penstock.core.finding import CheckRequest, Outcome
from penstock.core.masking import concealed
from penstock.manifest.section import wrong


class KubernetesSection(Judged):
    """The manifests, and what may be found in them."""

    steady: ClassVar[bool] = False

    @model_validator(mode="after")
    def _a_file(self) -> KubernetesSection:
        if not self.file:
            raise wrong(
                "it does not say which manifests",
                "there is nothing to read",
                "file: k8s/*.yaml",
                code="missing-key",
                at="file",
            )
        return self


class KubernetesCheck:
    """Passes when nothing above `at_most` is found in Kubernetes manifests, all of them read together.

    Every object has what its kind needs, and is there once; selectors select; containers have requests, limits and
    probes, an image that stays the same, and are neither root nor privileged nor in their host; no secret stands in
    plain text; an Ingress has TLS; roles are bounded; in production there are two replicas and a PodDisruptionBudget.
    The cluster is not asked: what only it knows (custom resources, admission) is not judged.

    - `file`: the manifests, a path or several, with `*` and `**`.
    - `run`, `env`, `sees`: a command that writes them first, as in `kustomize build overlays/production -o made.yaml`
      or `{sh: helm template shop chart > made.yaml}`, its variables, its secrets.
    - `production`: whether they are for production; as the environment is called, if left out.
    - `at_most`: the gravest that does not block: critical, high, medium, low, info or none; medium if left out.
    - `ignore`: findings that are borne: `rule`, `resource` (as in `Deployment/web`; both may have `*`), `reason`, and
      `until` (a day).

    Bad:   manifests: kubectl apply --dry-run=client -f k8s      # `latest` and root are valid
    Good:  manifests: {is: kubernetes, file: [k8s/*.yaml], at_most: low}
    """

    def run(self, request: CheckRequest) -> Outcome:
        """Read the manifests, ask the rules, and judge."""
        section = KubernetesSection.model_validate(request.section)
        produced = gather(section, request)
        if isinstance(produced, Outcome):
            return concealed(produced, request.secrets)
        found = objects(produced.reports)
        if isinstance(found, Outcome):
            return concealed(found, request.secrets)
        cluster = Cluster(tuple(found), section.in_production(request.environment))
        where = produced.reports[0].path if len(produced.reports) == 1 else f"{len(produced.reports)} files"
        what = f"{len(found)} object{'' if len(found) == 1 else 's'} of {where}"
        seen = Seen(what, [hit for rule in ALL for hit in rule(cluster)], evidence=produced.evidence())
        return concealed(judged(seen, section, request.now), request.secrets)


def objects(reports: tuple[Report, ...]) -> list[Object] | Outcome:
    """The objects of all files; errored with the first that cannot be read, or when there is none at all."""
    found: list[Object] = []
    for one in reports:
        try:
            found += read_manifests(one.data, one.path)
        except Unreadable as error:
            place = f"{one.path}:{error.line}" if error.line else one.path
            more = "; `run: {sh: helm template ...}` makes manifests of a chart" if b"{{" in one.data else ""
            return unjudged(f"{place} cannot be read: {error.what}", f"YAML that kubectl accepts{more}")
    if not any(one.kind for one in found):
        return unjudged(
            f"no object in {', '.join(one.path for one in reports)[:200]}", "files with `apiVersion` and `kind`"
        )
    return found
