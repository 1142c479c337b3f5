"""`penstock reject`: no, under one's own name."""

from __future__ import annotations

from penstock.cli.answer import answering_verb

command = answering_verb(
    "reject",
    """Say no to a release that asks (RELEASE, or the one under way): it is blocked, and nothing was changed.""",
)
