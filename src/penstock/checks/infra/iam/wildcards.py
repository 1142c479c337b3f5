"""Wildcards: actions, resources, and everything but what is named."""

# ruff: noqa: ARG001 - all are asked alike, whether they look at everything or not

from __future__ import annotations

import re
from collections.abc import Iterator

from penstock.checks.infra.iam.grants import Asked, Grant, hit, takes_resources
from penstock.checks.infra.policy import Statement
from penstock.checks.infra.resource import Hit, Stack

_READS = re.compile(r"(?i)(get|list|describe|batchget|query|scan|head|lookup|search|view|read)")
_LOGS = re.compile(
    r"(?i)logs:(createlog(group|stream)|putlogevents|putretentionpolicy|describelog(groups|streams)|taglog.*)"
)
_USUAL = re.compile(
    r"(?i)ec2:(create|delete|describe|assignprivate|unassignprivate)networkinterface.*|ec2:(un)?assignprivateipaddresses|cloudwatch:putmetricdata"
)
_EVERY = re.compile(r"(\*|[a-z-]+[:/]\*)(:\*|/\*)*")
_NARROW = ("resourcetag", "viaservice", "namespace", "leadingkeys", "resourceaccount", "iam:resourcetag", "lambda:functionarn",
           "ecs:cluster", "encryptioncontext", "iam:passedtoservice", "iam:permissionsboundary")  # fmt: skip


def actions(stack: Stack, grants: list[Grant], asked: Asked) -> Iterator[Hit]:
    """An action with a wildcard: all of a service, or all that begins alike."""
    for grant, statement in _allowing(grants):
        for action in statement.actions:
            if not set("*?") & set(action) or asked.allows(action) or _own_key(grant, statement):
                continue
            severity = _severity(action, grant, statement)
            words = (
                f"allows {action}",
                _effect(action),
                "Action: [s3:GetObject, s3:PutObject]   # the actions that are called, by name",
            )
            yield hit("wildcard-action", severity, grant, statement, words)


def _severity(action: str, grant: Grant, statement: Statement) -> str:
    prefix, _, name = action.partition(":")
    if prefix in ("*", "iam") and (not name or set(name) <= set("*?")) and grant.sort == "identity":
        return "critical"
    if not name or set(name) <= set("*?"):
        return "high"
    return "low" if _READS.match(name) else "medium"


def _effect(action: str) -> str:
    if action in ("*", "*:*"):
        return "it is an administrator: one hole in the code is the whole account"
    return "whoever gets in may do all of that, today's actions and those that are added tomorrow"


def _own_key(grant: Grant, statement: Statement) -> bool:
    """The usual statement of a key's or a bucket's own account: without it nobody could manage it."""
    own = all("AWS::AccountId" in who or ":root" in who for _, who in statement.principals)
    return grant.on in ("AWS::KMS::Key", "aws_kms_key", "aws_kms_key_policy") and bool(statement.principals) and own


def resources(stack: Stack, grants: list[Grant], asked: Asked) -> Iterator[Hit]:
    """A wildcard resource, for actions that could be limited to some."""
    for grant, statement in _allowing(grants):
        wide = [one for one in statement.resources if is_every(one)]
        if (
            grant.sort != "identity"
            or not wide
            or any(key.lower().partition("/")[0].endswith(_NARROW) for _, key, _ in statement.conditions)
        ):
            continue
        meant = [
            one
            for one in statement.actions
            if takes_resources(one) and not _USUAL.fullmatch(one) and not asked.allows(one)
        ]
        if meant:
            only_logs = all(_LOGS.fullmatch(one) for one in meant)
            words = (f"allows {_some(meant)} on {wide[0]}", "it reaches every resource of the account, not only its own",
                     "Resource: !GetAtt TheTable.Arn   # the resource that is meant")  # fmt: skip
            severity = "low" if only_logs else "high" if wide[0] == "*" else "medium"
            yield hit("wildcard-resource", severity, grant, statement, words)


def is_every(resource: str) -> bool:
    """Whether a resource is all of a service's, or all of one type."""
    if set(resource) <= set("*?"):
        return True
    parts = resource.split(":", 5)
    if len(parts) < 6 or parts[0] != "arn":
        return False
    if parts[2] == "s3":
        return bool(re.fullmatch(r"\*+(/\**)*", parts[5]))
    return bool(_EVERY.fullmatch(parts[5]))


def exclusions(stack: Stack, grants: list[Grant], asked: Asked) -> Iterator[Hit]:
    """Allowing all but what is named."""
    for grant, statement in _allowing(grants):
        said = {
            "NotAction": bool(statement.not_actions), "NotResource": bool(statement.not_resources),
            "NotPrincipal": statement.not_principals,
        }  # fmt: skip
        for key in (name for name, there in said.items() if there):
            words = (f"allows by {key}", "everything that is not named is allowed, also what is invented tomorrow",
                     f"{key.removeprefix('Not')}: the few that are meant")  # fmt: skip
            yield hit("allow-by-exclusion", "critical" if key == "NotPrincipal" else "high", grant, statement, words)


def _allowing(grants: list[Grant]) -> Iterator[tuple[Grant, Statement]]:
    seen = set()
    for grant in grants:
        for statement in grant.statements:
            if statement.allows and grant.sort != "trust" and (grant.owner, grant.name, statement) not in seen:
                seen.add((grant.owner, grant.name, statement))
                yield grant, statement


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
