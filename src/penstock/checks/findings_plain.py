"""The own JSON of bandit, semgrep and ESLint, for teams that do not write SARIF.

ruff's own JSON is not read: without findings it is `[]`, which does not say that anything was inspected.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.checks.findings_allowed import Severity, severity_of
from penstock.checks.findings_json import Unreadable, items, mapping, needed, number, text
from penstock.checks.findings_sarif import Analysis, Found, identity, relative

_SEMGREP: dict[str, Severity] = {"ERROR": "high", "WARNING": "medium", "INFO": "low"}
_ESLINT: dict[Any, Severity] = {1: "medium", 2: "high"}


def bandit(report: Mapping[str, Any], folder: str) -> Analysis:
    """`bandit -f json`: a file that it could not parse is an error of its own."""
    metrics = needed(report.get("metrics"), dict, "`metrics`")
    if not any(name != "_totals" for name in metrics):
        raise Unreadable("names no file that bandit looked at")
    found = []
    for one in needed(report.get("results"), list, "`results`"):
        found.append(_bandit_one(needed(one, dict, "result"), folder))
    errors = [mapping(one, "error") for one in items(report.get("errors"), "`errors`")]
    broken = tuple(f"bandit at {text(one.get('filename'))}: {text(one.get('reason'))}" for one in errors)
    return Analysis(("bandit",), tuple(found), broken)


def _bandit_one(issue: Mapping[str, Any], folder: str) -> Found:
    rule, path = text(issue.get("test_id")), relative(text(issue.get("filename")), folder)
    at, said, word = number(issue.get("line_number")), text(issue.get("issue_text")), issue.get("issue_severity")
    severity = _known(severity_of(text(word)), word)
    code = issue.get("code") if isinstance(issue.get("code"), str) else ""
    own = next((row for row in str(code).splitlines() if row.startswith(f"{at} ")), said)  # beside its neighbours
    return Found(rule, said, severity, path, at, identity(rule, path, own), remedy=text(issue.get("more_info")))


def semgrep(report: Mapping[str, Any], folder: str) -> Analysis:
    """`semgrep --json`: with at least one file scanned, and no error of the level error."""
    paths = needed(report.get("paths"), dict, "`paths`")
    if not items(paths.get("scanned"), "`paths.scanned`"):
        raise Unreadable("names no file that semgrep looked at")
    found = []
    for one in needed(report.get("results"), list, "`results`"):
        result = needed(one, dict, "result")
        extra, start = needed(result.get("extra"), dict, "`extra`"), mapping(result.get("start"), "`start`")
        rule, path = text(result.get("check_id")), relative(text(result.get("path")), folder)
        word = text(extra.get("severity"))
        severity = _known(_SEMGREP.get(word) or severity_of(word), word)
        passed = "suppressed in the code: nosemgrep" if extra.get("is_ignored") is True else ""
        lines = text(extra.get("lines"))
        what = text(extra.get("message")) if lines in ("", "requires login") else lines
        found.append(
            Found(rule, text(extra.get("message")), severity, path, number(start.get("line")),
                  identity(rule, path, what), passed)
        )  # fmt: skip
    errors = [mapping(one, "error") for one in items(report.get("errors"), "`errors`")]
    broken = tuple(f"semgrep: {text(one.get('message'))}" for one in errors if one.get("level") == "error")
    return Analysis((f"semgrep {text(report.get('version'))}".strip(),), tuple(found), broken)


def eslint(report: list[Any], folder: str) -> Analysis:
    """`eslint -f json`: a list of files; a file that it could not parse has a message without a rule."""
    found: list[Found] = []
    broken = []
    for one in report:
        file = needed(one, dict, "file")
        path = relative(needed(file.get("filePath"), str, "`filePath`"), folder)
        for message in needed(file.get("messages"), list, "`messages`"):
            if mapping(message, "message").get("fatal") is True:
                broken.append(f"ESLint at {path}: {text(message.get('message'))}")
            else:
                found.append(_eslint_one(message, path, ""))
        for message in items(file.get("suppressedMessages"), "`suppressedMessages`"):
            several = items(mapping(message, "message").get("suppressions"), "`suppressions`")
            why = text(mapping(several[0] if several else None, "suppression").get("justification"))
            found.append(_eslint_one(message, path, f"suppressed in the code: {why or 'no reason is given'}"))
    return Analysis(("ESLint",), tuple(found), tuple(broken))


def _eslint_one(message: Mapping[str, Any], path: str, passed: str) -> Found:
    rule, said = text(message.get("ruleId")) or "a rule without a name", text(message.get("message"))
    severity = _known(_ESLINT.get(message.get("severity")), message.get("severity"))
    return Found(rule, said, severity, path, number(message.get("line")), identity(rule, path, said), passed)


def _known(severity: Severity | None, said: Any) -> Severity:
    if severity is None:
        raise Unreadable(f"has a finding of the severity `{text(said)[:40]}`, which is not known")
    return severity
