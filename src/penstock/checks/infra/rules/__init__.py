"""Rules over what is declared. Each is a function: a stack and a setting in, what it found out."""

from __future__ import annotations

from penstock.checks.infra.resource import Rule
from penstock.checks.infra.rules import buckets, cors, exposed, functions, logs, network, routes, settings, stores

ALL: tuple[Rule, ...] = (
    *network.RULES, *buckets.RULES, *cors.RULES, *routes.RULES, *stores.RULES, *logs.RULES, *functions.RULES, *settings.RULES,
    *exposed.RULES,
)  # fmt: skip

TOPICS = (
    "alarms", "api_keys", "authorizer", "backups", "cors", "deletion_protection", "encryption", "lifecycle", "log_retention",
    "throttling", "versioning",
)  # fmt: skip
"""What `require` may name: what is found of these blocks."""
