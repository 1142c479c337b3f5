"""Managed policies that are too much for anything that runs, and roles that several functions share."""

# ruff: noqa: ARG001 - all are asked alike, whether they look at everything or not

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from penstock.checks.infra.iam.grants import Asked, Grant, hit
from penstock.checks.infra.resource import Hit, Resource, Stack

_ADMIN = re.compile(r"AdministratorAccess(-.*)?|IAMFullAccess|PowerUserAccess")
_FULL = re.compile(
    r".*_?FullAccess|DatabaseAdministrator|SystemAdministrator|NetworkAdministrator|SecretsManagerReadWrite"
)


def policies(stack: Stack, grants: list[Grant], asked: Asked) -> Iterator[Hit]:
    """A managed policy of an administrator, or of everything in one service."""
    for grant in grants:
        for arn in grant.managed:
            name = arn.rpartition("/")[2].strip("}")
            if asked.allows(name) or asked.allows(arn) or not (_ADMIN.fullmatch(name) or _FULL.fullmatch(name)):
                continue
            admin = bool(_ADMIN.fullmatch(name))
            words = (
                f"has the managed policy {name}",
                "one hole in the code is the whole account" if admin else "it may do all that the service can",
                "a policy of its own, with the actions that it calls",
            )
            severity = "medium" if not admin else "high" if name == "PowerUserAccess" else "critical"
            yield hit("admin-policy", severity, grant, None, words)


def shared_roles(stack: Stack, grants: list[Grant], asked: Asked) -> Iterator[Hit]:
    """One role for several functions: each may do what any of them may."""
    by_role = defaultdict[str, list[Resource]](list)
    for function in stack.of("function"):
        if function.facts.get("role") is not None:
            by_role[str(function.facts["role"])].append(function)
    for role, users in by_role.items():
        if len(users) < 2 or asked.allows(role):
            continue
        names = ", ".join(f"`{one.name}`" for one in users[:5]) + (
            f" and {len(users) - 5} more" if len(users) > 5 else ""
        )
        yield Hit(
            "shared-role",
            "high" if asked.one_per_function else "medium",
            _name(role),
            f"{len(users)} functions share the role {_name(role)}: {names}",
            "each of them may do what any of them may",
            "a role for each function",
            users[0].place("Role", "role"),
        )


def _name(role: str) -> str:
    inner = re.findall(r"\$\{([^}]+)\}", role)
    found = re.sub(r"\.(Arn|arn|id|name)$", "", inner[-1] if inner else role.rpartition("/")[2])
    return found.removeprefix("Fn::ImportValue ")
