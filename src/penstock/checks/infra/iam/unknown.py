"""Actions that there are not: a policy with one allows less than its author thinks, and nobody is told."""

# ruff: noqa: ARG001 - all are asked alike, whether they look at everything or not

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches
from fnmatch import fnmatchcase

from penstock.checks.infra.iam.grants import Asked, Grant, hit, known_actions
from penstock.checks.infra.resource import Hit, Stack

_SHAPE = re.compile(r"[A-Za-z0-9-]+:[A-Za-z0-9*?-]+")


def actions(stack: Stack, grants: list[Grant], asked: Asked) -> Iterator[Hit]:
    """An action of no service, or, in the services whose actions are known here, an action that the service has not."""
    for grant in grants:
        for statement in grant.statements:
            for action in (*statement.actions, *statement.not_actions):
                if "${" in action or set(action) <= set("*:?") or asked.allows(action):
                    continue
                if wrong := _wrong(action):
                    words = (
                        f"names {action}: {wrong}",
                        "nothing is allowed or denied by it",
                        "the action as the service names it",
                    )
                    yield hit("unknown-action", "medium" if statement.allows else "high", grant, statement, words)


def _wrong(action: str) -> str:
    """What is wrong with an action; empty where nothing is known to be."""
    if not _SHAPE.fullmatch(action):
        return "an action is service:Action"
    prefix, _, name = action.lower().partition(":")
    known = known_actions()
    if prefix not in known:
        near = get_close_matches(prefix, known, 1)
        return f"there is no service `{prefix}`" + (f" (`{near[0]}`?)" if near else "")
    if not known[prefix] or any(fnmatchcase(one, name) for one in known[prefix]):
        return ""
    near = get_close_matches(name, known[prefix], 1)
    return f"{prefix} has no such action" + (f" (`{near[0]}`?)" if near else "")
