"""`penstock confirm`: a line of the checklist that only a person can tick."""

from __future__ import annotations

from penstock.cli.answer import answering_verb

command = answering_verb(
    "confirm",
    """Tick the lines of the checklist that ask you (RELEASE, or the one under way), or the one named with --line.

    What is asked of a commit is asked once: every environment trusts the answer.
    """,
)
