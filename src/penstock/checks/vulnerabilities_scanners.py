"""What scanners write that look at lock files, images and bills of materials: osv-scanner, trivy, grype, snyk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from penstock.checks.findings_allowed import Severity, severity_of, severity_of_score
from penstock.checks.findings_json import Unreadable, items, mapping, needed, number, text
from penstock.checks.vulnerabilities_reports import Audit, Reader, Vulnerability, moment


def osv(report: Mapping[str, Any]) -> Audit:
    """`osv-scanner --format json`: by source, then by package.

    A package without advisories is left out by default, so that a clean report names nothing at all: that is no evidence,
    as it is what an empty folder gives as well.
    """
    found: list[Vulnerability] = []
    looked_at = 0
    for one in needed(report.get("results"), list, "`results`"):
        result = needed(one, dict, "result")
        where = text(mapping(result.get("source"), "source").get("path"))
        for entry in needed(result.get("packages"), list, "`packages`"):
            looked_at += 1
            found += _osv_package(needed(entry, dict, "package"), where)
    if not looked_at:
        raise Unreadable("names no package that was looked at (osv-scanner does, with --all-packages)")
    return Audit("osv-scanner", tuple(found), looked_at)


def _osv_package(entry: Mapping[str, Any], where: str) -> Iterator[Vulnerability]:
    package = needed(entry.get("package"), dict, "`package`")
    name, version = text(needed(package.get("name"), str, "`name`")), text(package.get("version"))
    groups = [mapping(group, "group") for group in items(entry.get("groups"), "`groups`")]
    advisories = [needed(one, dict, "advisory") for one in items(entry.get("vulnerabilities"), "`vulnerabilities`")]
    told: set[str] = set()
    for advisory in advisories:
        known = text(needed(advisory.get("id"), str, "id of an advisory"))
        group = next((g for g in groups if known in items(g.get("ids"), "`ids`")), {})
        names = {
            known,
            *map(text, items(group.get("ids"), "`ids`")),
            *map(text, items(group.get("aliases"), "`aliases`")),
        }
        names |= {text(alias) for alias in items(advisory.get("aliases"), "`aliases`")}
        if not told & names:  # one group is one vulnerability under several names
            fixed = tuple(dict.fromkeys(_fixed(advisory)))
            severity = _osv_severity(advisory, group)
            yield Vulnerability(name, version, known, tuple(sorted(names - {known})), severity, fixed,
                                text(advisory.get("summary")), where)  # fmt: skip
        told |= names


def _osv_severity(advisory: Mapping[str, Any], group: Mapping[str, Any]) -> Severity | None:
    try:
        return severity_of_score(float(text(group.get("max_severity"))))
    except ValueError:
        return severity_of(text(mapping(advisory.get("database_specific"), "`database_specific`").get("severity")))


def _fixed(advisory: Mapping[str, Any]) -> Iterator[str]:
    for one in items(advisory.get("affected"), "`affected`"):
        for span in items(mapping(one, "affected").get("ranges"), "`ranges`"):
            if mapping(span, "range").get("type") != "GIT":
                for event in items(mapping(span, "range").get("events"), "`events`"):
                    if version := text(mapping(event, "event").get("fixed")):
                        yield version


def trivy(report: Mapping[str, Any]) -> Audit:
    """`trivy fs --format json`: a result for each file of packages; without any, it found none to look at."""
    results = [needed(one, dict, "result") for one in items(report.get("Results"), "`Results`")]
    of_packages = [one for one in results if one.get("Class") in ("os-pkgs", "lang-pkgs")]
    if not of_packages:
        raise Unreadable("names no file of packages that was looked at")
    found = []
    for result in of_packages:
        for one in items(result.get("Vulnerabilities"), "`Vulnerabilities`"):
            vuln = needed(one, dict, "vulnerability")
            fixed = tuple(word for part in text(vuln.get("FixedVersion")).split(",") if (word := part.strip()))
            found.append(
                Vulnerability(
                    text(needed(vuln.get("PkgName"), str, "`PkgName`")), text(vuln.get("InstalledVersion")),
                    text(needed(vuln.get("VulnerabilityID"), str, "`VulnerabilityID`")),
                    tuple(text(one) for one in items(vuln.get("VendorIDs"), "`VendorIDs`")),
                    severity_of(text(vuln.get("Severity"))), fixed, text(vuln.get("Title")), text(result.get("Target")),
                )
            )  # fmt: skip
    packages = sum(len(items(one.get("Packages"), "`Packages`")) for one in of_packages)
    return Audit("trivy", tuple(found), packages or None, at=moment(report.get("CreatedAt")))


def grype(report: Mapping[str, Any]) -> Audit:
    """`grype -o json`: vouched for by the database of advisories that it names."""
    by = needed(report.get("descriptor"), dict, "`descriptor`")
    database = mapping(by.get("db"), "`db`")
    status = mapping(database.get("status"), "`status`") or database
    built = moment(status.get("built"))
    if built is None or status.get("valid") is False or status.get("error"):
        raise Unreadable("names no valid database of advisories")
    found = []
    for one in needed(report.get("matches"), list, "`matches`"):
        match = needed(one, dict, "match")
        vuln = needed(match.get("vulnerability"), dict, "`vulnerability`")
        package = needed(match.get("artifact"), dict, "`artifact`")
        places = [mapping(place, "location") for place in items(package.get("locations"), "`locations`")]
        related = [mapping(o, "related") for o in items(match.get("relatedVulnerabilities"), "related vulnerabilities")]
        fix = mapping(vuln.get("fix"), "`fix`")
        found.append(
            Vulnerability(
                text(needed(package.get("name"), str, "`name`")), text(package.get("version")),
                text(needed(vuln.get("id"), str, "id of a vulnerability")), tuple(text(o.get("id")) for o in related),
                severity_of(text(vuln.get("severity"))), tuple(map(text, items(fix.get("versions"), "`versions`"))),
                text(vuln.get("description"))[:200], text(places[0].get("path")) if places else "",
            )
        )  # fmt: skip
    said = text(status.get("built"))
    return Audit("grype", tuple(found), at=moment(by.get("timestamp")), advisories_of=said)


def snyk(report: Mapping[str, Any]) -> Audit:
    """`snyk test --json`: says how many packages it looked at."""
    count = number(needed(report.get("dependencyCount"), int, "`dependencyCount`"))
    if not count:
        raise Unreadable("names no package that was looked at")
    found: dict[tuple[str, str, str], Vulnerability] = {}
    for one in needed(report.get("vulnerabilities"), list, "`vulnerabilities`"):
        vuln = needed(one, dict, "vulnerability")
        if vuln.get("type") == "license":
            continue
        known = mapping(vuln.get("identifiers"), "`identifiers`")
        aliases = [text(one) for key in ("CVE", "GHSA") for one in items(known.get(key), f"`{key}`")]
        name = text(needed(vuln.get("packageName", vuln.get("moduleName")), str, "`packageName`"))
        number_of, version = text(needed(vuln.get("id"), str, "id of a vulnerability")), text(vuln.get("version"))
        found[name, version, number_of] = Vulnerability(
            name, version, number_of, tuple(aliases), severity_of(text(vuln.get("severity"))),
            tuple(map(text, items(vuln.get("fixedIn"), "`fixedIn`"))), text(vuln.get("title")),
            text(report.get("displayTargetFile")),
        )  # fmt: skip
    if not found and report.get("ok") is not True and not report["vulnerabilities"]:
        raise Unreadable("says that not all is well, and names no vulnerability")
    return Audit("snyk", tuple(found.values()), count)


READERS: dict[str, Reader] = {
    "dependencyCount": snyk,
    "matches": grype,
    "SchemaVersion": trivy,
    "results": osv,
}
