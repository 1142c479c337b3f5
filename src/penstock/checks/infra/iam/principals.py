"""Who may come: principals of resources, and of roles that trust."""

# ruff: noqa: ARG001 - all are asked alike, whether they look at everything or not

from __future__ import annotations

import re
from collections.abc import Iterator

from penstock.checks.infra.iam.grants import Asked, Grant, hit
from penstock.checks.infra.policy import Statement
from penstock.checks.infra.resource import Hit, Stack

_ACCOUNT = re.compile(r"(?:arn:[\w-]+:(?:iam|sts)::)?(\d{12})(?::.*)?")
_OIDC = re.compile(r"(?i)(oidc-provider|token\.actions|accounts\.google|gitlab|\$\{)")


def outsiders(stack: Stack, grants: list[Grant], asked: Asked) -> Iterator[Hit]:
    """A resource that lets everybody in, or another account, with no condition that says who."""
    for grant in (one for one in grants if one.sort == "resource"):
        yield from _open(grant, asked)


def trusted(stack: Stack, grants: list[Grant], asked: Asked) -> Iterator[Hit]:
    """A role that everybody may take on, or everybody who has some identity at all."""
    for grant in (one for one in grants if one.sort == "trust"):
        yield from _open(grant, asked)
        for statement in grant.statements:
            for action in statement.actions:
                if statement.allows and set("*?") & set(action):
                    words = (
                        f"trusts with the action {action}",
                        "more ways in than the one that is meant",
                        "Action: sts:AssumeRole",
                    )
                    yield hit("wildcard-trust", "high", grant, statement, words)
            if statement.allows and any(sort == "Federated" for sort, _ in statement.principals):
                yield from _federated(grant, statement)


def _open(grant: Grant, asked: Asked) -> Iterator[Hit]:
    for statement in grant.statements:
        if not statement.allows or statement.narrows_who():
            continue
        for sort, who in statement.principals:
            rule = "wildcard-trust" if grant.sort == "trust" else "wildcard-principal"
            if _is_everybody(who):
                words = (
                    f"lets every principal ({who}) in",
                    "any account in the world may use it",
                    "Principal: {AWS: !Sub 'arn:aws:iam::${AWS::AccountId}:role/caller'}",
                )
                yield hit(rule, "critical", grant, statement, words)
            elif sort == "AWS" and (account := _ACCOUNT.fullmatch(who)) and not asked.allows(account[1]):
                words = (
                    f"lets the account {account[1]} in without a condition",
                    "whoever that account trusts comes in as well",
                    "Condition: {StringEquals: {sts:ExternalId: an-id-of-yours}}   # or `allow: ['"
                    + account[1]
                    + "']`",
                )
                yield hit("cross-account", "high", grant, statement, words)


def _is_everybody(who: str) -> bool:
    """Whether a principal is everybody, or a wildcard where an account should stand."""
    return set(who) <= set("*?") or bool(re.fullmatch(r"arn:[\w*-]+:(iam|sts)::\*:.*", who))


def _federated(grant: Grant, statement: Statement) -> Iterator[Hit]:
    if not any(_OIDC.search(who) for sort, who in statement.principals if sort == "Federated"):
        return
    subjects = [
        value
        for _, key, values in statement.conditions
        for value in values
        if key.lower().endswith((":sub", ":repository", ":project_path", ":amr", ":subject", ":aud"))
        and not key.lower().endswith(":aud")
    ]
    if not subjects or any(
        re.fullmatch(r"(repo:|project_path:|system:serviceaccount:)?[*?:/]+", value) for value in subjects
    ):
        words = (
            "trusts every subject of an identity provider",
            "any repository or user of that provider can take the role on",
            "Condition: {StringEquals: {'token.actions.githubusercontent.com:sub': 'repo:acme/shop:environment:production'}}",
        )
        yield hit("wildcard-trust", "high", grant, statement, words)
