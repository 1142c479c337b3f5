"""The check `terraform`: what a plan changes and destroys, and what it declares."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from pydantic import Field, field_validator, model_validator

from penstock.checks.infra.iam import BY_TOPIC
from penstock.checks.infra.iam.grants import Asked, grants
from penstock.checks.infra.judging import Seen, judged
from penstock.checks.infra.plan_rules import counted, destroyed, in_one_line, unmet
from penstock.checks.infra.reading import Unreadable, plain_json
from penstock.checks.infra.resource import Hit
from penstock.checks.infra.section import Several
from penstock.checks.infra.sources import gather
from penstock.checks.infra.stacked import Stacked, infra_hits
from penstock.checks.infra.terraform_plan import plan_stack, read_plan
from penstock.checks.reported import Produced, Report, a_path_inside, unjudged
from penstock.checks.running import environment, run
from penstock.checks.terraform_tool import blocks, invalid, unformatted
from penstock.core.finding import CheckRequest, Finding, Outcome
from penstock.core.masking import concealed
from penstock.errors import PenstockError
from penstock.manifest.section import Flag, wrong

_FILES = 300
_FILE = 1 << 20


class TerraformSection(Stacked):
    """The plan (made by `run`, or as it lies there), the folder of the configuration, and what may be destroyed."""

    steady: ClassVar[bool] = False

    file: Several = Field(default=(), alias="plan")
    report: Several = ()
    folder: str = ""
    allow_destroy: Several = ()
    stateful: Several = ()
    iam: Flag = True

    @field_validator("folder")
    @classmethod
    def _folder_inside(cls, value: str) -> str:
        return a_path_inside(value) if value else value

    @model_validator(mode="after")
    def _something(self) -> TerraformSection:
        if not (self.file or self.report or self.folder):
            why = "without a plan and a folder there is nothing to judge"
            raise wrong("it names no plan and no folder", why, "plan: plan.json", code="missing-key", at="plan")
        if self.run and not (self.file or self.report):
            raise wrong(
                "`run` makes a plan, and none is named",
                "its JSON is what is judged",
                "plan: plan.json",
                code="missing-key",
                at="plan",
            )
        return self


class TerraformCheck:
    """Passes when a plan destroys no data, and nothing above `at_most` is found in what it declares.

    The plan is the JSON of `terraform show -json`. A store of data that would be destroyed or replaced is critical,
    unless `allow_destroy` names it. The rules are those of `template` and `iam`. Values known only after apply are not
    judged. How much is created, updated, deleted and replaced, and what has drifted, is said and remembered.

    - `plan`, `report`: the plan's JSON, a path or several.
    - `run`, `env`, `sees`: a command that makes the plan first, its variables, its secrets.
    - `folder`: the configuration: `terraform fmt -check` and `terraform validate -json` are asked there (it has to be
      initialised; where terraform is not there the check is *errored*), and findings name its lines.
    - `allow_destroy`: addresses that may be destroyed or replaced, each written out as the plan names it.
    - `stateful`: more types or addresses that keep data, with `*`.
    - `iam`: whether what roles are granted is judged as well; true if left out.
    - `require`: topics whose findings count as high, and that are looked for only then: alarms, api_keys, authorizer,
      backups, cors, deletion_protection, encryption, lifecycle, log_retention, throttling, versioning.
    - `log_retention`: from and to how many days logs are kept, as in `7d to 30d`.
    - `parameters`: nothing here, a plan knows its variables.
    - `production`: whether it is for production; as the environment is called, if left out.
    - `at_most`: the gravest that does not block: critical, high, medium, low, info or none; medium if left out.
    - `ignore`: findings that are borne: `rule`, `resource` (both may have `*`), `reason`, and `until` (a day).

    Bad:   plan: terraform plan -detailed-exitcode       # 2 says that there are changes, not which
    Good:  plan: {is: terraform, folder: infra, run: {sh: terraform show -json p.bin > plan.json}, plan: plan.json}
    """

    def run(self, request: CheckRequest) -> Outcome:
        """Ask terraform where there is a folder, read the plan, ask the rules, and judge."""
        section = TerraformSection.model_validate(request.section)
        return concealed(self._outcome(section, request), request.secrets)

    def _outcome(self, section: TerraformSection, request: CheckRequest) -> Outcome:
        try:
            hits = asked_tool(section, request) if section.folder else []
            unseen: tuple[Finding, ...] = ()
        except Unreadable as error:
            hits, unseen = (
                [],
                (Finding(error.what, "the configuration was not checked, which is no pass", "terraform -version"),),
            )
        if not (section.file or section.report):
            return judged(Seen(f"{section.folder}, without a plan", hits, unseen=unseen), section, request.now)
        produced = gather(
            section.model_copy(update={"file": section.file or section.report, "run": section.run}), request
        )
        if isinstance(produced, Outcome):
            return produced
        places = blocks(texts(Path(request.folder), section.folder or ".")) if section.folder else {}
        return _judged(section, request, produced, places, hits, unseen)


def _judged(
    section: TerraformSection, request: CheckRequest, produced: Produced, places: dict[str, str], hits: list[Hit],
    unseen: tuple[Finding, ...],
) -> Outcome:  # fmt: skip
    total, said = dict.fromkeys(("create", "update", "delete", "replace", "drift"), 0), list[str]()
    for report in produced.reports:
        try:
            more, count, line = plan_hits(section, request.environment, request.now, report, places)
        except Unreadable as error:
            return unjudged(
                f"{report.path} cannot be read: {error.what}",
                "terraform show -json plan.bin > plan.json",
                produced.ended,
            )
        hits, total, said = hits + more, {key: total[key] + count[key] for key in total}, [*said, line]
    seen = Seen(
        ", ".join(one.path for one in produced.reports),
        hits,
        (),
        unseen,
        produced.evidence(),
        total,
        "; ".join(said) + "; ",
    )
    return judged(seen, section, request.now)


def plan_hits(
    section: TerraformSection, environment: str, now: float, report: Report, places: dict[str, str]
) -> tuple[list[Hit], dict[str, int], str]:
    """What is found in one plan, its counts, and how they are said; Unreadable where it is none, or not whole."""
    found = plain_json(report.data)
    plan = read_plan(found)
    if not plan.whole:
        raise Unreadable("the plan itself ended with an error, and is not whole")
    try:
        stack = plan_stack(found, report.path, places)
    except (AttributeError, TypeError, KeyError, RecursionError) as error:
        raise Unreadable("it is not shaped as a plan is") from error
    hits = [*destroyed(plan, report.path, section.allow_destroy, section.stateful), *unmet(plan, report.path)]
    hits += infra_hits([stack], section.setting(environment, now))
    if section.iam:
        hits += [hit for rules in BY_TOPIC.values() for rule in rules for hit in rule(stack, grants(stack), Asked())]
    count = counted(plan)
    return hits, count, in_one_line(count, plan.drift)


def asked_tool(section: TerraformSection, request: CheckRequest) -> list[Hit]:
    """What terraform itself says of the folder; Unreadable where it cannot say."""
    names = {**environment(section.env, request), "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1"}
    folder = Path(request.folder, section.folder)
    if not folder.is_dir():
        raise Unreadable(f"there is no folder `{section.folder}` in the commit")
    if shutil.which("terraform", path=names.get("PATH", "/usr/local/bin:/usr/bin:/bin")) is None:
        raise Unreadable("terraform is not there")
    outputs = []
    for words in (("fmt", "-check", "-recursive", "-no-color"), ("validate", "-json", "-no-color")):
        try:
            ended = run(("terraform", f"-chdir={section.folder}", *words), names, section.within_s, request)
        except (PenstockError, OSError, ValueError) as error:
            raise Unreadable(f"terraform cannot be run: {getattr(error, 'what', error)}") from error
        if ended.timed_out:
            raise Unreadable(f"terraform {words[0]} was not over after {section.within_s:g} s")
        outputs.append(ended)
    start = outputs[1].output.find("{\n")  # what it warns of its own settings stands before
    report = outputs[1].output[max(start, 0) : outputs[1].output.rfind("}") + 1]
    return unformatted(outputs[0].output, outputs[0].code, section.folder) + invalid(report.encode(), section.folder)


def texts(root: Path, folder: str) -> dict[str, str]:
    """The texts of a folder's configuration, as far as they are usual in number and size."""
    return dict(_texts(root, folder))


def _texts(root: Path, folder: str) -> Iterator[tuple[str, str]]:
    count = 0
    for at, folders, names in os.walk(root / folder):
        folders[:] = sorted(one for one in folders if not one.startswith("."))
        for name in sorted(one for one in names if one.endswith(".tf")):
            path, count = Path(at, name), count + 1
            if count > _FILES or path.is_symlink() or path.stat().st_size > _FILE:
                continue
            yield str(path.relative_to(root)), path.read_text("utf-8", "replace")
