"""Rules of least privilege, over what roles, users and resources allow."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from penstock.checks.infra.iam import escalation, managed, principals, unknown, wildcards
from penstock.checks.infra.iam.grants import Asked, Grant
from penstock.checks.infra.resource import Hit, Stack

IamRule = Callable[[Stack, list[Grant], Asked], Iterable[Hit]]
BY_TOPIC: dict[str, tuple[IamRule, ...]] = {
    "wildcards": (wildcards.actions, wildcards.resources),
    "exclusions": (wildcards.exclusions,),
    "principals": (principals.outsiders,),
    "trust": (principals.trusted,),
    "escalation": (escalation.ways,),
    "admin": (managed.policies,),
    "shared_roles": (managed.shared_roles,),
    "unknown": (unknown.actions,),
}
