"""The check `vulnerabilities`: known holes in what the commit depends on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from penstock.checks import vulnerabilities_scanners
from penstock.checks.findings_allowed import SEVERITIES, LetThrough, Limit, Severity, above
from penstock.checks.findings_json import Unreadable, line
from penstock.checks.findings_json import read as read_json
from penstock.checks.findings_told import bounded, counted, listed, table
from penstock.checks.inside import Unreadable as Unread
from penstock.checks.inside import read as read_file
from penstock.checks.reported import Produced, Reported, a_path_inside, produce, unjudged
from penstock.checks.running import Ended
from penstock.checks.vulnerabilities_reports import Audit, Vulnerability, moment, read
from penstock.core.finding import CheckRequest, Finding, Outcome
from penstock.core.masking import concealed
from penstock.core.target import Evidence
from penstock.manifest.groups import one_or_several
from penstock.manifest.section import Duration, Section, wrong
from penstock.render.words import span

KEPT = 500
_CLOCKS_DIFFER_S = 300.0
_NPM = "penstock-npm-audit.json"
_PIP = "penstock-pip-audit.json"
_PIP_AUDIT = ("pip-audit", "-f", "json", "--progress-spinner", "off", "-o", _PIP)
DEFAULTS: tuple[tuple[str, tuple[str, ...], str], ...] = (
    # A shell, as npm writes to its standard output alone.
    ("package-lock.json", ("sh", "-c", f"npm audit --json > {_NPM}"), _NPM),
    ("npm-shrinkwrap.json", ("sh", "-c", f"npm audit --json > {_NPM}"), _NPM),
    ("requirements.txt", (*_PIP_AUDIT, "-r", "requirements.txt"), _PIP),
    ("pylock.toml", (*_PIP_AUDIT, "--locked", "."), _PIP),
    ("pyproject.toml", (*_PIP_AUDIT, "."), _PIP),
)


class Ignored(LetThrough):
    """One vulnerability, by any of its names."""

    id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9:._-]{2,60}$")]


class Age(Section):
    """How old a report may be."""

    at_most_s: Duration = Field(default=86400.0, alias="at_most", gt=0)


class VulnerabilitiesSection(Reported):
    """`at_most`: the worst that is allowed; `unknown`: what a severity that nobody says counts as."""

    within_s: Duration = Field(default=600.0, alias="within", gt=0)
    at_most: Limit = "medium"
    unknown: Severity = "high"
    ignore: tuple[Ignored, ...] = Field(default=(), max_length=200)
    allow_skipped: Annotated[tuple[str, ...], BeforeValidator(one_or_several)] = ()
    age: Age = Age()
    dated: str | None = None

    @model_validator(mode="after")
    def _whole(self) -> VulnerabilitiesSection:
        if self.run and not self.report:
            raise wrong("there is no `report` to judge", "what a command finds is read from a file",
                        "report: audit.json", code="missing-key", at="run")  # fmt: skip
        if self.dated is not None:
            a_path_inside(self.dated)
            if self.run or not self.report:
                raise wrong("`dated` stands without a report that lies there", "what a command writes is as old as now",
                            "`report` without `run`", at="dated")  # fmt: skip
        return self


@dataclass(frozen=True)
class Judged:
    """One vulnerability, how bad it counts, and the `ignore` that lets it through."""

    one: Vulnerability
    severity: Severity
    by: Ignored | None


class VulnerabilitiesCheck:
    """Passes when no dependency has a known vulnerability worse than `at_most`.

    Reads the JSON of pip-audit, npm audit, osv-scanner, trivy, grype and snyk. Without `run` and `report` it looks at the
    repository itself: package-lock.json is audited by `npm audit`, requirements.txt, pylock.toml or pyproject.toml by
    `pip-audit`. The tool has to be there; Penstock brings none.

    Silence is no pass. It is *errored* when no advisories were reached, when no package was looked at, when a package was
    skipped and `allow_skipped` does not name it, and when a report is older than `age`.

    - `run`: the command that writes the report; its exit code is not the answer, the report is.
    - `report`: the file it writes, or several. Without `run`: a report that lies there, made by a check that this one
      `needs`, or by your CI. It must say when it was made (trivy and grype do), or `dated` must: the time of a file in a
      checkout is the time of the checkout, and says nothing.
    - `env`, `sees`: the command's own variables, and the secrets it gets.
    - `age`: how old a report may be.
    - `age.at_most`: the duration, 24h if left out. A report of tomorrow is no better than one of last year.
    - `dated`: a file beside the report, whose first line is the moment when that was made, as `date -u +%FT%TZ` says it.
    - `at_most`: the worst severity that is allowed, medium if left out; one of none, info, low, medium, high, critical.
    - `unknown`: what a vulnerability without a severity counts as, high if left out. pip-audit never says one.
    - `allow_skipped`: packages that need not be audited, by name; such as your own, which no advisory knows.
    - `ignore`: vulnerabilities that are let through, each with a `reason`.
    - `ignore.id`: any name of it: CVE-..., GHSA-..., PYSEC-... all mean the same where the report knows that they do.
    - `ignore.reason`: why. It stands in the evidence.
    - `ignore.until`: the last day on which it counts, in UTC; for good if left out. Over, it is said, and blocks.

    Bad:   dependencies: pip-audit           # passes where no advisories are reached: it skips, and ends with 0
    Good:  dependencies: {is: vulnerabilities, at_most: high, allow_skipped: shop}
    """

    def run(self, request: CheckRequest) -> Outcome:
        """Have the audits made, or find them; read them all, judge them together."""
        section = VulnerabilitiesSection.model_validate(request.section)
        produced = _produced(section, request)
        if isinstance(produced, Outcome):
            return concealed(produced, request.secrets)
        try:
            dated = _dated(section, request.folder)
        except Unread as error:
            said = f"`{section.dated}`, which says how old the report is, {error}"
            return concealed(unjudged(said, "a file with a date in it, beside the report"), request.secrets)
        return concealed(judged(section, produced, dated, request.now), request.secrets)


def commands(names: frozenset[str]) -> list[tuple[tuple[str, ...], str]]:
    """What to run, and where it writes, for the files of a repository: one audit each for npm and for Python."""
    found: dict[str, tuple[str, ...]] = {}
    for name, words, report in DEFAULTS:
        if name in names:
            found.setdefault(report, words)
    return [(words, report) for report, words in found.items()]


def _produced(section: VulnerabilitiesSection, request: CheckRequest) -> list[Produced] | Outcome:
    if section.report:
        only = produce(section, request)
        return only if isinstance(only, Outcome) else [only]
    try:
        names = frozenset(path.name for path in Path(request.folder).iterdir())
    except OSError as error:
        return unjudged(f"the commit's files cannot be read: {error.strerror}")
    several: list[Produced] = []
    for words, report in commands(names):
        try:
            made = produce(section, request, run_default=words, report_default=(report,))
        finally:
            Path(request.folder, report).unlink(missing_ok=True)  # of our own making: in a work tree it would stay
        if isinstance(made, Outcome):
            return made
        if made.ended and made.ended.code in (126, 127) and words[0] == "sh":
            return unjudged("`npm` is not there, or cannot be run", "install it where releases run", made.ended)
        several.append(made)
    files = ", ".join(name for name, _, _ in DEFAULTS)
    return several or unjudged(f"none of {files} is there", "say what to audit, with `run` and `report`")


def _dated(section: VulnerabilitiesSection, folder: str) -> float | None:
    if section.dated is None:
        return None
    words = read_file(folder, section.dated, 64 << 10).decode("utf-8", "replace").split("\n", 1)[0]
    at = moment(words.strip())
    if at is None:
        raise Unread("does not begin with a moment such as 2026-11-21T09:30:00Z")
    return at


def judged(section: VulnerabilitiesSection, several: list[Produced], dated: float | None, now: float) -> Outcome:
    """What the reports say about the commit's dependencies."""
    audits: list[Audit] = []
    for produced in several:
        for report in produced.reports:
            try:
                of_this = list(read(read_json(report.data), vulnerabilities_scanners.READERS))
                for audit in of_this:
                    _checked(audit, section, produced.ended, dated, now)
            except Unreadable as error:
                remedy = "an audit that reaches its advisories, and ends"
                return unjudged(f"`{report.path}` {error}", remedy, produced.ended)
            audits += of_this
    outcome = verdict(section, audits, now)
    printed = [piece for produced in several for piece in produced.evidence()]
    output = tuple(replace(piece, name=f"output-{n}" if n > 1 else "output") for n, piece in enumerate(printed, 1))
    seconds = sum(produced.ended.seconds for produced in several if produced.ended)
    return replace(outcome, evidence=(*outcome.evidence, *output), duration_s=seconds)


def _checked(
    audit: Audit, section: VulnerabilitiesSection, ended: Ended | None, dated: float | None, now: float
) -> None:
    """Unreadable for an audit from which nothing can be concluded: too old, in part only, or broken off."""
    if ended and ended.code < 0:
        raise Unreadable(f"was left by a command that was ended by signal {-ended.code}")
    if ended and ended.code and not audit.found:
        raise Unreadable(f"names no vulnerability, and the command ended with {ended.code}: it broke off")
    allowed = {name.lower() for name in section.allow_skipped}
    left_out = [(name, why) for name, why in audit.skipped if name.lower() not in allowed]
    if left_out:
        name, why = left_out[0]
        more = f" and {len(left_out) - 1} more" if len(left_out) > 1 else ""
        raise Unreadable(line(f"skips {name}{more}: {why}", 200))
    if audit.packages == 0:
        raise Unreadable("skips every package: nothing was looked at")
    _young_enough(audit.at if audit.at is not None else dated, section, ended, now)


def _young_enough(at: float | None, section: VulnerabilitiesSection, ended: Ended | None, now: float) -> None:
    if at is None:
        if ended is None:
            raise Unreadable("does not say when it was made; `dated` can name a file that does")
        return
    if at > now + _CLOCKS_DIFFER_S:
        raise Unreadable(f"was made on {_day(at)}, which is yet to come")
    if now - at > section.age.at_most_s:
        raise Unreadable(f"was made {span(now - at)} ago, and may be {span(section.age.at_most_s)} old")


def verdict(section: VulnerabilitiesSection, audits: list[Audit], now: float) -> Outcome:
    """The judgement on audits that reached their advisories and looked at everything."""
    lot = sorted(_judged(section, audits, now), key=lambda j: (-SEVERITIES.index(j.severity), j.one.package, j.one.id))
    holding = [j for j in lot if j.by is None or not j.by.holds(now)]
    worse = [j for j in holding if above(j.severity, section.at_most)]
    ignored, over = len(lot) - len(holding), [j for j in holding if j.by]
    packages = sum(audit.packages or 0 for audit in audits)
    aside = [f"{ignored} ignored" if ignored else "", f"{len(over)} `ignore` over" if over else ""]
    aside += [f"{packages} packages looked at" if packages else ""]
    tail = "; ".join(part for part in aside if part)
    limit = f"worse than {section.at_most}" if section.at_most != "none" else "more than is allowed"
    evidence = _evidence(lot, audits, now)
    measured = {"vulnerabilities": [f"{j.one.package} {j.one.id}" for j in holding][:KEPT], "count": len(holding)}
    if worse:
        verb = "is" if len(worse) == 1 else "are"
        names = [line(f"{j.one.package} {j.one.version} ({j.one.id})", 70) for j in worse]
        sentence = listed(f"{len(worse)} of {len(holding)} known vulnerabilities {verb} {limit}", names, tail)
        findings = bounded([_told(j, section) for j in worse], evidence.name)
        return Outcome("failed", sentence, findings, (evidence,), measured=measured)
    severities = counted((j.severity for j in holding), SEVERITIES[::-1])
    head = f"0 of {len(holding)} known vulnerabilities ({severities}) are {limit}"
    sentence = "; ".join(part for part in (head if holding else "no known vulnerability", tail) if part)
    return Outcome("passed", sentence, (), (evidence,), measured=measured)


def _judged(section: VulnerabilitiesSection, audits: list[Audit], now: float) -> list[Judged]:
    """Each once, whichever audit named it. An `ignore` that holds counts before one that is over."""
    found: dict[tuple[str, str, str], Judged] = {}
    rules = sorted(section.ignore, key=lambda rule: not rule.holds(now))
    for audit in audits:
        for one in audit.found:
            by = next((rule for rule in rules if rule.id.upper() in one.names), None)
            found[one.package, one.version, one.id] = Judged(one, one.severity or section.unknown, by)
    return list(found.values())


def _told(judged: Judged, section: VulnerabilitiesSection) -> Finding:
    one, by = judged.one, judged.by
    names = ", ".join((one.id, *one.aliases[:3]))
    said = "" if one.severity else ", as nobody says how bad it is"
    effect = f"{judged.severity}{said}, and at most {section.at_most} is allowed"
    if by:
        effect += f"; its `ignore` ended on {by.until} ({by.reason})"
    title = f": {one.title}" if one.title else ""
    fixed = one.remedy or (f"{one.package} {' or '.join(one.fixed[:4])}" if one.fixed else "no version mends it yet")
    return Finding(line(f"{one.package} {one.version} has {names}{title}", 500), line(effect, 300),
                   line(fixed, 200), one.where, judged.severity)  # fmt: skip


def _evidence(lot: list[Judged], audits: list[Audit], now: float) -> Evidence:
    rows: list[tuple[str, ...]] = [
        (
            j.severity,
            j.one.package,
            j.one.version,
            j.one.id,
            " ".join(j.one.aliases),
            j.one.remedy or " ".join(j.one.fixed),
            _through(j, now),
        )
        for j in lot
    ]
    for audit in audits:
        about = [audit.tool, f"{audit.packages} packages" if audit.packages else ""]
        about += [f"made on {_day(audit.at)}" if audit.at is not None else ""]
        about += [f"advisories of {audit.advisories_of}" if audit.advisories_of else ""]
        about += [f"skipped as allowed: {' '.join(name for name, _ in audit.skipped)}" if audit.skipped else ""]
        rows.append(("", "", "", ", ".join(part for part in about if part), "", "", ""))
    return table("vulnerabilities", ("severity", "package", "version", "id", "also", "fixed in", "let through"), rows)


def _through(judged: Judged, now: float) -> str:
    if judged.by is None:
        return ""
    over = "" if judged.by.holds(now) else f"over since {judged.by.until}: "
    return f"{over}{judged.by.reason}"


def _day(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
