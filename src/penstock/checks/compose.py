"""The check `compose`: services that keep to themselves, and start again."""

from __future__ import annotations

from typing import ClassVar

from penstock.checks.infra.compose_rules import ALL, Service, read_compose
from penstock.checks.infra.judging import Seen, judged
from penstock.checks.infra.reading import Unreadable
from penstock.checks.infra.section import Judged
from penstock.checks.infra.sources import gather
from penstock.checks.reported import unjudged
from penstock.core.finding import CheckRequest, Outcome
from penstock.core.masking import concealed

_USUAL = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")


class ComposeSection(Judged):
    """The Compose files, and what may be found in them."""

    steady: ClassVar[bool] = False


class ComposeCheck:
    """Passes when nothing above `at_most` is found in the Compose files.

    It looks for privileged containers, the socket of Docker, devices and the machine's own folders in a container, images
    without a tag, secrets in plain text; as less grave for services without `restart` or `healthcheck`, and as
    information for ports on every address. Docker is not asked; `${...}` is known only later, and is not judged.

    - `file`: the files, a path or several, with `*`; compose.yaml and its older names if left out.
    - `run`, `env`, `sees`: a command that makes them first (`docker compose config -o made.yaml`), its variables, its secrets.
    - `production`: changes nothing here.
    - `at_most`: the gravest that does not block: critical, high, medium, low, info or none; medium if left out.
    - `ignore`: findings that are borne: `rule`, `resource` (a service; both may have `*`), `reason`, and `until` (a day).

    Bad:   services: docker compose config -q       # privileged is valid
    Good:  services: {is: compose, file: compose.yaml, at_most: low}
    """

    def run(self, request: CheckRequest) -> Outcome:
        """Read the files, ask the rules, and judge."""
        section = ComposeSection.model_validate(request.section)
        produced = gather(section, request, _USUAL)
        if isinstance(produced, Outcome):
            return concealed(produced, request.secrets)
        services: list[Service] = []
        for one in produced.reports:
            try:
                services += read_compose(one.data, one.path)
            except Unreadable as error:
                place = f"{one.path}:{error.line}" if error.line else one.path
                return concealed(
                    unjudged(f"{place} cannot be read: {error.what}", "a file that docker compose accepts"),
                    request.secrets,
                )
        hits = [hit for service in services for rule in ALL for hit in rule(service)]
        what = (
            f"{len(services)} service{'' if len(services) == 1 else 's'} of "
            f"{', '.join(one.path for one in produced.reports)[:120]}"
        )
        return concealed(judged(Seen(what, hits, evidence=produced.evidence()), section, request.now), request.secrets)
