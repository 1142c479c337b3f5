"""The check `serverless`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from penstock.checks.serverless import ServerlessCheck, ServerlessSection
from penstock.core import data
from penstock.core.finding import CheckRequest, Outcome

RECORDED = Path(__file__).parent / "recorded" / "serverless"
Make = Callable[..., CheckRequest]
PLANTED = {
    "public-bucket", "no-public-access-block", "open-cors", "no-authorizer", "no-throttling", "timeout-over-api", "unencrypted",
    "no-deletion-protection", "no-log-retention", "old-runtime", "public-function-url", "plain-secret", "wildcard-action",
    "wildcard-resource", "shared-role",
}  # fmt: skip


def run(make: Make, folder: Path, **section: Any) -> Outcome:
    """The outcome over a folder."""
    plain = data.dump(ServerlessSection.model_validate(section))
    return ServerlessCheck().run(make(plain, folder=str(folder), environment="production"))


def rules(outcome: Outcome) -> set[str]:
    """The rules that found something."""
    return {finding.condition.rpartition("[")[2][:-1] for finding in outcome.findings}


def test_every_planted_fault_is_found_and_the_clean_twin_has_none(request_for: Make) -> None:
    """All that is planted is found, and nothing in the twin in which it is mended."""
    outcome = run(request_for, RECORDED / "faulty", at_most="none")
    assert ("failed", PLANTED) == (outcome.state, rules(outcome))
    assert all(finding.where.startswith("serverless.yml:") for finding in outcome.findings)
    clean = run(request_for, RECORDED / "clean", at_most="none")
    assert ("passed", ()) == (clean.state, clean.findings)


def test_secrets_are_not_said(request_for: Make) -> None:
    """No value of a secret stands in an outcome."""
    outcome = run(request_for, RECORDED / "faulty")
    said = outcome.sentence + "".join(f"{f.condition}{f.remedy}" for f in outcome.findings) + outcome.evidence[-1].text
    assert "77aa90ce" not in said
    assert "pa55word" not in said


def test_roles_may_be_left_to_another_check(request_for: Make) -> None:
    """Without `iam`, what roles are granted is not judged."""
    assert "wildcard-action" not in rules(run(request_for, RECORDED / "faulty", iam=False))


@pytest.mark.parametrize("text", ["", "[]", "a: [", "Resources: {A: {Type: AWS::S3::Bucket}}", "service: x"])
def test_what_is_no_serverless_file_is_no_pass(text: str, request_for: Make, tmp_path: Path) -> None:
    """Another file, or none, is errored."""
    assert "errored" == run(request_for, tmp_path).state
    (tmp_path / "serverless.yml").write_text(text)
    assert "errored" == run(request_for, tmp_path).state
