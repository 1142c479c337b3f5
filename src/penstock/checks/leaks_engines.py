"""Other people's rules for secrets: gitleaks and kingfisher, asked offline about a folder; their reports, read."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penstock.checks.leaks_rules import Hit

ENGINES = ("kingfisher", "gitleaks")
GOOD_CODES = {"kingfisher": (0, 200, 205), "gitleaks": (0,)}
REPORT_LIMIT = 50 << 20


class NoReport(Exception):
    """What an engine left is no report of it."""


@dataclass(frozen=True)
class Named:
    """A hit in a file, as an engine names the file."""

    file: str
    hit: Hit


def find(names: tuple[str, ...], path: str) -> tuple[str, str] | None:
    """The first engine on a PATH: its name, and where it is."""
    for name in names:
        if place := shutil.which(name, path=path or "/usr/local/bin:/usr/bin:/bin"):
            return name, place
    return None


def argv(name: str, program: str, folder: Path, report: Path, config: Path | None) -> tuple[str, ...]:
    """What is run. Allowances in the lines are ours to count; nothing is asked of anybody on the network."""
    if name == "gitleaks":
        own = ("--config", str(config)) if config else ()
        quiet = ("--no-banner", "--log-level", "error", "--exit-code", "0", "--ignore-gitleaks-allow")
        return (program, "detect", "--no-git", "--source", str(folder), *own, *quiet,
                "--report-format", "json", "--report-path", str(report))  # fmt: skip
    offline = ("--no-validate", "--no-update-check", "--git-history", "none", "--no-extract-archives")
    return (program, "scan", str(folder), *offline, "--quiet", "--no-rule-cache", "--no-ignore", "--no-dedup",
            "--format", "json", "--output", str(report))  # fmt: skip


def parsed(name: str, data: bytes) -> list[Named]:
    """The hits of a report; NoReport when it is none."""
    if len(data) > REPORT_LIMIT:
        raise NoReport(f"is larger than {REPORT_LIMIT >> 20} MiB")
    try:
        report = json.loads(data)
        return list(_gitleaks(report) if name == "gitleaks" else _kingfisher(report))
    except (ValueError, RecursionError) as error:
        raise NoReport("is not JSON") from error
    except (KeyError, TypeError, AttributeError) as error:
        raise NoReport("is of another form") from error


def _gitleaks(report: Any) -> Iterator[Named]:
    if not isinstance(report, list):
        raise TypeError
    for row in report:
        yield _named(row["File"], row["RuleID"], row["StartLine"], row["Secret"])


def _kingfisher(report: Any) -> Iterator[Named]:
    failed = report["audit"]["summary"]
    if failed["scan_failed"] or failed["pending"]:
        raise NoReport("says that the scan failed")
    for row in report["findings"]:
        found: Mapping[str, Any] = row["finding"]
        yield _named(found["path"], row["rule"]["id"], found["line"], found["snippet"])


def _named(file: Any, rule: Any, line: Any, secret: Any) -> Named:
    if not (
        isinstance(file, str) and isinstance(rule, str) and type(line) is int and isinstance(secret, str) and secret
    ):
        raise TypeError
    return Named(file, Hit(rule[:60], max(line, 1), secret))
