"""The check `sbom`: a bill of materials of what is released, kept as evidence."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from pydantic import Field, model_validator

from penstock.checks.findings_json import Unreadable, line
from penstock.checks.findings_json import read as read_json
from penstock.checks.findings_told import ROOM, SENTENCE, table, text
from penstock.checks.reported import Produced, Report, Reported, produce, unjudged
from penstock.checks.sbom_formats import Bill, Component, read
from penstock.core.finding import CheckRequest, Finding, Last, Outcome
from penstock.core.masking import concealed
from penstock.core.target import Evidence
from penstock.manifest.section import Count, wrong

KEPT = 2000


class SbomSection(Reported):
    """`at_least`: how many components a bill has that is no mistake."""

    pace: ClassVar[str] = "artifact"
    steady: ClassVar[bool] = True

    at_least: Count = Field(default=1, ge=1)

    @model_validator(mode="after")
    def _one_bill(self) -> SbomSection:
        if not self.report:
            raise wrong("there is no `report` to read", "a bill of materials is a file",
                        "report: sbom.json", code="missing-key")  # fmt: skip
        return self


@dataclass(frozen=True)
class Difference:
    """What changed since the last release: `name`, what it was, what it is."""

    added: tuple[tuple[str, str, str], ...]
    removed: tuple[tuple[str, str, str], ...]
    changed: tuple[tuple[str, str, str], ...]


class SbomCheck:
    """Passes when there is a bill of materials with at least as many components as are due, and keeps it.

    Reads CycloneDX JSON (1.4 to 1.7) and SPDX JSON (2.2, 2.3). The bill is kept as evidence; of one that is larger than
    256 KiB, its SHA-256 and a list of its components. What was added, removed or changed since the last
    release stands beside it: that is for reading, and fails nothing. Components without a licence, a version or a purl
    are counted in the sentence. A bill of another format, cut off, or with a component without a name is *errored*.

    - `report`: the file with the bill; several are one bill each, and together what is released.
    - `run`: the command that writes it. Left out where a check that this one `needs` has written it.
    - `env`, `sees`: the command's own variables, and the secrets it gets.
    - `at_least`: how many components there are at least, 1 if left out. A bill of nothing was made in the wrong folder.

    Bad:   sbom: cyclonedx-py environment    # an empty environment passes, and nothing is kept
    Good:  sbom: {is: sbom, run: cyclonedx-py environment .venv -o sbom.json, report: sbom.json, at_least: 20}
    """

    def run(self, request: CheckRequest) -> Outcome:
        """Have the bill written, read it, keep it."""
        section = SbomSection.model_validate(request.section)
        produced = produce(section, request)
        outcome = produced if isinstance(produced, Outcome) else judged(section, produced, request.last)
        return concealed(outcome, request.secrets)


def judged(section: SbomSection, produced: Produced, last: Last) -> Outcome:
    """What the bills say, together."""
    ended = produced.ended
    if ended and ended.code:
        return unjudged(f"the command ended with {ended.code}: its bill may be in part", "run it by hand", ended)
    bills = []
    for report in produced.reports:
        try:
            bills.append(read(read_json(report.data)))
        except Unreadable as error:
            return unjudged(f"`{report.path}` {error}", "a bill in CycloneDX or SPDX JSON", ended)
    outcome = verdict(section, bills, last)
    pairs = zip(produced.reports, bills, strict=True)
    kept = tuple(_kept(f"bill-{n}" if n > 1 else "bill", *pair) for n, pair in enumerate(pairs, 1))
    seconds = ended.seconds if ended else 0.0
    return replace(outcome, evidence=(*kept, *outcome.evidence, *produced.evidence()), duration_s=seconds)


def verdict(section: SbomSection, bills: list[Bill], last: Last) -> Outcome:
    """The judgement: enough components, and what is new."""
    parts = tuple(sorted({one for bill in bills for one in bill.components}))
    formats = ", ".join(dict.fromkeys(bill.format for bill in bills))
    count = len(parts)
    measured = {"components": [[one.key, one.version] for one in parts[:KEPT]], "count": count}
    difference = compared(measured, last)
    since = _since(difference, "one of the bills is too long" if last.measured else "there is no last release")
    said = "; ".join(part for part in (_lacking(parts), since) if part)
    sentence = line(f"{count} component{'' if count == 1 else 's'} ({formats}); {said}", SENTENCE)
    evidence = (_table(difference),) if difference else ()
    if count < section.at_least:
        short = Finding(f"the bill has {count} components, and at least {section.at_least} are due",
                        "it was made of the wrong folder, or before anything was installed",
                        "make it of what is released", severity="high")  # fmt: skip
        return Outcome("failed", line(f"{count} of at least {section.at_least} components ({formats}); {said}", SENTENCE),
                       (short,), evidence, measured=measured)  # fmt: skip
    return Outcome("passed", sentence, (), evidence, measured=measured)


def _lacking(parts: Iterable[Component]) -> str:
    packages = [one for one in parts if one.package]
    counts = {
        "a licence": sum(not one.licence for one in packages),
        "a version": sum(not one.version for one in packages),
        "a purl": sum(not one.purl for one in packages),
    }
    return ", ".join(f"{count} without {what}" for what, count in counts.items() if count)


def _since(difference: Difference | None, why: str) -> str:
    if difference is None:
        return f"{why} to compare with"
    counts = {"added": difference.added, "removed": difference.removed, "changed": difference.changed}
    said = ", ".join(f"{len(several)} {how}" for how, several in counts.items() if several)
    return f"{said or 'nothing changed'} since the last release"


def compared(measured: Mapping[str, Any], last: Last) -> Difference | None:
    """What is different from the last release; None when nobody knows, or one of the two lists is not whole."""
    before = last.measured if last.commit else None
    if not before or any(one.get("count") != len(_pairs(one)) for one in (before, measured)):
        return None
    was, now = _versions(before), _versions(measured)
    return Difference(
        tuple((key, "", now[key]) for key in sorted(now.keys() - was.keys())),
        tuple((key, was[key], "") for key in sorted(was.keys() - now.keys())),
        tuple((key, was[key], now[key]) for key in sorted(was.keys() & now.keys()) if was[key] != now[key]),
    )


def _pairs(measured: Mapping[str, Any]) -> list[tuple[str, str]]:
    several = measured.get("components")
    pairs = several if isinstance(several, list | tuple) else ()
    return [(str(one[0]), str(one[1])) for one in pairs if isinstance(one, list | tuple) and len(one) == 2]


def _versions(measured: Mapping[str, Any]) -> dict[str, str]:
    """Every version of each package, as one text."""
    found: dict[str, set[str]] = {}
    for key, version in _pairs(measured):
        found.setdefault(key, set()).add(version)
    return {key: ", ".join(sorted(versions)) for key, versions in found.items()}


def _table(difference: Difference) -> Evidence:
    rows = [
        (how, *one)
        for how, several in (
            ("added", difference.added),
            ("removed", difference.removed),
            ("changed", difference.changed),
        )
        for one in several
    ]
    return table("changes", ("what", "component", "was", "is"), rows)


def _kept(name: str, report: Report, bill: Bill) -> Evidence:
    """The bill as it is; else its components, under the digest of the whole."""
    if len(report.data) <= ROOM:
        return Evidence(name, "application/json", report.data.decode("utf-8-sig"))
    digest = hashlib.sha256(report.data).hexdigest()
    head = json.dumps({"path": report.path, "sha256": digest, "bytes": len(report.data), "format": bill.format})
    rows = (f"{one.purl or one.name}\t{one.version}\t{one.licence}" for one in bill.components)
    return text(name, "text/plain", "\n".join((f"too large to be kept whole: {head}", *rows)) + "\n")
