"""The check `outdated`: how many packages have a newer version."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field, model_validator

from penstock.checks.findings_told import bounded, listed, table
from penstock.checks.reported import Produced, Reported, produce, unjudged
from penstock.checks.running import Ended
from penstock.checks.tests_reading import Unreadable, several, shown, tree_of
from penstock.core.finding import CheckRequest, Finding, Outcome
from penstock.core.masking import concealed
from penstock.core.target import Evidence
from penstock.manifest.section import Count, Section, wrong

_REPORT = "outdated.json"
_NPM = ("sh", "-c", f"npm outdated --json > {_REPORT}")
_PIP = ("sh", "-c", f"pip list --outdated --format=json > {_REPORT}")
_ENDS = (0, 1)  # npm ends with 1 where anything is outdated
# pip that reaches nobody says that nothing is outdated, and ends with 0.
_ALONE = re.compile(r"Retrying \(Retry|Could not fetch URL|connection broken|No matching index", re.IGNORECASE)
_MAJOR = re.compile(r"v?(?:[0-9]+!)?([0-9]+)")


class AtMost(Section):
    """`at_most` so many packages."""

    at_most: Count = Field(ge=0)


class OutdatedSection(Reported):
    """`at_most` packages with a newer version, `major` ones apart. It asks the registry, so it is not steady."""

    at_most: Count | None = Field(default=None, ge=0)
    major: AtMost | None = None

    @model_validator(mode="after")
    def _a_report(self) -> OutdatedSection:
        if self.run and not self.report:
            instead = 'report: outdated.json, beside run: {sh: "npm outdated --json > outdated.json"}'
            why = "what is outdated is read from the report that the command writes"
            raise wrong("`run` stands here without `report`", why, instead, code="missing-key", at="report")
        return self


class OutdatedCheck:
    """Passes when not too many packages have a newer version.

    The report is what `npm outdated --json`, `pip list --outdated --format=json` or `uv pip list --outdated --format json`
    writes. What is newest changes without a commit of yours, so it is usually written with `blocks: false`: it tells,
    and holds nothing up. A registry that does not answer is *errored*, not good news.

    - `at_most`: how many packages may have a newer version. Left out, 0; beside `major`, any number.
    - `major`: `{at_most: N}`, how many may be behind by the first number of their version.
    - `run`: the command that writes the report. With neither `run` nor `report`, npm is asked where there is a
      package.json, else pip.
    - `report`: where it stands.
    - `env`: variables of its own for the command.
    - `sees`: the secrets that the command gets, as variables.

    Bad:   outdated: npm outdated                  # holds a release up whenever anybody else released
    Good:  outdated: {is: outdated, at_most: 10, major: {at_most: 2}, blocks: false}
    """

    def run(self, request: CheckRequest) -> Outcome:
        """Run the command, read its reports, and count."""
        section = OutdatedSection.model_validate(request.section)
        asked = () if section.report else _NPM if (Path(request.folder) / "package.json").is_file() else _PIP
        produced = produce(section, request, run_default=asked, report_default=(_REPORT,))
        if isinstance(produced, Produced):
            produced = _judged_of(section, produced)
        return concealed(produced, request.secrets)


@dataclass(frozen=True)
class Package:
    """A package, what is installed of it, and what is newest."""

    name: str
    current: str
    latest: str

    @property
    def major(self) -> bool:
        """Whether the first number of its version is behind."""
        now, then = _MAJOR.match(self.current), _MAJOR.match(self.latest)
        return bool(now and then and int(now[1]) < int(then[1]))

    def __str__(self) -> str:
        return shown(f"{self.name} {self.current} ({self.latest})", 100)


def _judged_of(section: OutdatedSection, produced: Produced) -> Outcome:
    ended = produced.ended
    if ended and (ended.code not in _ENDS or _ALONE.search(ended.output)):
        how = f"ended with {ended.code}" if ended.code not in _ENDS else "did not reach its registry"
        return unjudged(f"the command {how}", "a command that reaches its registry; see its output", ended)
    packages: list[Package] = []
    for report in produced.reports:
        try:
            packages += read(report.data)
        except Unreadable as error:
            what = f"the report `{shown(report.path)}` {error}"
            return unjudged(what, "the JSON of npm outdated, pip list --outdated, or uv pip list --outdated", ended)
    return judged(section, packages, ended)


def read(data: bytes) -> list[Package]:
    """The packages of a report of npm, pip or uv; none is good news, and Unreadable is none."""
    if not data.strip():
        raise Unreadable("is empty")
    tree = tree_of(data)
    if isinstance(tree, list):
        return [_package(entry, "name", "version", "latest_version") for entry in tree]
    if not isinstance(tree, dict):
        raise Unreadable("is no report of outdated packages")
    if isinstance(tree.get("error"), dict) and "latest" not in tree["error"]:
        said = tree["error"].get("summary") or tree["error"].get("code")
        raise Unreadable(f"is an error of npm: {shown(said, 100)}")
    found = []
    for name, entry in tree.items():
        for one in entry if isinstance(entry, list) else [entry]:  # npm: a list where it is installed in several places
            found.append(_package({**one, "name": name} if isinstance(one, dict) else one, "name", "current", "latest"))
    return found


def _package(entry: Any, name: str, current: str, latest: str) -> Package:
    """npm has no `current` where a package is not installed: what it would install counts."""
    said = entry if isinstance(entry, dict) else {}
    values = said.get(name), said.get(current, said.get("wanted")), said.get(latest)
    if not all(isinstance(value, str) and value for value in values):
        raise Unreadable(f"is no report of outdated packages: an entry has no `{name}`, `{current}` or `{latest}`")
    return Package(*values)  # type: ignore[arg-type]


def judged(section: OutdatedSection, packages: Sequence[Package], ended: Ended | None) -> Outcome:
    """What the packages that have a newer version say about the commit."""
    outdated = [package for package in packages if package.current != package.latest]
    major = [package for package in outdated if package.major]
    at_most = 0 if section.at_most is None and section.major is None else section.at_most
    found = []
    if at_most is not None and len(outdated) > at_most:
        found.append(f"more than the {at_most} of `at_most`")
    if section.major and len(major) > section.major.at_most:
        found.append(f"{len(major)} by a major version, more than the {section.major.at_most} of `major`")
    head = f"{several(len(outdated), 'package')} outdated, {len(major)} by a major version"
    worst = sorted(outdated, key=lambda package: (not package.major, package.name))
    sentence = (
        listed(head, [str(package) for package in worst], "; ".join(found)) if outdated else "no package is outdated"
    )
    findings = bounded([_finding(package) for package in worst], "outdated")
    evidence = (_table(worst), *((Evidence("output", "text/plain", ended.output),) if ended else ()))
    measured = {"outdated": len(outdated), "major": len(major)}
    return Outcome(
        "failed" if found else "passed", sentence, findings, evidence, ended.seconds if ended else 0.0, measured
    )


def _finding(package: Package) -> Finding:
    name, current, latest = shown(package.name, 80), shown(package.current, 40), shown(package.latest, 40)
    effect = "what was mended since is not in it" + (", and the way there is longer with each" if package.major else "")
    severity = "low" if package.major else "info"
    return Finding(f"`{name}` is {current}, and {latest} is out", effect, f"take `{name}` {latest}", severity=severity)


def _table(packages: Sequence[Package]) -> Evidence:
    rows = [(shown(p.name), shown(p.current, 60), shown(p.latest, 60), "major" if p.major else "") for p in packages]
    return table("outdated", ("package", "current", "latest", "by"), rows)
