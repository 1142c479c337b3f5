"""The check `dockerfile`: images that are built twice the same, run as somebody, and carry no secrets."""

from __future__ import annotations

from typing import ClassVar

from penstock.checks.infra.docker_rules import ALL
from penstock.checks.infra.docker_text import read_dockerfile
from penstock.checks.infra.judging import Seen, judged
from penstock.checks.infra.reading import Unreadable, as_text
from penstock.checks.infra.resource import Hit
from penstock.checks.infra.section import Judged
from penstock.checks.infra.sources import gather
from penstock.checks.reported import unjudged
from penstock.core.finding import CheckRequest, Outcome
from penstock.core.masking import concealed

_USUAL = ("Dockerfile", "Containerfile")


class DockerfileSection(Judged):
    """The Dockerfiles, and what may be found in them."""

    steady: ClassVar[bool] = False


class DockerfileCheck:
    """Passes when nothing above `at_most` is found in the Dockerfiles.

    It looks for base images without a tag or digest, for root, for what is fetched unchecked or piped into a shell,
    for secrets in ENV, ARG, LABEL and RUN; as information for lists of apt that stay, a COPY of everything before
    dependencies are installed, and no HEALTHCHECK. Nothing is built.

    - `file`: the Dockerfiles, a path or several, with `*`; Dockerfile or Containerfile if left out.
    - `run`, `env`, `sees`: a command that makes them first, its variables, its secrets.
    - `production`: changes nothing here.
    - `at_most`: the gravest that does not block: critical, high, medium, low, info or none; medium if left out.
    - `ignore`: findings that are borne: `rule`, `resource` (both may have `*`), `reason`, and `until` (a day).

    Bad:   image: docker build .           # `latest` and a password in ENV build very well
    Good:  image: {is: dockerfile, file: [Dockerfile, "services/*/Dockerfile"]}
    """

    def run(self, request: CheckRequest) -> Outcome:
        """Read the files, ask the rules, and judge."""
        section = DockerfileSection.model_validate(request.section)
        produced = gather(section, request, _USUAL)
        if isinstance(produced, Outcome):
            return concealed(produced, request.secrets)
        hits: list[Hit] = []
        for one in produced.reports:
            try:
                docker = read_dockerfile(as_text(one.data), one.path)
            except Unreadable as error:
                place = f"{one.path}:{error.line}" if error.line else one.path
                return concealed(
                    unjudged(f"{place} cannot be read: {error.what}", "a Dockerfile that docker accepts"),
                    request.secrets,
                )
            hits += [hit for rule in ALL for hit in rule(docker)]
        what = ", ".join(one.path for one in produced.reports)[:120]
        return concealed(judged(Seen(what, hits, evidence=produced.evidence()), section, request.now), request.secrets)
