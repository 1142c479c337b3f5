"""The check `terraform`, over plans recorded from the real tool."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from penstock.checks.terraform import TerraformCheck, TerraformSection
from penstock.core import data
from penstock.core.finding import CheckRequest, Outcome

RECORDED = Path(__file__).parent / "recorded" / "terraform"
Make = Callable[..., CheckRequest]
PLANTED = {
    "open-port",
    "public-bucket",
    "no-public-access-block",
    "unencrypted",
    "no-deletion-protection",
    "public-database",
    "no-log-retention",
    "old-runtime",
    "public-function-url",
    "plain-secret",
    "secret-default",
    "wildcard-action",
}


def run(make: Make, folder: Path, section: dict[str, Any], **more: Any) -> Outcome:
    """The outcome of a section over a folder."""
    plain = data.dump(TerraformSection.model_validate(section))
    return TerraformCheck().run(
        make(plain, **{"folder": str(folder), "environment": "production", "env": {"PATH": "/nowhere"}, **more})
    )


def rules(outcome: Outcome) -> set[str]:
    """The rules that found something."""
    return {finding.condition.rpartition("[")[2][:-1] for finding in outcome.findings}


def test_every_planted_fault_is_found_and_the_clean_twin_has_none(request_for: Make) -> None:
    """All that is planted in a real plan is found, and nothing in the twin in which it is mended."""
    outcome = run(request_for, RECORDED / "faulty", {"plan": "plan.json", "at_most": "none"})
    assert ("failed", PLANTED) == (outcome.state, rules(outcome))
    assert "hunter2" not in outcome.sentence + outcome.evidence[-1].text
    clean = run(request_for, RECORDED / "clean", {"plan": "plan.json", "at_most": "none"})
    assert ("passed", ()) == (clean.state, clean.findings)
    assert clean.sentence.startswith("14 to create, 0 to update, 0 to delete, 0 to replace; 0 findings")


def test_data_is_not_destroyed_unless_it_is_meant(request_for: Make) -> None:
    """A store that is destroyed or replaced blocks, but for the addresses that may be; what is no store may go."""
    section = {"report": "destroys.json", "stateful": "terraform_data.[oc]*"}
    outcome = run(request_for, RECORDED, section)
    assert "failed" == outcome.state
    assert outcome.sentence.startswith("1 to create, 1 to update, 1 to delete, 1 to replace; 2 findings above medium")
    assert {"create": 1, "update": 1, "delete": 1, "replace": 1, "drift": 0}.items() <= outcome.measured.items()
    one = run(request_for, RECORDED, {**section, "allow_destroy": ["terraform_data.orders"]})
    assert ("failed", 1) == (one.state, len(one.findings))
    both = run(request_for, RECORDED, {**section, "allow_destroy": ["terraform_data.orders", "terraform_data.carts"]})
    assert "passed" == both.state
    assert "passed" == run(request_for, RECORDED, {"plan": "destroys.json"}).state


def test_drift_is_said(request_for: Make, tmp_path: Path) -> None:
    """What changed behind Terraform's back is counted and named."""
    plan = json.loads((RECORDED / "destroys.json").read_text())
    plan["resource_drift"] = [
        {"address": "aws_s3_bucket.x", "type": "aws_s3_bucket", "change": {"actions": ["update"]}}
    ]
    (tmp_path / "p.json").write_text(json.dumps(plan))
    outcome = run(request_for, tmp_path, {"plan": "p.json"})
    assert "1 drifted since the last apply (aws_s3_bucket.x)" in outcome.sentence
    assert 1 == outcome.measured["drift"]


def test_a_real_store_is_known_by_its_type(request_for: Make, tmp_path: Path) -> None:
    """A database that is replaced is critical, whatever the actions' order."""
    change = {"before": {}, "after": {"storage_encrypted": True, "deletion_protection": True}}
    for actions in (["delete", "create"], ["create", "delete"], ["delete"]):
        one = {
            "address": "aws_db_instance.main",
            "type": "aws_db_instance",
            "mode": "managed",
            "change": {**change, "actions": actions},
        }
        (tmp_path / "p.json").write_text(json.dumps({"format_version": "1.2", "resource_changes": [one]}))
        outcome = run(request_for, tmp_path, {"plan": "p.json"})
        assert ("failed", "critical") == (outcome.state, outcome.findings[0].severity)


FAKE = """#!/bin/sh
case "$2" in fmt) {fmt} ;; validate) {validate} ;; esac
"""


@pytest.mark.parametrize(
    ("fmt", "validate", "state"),
    [
        ("exit 0", "cat {ok}", "passed"),
        ("echo main.tf; exit 3", "cat {ok}", "failed"),
        ("exit 0", "cat {bad}; exit 1", "failed"),
        ("exit 0", "exit 1", "errored"),
        ("exit 1", "cat {ok}", "errored"),
        ("exit 3", "cat {ok}", "errored"),
        ("exit 0", "head -c 90 {ok}", "errored"),
        ("exit 0", "echo '{{\"valid\": true}}'", "errored"),
    ],
)
def test_the_folder_is_asked(fmt: str, validate: str, state: str, request_for: Make, tmp_path: Path) -> None:
    """What is not formatted or not valid is found; a tool that does not say is no pass."""
    tool = tmp_path / "bin" / "terraform"
    tool.parent.mkdir()
    (tmp_path / "infra").mkdir()
    paths = {"ok": RECORDED / "validate.json", "bad": RECORDED / "validate-bad.json"}
    tool.write_text(FAKE.format(fmt=fmt, validate=validate.format(**paths)))
    tool.chmod(0o755)
    outcome = run(
        request_for, tmp_path, {"folder": "infra", "at_most": "low"}, env={"PATH": f"{tool.parent}:/usr/bin:/bin"}
    )
    assert state == outcome.state


def test_an_absent_tool_is_no_pass(request_for: Make, tmp_path: Path) -> None:
    """Without terraform, a folder is errored; what the plan shows still blocks."""
    (tmp_path / "main.tf").write_text('resource "aws_security_group" "web" {\n}\n')
    assert "errored" == run(request_for, tmp_path, {"folder": "."}).state
    shutil.copy(RECORDED / "faulty" / "plan.json", tmp_path)
    outcome = run(request_for, tmp_path, {"folder": ".", "plan": "plan.json"})
    assert "failed" == outcome.state
    assert "main.tf:1" in {finding.where for finding in outcome.findings}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.one_of(
        st.binary(max_size=80), st.integers(0, 2200).map(lambda at: (RECORDED / "destroys.json").read_bytes()[:at])
    )
)
def test_a_broken_plan_is_no_pass(text: bytes, request_for: Make, tmp_path: Path) -> None:
    """A plan that is cut, or none, is errored."""
    (tmp_path / "p.json").write_bytes(text)
    assert "errored" == run(request_for, tmp_path, {"plan": "p.json"}).state


@pytest.mark.parametrize(
    "plan",
    [
        {},
        [],
        {"format_version": "1.2"},
        {"format_version": "1.2", "resource_changes": [{}]},
        {"format_version": "1.2", "resource_changes": 3},
        {"format_version": "1.2", "resource_changes": [], "errored": True},
        {"format_version": "1.2", "resource_changes": [{"address": "a", "change": {"actions": "delete"}}]},
        {"format_version": "1.0", "values": {}},
        [[]] * 3,
    ],
)
def test_another_format_is_no_pass(plan: Any, request_for: Make, tmp_path: Path) -> None:
    """A state, a plan that ended with an error, or a shape that no plan has, is errored."""
    (tmp_path / "p.json").write_text(json.dumps(plan))
    assert "errored" == run(request_for, tmp_path, {"plan": "p.json"}).state


def test_a_section_that_cannot_be_is_refused() -> None:
    """Without a plan or a folder there is nothing to judge."""
    for section in ({}, {"run": "terraform plan", "folder": "x"}, {"folder": "../x"}):
        with pytest.raises(ValidationError):
            TerraformSection.model_validate(section)
