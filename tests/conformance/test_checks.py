"""Every built-in check keeps the laws of `penstock.testing.check_conformance`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from penstock import registry
from penstock.testing.check_conformance import LAWS, Subject

# kind → lines as a manifest writes them, without `is`: one that says as little as may be, and others that lead elsewhere.
# They are asked where nothing is there: no tool, report, service or repository. NOWHERE does not listen.
NOWHERE = "http://127.0.0.1:9"
LINES: dict[str, tuple[Mapping[str, Any], ...]] = {
    "alarms": (
        {"prometheus": NOWHERE},
        {"alertmanager": NOWHERE, "bearer": "$TOKEN"},
        {"url": f"{NOWHERE}/$SECRET"},
        {"report": "alarms.json"},
    ),
    "branch": ({"on": "main"},),
    "command": ({"run": "no-such-program $TOKEN"}, {"run": {"sh": "/bin/echo $TOKEN; exit 1"}, "sees": ["TOKEN"]}),
    "commits": ({"style": "conventional"},),
    "compose": ({}, {"ignore": [{"rule": "a-rule", "resource": "a-resource", "reason": "it is borne"}]}),
    "configuration": (
        {},
        {"require": ["A", "TOKEN"], "shapes": {"TOKEN": "/sk-.+/", "B": "url"}, "same": "A", "differences": "block"},
        {"example": "env.list"},
    ),
    "coverage": ({"report": "coverage.json"},),
    "custom": ({"run": "no-such-program"}, {"run": {"sh": "/bin/echo $TOKEN"}, "sees": ["TOKEN"]}),
    "dockerfile": ({}, {"ignore": [{"rule": "a-rule", "resource": "a-resource", "reason": "it is borne"}]}),
    "drill": ({},),
    "findings": ({"report": "a.sarif"}, {"run": "no-such-program $TOKEN", "report": "a.sarif"}),
    "fresh": (
        {"file": "at.json", "field": "at", "at_most": "1h"},
        {"get": f"{NOWHERE}/$A", "field": "at", "bearer": "$TOKEN", "at_most": "1h"},
        {"postgres": "$URL", "query": "SELECT max(at) FROM t", "at_most": "1h"},
    ),
    "headroom": (
        {"instances": "4", "per_instance": "200/s", "peak": "sum(x)", "url": NOWHERE},
        {"instances": "4", "report": "load.json", "peak": "900/s"},
    ),
    "http": ({"get": "/"}, {"post": f"{NOWHERE}/x", "bearer": "$TOKEN", "json": {"a": "$B"}}),
    "iam": (
        {"file": "template.yaml"},
        {"file": "template.yaml", "ignore": [{"rule": "a-rule", "resource": "a-resource", "reason": "it is borne"}]},
    ),
    "kubernetes": (
        {"file": "deployment.yaml"},
        {"file": "deployment.yaml", "ignore": [{"rule": "a-rule", "resource": "a-resource", "reason": "it is borne"}]},
    ),
    "leaks": ({},),
    "licences": ({"allow": ["MIT"]},),
    "links": (
        {"at": NOWHERE},
        {"at": f"{NOWHERE}/$A", "bearer": "$TOKEN"},
        {"file": "alerts.yml", "field": "runbook_url"},
        {"file": "*.md"},
    ),
    "load": (
        {"get": "/", "requests": "5", "rate": "50/s"},
        {"post": "/x/$TOKEN", "bearer": "$TOKEN", "requests": "2", "against_last": "1.1x"},
        {"report": "k6.json", "p95": {"at_most": "300ms"}},
        {"run": "no-such-program"},
    ),
    "lockfile": ({},),
    "masked": (
        {"postgres": "$URL", "queries": {"mail": "SELECT 0"}},
        {"mysql": "$URL", "queries": {"mail": "SELECT 0"}},
    ),
    "on_call": (
        {},
        {"pagerduty": "P1", "token": "$TOKEN", "url": NOWHERE},
        {"opsgenie": "$SCHEDULE", "token": "$TOKEN", "url": NOWHERE},
        {"calendar": "rota.ics"},
    ),
    "outdated": ({},),
    "problems": (
        {"url": f"{NOWHERE}/$SINCE", "count": "total"},
        {"url": NOWHERE, "github": "acme/shop", "labels": "bug", "bearer": "$TOKEN"},
    ),
    "provenance": ({"key": "$KEY", "subjects": "dist/*"},),
    "reachable": (
        {"tcp": "127.0.0.1:9"},
        {"get": f"{NOWHERE}/", "bearer": "$TOKEN", "headers": {"x-key": "$TOKEN"}},
        {"places": [{"postgres": "$URL"}, {"mysql": "$URL"}, {"redis": "$URL"}, {"tls": "127.0.0.1:9"}]},
        {"disk": {"path": "/nonexistent", "free": "10%"}},
    ),
    "reviews": ({"forge": "github", "repository": "acme/shop", "url": NOWHERE, "token": "$TOKEN"},),
    "sbom": ({"report": "sbom.json"},),
    "serverless": ({}, {"ignore": [{"rule": "a-rule", "resource": "a-resource", "reason": "it is borne"}]}),
    "slo": (
        {
            "url": NOWHERE,
            "availability": "99.9%",
            "errors": "sum(a[$WINDOW])",
            "requests": "sum(b)",
            "bearer": "$TOKEN",
        },
        {"url": f"{NOWHERE}/$TOKEN", "source": "json", "availability": "99%", "good": "a.b", "requests": "c"},
    ),
    "template": (
        {"file": "template.yaml"},
        {"file": "template.yaml", "ignore": [{"rule": "a-rule", "resource": "a-resource", "reason": "it is borne"}]},
    ),
    "terraform": (
        {"report": "plan.json"},
        {"report": "plan.json", "ignore": [{"rule": "a-rule", "resource": "a-resource", "reason": "it is borne"}]},
    ),
    "tests": ({"report": "tests.xml"}, {"run": "no-such-program $TOKEN", "report": "tests.xml"}),
    "ticket": (
        {"pattern": r"CHG\d+"},
        {
            "number": "CHG1",
            "url": f"{NOWHERE}/$TICKET",
            "field": "state",
            "allow": "Approved",
            "bearer": "$TOKEN",
        },
    ),
    "vulnerabilities": ({"report": "grype.json"},),
}
# Why a kind may pass where nothing is there.
CONTENT: dict[str, str] = {}
_SUBJECTS: dict[str, Subject] = {}


def subject(kind: str) -> Subject:
    """A built-in kind, with its lines."""
    if kind not in _SUBJECTS:
        check, section = registry.find("check", kind)(), registry.find("check.section", kind)
        _SUBJECTS[kind] = Subject(kind, check, section, LINES[kind], passes_without=CONTENT.get(kind, ""))
    return _SUBJECTS[kind]


@pytest.mark.parametrize("kind", sorted(registry.BUILT_IN["check"]))
def test_a_kind_has_lines_to_be_asked_for(kind: str) -> None:
    """A kind without a line in the table is held to no law."""
    assert kind in LINES, (
        f"`{kind}` has no line in LINES of {Path(__file__).name}: add its least manifest line, as in "
        f'"{kind}": ({{"run": "no-such-program"}},), and others that lead elsewhere'
    )


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """One folder for each kind, so that all laws together ask only once."""
    made: dict[str, Path] = {}
    return lambda kind: made.setdefault(kind, tmp_path_factory.mktemp(kind))


@pytest.mark.parametrize("kind", sorted(LINES.keys() & registry.BUILT_IN["check"].keys()))
@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_a_check_keeps_the_law(kind: str, law: Callable[..., None], places: Callable[[str], Path]) -> None:
    """Each kind, asked where something is missing, wrong or secret, answers as every check must."""
    law(subject(kind), places(kind))
