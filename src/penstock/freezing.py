"""Freezes: said, ended, listed; and the line stopped, all of it, in one go."""

from __future__ import annotations

import time

from penstock.api import Desk, order, wake, who
from penstock.errors import UsageError
from penstock.records import environments, freezes, releases
from penstock.records.store import Row


def freeze(desk: Desk, reason: str, service: str | None, environment: str | None, until: float | None) -> int:
    """From now on nothing is released there; what is under way does what its manifest says. Returns the freeze's number."""
    reason = " ".join(reason.split())
    if not reason:
        raise UsageError("no-reason", "a freeze needs a reason", "", "whoever is stopped by it must know why",
                         'penstock freeze "quarter end"')  # fmt: skip
    now = time.time()
    if until is not None and until <= now:
        raise UsageError("past", "this freeze would be over already", "", "its end lies in the past", "a later --until")
    if service:
        _known(desk, service, environment)
    with desk.store.write():
        number = freezes.begin(desk.store, now, who(), reason, service=service, environment=environment, until=until)
        desk.audit(f"freeze:{number}:{now:.6f}", "freeze", service=service, environment=environment, reason=reason,
                   until=until)  # fmt: skip
    return number


def thaw(desk: Desk, number: int | None, reason: str = "") -> list[Row]:
    """End a freeze; without a number, the only one there is. Returns what was ended."""
    now = time.time()
    standing = freezes.standing(desk.store, now)
    found = [one for one in standing if number in (None, one["id"])]
    if not found:
        raise UsageError("no-freeze", "there is no such freeze" if number else "nothing is frozen",
                         next="`penstock freeze --list` shows what is")  # fmt: skip
    if number is None and len(found) > 1:
        several = ", ".join(f"{one['id']} ({where(one)}: {one['reason']})" for one in found)
        raise UsageError("which-freeze", "there are several freezes", "", several, "penstock thaw NUMBER")
    for one in found:
        with desk.store.write():
            desk.audit(f"thaw:{one['id']}:{now:.6f}", "thaw", freeze=one["id"], reason=reason)
            freezes.thaw(desk.store, now, one["id"], who()["person"], reason)
    wake(desk)
    return found


def stop_the_line(desk: Desk, reason: str) -> tuple[int, list[str]]:
    """Freeze everything, and abort whatever runs. Returns the freeze's number and what became of each release."""
    number = freeze(desk, reason, None, None, None)
    told = [
        order(desk, "abort", row["service"], row["environment"], row["number"], reason=f"the line is stopped: {reason}")
        for row in releases.unended(desk.store) if row["state"] != "baking"
    ]  # fmt: skip
    return number, told


def where(freeze: Row) -> str:
    """What a freeze covers, in words."""
    if freeze["service"] is None:
        return "everything"
    return f"{freeze['service']}/{freeze['environment']}" if freeze["environment"] else str(freeze["service"])


def _known(desk: Desk, service: str, environment: str | None) -> None:
    known = [row["environment"] for row in environments.all_of(desk.store, service)]
    if not known or (environment and environment not in known):
        what = f"nothing was ever released to {environment}" if known else f"no service `{service}` was ever released"
        raise UsageError("no-environment", what, service,
                         "a freeze of what is not there would stop nobody", "`penstock status` lists environments")  # fmt: skip
