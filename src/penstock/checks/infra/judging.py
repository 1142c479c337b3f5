"""Hits to an outcome: what is ignored, what is above the limit, how it is said."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from penstock.checks.infra.resource import SEVERITIES, Hit
from penstock.checks.infra.section import Ignored, Judged
from penstock.core.finding import Finding, Outcome
from penstock.core.target import Evidence

_MOST = 100
_SENTENCE = 300
_EVIDENCE = 200 << 10
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


@dataclass(frozen=True)
class Seen:
    """What was inspected: how many of what, in which files; `unseen` is what could not be, and blocks a pass."""

    what: str
    hits: Sequence[Hit]
    said: tuple[str, ...] = ()
    unseen: tuple[Finding, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    measured: Mapping[str, Any] | None = None
    first: str = ""


def judged(seen: Seen, section: Judged, now: float) -> Outcome:
    """Failed with anything above `at_most`; errored when something could not be inspected; else passed."""
    hits, ignored = _counted(seen.hits, section.ignore, now)
    limit = SEVERITIES.index(section.at_most) if section.at_most != "none" else len(SEVERITIES)
    above = [one for one in hits if SEVERITIES.index(one.severity) < limit]
    state = "failed" if above else "errored" if seen.unseen else "passed"
    findings = [*seen.unseen, *(_finding(one, section.ignore, now) for one in hits)]
    return Outcome(
        state,  # type: ignore[arg-type]
        _sentence(seen, section, above, len(hits) - len(above), ignored),
        _cut(findings),
        (*seen.evidence, _listing(hits, seen.hits, section)),
        measured={**counts(hits), **(seen.measured or {})},
    )


def counts(hits: Iterable[Hit]) -> dict[str, int]:
    """How many of each severity."""
    found = dict.fromkeys(SEVERITIES, 0)
    for one in hits:
        found[one.severity] += 1
    return found


def one_line(text: str, limit: int = _SENTENCE) -> str:
    """A text as one line of at most so many characters."""
    clean = _CONTROL.sub(" ", text)
    return clean if len(clean) <= limit else f"{clean[: limit - 3]}..."


def _counted(hits: Sequence[Hit], ignore: Sequence[Ignored], now: float) -> tuple[list[Hit], int]:
    kept = [
        one
        for one in dict.fromkeys(hits)
        if not any(_covers(entry, one) and not _is_over(entry, now) for entry in ignore)
    ]
    kept.sort(key=lambda one: (SEVERITIES.index(one.severity), one.where, one.rule))
    return kept, len(dict.fromkeys(hits)) - len(kept)


def _covers(entry: Ignored, one: Hit) -> bool:
    return fnmatchcase(one.rule, entry.rule) and (
        entry.resource == one.resource or fnmatchcase(one.resource, entry.resource)
    )


def _is_over(entry: Ignored, now: float) -> bool:
    return entry.until is not None and dt.datetime.fromtimestamp(now, dt.UTC).date() > entry.until


def _finding(one: Hit, ignore: Sequence[Ignored], now: float) -> Finding:
    over = next((entry for entry in ignore if _covers(entry, one) and _is_over(entry, now)), None)
    late = f" (it was ignored until {over.until})" if over else ""
    condition = one_line(f"{one.condition} [{one.rule}]{late}", 600)
    return Finding(condition, one_line(one.effect, 600), _CONTROL.sub(" ", one.remedy.replace("\n", "\f")).replace("\f", "\n")
                   if "\n" in one.remedy else one_line(one.remedy, 600), one_line(one.where), one.severity)  # fmt: skip


def _sentence(seen: Seen, section: Judged, above: Sequence[Hit], below: int, ignored: int) -> str:
    limit = f"above {section.at_most}" if section.at_most != "none" else "of any severity"
    more = [f"{below} not above it" if below else "", f"{ignored} ignored" if ignored else "", *seen.said]
    rest = "; ".join(part for part in more if part)
    head = f"{seen.first}{len(above)} finding{'' if len(above) == 1 else 's'} {limit} in {seen.what}"
    said = f"{head}; {rest}" if rest else head
    if seen.unseen:
        said = f"{seen.unseen[0].condition}; {said}"
    return one_line(f"{said}: {'; '.join(one.condition for one in above[:3])}" if above else said)


def _cut(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    if len(findings) <= _MOST:
        return tuple(findings)
    return (
        *findings[: _MOST - 1],
        Finding(f"{len(findings) - _MOST + 1} more findings", "they are not shown here", "the evidence"),
    )


def _listing(hits: Sequence[Hit], all_: Sequence[Hit], section: Judged) -> Evidence:
    lines = [f"{one.severity:8} {one.rule:24} {one.where}  {one.condition}" for one in hits]
    lines += [
        f"ignored  {one.rule:24} {one.where}  {one.condition}" for one in dict.fromkeys(all_) if one not in set(hits)
    ]
    lines += [
        f"ignore: {entry.rule} on {entry.resource} until {entry.until or 'further notice'}: {entry.reason}"
        for entry in section.ignore
    ]
    text = "\n".join(one_line(line, 1000) for line in lines) or "nothing was found"
    data = text.encode()
    if len(data) > _EVIDENCE:
        text = data[:_EVIDENCE].decode("utf-8", "ignore") + "\n(cut here)"
    return Evidence("findings", "text/plain", text)
