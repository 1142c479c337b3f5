"""What audits of dependencies write: pip-audit, npm audit (both forms). Who wrote a report is seen by its shape.

A report in which no package was looked at is Unreadable: it says nothing about any.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from penstock.checks.findings_allowed import Severity, severity_of
from penstock.checks.findings_json import Unreadable, items, mapping, needed, number, text

_AN_ID = re.compile(r"(?:GHSA(?:-[0-9a-z]{4}){3}|CVE-[0-9]{4}-[0-9]{4,})", re.IGNORECASE)


@dataclass(frozen=True)
class Vulnerability:
    """One advisory that fits one package. `severity` None: nobody says; `fixed` empty: in no version."""

    package: str
    version: str
    id: str
    aliases: tuple[str, ...] = ()
    severity: Severity | None = None
    fixed: tuple[str, ...] = ()
    title: str = ""
    where: str = ""
    remedy: str = ""

    @property
    def names(self) -> frozenset[str]:
        """Everything that it is called, in capitals."""
        return frozenset(name.upper() for name in (self.id, *self.aliases))


@dataclass(frozen=True)
class Audit:
    """What one report says. `packages` None: it does not say how many it looked at; `skipped`: name -> why.

    `at` is when it was made, if it says so (epoch seconds).
    """

    tool: str
    found: tuple[Vulnerability, ...]
    packages: int | None = None
    skipped: tuple[tuple[str, str], ...] = ()
    at: float | None = None
    advisories_of: str = ""


def pip_audit(report: Mapping[str, Any]) -> Audit:
    """`pip-audit -f json`: what it could not look up has a `skip_reason`, and it ends with 0 all the same."""
    found, skipped = [], []
    several = needed(report.get("dependencies"), list, "`dependencies`")
    if not several:
        raise Unreadable("names no package that was looked at")
    for one in several:
        package = needed(one, dict, "dependency")
        name, version = needed(package.get("name"), str, "`name` of a package"), text(package.get("version"))
        if "skip_reason" in package:
            skipped.append((text(name), text(package["skip_reason"])))
            continue
        for advisory in needed(package.get("vulns"), list, f"`vulns` of {text(name)}"):
            vuln = needed(advisory, dict, "advisory")
            found.append(
                Vulnerability(text(name), version, _id(vuln.get("id")), _texts(vuln.get("aliases")), None,
                              _texts(vuln.get("fix_versions")), _title(vuln.get("description")))
            )  # fmt: skip
    return Audit("pip-audit", tuple(found), len(several) - len(skipped), tuple(skipped))


def npm(report: Mapping[str, Any]) -> Audit:
    """`npm audit --json` of npm 7 and later: advisories stand in `via`, and what only depends on one names it there."""
    packages = needed(report.get("vulnerabilities"), dict, "`vulnerabilities`")
    found: dict[tuple[str, str], Vulnerability] = {}
    for name, one in packages.items():
        package = needed(one, dict, "package")
        for via in needed(package.get("via"), list, f"`via` of {text(name)}"):
            if isinstance(via, dict):
                vuln = _npm_one(via, package)
                found[vuln.package, vuln.id] = vuln
    counts = needed(report.get("metadata"), dict, "`metadata`")
    told = number(mapping(counts.get("vulnerabilities"), "counts").get("total"))
    if bool(told or packages) != bool(found):
        raise Unreadable(f"counts {told} vulnerable packages and names {len(found)} advisories")
    return Audit("npm audit", tuple(found.values()), _dependencies(counts))


def _npm_one(via: Mapping[str, Any], package: Mapping[str, Any]) -> Vulnerability:
    name = needed(via.get("name", via.get("dependency")), str, "`name` of an advisory")
    fix = package.get("fixAvailable")
    remedy = "`npm audit fix`" if fix is True else ""
    if isinstance(fix, dict):
        remedy = f"{text(fix.get('name'))} {text(fix.get('version'))}"
    named = tuple(dict.fromkeys(_AN_ID.findall(text(via.get("url")))))
    number_of = text(via.get("source"))
    ids = (*named, *((number_of,) if number_of else ()))
    if not ids:
        raise Unreadable("has an advisory without a number")
    return Vulnerability(
        text(name), text(via.get("range")), ids[0], ids[1:], _severity(via.get("severity")), (), text(via.get("title")),
        next(iter(_texts(package.get("nodes"))), ""), remedy,
    )  # fmt: skip


def npm_6(report: Mapping[str, Any]) -> Audit:
    """`npm audit --json` of npm 6, and `pnpm audit --json`: advisories by number."""
    found = []
    for key, one in needed(report.get("advisories"), dict, "`advisories`").items():
        advisory = needed(one, dict, "advisory")
        places = [mapping(place, "finding") for place in items(advisory.get("findings"), "`findings`")]
        ids = (*_texts(advisory.get("cves")), *_texts([advisory.get("github_advisory_id")]), text(key))
        patched = text(advisory.get("patched_versions"))
        found.append(
            Vulnerability(
                needed(advisory.get("module_name"), str, "`module_name`"),
                ", ".join(dict.fromkeys(text(place.get("version")) for place in places)), ids[0], ids[1:],
                _severity(advisory.get("severity")), () if patched in ("", "<0.0.0") else (patched,),
                text(advisory.get("title")), next((p for place in places for p in _texts(place.get("paths"))), ""),
            )
        )  # fmt: skip
    counts = needed(report.get("metadata"), dict, "`metadata`")
    told = mapping(counts.get("vulnerabilities"), "counts")
    if any(number(count) for count in told.values()) and not found:
        raise Unreadable("counts vulnerabilities and names none")
    return Audit("npm audit", tuple(found), _dependencies(counts))


def _dependencies(metadata: Mapping[str, Any]) -> int:
    """How many packages were looked at; a report of none says nothing."""
    said = metadata.get("totalDependencies", metadata.get("dependencies"))
    # `prod` counts the project itself, so that it is 1 where nothing was looked at; `total` does not.
    total = number(said.get("total")) if isinstance(said, dict) else number(said)
    if not total:
        raise Unreadable("names no package that was looked at")
    return total


def _id(said: Any) -> str:
    return text(needed(said, str, "id of an advisory")) or "an advisory without an id"


def _texts(said: Any) -> tuple[str, ...]:
    return tuple(word for one in items(said, "list") if (word := text(one)))


def _title(said: Any) -> str:
    first = text(said).partition(". ")[0]
    return first if len(first) <= 200 else f"{first[:197]}..."


def _severity(said: Any) -> Severity | None:
    """A tool's word for a severity; a word that is not known is as good as none."""
    return severity_of(text(said))


def moment(said: Any) -> float | None:
    """A moment as reports write it (RFC 3339, with any number of decimals, in UTC where no zone is said)."""
    words = re.sub(r"(\.[0-9]{1,6})[0-9]*", r"\1", text(said))
    try:
        found = datetime.fromisoformat(words)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


Reader = Callable[[Mapping[str, Any]], Audit]


def read(data: Any, others: Mapping[str, Reader]) -> Iterator[Audit]:
    """Every audit in a report: by the key that only its writer has. `others` are more of them, asked first."""
    several = data if isinstance(data, list) else [data]
    if not several:
        raise Unreadable("is an empty list, which does not say that anything was looked at")
    known: dict[str, Reader] = {**others, "dependencies": pip_audit, "auditReportVersion": npm, "advisories": npm_6}
    for one in several:
        report = needed(one, dict, "map at its top")
        _refused(report)
        reader = next((found for key, found in known.items() if key in report), None)
        if reader is None:
            raise Unreadable("is of no format that is read: " + ", ".join(map(str, list(report)[:4])))
        yield reader(report)


def _refused(report: Mapping[str, Any]) -> None:
    """npm and snyk write a report with an error in it where they reached no advisories."""
    said = report.get("error")
    if said is None and "statusCode" not in report:
        return
    words = [report.get("message"), said if isinstance(said, str) else None]
    words += [said.get("summary"), said.get("code")] if isinstance(said, dict) else []
    why = next((word for one in words if (word := text(one))), "an error")
    raise Unreadable(f"says that no advisories were reached: {why[:160]}")
