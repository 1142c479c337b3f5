"""Receipts, as text."""

from __future__ import annotations


def receipt(number: int, amount: int) -> str:
    """What the customer is sent."""
    return f"Receipt {number}: {amount / 100:.2f} EUR"


def cancelled(number: int) -> str:
    """What the customer is sent when nothing was bought after all."""
    return f"Receipt {number} is void"
