"""The check `iam`: least privilege."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from penstock.checks.iam import IamCheck, IamSection
from penstock.checks.infra.declared import read_stack
from penstock.checks.infra.iam import BY_TOPIC
from penstock.checks.infra.iam.escalation import WAYS
from penstock.checks.infra.iam.grants import Asked, grants
from penstock.core import data
from penstock.core.finding import CheckRequest, Outcome

RECORDED = Path(__file__).parent / "recorded" / "iam"
Make = Callable[..., CheckRequest]

PLANTED = {
    ("wildcard-action", "WideRole"),
    ("wildcard-resource", "WideRole"),
    ("wildcard-resource", "ClimbingRole"),
    ("allow-by-exclusion", "WideRole"),
    ("wildcard-principal", "QueuePolicy"),
    ("cross-account", "QueuePolicy"),
    ("wildcard-trust", "AdminRole"),
    ("wildcard-trust", "PipelineRole"),
    ("escalation", "ClimbingRole"),
    ("admin-policy", "AdminRole"),
    ("shared-role", "One"),
    ("unknown-action", "WideRole"),
}


def found(text: bytes, file: str = "policy.json") -> set[tuple[str, str]]:
    """Rule and resource of all that is found."""
    stack = read_stack(text, file, {}, "")
    each = [hit for rules in BY_TOPIC.values() for rule in rules for hit in rule(stack, grants(stack), Asked())]
    return {(hit.rule, hit.resource if hit.rule != "shared-role" else "One") for hit in each}


def run(make: Make, folder: Path, section: dict[str, Any]) -> Outcome:
    """The outcome of a section over a folder."""
    plain = data.dump(IamSection.model_validate(section))
    return IamCheck().run(make(plain, folder=str(folder)))


def policy(*statements: dict[str, Any]) -> bytes:
    """A bare policy."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)}).encode()


def allow(action: Any, resource: Any = "arn:aws:s3:::shop/x", **more: Any) -> dict[str, Any]:
    """A statement that allows."""
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def test_every_planted_fault_is_found_and_the_clean_twin_has_none(request_for: Make) -> None:
    """All that is planted is found, nothing else is, and nothing in the twin in which it is mended."""
    assert PLANTED == found((RECORDED / "faulty" / "template.yaml").read_bytes(), "template.yaml")
    outcome = run(request_for, RECORDED / "clean", {"file": "template.yaml", "at_most": "none"})
    assert ("passed", ()) == (outcome.state, outcome.findings)


@pytest.mark.parametrize("way", WAYS, ids="+".join)
def test_every_way_up_is_known(way: tuple[str, ...]) -> None:
    """Each documented set of actions is found, and taking one of its actions back by a Deny closes it."""
    assert ("escalation", "policy") in found(policy(allow(list(way), "*")))
    denied = policy(allow(list(way), "*"), {"Effect": "Deny", "Action": way[0], "Resource": "*"})
    assert ("escalation", "policy") not in found(denied)


@pytest.mark.parametrize(
    ("statement", "rule"),
    [
        (allow("*", "*"), "wildcard-action"),
        (allow("*:*", "*"), "wildcard-action"),
        (allow("dynamodb:*"), "wildcard-action"),
        (allow(["s3:Put*"]), "wildcard-action"),
        (allow("sqs:SendMessage", "*"), "wildcard-resource"),
        (allow("secretsmanager:GetSecretValue", "arn:aws:secretsmanager:*:*:secret:*"), "wildcard-resource"),
        (allow("dynamodb:GetItem", ["arn:aws:dynamodb:eu-west-1:111122223333:table/*"]), "wildcard-resource"),
        (allow("foo:Bar"), "unknown-action"),
        (allow("s3.GetObject"), "unknown-action"),
        (allow("iam:*", "*"), "escalation"),
        ({"Effect": "Allow", "Action": "s3:GetObject", "NotResource": "arn:aws:s3:::x"}, "allow-by-exclusion"),
        (
            {
                "Effect": "Allow",
                "Action": "s3:GetObject",
                "Resource": "x",
                "NotPrincipal": {"AWS": "arn:aws:iam::111122223333:user/x"},
            },
            "allow-by-exclusion",
        ),
        ({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "x", "Principal": "*"}, "wildcard-principal"),
        (
            {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "x", "Principal": {"AWS": "111122223333"}},
            "cross-account",
        ),
        (
            {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "arn:aws:iam::*:role/x"}},
            "wildcard-trust",
        ),
        (
            {
                "Effect": "Allow",
                "Action": "sts:*",
                "Principal": {"Service": "ec2.amazonaws.com"},
                "Sid": "sts:AssumeRole",
            },
            "wildcard-trust",
        ),
    ],
)
def test_other_faults_are_found_too(statement: dict[str, Any], rule: str) -> None:
    """A fault in another spelling is found by its rule."""
    assert rule in {name for name, _ in found(policy(statement))}


@pytest.mark.parametrize(
    "statement",
    [
        allow("s3:GetObject", "arn:aws:s3:::shop/*"),
        allow("xray:PutTraceSegments", "*"),
        allow("ecr:GetAuthorizationToken", "*"),
        allow("ec2:DescribeInstances", "*"),
        allow("dynamodb:Query", "arn:aws:dynamodb:eu-west-1:111122223333:table/orders/index/*"),
        {"Effect": "Deny", "Action": "*", "Resource": "*"},
        allow("iam:PassRole", "arn:aws:iam::111122223333:role/one"),
        {
            "Effect": "Allow",
            "Action": "s3:GetObject",
            "Resource": "x",
            "Principal": "*",
            "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}},
        },
    ],
)
def test_what_is_usual_is_no_fault(statement: dict[str, Any]) -> None:
    """What is limited, or cannot be, is not found fault with."""
    assert set() == found(policy(statement))


def test_deny_and_allow_choose(request_for: Make) -> None:
    """Only what `deny` names is looked for; what `allow` names may be; shared roles count as said."""

    def rules(**section: Any) -> set[str]:
        outcome = run(request_for, RECORDED / "faulty", {"file": "template.yaml", "at_most": "none", **section})
        return {finding.condition.rpartition("[")[2][:-1] for finding in outcome.findings}

    assert {"admin-policy"} == rules(deny="admin")
    assert {"admin-policy", "shared-role"} == rules(deny="admin", roles="one_per_function")
    assert set() == rules(deny="admin", allow="AdministratorAccess")
    assert "wildcard-action" not in rules(allow="s3:*")
    assert "cross-account" not in rules(allow="444455556666")


def test_nothing_granted_is_skipped(request_for: Make, tmp_path: Path) -> None:
    """A template without a policy has nothing that this is about."""
    (tmp_path / "t.yaml").write_text("Resources: {A: {Type: AWS::S3::Bucket}}")
    assert "skipped" == run(request_for, tmp_path, {"file": "t.yaml"}).state
    (tmp_path / "t.yaml").write_text("words")
    assert "errored" == run(request_for, tmp_path, {"file": "t.yaml"}).state


def test_what_cannot_be_narrower_is_no_finding() -> None:
    """Metrics have no resource in practice; a tag that must be there narrows `*`."""
    tagged = allow("ec2:StartInstances", "*", Condition={"StringEquals": {"aws:ResourceTag/app": "shop"}})
    assert set() == found(policy(allow("cloudwatch:PutMetricData", "*"), tagged))
