"""Whether a condition of the manifest holds: an expression over samples of the last seconds. Pure.

A condition holds, does not hold, or is undecided, where a sample that it needs has no data. As in CEL, `&&` and `||` need
only one side where that side settles it: with `errors > 100 || memory > 0.9` a hundred and one errors are enough, whatever
the memory is. Every other sign needs all its parts, and what is divided by nothing is undecided.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from math import isfinite

from penstock.core.limits import Arms
from penstock.core.reading import Level, Reading
from penstock.core.samples import QUANTILES, Trailing, sampled, with_told
from penstock.manifest.expression import Expression, Operation, Sample, Value, read, samples
from penstock.manifest.measures import Condition

_SIGNS: dict[str, Callable[[float, float], float | bool]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
_expression = cache(read)


Numbers = tuple[tuple[str, float], ...]
"""The samples of a condition that have data, by name, in the order in which it names them."""


@dataclass(frozen=True)
class Conditional:
    """A condition and what it has seen: small plain data.

    `holds` is how it stood when the last slot of its window ended, and `numbers` what it had then; None: undecided. `full`:
    its window was. `held` are the numbers with which it held first, if it ever did.
    """

    window: Trailing
    holds: bool | None = None
    full: bool = False
    numbers: Numbers = ()
    held: Numbers | None = None


def begin(condition: Condition) -> Conditional:
    """A condition that has seen nothing."""
    names = {name.removeprefix("stable.") for name in samples(_expression(condition.text))}
    return Conditional(Trailing(condition.over_s, with_times=bool(names & QUANTILES.keys())))


def fold(
    condition: Condition,
    state: Conditional,
    arms: Arms,
    facts: Mapping[str, float],
    told: Iterable[Reading | Level],
) -> Conditional:
    """The state after more of the source, in the order in which it tells it (see `core.limits.in_order`).

    `facts` are the samples that no source tells: `weight` and `seconds`. The condition is looked at whenever a slot of its
    window ends.
    """
    for one in told:
        before = state.window.ends
        state = replace(state, window=with_told(state.window, arms, one))
        if state.window.ends != before:
            state = _looked_at(condition, state, facts)
    return state


def _looked_at(condition: Condition, state: Conditional, facts: Mapping[str, float]) -> Conditional:
    found = sampled(state.window)
    if found is None:
        return replace(state, holds=None, full=False, numbers=())
    expression, known = _expression(condition.text), {**found, **facts}
    value = evaluated(expression, known)
    numbers = tuple((name, known[name]) for name in samples(expression) if name in known)
    held = numbers if value and state.held is None else state.held
    return replace(state, holds=None if value is None else bool(value), full=True, numbers=numbers, held=held)


def said(condition: Condition, numbers: Numbers) -> str:
    """A condition with the numbers that it had: `errors > 3 * stable.errors (errors 5, no data for stable.errors)`."""
    had = dict(numbers)
    told = [
        f"{name} {had[name]:g}" if name in had else f"no data for {name}"
        for name in samples(_expression(condition.text))
    ]
    return f"{condition.text.strip()} ({', '.join(told)})" if told else condition.text.strip()


def evaluated(found: Expression, known: Mapping[str, float]) -> float | bool | None:
    """The value of an expression; None where it cannot be known. It is taken to be of one type throughout."""
    if isinstance(found, Value):
        return found.value
    if isinstance(found, Sample):
        return known.get(found.name)
    parts = [evaluated(part, known) for part in found.parts]
    if found.sign in ("&&", "||"):
        settles = found.sign == "||"
        return settles if settles in parts else None if None in parts else not settles
    return _operated(found, parts)


def _operated(found: Operation, parts: list[float | bool | None]) -> float | bool | None:
    values = [part for part in parts if part is not None]
    if len(values) < len(parts) or (found.sign == "/" and not values[1]):
        return None
    if len(values) == 1:
        return not values[0] if found.sign == "!" else -values[0]
    result = _SIGNS[found.sign](values[0], values[1])
    return result if isfinite(result) else None
