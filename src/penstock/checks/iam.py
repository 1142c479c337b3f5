"""The check `iam`: least privilege, in what templates, plans and policies grant."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from penstock.checks.infra.iam import BY_TOPIC
from penstock.checks.infra.iam.grants import Asked, Grant, grants
from penstock.checks.infra.judging import Seen, judged
from penstock.checks.infra.resource import Hit, Stack
from penstock.checks.infra.section import Judged, Several
from penstock.checks.infra.sources import gather
from penstock.checks.infra.stacked import stacks
from penstock.core.finding import CheckRequest, Outcome
from penstock.core.masking import concealed
from penstock.manifest.groups import one_or_several
from penstock.manifest.section import wrong

Denied = Literal["wildcards", "exclusions", "principals", "trust", "escalation", "admin", "shared_roles", "unknown"]


class IamSection(Judged):
    """What is denied (all of it, if left out), and what is allowed all the same."""

    steady: ClassVar[bool] = False

    deny: Annotated[tuple[Denied, ...], BeforeValidator(one_or_several)] = ()
    allow: Several = ()
    roles: Literal["one_per_function", "shared"] | None = None
    parameters: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _a_file(self) -> IamSection:
        if not self.file:
            raise wrong(
                "it does not say which file",
                "there is nothing to read",
                "file: template.yaml",
                code="missing-key",
                at="file",
            )
        return self

    def topics(self) -> list[str]:
        """The topics that are judged."""
        chosen = [topic for topic in BY_TOPIC if not self.deny or topic in self.deny]
        if self.roles == "shared":
            return [topic for topic in chosen if topic != "shared_roles"]
        return chosen if self.roles is None or "shared_roles" in chosen else [*chosen, "shared_roles"]


class IamCheck:
    """Passes when no role, user or policy of the files is granted more than it may be.

    It reads the roles and policies of CloudFormation, SAM and Serverless files and of Terraform's plans, and bare
    policies in JSON. What a role may do is taken over all of its policies; what a `Deny` takes back is not counted. It is
    judged from the files alone: nothing is asked of an account.

    - `file`: the template, plan or policy, a path or several, with `*`.
    - `run`, `env`, `sees`: a command that makes the files first, its variables, its secrets.
    - `deny`: what is looked for; all of it if left out. `wildcards` (actions and resources), `exclusions` (NotAction,
      NotResource, NotPrincipal), `principals` (everybody, or another account, without a condition), `trust` (the same in
      who may take a role on), `escalation` (the known sets of actions by which a role makes itself an administrator),
      `admin` (managed policies such as AdministratorAccess), `shared_roles`, `unknown` (services that there are not,
      and actions of the services used most; of the others, only the service's name is checked).
    - `allow`: actions, managed policies or accounts that may be granted, with `*` as in `logs:*`.
    - `roles`: `one_per_function` counts a role that several functions share as high; `shared` lets it be; else it is medium.
    - `parameters`: what the template is deployed with; else its defaults count.
    - `production`: changes nothing here; it may stand for the sake of other checks' sections.
    - `at_most`: the gravest that does not block: critical, high, medium, low, info or none; medium if left out.
    - `ignore`: findings that are borne: `rule`, `resource` (both may have `*`), `reason`, and `until` (a day).

    Bad:   permissions: grep -L AdministratorAccess template.yaml    # "*" is an administrator too
    Good:  permissions: {is: iam, file: template.yaml, deny: [wildcards, escalation, admin], roles: one_per_function}
    """

    def run(self, request: CheckRequest) -> Outcome:
        """Read the files, ask the rules, and judge."""
        section = IamSection.model_validate(request.section)
        return concealed(self._outcome(section, request), request.secrets)

    def _outcome(self, section: IamSection, request: CheckRequest) -> Outcome:
        produced = gather(section, request)
        if isinstance(produced, Outcome):
            return produced
        found = stacks(produced.reports, section.parameters, request.environment)
        if isinstance(found, Outcome):
            return found
        granted = [(stack, grants(stack)) for stack in found]
        policies = sum(1 for _, each in granted for one in each if one.statements or one.managed)
        if not policies and not any(one.kind == "role" for stack in found for one in stack.resources):
            files = ", ".join(one.path for one in produced.reports)
            return Outcome("skipped", f"0 policies in {files[:200]}: there is nothing that it grants")
        where = produced.reports[0].path if len(produced.reports) == 1 else f"{len(produced.reports)} files"
        what = f"{policies} polic{'y' if policies == 1 else 'ies'} of {where}"
        hits = iam_hits(granted, section)
        return judged(Seen(what, hits, evidence=produced.evidence()), section, request.now)


def iam_hits(granted: list[tuple[Stack, list[Grant]]], section: IamSection) -> list[Hit]:
    """What the rules of the section's topics find."""
    asked = Asked(section.allow, section.roles == "one_per_function")
    return [
        hit for stack, each in granted for topic in section.topics() for rule in BY_TOPIC[topic] for hit in rule(stack, each, asked)
    ]  # fmt: skip
