"""The check `licences`: under which licences the packages stand that the service is made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from penstock.checks.findings_told import bounded, listed, table
from penstock.checks.licences_spdx import Rules, all_of, told
from penstock.checks.reported import Produced, Reported, produce, unjudged
from penstock.checks.running import Ended
from penstock.checks.tests_reading import Unreadable, several, shown, tree_of
from penstock.core.finding import CheckRequest, Finding, Outcome
from penstock.core.masking import concealed
from penstock.core.target import Evidence
from penstock.manifest.groups import one_or_several
from penstock.manifest.section import wrong

_DEFAULT = "package-lock.json"
_NOT_CODE = {"file", "cryptographic-asset", "data"}
_DEEPEST = 50
_MEASURED = 300

Patterns = Annotated[tuple[str, ...], BeforeValidator(one_or_several)]


class LicencesSection(Reported):
    """`allow` or `deny` of licences, what an `unknown` one means, and packages that are no matter."""

    steady: ClassVar[bool] = True

    allow: Patterns = ()
    deny: Patterns = ()
    unknown: Literal["block", "report"] = "block"
    excepted: dict[str, str] = Field(default_factory=dict, alias="except")

    @model_validator(mode="after")
    def _rules(self) -> LicencesSection:
        if not self.allow and not self.deny:
            why = "without one of the two every licence would do"
            raise wrong(
                "neither `allow` nor `deny` is here",
                why,
                "allow: [MIT, Apache-2.0, BSD-*]",
                code="missing-key",
                at="allow",
            )
        for name, reason in self.excepted.items():
            if not reason.strip():
                why = "whoever reads the report wants to know why"
                raise wrong(
                    f"`{shown(name, 60)}` is excepted without a reason", why, "the reason in words", at="except"
                )
        return self


class LicencesCheck:
    """Passes when every package stands under a licence that is allowed.

    The report is what `pip-licenses --format=json` or `license-checker --json` writes, a bill in the JSON of CycloneDX or
    SPDX, or a package-lock.json, which says it of every package. Licences are SPDX expressions: of `OR` one that is allowed
    suffices, of `AND` all must be. Of several licences in a list nobody said that one may choose: all must be allowed.
    The usual words for them, such as `MIT License`, are understood; other words are as good as none.

    - `allow`: the licences that may be, with `*` as in `BSD-*`. Left out, all but those of `deny`.
    - `deny`: the licences that may not be, `GPL-*` for one. It outdoes `allow`, but for an exception that is
      allowed by its whole name, `GPL-2.0-only WITH Classpath-exception-2.0`.
    - `unknown`: what a package without a known licence means: `block` if left out, or `report`.
    - `except`: packages that are no matter, with the reason: `{name: reason}`; `name@version` for one version.
    - `report`: where it stands, package-lock.json if left out.
    - `run`: the command that writes it.
    - `env`: variables of its own for the command.
    - `sees`: the secrets that the command gets, as variables.

    Bad:   licences: pip-licenses                  # lists them, and passes whatever they are
    Good:  licences: {is: licences, report: bom.json, allow: [MIT, Apache-2.0, BSD-*, ISC]}
    """

    def run(self, request: CheckRequest) -> Outcome:
        """Run the command, read its reports, and hold every licence against the rules."""
        section = LicencesSection.model_validate(request.section)
        produced = produce(section, request, report_default=(_DEFAULT,))
        if isinstance(produced, Produced):
            produced = _judged_of(section, produced)
        return concealed(produced, request.secrets)


@dataclass(frozen=True)
class Package:
    """A package, and every licence that is said of it."""

    name: str
    version: str
    licences: tuple[str, ...]

    def __str__(self) -> str:
        return shown(f"{self.name}@{self.version}" if self.version else self.name, 100)


def _judged_of(section: LicencesSection, produced: Produced) -> Outcome:
    if produced.ended and produced.ended.code:
        what = f"the command ended with {produced.ended.code}, so its report may not be whole"
        return unjudged(what, "a command that writes its report and ends with 0", produced.ended)
    packages: list[Package] = []
    for report in produced.reports:
        try:
            packages += read(report.data)
        except Unreadable as error:
            what = f"the report `{shown(report.path)}` {error}"
            return unjudged(
                what, "the JSON of pip-licenses or license-checker, CycloneDX, or package-lock.json", produced.ended
            )
    return judged(section, packages, produced.ended)


def read(data: bytes) -> list[Package]:
    """The packages of a report in any of the formats; Unreadable for anything else, or where there are none."""
    tree = tree_of(data)
    if isinstance(tree, list):
        found = [_pip(entry) for entry in tree]
    elif not isinstance(tree, dict):
        found = []
    elif tree.get("bomFormat") == "CycloneDX":
        found = list(_cyclonedx(tree.get("components"), 0))
    elif "spdxVersion" in tree:
        found = list(_spdx(tree))
    elif "lockfileVersion" in tree:
        found = list(_npm_lock(tree.get("packages")))
    else:
        found = [_license_checker(name, entry) for name, entry in tree.items()]
    if not found:
        raise Unreadable("names no package, or is no report of licences")
    return found


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _pip(entry: Any) -> Package:
    """pip-licenses joins what several classifiers say by `; `."""
    if not isinstance(entry, dict) or not _text(entry.get("Name")) or "License" not in entry:
        raise Unreadable("is no report of pip-licenses: an entry has no `Name` or no `License`")
    return Package(entry["Name"], _text(entry.get("Version")), tuple(_text(entry["License"]).split("; ")))


def _license_checker(name: str, entry: Any) -> Package:
    if not isinstance(entry, dict) or "licenses" not in entry:
        raise Unreadable("is no report of license-checker: an entry has no `licenses`")
    said = entry["licenses"]
    package, _, version = name.rpartition("@")
    return Package(
        package or name, version if package else "", tuple(map(_text, said if isinstance(said, list) else [said]))
    )


def _cyclonedx(components: Any, depth: int) -> Iterable[Package]:
    if depth > _DEEPEST:
        raise Unreadable("is nested too deeply")
    for entry in components if isinstance(components, list) else []:
        if not isinstance(entry, dict) or not _text(entry.get("name")):
            raise Unreadable("is no CycloneDX as we know it: a component has no `name`")
        if entry.get("type") not in _NOT_CODE:
            name = "/".join(part for part in (_text(entry.get("group")), entry["name"]) if part)
            yield Package(name, _text(entry.get("version")), tuple(_choices(entry.get("licenses"))))
        yield from _cyclonedx(entry.get("components"), depth + 1)


def _choices(said: Any) -> Iterable[str]:
    for choice in said if isinstance(said, list) else []:
        licence = choice.get("license") if isinstance(choice, dict) else None
        named = licence if isinstance(licence, dict) else {}
        yield (
            _text(choice.get("expression"))
            if licence is None and isinstance(choice, dict)
            else (_text(named.get("id")) or _text(named.get("name")))
        )


def _spdx(tree: dict[str, Any]) -> Iterable[Package]:
    """Every package but the one that the document is about; what was concluded counts before what was declared."""
    relations = tree.get("relationships")
    about = {str(one) for one in tree.get("documentDescribes") or ()} | {
        str(one.get("relatedSpdxElement"))
        for one in (relations if isinstance(relations, list) else [])
        if isinstance(one, dict) and one.get("relationshipType") == "DESCRIBES"
    }
    for entry in tree["packages"] if isinstance(tree.get("packages"), list) else []:
        if not isinstance(entry, dict) or not _text(entry.get("name")):
            raise Unreadable("is no SPDX as we know it: a package has no `name`")
        if entry.get("SPDXID") not in about:
            said = (_text(entry.get(key)) for key in ("licenseConcluded", "licenseDeclared"))
            licence = next((one for one in said if one and one != "NOASSERTION"), "")
            yield Package(entry["name"], _text(entry.get("versionInfo")), (licence,))


def _npm_lock(packages: Any) -> Iterable[Package]:
    if not isinstance(packages, dict):
        raise Unreadable("is a package-lock.json of the old kind, which names no licences")
    for path, entry in packages.items():
        if "node_modules/" in path and isinstance(entry, dict) and not entry.get("link"):
            said = entry.get("license")
            licence = said if isinstance(said, str) else said.get("type") if isinstance(said, dict) else None
            yield Package(path.rpartition("node_modules/")[2], _text(entry.get("version")), (_text(licence),))


def judged(section: LicencesSection, packages: Sequence[Package], ended: Ended | None) -> Outcome:
    """What the licences of all packages say about the commit."""
    rules = Rules(section.allow, section.deny)
    bad, unknown, used = [], [], Counter[str]()
    for package in packages:
        said = all_of(list(package.licences))
        used[str(said) if said else "unknown"] += 1
        if _excepted(package, section):
            continue
        if said is None:
            # Words that nobody else understands may be allowed as they are.
            literal = tuple(part.lower() for part in section.allow)
            if not package.licences or any(text.lower() not in literal or not text for text in package.licences):
                unknown.append(package)
        elif not rules.accept(said):
            bad.append(package)
    findings = [_finding(package, section) for package in bad] + [
        _finding_unknown(package, section) for package in unknown
    ]
    blocking = [*bad, *(unknown if section.unknown == "block" else ())]
    measured = {"packages": len(packages), "licences": dict(used.most_common(_MEASURED))}
    seconds = ended.seconds if ended else 0.0
    evidence = (_table(packages), *((Evidence("output", "text/plain", ended.output),) if ended else ()))
    return Outcome(
        "failed" if blocking else "passed", _sentence(packages, bad, unknown), bounded(findings, "licences"),
        evidence, seconds, measured,
    )  # fmt: skip


def _excepted(package: Package, section: LicencesSection) -> bool:
    return package.name in section.excepted or f"{package.name}@{package.version}" in section.excepted


def _named(packages: Sequence[Package]) -> list[str]:
    return [f"{package} ({told('; '.join(package.licences))})" for package in packages]


def _sentence(packages: Sequence[Package], bad: Sequence[Package], unknown: Sequence[Package]) -> str:
    count = several(len(packages), "package")
    names_none = f"{len(unknown)} without a known licence" if unknown else ""
    if bad:
        return listed(f"{len(bad)} of {count} under a licence that is not allowed", _named(bad), names_none)
    if unknown:
        return listed(f"{len(unknown)} of {count} without a known licence", _named(unknown), "")
    return f"{count} under licences that are allowed"


def _finding(package: Package, section: LicencesSection) -> Finding:
    said = f"`{package}` stands under {told('; '.join(package.licences))}"
    why = "`deny` names it" if section.deny and not section.allow else "`allow` does not name it, or `deny` does"
    return Finding(
        said, why, f"another package, or `{shown(package.name, 80)}` with the reason in `except`", severity="high"
    )


def _finding_unknown(package: Package, section: LicencesSection) -> Finding:
    said = f"`{package}` has no known licence: it says {told('; '.join(package.licences))}"
    effect = "nobody knows whether it may be used"
    remedy = f"find out, and name `{shown(package.name, 80)}` with what you found in `except`"
    return Finding(said, effect, remedy, severity="medium" if section.unknown == "block" else "low")


def _table(packages: Sequence[Package]) -> Evidence:
    rows = [(shown(p.name), shown(p.version, 60), told("; ".join(p.licences))) for p in packages]
    return table("licences", ("package", "version", "licence"), sorted(rows, key=lambda row: (row[2], row[0])))
