"""A release decided again, as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from penstock.core.replay import Decided
from penstock.render.words import count, odds


class Replayed(Protocol):
    """What was decided again."""

    @property
    def release(self) -> str: ...
    @property
    def moves(self) -> Sequence[Decided]: ...
    @property
    def differences(self) -> Sequence[str]: ...


def text(found: Replayed) -> str:
    """Every move with the evidence it rests on, then whether all of it fits the record."""
    lines = [f"{found.release}: {len(found.moves)} moves decided again, from the audit log and the evidence alone", ""]
    for one in found.moves:
        mark = "same " if one.same else "OTHER"
        lines.append(
            f"  {mark}  line {one.line:<5} {one.again.kind:<8} {odds(one.odds)} against it,"
            f" after {count(one.readings)} readings"
        )
        lines.append(f"         {one.again.reason}")
    ending = ["", "every move comes out as it was recorded"] if not found.differences else ["", *found.differences]
    return "\n".join([*lines, *ending])
