"""The check `serverless`: what a Serverless file declares, and what its functions are granted."""

from __future__ import annotations

from typing import ClassVar

from penstock.checks.infra.iam import BY_TOPIC
from penstock.checks.infra.iam.grants import Asked, grants
from penstock.checks.infra.judging import Seen, judged
from penstock.checks.infra.sources import gather
from penstock.checks.infra.stacked import Stacked, infra_hits, named, stacks
from penstock.checks.reported import unjudged
from penstock.core.finding import CheckRequest, Outcome
from penstock.core.masking import concealed
from penstock.manifest.section import Flag

_USUAL = ("serverless.yml", "serverless.yaml", "serverless.json")


class ServerlessSection(Stacked):
    """The Serverless file, and what may be found in it; `iam` asks for least privilege as well."""

    steady: ClassVar[bool] = False

    iam: Flag = True


class ServerlessCheck:
    """Passes when nothing above `at_most` is found in a Serverless Framework file: functions, events, roles, resources.

    The rules are those of `template` and, with `iam`, those of `iam`, over `functions`, `provider` and
    `resources.Resources`. `${self:...}` and the stage are filled in; what comes from `${ssm:...}`, `${env:...}` and other
    places is known only at deployment, and is not judged. The framework itself is not run: `run` may print what it
    makes of the file (`serverless print --format json`).

    - `file`: the file, serverless.yml (or .yaml, .json) if left out; several, with `*`.
    - `run`, `env`, `sees`: a command that makes the file first, its variables, its secrets.
    - `iam`: whether what the roles are granted is judged as well; true if left out.
    - `require`: topics whose findings count as high, and that are looked for only then: alarms, api_keys, authorizer,
      backups, cors, deletion_protection, encryption, lifecycle, log_retention, throttling, versioning.
    - `log_retention`: from and to how many days logs are kept, as in `7d to 30d`.
    - `parameters`: parameters of the templates in `resources`; `stage` is the stage, the environment's name if left out.
    - `production`: whether it is for production; as the environment is called, if left out.
    - `at_most`: the gravest that does not block: critical, high, medium, low, info or none; medium if left out.
    - `ignore`: findings that are borne: `rule`, `resource` (both may have `*`), `reason`, and `until` (a day).

    Bad:   infrastructure: serverless package       # packs a public bucket as well as any other
    Good:  infrastructure: {is: serverless, file: serverless.yml, require: [authorizer, throttling]}
    """

    def run(self, request: CheckRequest) -> Outcome:
        """Read the file, ask the rules, and judge."""
        section = ServerlessSection.model_validate(request.section)
        return concealed(self._outcome(section, request), request.secrets)

    def _outcome(self, section: ServerlessSection, request: CheckRequest) -> Outcome:
        produced = gather(section, request, _USUAL)
        if isinstance(produced, Outcome):
            return produced
        found = stacks(produced.reports, section.parameters, request.environment)
        if isinstance(found, Outcome):
            return found
        if other := next((stack.file for stack in found if stack.dialect != "serverless"), ""):
            return unjudged(
                f"{other} is no Serverless file", "`is: template`, or the file with `provider` and `functions`"
            )
        hits = infra_hits(found, section.setting(request.environment, request.now))
        if section.iam:
            hits += [
                h for s in found for rules in BY_TOPIC.values() for rule in rules for h in rule(s, grants(s), Asked())
            ]
        paths = [one.path for one in produced.reports]
        return judged(Seen(named(found, paths), hits, evidence=produced.evidence()), section, request.now)
