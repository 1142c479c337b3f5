"""Who is granted what: every policy of a stack, with the role or the resource that it belongs to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from penstock.checks.infra.policy import Statement, statements
from penstock.checks.infra.resource import Hit, Resource, Stack
from penstock.checks.infra.values import items

_ON_A_RESOURCE = frozenset(
    {
        "AWS::S3::BucketPolicy",
        "AWS::SQS::QueuePolicy",
        "AWS::SNS::TopicPolicy",
        "AWS::KMS::Key",
        "AWS::ECR::Repository",
        "AWS::SecretsManager::ResourcePolicy",
        "AWS::EC2::VPCEndpoint",
        "AWS::Events::EventBusPolicy",
        "AWS::EFS::FileSystemPolicy",
    }
)


@dataclass(frozen=True)
class Grant:
    """One policy: `owner` is the role or user that it serves, or the resource that it lies on; `name` is what it is called."""

    owner: str
    name: str
    sort: Literal["identity", "resource", "trust"]
    statements: tuple[Statement, ...]
    where: str = ""
    on: str = ""
    file: str = ""
    managed: tuple[str, ...] = ()

    def place(self, statement: Statement) -> str:
        """Where a statement stands, as near as is known."""
        return f"{self.file}:{statement.line}" if statement.line and self.file else self.where


@dataclass(frozen=True)
class Asked:
    """What the manifest says of it: `allow` are actions, policies or accounts that may be; one role per function."""

    allow: tuple[str, ...] = ()
    one_per_function: bool = False

    def allows(self, text: str) -> bool:
        return any(fnmatchcase(text.lower(), one.lower()) for one in self.allow)


def grants(stack: Stack) -> list[Grant]:
    """Every policy of a stack."""
    return [grant for one in stack.resources for grant in _of(one, stack)]


def _of(one: Resource, stack: Stack) -> Iterator[Grant]:
    facts, file, on = one.facts, stack.file, one.type
    if one.kind == "role":
        yield Grant(one.name, one.name, "identity", (), one.where, one.type, stack.file, _managed(facts.get("managed")))
        if facts.get("trust") is not None:
            where = one.place("AssumeRolePolicyDocument", "assume_role_policy")
            yield Grant(one.name, one.name, "trust", tuple(statements(facts["trust"])), where, on, file)
        for name, document in facts.get("inline") or ():
            yield Grant(one.name, name or one.name, "identity", tuple(statements(document)), one.where, on, file)
    elif one.kind == "function":
        for document in facts.get("inline") or ():
            yield Grant(one.name, one.name, "identity", tuple(statements(document)), one.place("Policies"), on, file)
        if facts.get("managed"):
            yield Grant(
                one.name,
                one.name,
                "identity",
                (),
                one.place("Policies"),
                one.type,
                stack.file,
                _managed(facts["managed"]),
            )
    elif one.kind == "policy":
        found = tuple(statements(facts["document"]))
        sort: Any = (
            "resource"
            if one.type in _ON_A_RESOURCE or facts.get("lies_on") or any(s.principals for s in found)
            else "identity"
        )
        for owner in _owners(one, stack) or [one.name]:
            yield Grant(owner, one.name, sort, found, one.place("PolicyDocument", "policy", "KeyPolicy"), on, file)
    elif one.kind == "attachment":
        for owner in _owners(one, stack) or [one.name]:
            yield Grant(owner, one.name, "identity", (), one.where, one.type, stack.file, _managed(facts["managed"]))


def _managed(said: Any) -> tuple[str, ...]:
    return tuple(str(one) for one in items(said))


def _owners(policy: Resource, stack: Stack) -> list[str]:
    """The roles that a policy is attached to, as far as they are in the same file."""
    own = policy.own if isinstance(policy.own, dict) else {}
    said = policy.facts.get("roles") or [
        own.get(key) for key in ("Roles", "RoleName", "Users", "UserName", "Groups", "GroupName")
    ]
    return [role.name for role in stack.of("role") if role.is_meant_by(said)]


def hit(rule: str, severity: str, grant: Grant, statement: Statement | None, words: tuple[str, str, str]) -> Hit:
    """A finding about a policy; where it belongs to a role of another name, both are said."""
    said = f"`{grant.owner}`" if grant.name in ("", grant.owner) else f"`{grant.name}` of `{grant.owner}`"
    condition, effect, remedy = words
    place = grant.place(statement) if statement else grant.where
    return Hit(rule, severity, grant.owner, f"{said} {condition}", effect, remedy, place)


@cache
def known_actions() -> dict[str, dict[str, bool]]:
    """Prefix -> its actions, in small letters, and whether each can be limited to resources; empty: not known."""
    found: dict[str, dict[str, bool]] = {}
    for line in files("penstock.checks.infra").joinpath("iam_actions.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            prefix, _, actions = line.partition(":")
            found[prefix] = {one.rstrip("!"): not one.endswith("!") for one in actions.split()}
    return found


def takes_resources(action: str) -> bool:
    """Whether an action can be limited to resources; where the service's actions are not known, reading lists cannot."""
    prefix, _, name = action.lower().partition(":")
    if name.startswith(("list", "describe")) and prefix != "s3":
        return False  # what there is, not what is in it
    known = known_actions().get(prefix, {})
    if known:
        meant = [limited for one, limited in known.items() if fnmatchcase(one, name)]
        return any(meant) if meant else True
    return not name.startswith(("list", "describe")) and prefix not in _WITHOUT


_WITHOUT = frozenset(
    [
        "textract",
        "comprehend",
        "translate",
        "polly",
        "rekognition",
        "ce",
        "pricing",
        "tag",
        "ec2messages",
        "ssmmessages",
        "mobileanalytics",
        "health",
        "support",
        "cur",
        "application-autoscaling",
        "autoscaling-plans",
        "budgets",
        "transcribe",
        "bedrock-mantle",
    ]
)
