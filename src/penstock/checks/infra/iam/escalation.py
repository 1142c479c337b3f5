"""Sets of actions by which a role can make itself more than it is."""

# ruff: noqa: ARG001 - all are asked alike, whether they look at everything or not

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from fnmatch import fnmatchcase

from penstock.checks.infra.iam.grants import Asked, Grant, hit
from penstock.checks.infra.iam.wildcards import is_every
from penstock.checks.infra.policy import Statement
from penstock.checks.infra.resource import Hit, Stack

_PASS = "iam:PassRole"
WAYS: tuple[tuple[str, ...], ...] = (
    ("iam:CreatePolicyVersion",),
    ("iam:SetDefaultPolicyVersion",),
    ("iam:CreateAccessKey",),
    ("iam:CreateLoginProfile",),
    ("iam:UpdateLoginProfile",),
    ("iam:AttachUserPolicy",),
    ("iam:AttachGroupPolicy",),
    ("iam:AttachRolePolicy",),
    ("iam:PutUserPolicy",),
    ("iam:PutGroupPolicy",),
    ("iam:PutRolePolicy",),
    ("iam:AddUserToGroup",),
    ("iam:UpdateAssumeRolePolicy",),
    ("iam:DeleteRolePermissionsBoundary",),
    ("iam:DeleteUserPermissionsBoundary",),
    ("iam:CreateServiceSpecificCredential",),
    (_PASS, "ec2:RunInstances"),
    (_PASS, "lambda:CreateFunction", "lambda:InvokeFunction"),
    (_PASS, "lambda:CreateFunction", "lambda:AddPermission"),
    (_PASS, "lambda:CreateFunction", "lambda:CreateEventSourceMapping"),
    (_PASS, "glue:CreateDevEndpoint"),
    (_PASS, "glue:CreateJob", "glue:StartJobRun"),
    (_PASS, "glue:UpdateJob", "glue:StartJobRun"),
    (_PASS, "cloudformation:CreateStack"),
    (_PASS, "datapipeline:CreatePipeline", "datapipeline:PutPipelineDefinition"),
    (_PASS, "sagemaker:CreateNotebookInstance"),
    (_PASS, "sagemaker:CreateTrainingJob"),
    (_PASS, "sagemaker:CreateProcessingJob"),
    (_PASS, "codebuild:CreateProject"),
    (_PASS, "codestar:CreateProject"),
    (_PASS, "ecs:RunTask"),
    (_PASS, "ecs:RegisterTaskDefinition"),
    (_PASS, "states:CreateStateMachine"),
    (_PASS, "autoscaling:CreateLaunchConfiguration"),
    (_PASS, "ssm:StartAutomationExecution"),
    (_PASS, "apprunner:CreateService"),
    (_PASS, "bedrock-agentcore:CreateCodeInterpreter"),
    (_PASS, "scheduler:CreateSchedule"),
    ("lambda:UpdateFunctionCode",),
    ("lambda:UpdateFunctionConfiguration",),
    ("glue:UpdateDevEndpoint",),
    ("ssm:SendCommand",),
    ("ssm:StartSession",),
    ("ec2-instance-connect:SendSSHPublicKey",),
    ("sts:AssumeRole",),
    ("cloudformation:UpdateStack",),
    ("cloudformation:SetStackPolicy",),
    ("codebuild:UpdateProject", "codebuild:StartBuild"),
    ("sagemaker:CreatePresignedNotebookInstanceUrl",),
)
"""Any of these sets is a way up; documented by those who went it."""
_ONLY_WIDE = frozenset(
    {
        "lambda:UpdateFunctionCode",
        "lambda:UpdateFunctionConfiguration",
        "ssm:SendCommand",
        "ssm:StartSession",
        "sts:AssumeRole",
        "cloudformation:UpdateStack",
        "cloudformation:SetStackPolicy",
        "glue:UpdateDevEndpoint",
        "iam:PassRole",
        "ec2-instance-connect:SendSSHPublicKey",
        "sagemaker:CreatePresignedNotebookInstanceUrl",
        "iam:AddUserToGroup",
    }
)
"""What is a way up only where it is not limited to one thing."""


def ways(stack: Stack, grants: list[Grant], asked: Asked) -> Iterator[Hit]:
    """A role, over all its policies, that can get itself more rights."""
    roles = defaultdict[str, list[Grant]](list)
    for grant in grants:
        if grant.sort == "identity":
            roles[grant.owner].append(grant)
    for owned in roles.values():
        allowed = [(grant, one) for grant in owned for one in grant.statements if one.allows]
        denied = [one for grant in owned for one in grant.statements if not one.allows and not one.conditions]
        found = [
            way
            for way in WAYS
            if all(_may(action, allowed, denied) for action in way) and not all(map(asked.allows, way))
        ]
        if found:
            grant, statement = next(one for one in allowed if any(_allows(one[1], action) for action in found[0]))
            yield _hit(found, grant, statement)
        elif _may(_PASS, allowed, denied) and not asked.allows(_PASS):
            grant, statement = next(one for one in allowed if _allows(one[1], _PASS))
            words = (
                "may pass every role to every service (iam:PassRole)",
                "with one more right it runs code as an administrator",
                "Resource: !GetAtt TheRole.Arn\nCondition: {StringEquals: {iam:PassedToService: lambda.amazonaws.com}}",
            )
            yield hit("escalation", "high", grant, statement, words)


def _hit(found: list[tuple[str, ...]], grant: Grant, statement: Statement) -> Hit:
    said = "; ".join(" + ".join(way) for way in found[:3]) + (
        f"; and {len(found) - 3} more ways" if len(found) > 3 else ""
    )
    words = (
        f"can get itself more rights: {said}",
        "whoever gets into it becomes an administrator",
        "a role without these actions; where one is needed, on one named Resource",
    )
    return hit("escalation", "critical" if any(map(is_every, statement.resources)) else "high", grant, statement, words)


def _may(action: str, allowed: list[tuple[Grant, Statement]], denied: list[Statement]) -> bool:
    return any(_allows(one, action) for _, one in allowed) and not any(_denies(one, action) for one in denied)


def _allows(one: Statement, action: str) -> bool:
    if one.not_actions:
        named = not any(_matches(action, said) for said in one.not_actions)
    else:
        named = any(_matches(action, said) for said in one.actions)
    if not named or (one.resources and not any(_is_of(said, action) for said in one.resources)):
        return False
    return action not in _ONLY_WIDE or any(_is_wide(said) for said in one.resources) or bool(one.not_resources)


def _is_of(resource: str, action: str) -> bool:
    """Whether a resource can be one that the action is about: an ARN of another service is not."""
    parts = resource.split(":", 3)
    if parts[0] != "arn" or len(parts) < 4:
        return True
    prefix = action.partition(":")[0]
    return fnmatchcase({"sts": "iam", "ec2-instance-connect": "ec2", "ssm": parts[2]}.get(prefix, prefix), parts[2])


def _is_wide(resource: str) -> bool:
    """Every resource, or a family of them by a wildcard right behind its type."""
    return is_every(resource) or bool(resource.rstrip("*") != resource and resource.rstrip("*").endswith(("/", ":")))


def _denies(one: Statement, action: str) -> bool:
    return any(_matches(action, said) for said in one.actions) and any(map(is_every, one.resources))


def _matches(action: str, said: str) -> bool:
    return fnmatchcase(action.lower(), "*" if said == "*" else said.lower())
