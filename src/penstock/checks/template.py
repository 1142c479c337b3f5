"""The check `template`: what a CloudFormation, SAM or Serverless file declares, before it is deployed."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import model_validator

from penstock.checks.infra.judging import Seen, judged
from penstock.checks.infra.sources import gather
from penstock.checks.infra.stacked import Stacked, infra_hits, named, stacks
from penstock.checks.running import environment, run
from penstock.checks.template_lint import Lint, lint_report
from penstock.core.finding import CheckRequest, Finding, Outcome
from penstock.core.masking import concealed
from penstock.errors import PenstockError
from penstock.manifest.section import wrong


class TemplateSection(Stacked):
    """The template's files, what may be found in them, and whether cfn-lint has to agree."""

    steady: ClassVar[bool] = False  # it asks a tool that may be there or not, and the day for what is ignored

    lint: Literal["required", "if_there", "off"] = "required"

    @model_validator(mode="after")
    def _a_file(self) -> TemplateSection:
        if not self.file:
            raise wrong(
                "it does not say which file",
                "there is nothing to read",
                "file: template.yaml",
                code="missing-key",
                at="file",
            )
        return self


class TemplateCheck:
    """Passes when nothing above `at_most` is found in a CloudFormation, SAM or Serverless file, nor by cfn-lint.

    It looks for ports open to everybody, public buckets, CORS for every origin, routes without authorizer or
    throttling, storage that is not encrypted, what is sent in the open, logs kept for ever, secrets in plain text,
    functions that run longer than their API waits, public function URLs, old runtimes; in production for stores that
    nothing keeps from being deleted. Every finding names its rule. Values that are known only at deployment are not
    judged.

    - `file`: the template or templates, a path or several, with `*`; CloudFormation and SAM in YAML or JSON,
      serverless.yml, or a plan of Terraform in JSON.
    - `run`, `env`, `sees`: a command that makes the files first (as `cdk synth` does), its variables, its secrets.
    - `lint`: `required` (cfn-lint must be there and is asked, or the check is *errored*), `if_there`, or `off`; required
      if left out. It is asked of CloudFormation and SAM only. Its errors count as high, its warnings as medium.
    - `require`: topics whose findings count as high, and that are looked for only then: alarms, api_keys, authorizer,
      backups, cors, deletion_protection, encryption, lifecycle, log_retention, throttling, versioning.
    - `log_retention`: from and to how many days logs are kept, as in `7d to 30d`.
    - `parameters`: what the template is deployed with; else the defaults count, and for a parameter called Stage or
      Environment the environment's name.
    - `production`: whether it is for production; as the environment is called, if left out.
    - `at_most`: the gravest that does not block: critical, high, medium, low, info or none; medium if left out.
    - `ignore`: findings that are borne: `rule`, `resource` (both may have `*`), `reason`, and `until` (a day).

    Bad:   infrastructure: sam validate        # a public bucket is valid
    Good:  infrastructure: {is: template, file: template.yaml, require: [alarms, log_retention]}
    """

    def run(self, request: CheckRequest) -> Outcome:
        """Read the files, ask the rules and cfn-lint, and judge."""
        section = TemplateSection.model_validate(request.section)
        return concealed(self._outcome(section, request), request.secrets)

    def _outcome(self, section: TemplateSection, request: CheckRequest) -> Outcome:
        produced = gather(section, request)
        if isinstance(produced, Outcome):
            return produced
        found = stacks(produced.reports, section.parameters, request.environment)
        if isinstance(found, Outcome):
            return found
        paths = [one.path for one in produced.reports]
        lintable = [
            stack.file for stack in found if stack.dialect == "cloudformation" and stack.resources[0].type != "policy"
        ]
        lint = linted(section, request, lintable) if lintable else Lint()
        hits = [*infra_hits(found, section.setting(request.environment, request.now)), *lint.hits]
        seen = Seen(named(found, paths), hits, lint.said, lint.unseen, (*produced.evidence(), *lint.evidence))
        return judged(seen, section, request.now)


def linted(section: TemplateSection, request: CheckRequest, paths: list[str]) -> Lint:
    """What cfn-lint says of these files; where it is not there, that is said, and is no pass when it is required."""
    if section.lint == "off":
        return Lint(said=("cfn-lint is off",))
    names = environment(section.env, request)
    program = shutil.which("cfn-lint", path=names.get("PATH", "/usr/local/bin:/usr/bin:/bin"))
    if program is None:
        return _absent(section, "cfn-lint is not there")
    with tempfile.TemporaryDirectory(prefix=".cfn-lint-", dir=request.folder) as folder:
        report = Path(folder) / "report.json"
        words = (program, "--format", "json", "--output-file", str(report), "--", *paths)
        try:
            ended = run(words, names, section.within_s, request)
            data = report.read_bytes()[: 50 << 20] if report.is_file() else b""
        except (PenstockError, OSError, ValueError) as error:
            return _absent(section, f"cfn-lint cannot be run: {getattr(error, 'what', error)}")
    if ended.timed_out:
        return _broken(f"cfn-lint was not over after {section.within_s:g} s", "more time, with `within`")
    return lint_report(data, ended.code)


def _absent(section: TemplateSection, what: str) -> Lint:
    if section.lint == "if_there":
        return Lint(said=(f"{what}: only Penstock's own rules were asked",))
    return _broken(what, "pip install cfn-lint; or `lint: if_there`, and Penstock's own rules decide alone")


def _broken(what: str, remedy: str) -> Lint:
    return Lint(
        unseen=(Finding(what, "the template was not checked against the services' schemas, which is no pass", remedy),)
    )
