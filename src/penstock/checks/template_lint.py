"""cfn-lint's report (`--format json`) as hits."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from penstock.checks.infra.reading import Unreadable, plain_json
from penstock.checks.infra.resource import Hit
from penstock.checks.infra.values import table
from penstock.core.finding import Finding
from penstock.core.target import Evidence

_LEVELS = {"error": "high", "warning": "medium", "informational": "info"}
_MOST_LIKELY = 2 | 4 | 8  # cfn-lint ends with these bits: errors, warnings, information
_RULE = re.compile(r"[EWI]\d{4}")


@dataclass(frozen=True)
class Lint:
    """What cfn-lint found; `unseen` says why it found nothing out."""

    hits: tuple[Hit, ...] = ()
    said: tuple[str, ...] = ()
    unseen: tuple[Finding, ...] = ()
    evidence: tuple[Evidence, ...] = ()


def lint_report(data: bytes, code: int) -> Lint:
    """The report of a run that ended with this code; the two have to agree."""
    try:
        found = plain_json(data)
        hits = tuple(_hit(one) for one in _list(found))
    except (Unreadable, KeyError, TypeError) as error:
        return _unseen(
            f"cfn-lint ended with {code} and wrote no report that can be read ({getattr(error, 'what', 'another format')})"
        )
    if code & ~_MOST_LIKELY or code < 0 or bool(code) != bool(hits):
        return _unseen(f"cfn-lint ended with {code}, which does not fit the {len(hits)} findings of its report")
    return Lint(hits, (f"cfn-lint: {len(hits)} finding{'' if len(hits) == 1 else 's'}",))


def _unseen(what: str) -> Lint:
    return Lint(
        unseen=(
            Finding(
                what, "the template was not checked against the services' schemas, which is no pass", "run it by hand"
            ),
        )
    )


def _list(found: Any) -> list[Any]:
    if not isinstance(found, list):
        raise TypeError
    return found


def _hit(one: Mapping[str, Any]) -> Hit:
    rule, location = one["Rule"], table(one["Location"])
    path = [str(part) for part in location.get("Path") or ()]
    start = table(location.get("Start"))
    resource = path[1] if len(path) > 1 and path[0] == "Resources" else "*"
    id_ = str(rule["Id"])
    if not _RULE.fullmatch(id_) or str(one["Level"]).lower() not in _LEVELS:
        raise TypeError
    return Hit(
        id_, _LEVELS[str(one["Level"]).lower()], resource, f"{str(one['Message'])[:400]}",
        str(rule.get("ShortDescription") or "")[:300], f"see {str(rule.get('Source') or 'the rule')[:200]}",
        f"{one['Filename']}:{start.get('LineNumber', 1)}",
    )  # fmt: skip
