"""`penstock approve`: yes, under one's own name."""

from __future__ import annotations

from penstock.cli.answer import answering_verb

command = answering_verb(
    "approve",
    """Say yes to a release that asks for approval (RELEASE, or the one under way).

    An approval is bound to the plan's digest: when the plan is drawn anew, it is void, and said to be. Where several
    people must agree, each signs with a key of their own: here (--sign), or anywhere, from a request (--request), and the
    file is brought back in any way (--file).
    """,
)
