"""Conditions that compare a count with a part of one: a share was meant, and the first error would do. Pure.

Refused before a release, and not where an older one is read again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from penstock.manifest.expression import Expression, Operation, Sample, Value, read
from penstock.manifest.measures import COUNTS, sample
from penstock.manifest.section import wrong
from penstock.manifest.verdict import Verdict

_TURNED = {"==": "==", "!=": "!=", "<": ">", ">": "<", "<=": ">=", ">=": "<="}


def miscounted(verdict: Verdict) -> Iterator[ValueError]:
    """What is wrong with the conditions of `verdict`; each made by `wrong`."""
    arm = ("requests", "errors", *COUNTS, *map(sample, verdict.events()))
    counts = {*arm, *(f"stable.{name}" for name in arm)}
    for key, condition in verdict.conditions().items():
        for name, sign, number in _compared(read(condition.text), counts):
            yield wrong(
                f"`{name}` is a count, and {number.value:g} is not a whole number",
                "it is how many there were in the time that samples reach back, and no share of the requests",
                _meant(name, sign, float(number.value)), code="condition", at=f"{key}.if", offset=number.at,
            )  # fmt: skip


def _compared(found: Expression, counts: Collection[str]) -> Iterator[tuple[str, str, Value]]:
    """(count, sign, number that is not whole) of each comparison of the two, the count first."""
    if not isinstance(found, Operation):
        return
    for part in found.parts:
        yield from _compared(part, counts)
    if found.sign not in _TURNED:
        return
    (left, right), sign = found.parts, found.sign
    if isinstance(left, Value):
        left, right, sign = right, left, _TURNED[sign]
    if isinstance(left, Sample) and left.name in counts and isinstance(right, Value) and float(right.value) % 1:
        yield left.name, sign, right


def _meant(name: str, sign: str, number: float) -> str:
    """The comparison of a share, or, where it can be none, of the whole number that comes to the same."""
    requests = "stable.requests" if name.startswith("stable.") else "requests"
    if number < 1 and name != requests:
        return f"{name} / {requests} {sign} {number:g}"
    return f"{name} {sign} {number // 1 + (sign in ('>=', '<')):g}"
