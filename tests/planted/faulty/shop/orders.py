"""Orders: what was bought, and what it costs."""

from __future__ import annotations


def total(items: list[tuple[int, int]]) -> int:
    """The sum of an order, in cents."""
    return sum(count * price for count, price in items)


def discounted(amount: int, code: str) -> int:
    """What is left to pay."""
    if code == "SUMMER":
        return amount * 90 // 100
    if code == "STAFF":
        return amount * 70 // 100
    return amount
