"""Bills of materials as they are written: CycloneDX JSON 1.4 to 1.7, and SPDX JSON 2.2 and 2.3."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from penstock.checks.findings_json import Unreadable, items, mapping, needed, text

_CYCLONEDX = ("1.4", "1.5", "1.6", "1.7")
_SPDX = ("SPDX-2.2", "SPDX-2.3")
_NOTHING_SAID = ("", "NOASSERTION", "NONE")
_NO_PACKAGE = ("file", "data", "operating-system", "device", "cryptographic-asset")


@dataclass(frozen=True, order=True)
class Component:
    """One component. `purl` names a package whatever made the bill; `package`: it is one, and should have a purl."""

    name: str
    version: str
    purl: str = ""
    licence: str = ""
    package: bool = True

    @property
    def key(self) -> str:
        """What stays the same from version to version."""
        return re.sub(r"@[^/@]*$", "", self.purl.partition("?")[0].partition("#")[0]) or self.name


@dataclass(frozen=True)
class Bill:
    """A whole bill: in which format, and every component, nested ones too, each once."""

    format: str
    components: tuple[Component, ...]


def read(data: Any) -> Bill:
    """The bill in a report; Unreadable for anything else."""
    bill = needed(data, dict, "map at its top")
    if "bomFormat" in bill:
        return _cyclonedx(bill)
    if "spdxVersion" in bill:
        return _spdx(bill)
    if "@context" in bill:
        raise Unreadable("is SPDX 3, and SPDX 2.2 and 2.3 are read")
    raise Unreadable("is neither CycloneDX nor SPDX in JSON")


def _cyclonedx(bill: Mapping[str, Any]) -> Bill:
    version = text(bill.get("specVersion"))
    if bill["bomFormat"] != "CycloneDX" or version not in _CYCLONEDX:
        raise Unreadable(f"is {text(bill['bomFormat'])[:20]} {version[:20]}, and CycloneDX 1.4 to 1.7 is read")
    several = needed(bill.get("components"), list, "`components`")
    return Bill(f"CycloneDX {version}", tuple(sorted(set(_nested(several)))))


def _nested(several: list[Any]) -> Iterator[Component]:
    """Every component, and what it is put together from; no recursion, as a bill may be nested as deep as it likes."""
    ahead = list(several)
    while ahead:
        one = needed(ahead.pop(), dict, "component")
        name = text(needed(one.get("name"), str, "`name` of a component"))
        if not name:
            raise Unreadable("has a component with an empty name")
        whole = "/".join(part for part in (text(one.get("group")), name) if part)
        kind = needed(one.get("type"), str, f"`type` of {whole}")
        licences = [_licence(mapping(said, "licence")) for said in items(one.get("licenses"), f"`licenses` of {whole}")]
        yield Component(
            whole,
            text(one.get("version")),
            text(one.get("purl")),
            ", ".join(said for said in licences if said),
            kind not in _NO_PACKAGE,
        )
        ahead += items(one.get("components"), f"`components` of {whole}")


def _licence(said: Mapping[str, Any]) -> str:
    one = mapping(said.get("license"), "`license`")
    return text(said.get("expression")) or text(one.get("id")) or text(one.get("name"))


def _spdx(bill: Mapping[str, Any]) -> Bill:
    version = text(bill["spdxVersion"])
    if version not in _SPDX:
        raise Unreadable(f"is {version[:20]}, and SPDX 2.2 and 2.3 are read")
    several = [needed(one, dict, "package") for one in needed(bill.get("packages"), list, "`packages`")]
    about = {text(name) for name in items(bill.get("documentDescribes"), "`documentDescribes`")}
    for one in items(bill.get("relationships"), "`relationships`"):
        relation = mapping(one, "relationship")
        if relation.get("relationshipType") == "DESCRIBES":
            about.add(text(relation.get("relatedSpdxElement")))
    parts = [one for one in several if text(one.get("SPDXID")) not in about]
    # What a bill is about is no part of it, unless it is about each of its parts.
    return Bill(version.replace("-", " "), tuple(sorted({_package(one) for one in parts or several})))


def _package(one: Mapping[str, Any]) -> Component:
    name = text(needed(one.get("name"), str, "`name` of a package"))
    needed(one.get("SPDXID"), str, f"`SPDXID` of {name}")
    references = [mapping(ref, "reference") for ref in items(one.get("externalRefs"), f"`externalRefs` of {name}")]
    purl = next((text(r.get("referenceLocator")) for r in references if r.get("referenceType") == "purl"), "")
    licences = (text(one.get("licenseConcluded")), text(one.get("licenseDeclared")))
    kind = one.get("primaryPackagePurpose")
    return Component(
        name,
        text(one.get("versionInfo")),
        purl,
        next((said for said in licences if said not in _NOTHING_SAID), ""),
        kind not in ("FILE", "OPERATING-SYSTEM", "DEVICE"),
    )
