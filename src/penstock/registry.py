"""(group, name) → class. Built-ins stand in a table and come in by the same door as anybody's entry points."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from inspect import getdoc
from typing import Any

from penstock.errors import UserError

BUILT_IN: dict[str, dict[str, str]] = {
    "target": {
        "local": "penstock.providers.local.target:LocalTarget",
        "command": "penstock.providers.command.target:CommandTarget",
    },
    "target.section": {
        "local": "penstock.providers.local.section:LocalSection",
        "command": "penstock.providers.command.section:CommandSection",
    },
    "keeper": {
        "local": "penstock.providers.local.target:bring_up",
    },
    "port_is_free": {
        "local": "penstock.providers.local.tcp_ports:is_free",
    },
    "remove": {
        "local": "penstock.providers.local.removing:remove",
    },
    "metrics": {
        "local": "penstock.providers.local.metrics:LocalMetrics",
    },
    "metrics.source": {
        "prometheus": "penstock.providers.sources.prometheus:PrometheusMetrics",
        "json": "penstock.providers.sources.endpoint:JsonMetrics",
        "file": "penstock.providers.sources.file:FileMetrics",
    },
    "check": {
        "alarms": "penstock.checks.alarms:AlarmsCheck",
        "branch": "penstock.checks.branch:BranchCheck",
        "command": "penstock.checks.command:CommandCheck",
        "commits": "penstock.checks.commits:CommitsCheck",
        "compose": "penstock.checks.compose:ComposeCheck",
        "configuration": "penstock.checks.configuration:ConfigurationCheck",
        "coverage": "penstock.checks.coverage:CoverageCheck",
        "custom": "penstock.checks.custom:CustomCheck",
        "dockerfile": "penstock.checks.dockerfile:DockerfileCheck",
        "drill": "penstock.checks.drill:DrillCheck",
        "findings": "penstock.checks.findings:FindingsCheck",
        "fresh": "penstock.checks.fresh:FreshCheck",
        "headroom": "penstock.checks.headroom:HeadroomCheck",
        "http": "penstock.checks.http:HttpCheck",
        "iam": "penstock.checks.iam:IamCheck",
        "kubernetes": "penstock.checks.kubernetes:KubernetesCheck",
        "leaks": "penstock.checks.leaks:LeaksCheck",
        "licences": "penstock.checks.licences:LicencesCheck",
        "links": "penstock.checks.links:LinksCheck",
        "load": "penstock.checks.load:LoadCheck",
        "lockfile": "penstock.checks.lockfile:LockfileCheck",
        "masked": "penstock.checks.masked:MaskedCheck",
        "on_call": "penstock.checks.on_call:OnCallCheck",
        "outdated": "penstock.checks.outdated:OutdatedCheck",
        "problems": "penstock.checks.problems:ProblemsCheck",
        "provenance": "penstock.checks.provenance:ProvenanceCheck",
        "reachable": "penstock.checks.reachable:ReachableCheck",
        "reviews": "penstock.checks.reviews:ReviewsCheck",
        "sbom": "penstock.checks.sbom:SbomCheck",
        "serverless": "penstock.checks.serverless:ServerlessCheck",
        "slo": "penstock.checks.slo:SloCheck",
        "template": "penstock.checks.template:TemplateCheck",
        "terraform": "penstock.checks.terraform:TerraformCheck",
        "tests": "penstock.checks.tests:TestsCheck",
        "ticket": "penstock.checks.ticket:TicketCheck",
        "vulnerabilities": "penstock.checks.vulnerabilities:VulnerabilitiesCheck",
    },
    "check.section": {
        "alarms": "penstock.checks.alarms:AlarmsSection",
        "branch": "penstock.checks.branch:BranchSection",
        "command": "penstock.checks.command:CommandSection",
        "commits": "penstock.checks.commits:CommitsSection",
        "compose": "penstock.checks.compose:ComposeSection",
        "configuration": "penstock.checks.configuration:ConfigurationSection",
        "coverage": "penstock.checks.coverage:CoverageSection",
        "custom": "penstock.checks.custom:CustomSection",
        "dockerfile": "penstock.checks.dockerfile:DockerfileSection",
        "drill": "penstock.checks.drill:DrillSection",
        "findings": "penstock.checks.findings:FindingsSection",
        "fresh": "penstock.checks.fresh:FreshSection",
        "headroom": "penstock.checks.headroom:HeadroomSection",
        "http": "penstock.checks.http:HttpSection",
        "iam": "penstock.checks.iam:IamSection",
        "kubernetes": "penstock.checks.kubernetes:KubernetesSection",
        "leaks": "penstock.checks.leaks:LeaksSection",
        "licences": "penstock.checks.licences:LicencesSection",
        "links": "penstock.checks.links:LinksSection",
        "load": "penstock.checks.load:LoadSection",
        "lockfile": "penstock.checks.lockfile:LockfileSection",
        "masked": "penstock.checks.masked:MaskedSection",
        "on_call": "penstock.checks.on_call:OnCallSection",
        "outdated": "penstock.checks.outdated:OutdatedSection",
        "problems": "penstock.checks.problems:ProblemsSection",
        "provenance": "penstock.checks.provenance:ProvenanceSection",
        "reachable": "penstock.checks.reachable:ReachableSection",
        "reviews": "penstock.checks.reviews:ReviewsSection",
        "sbom": "penstock.checks.sbom:SbomSection",
        "serverless": "penstock.checks.serverless:ServerlessSection",
        "slo": "penstock.checks.slo:SloSection",
        "template": "penstock.checks.template:TemplateSection",
        "terraform": "penstock.checks.terraform:TerraformSection",
        "tests": "penstock.checks.tests:TestsSection",
        "ticket": "penstock.checks.ticket:TicketSection",
        "vulnerabilities": "penstock.checks.vulnerabilities:VulnerabilitiesSection",
    },
}


def find(group: str, name: str) -> Any:
    """The class registered under a name: a built-in, else an entry point of the group `penstock.GROUP`."""
    place = BUILT_IN.get(group, {}).get(name)
    if place:
        module, _, attribute = place.partition(":")
        return getattr(import_module(module), attribute)
    from importlib.metadata import entry_points  # costs some milliseconds: only when a name is no built-in

    for point in entry_points(group=f"penstock.{group}", name=name):
        return point.load()
    raise UserError(
        "no-kind", f"there is no {group} named `{name}`", next=f"one of: {', '.join(BUILT_IN.get(group, {}))}"
    )


def kinds() -> Mapping[str, Mapping[str, Any]]:
    """What the manifest's reader needs: the section of every target and check, each loaded when it is asked for."""
    return {"target": Sections("target.section"), "check": Sections("check.section")}


class Sections(Mapping[str, Any]):
    """kind -> its section. The built-in ones are listed; anybody's own, from an entry point, is found by its name."""

    def __init__(self, group: str) -> None:
        self._group = group

    def __getitem__(self, name: str) -> Any:
        try:
            return find(self._group, name)
        except UserError as error:
            raise KeyError(name) from error

    def __contains__(self, name: object) -> bool:
        return name in BUILT_IN[self._group] or (isinstance(name, str) and self.get(name) is not None)

    def __iter__(self) -> Iterator[str]:
        return iter(BUILT_IN[self._group])

    def __len__(self) -> int:
        return len(BUILT_IN[self._group])


class Checks(Mapping[str, Any]):
    """kind -> its check, made when it is first asked for."""

    def __init__(self) -> None:
        self._made: dict[str, Any] = {}

    def __getitem__(self, kind: str) -> Any:
        if kind not in self._made:
            self._made[kind] = find("check", kind)()
        return self._made[kind]

    def __iter__(self) -> Iterator[str]:
        return iter(BUILT_IN["check"])

    def __len__(self) -> int:
        return len(BUILT_IN["check"])


def pages() -> dict[str, str]:
    """kind of check -> its manual page: the docstring of its class."""
    return {name: getdoc(find("check", name)) or "" for name in BUILT_IN["check"]}
