"""What `penstock check` found, as SARIF 2.1.0: a run for each line, whose tool is `penstock/LINE`."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from penstock.core.finding import Finding
from penstock.render.checked import Checked, CheckedLine
from penstock.render.checked_places import place_of

VERSION = "2.1.0"
SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {"critical": "error", "high": "error", "medium": "warning", "low": "note", "info": "note"}


def document(checked: Checked) -> str:
    """A log with every finding; a line that ended badly without one is a result of its own."""
    runs = [_run(one) for one in checked.lines]
    return json.dumps({"$schema": SCHEMA, "version": VERSION, "runs": runs}, indent=1, ensure_ascii=False)


def _run(told: CheckedLine) -> dict[str, Any]:
    looked = told.state not in ("errored", "undecided")
    invocation: dict[str, Any] = {"executionSuccessful": looked}
    if not looked:
        level = "error" if told.state == "errored" else "note"
        invocation["toolExecutionNotifications"] = [{"level": level, "message": {"text": told.sentence}}]
    rule = {"id": told.name, "shortDescription": {"text": f"{told.name}: {told.kind}"}}
    return {
        "tool": {"driver": {"name": f"penstock/{told.name}", "rules": [rule]}},
        "automationDetails": {"id": f"penstock/{told.moment}/{told.name}/"},
        "invocations": [invocation],
        "originalUriBaseIds": {"ROOT": {"description": {"text": "the root of the repository"}}},
        "results": [_result(told, finding) for finding in _findings(told)],
    }


def _findings(told: CheckedLine) -> tuple[Finding, ...]:
    if told.findings or told.state not in ("failed", "waived"):
        return told.findings if told.state != "errored" else ()
    return (Finding(told.sentence),)


def _result(told: CheckedLine, finding: Finding) -> dict[str, Any]:
    level = _LEVELS.get(finding.severity) or (
        "error" if told.stops else "note" if told.state == "passed" else "warning"
    )
    text = "\n".join(part for part in (finding.condition, finding.effect, finding.remedy) if part.strip())
    made: dict[str, Any] = {"ruleId": told.name, "ruleIndex": 0, "level": level, "message": {"text": text}}
    path, row, column = place_of(finding.where)
    if path:
        location: dict[str, Any] = {"artifactLocation": {"uri": quote(path), "uriBaseId": "ROOT"}}
        if row:
            location["region"] = {"startLine": row} | ({"startColumn": column} if column else {})
        made["locations"] = [{"physicalLocation": location}]
    if told.state == "waived":
        reason = (
            f"{told.waiver.get('owner', '')}, until {told.waiver.get('until', '')}: {told.waiver.get('reason', '')}"
        )
        made["suppressions"] = [{"kind": "external", "justification": reason}]
    return made
