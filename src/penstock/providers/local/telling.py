"""What the keeper says of an environment: how far it has come, and what is there."""

from __future__ import annotations

import time
from typing import Any

from penstock.providers.local import converge
from penstock.providers.local.bookkeeping import Bookkeeping
from penstock.providers.local.converge import Copy, Standing
from penstock.providers.local.envoy import Envoy
from penstock.providers.local.instance import Instance
from penstock.providers.local.traffic import Traffic
from penstock.providers.local.wanted import Wanted


def copy_of(instance: Instance) -> Copy:
    """An instance, as far as decisions need it."""
    is_up = instance.is_ready and instance.ready_at is not None
    return Copy(
        instance.arm,
        time.monotonic() - (instance.ready_at or 0.0) if is_up else None,
        instance.is_proven,
        instance.is_seen,
        instance.is_leaving,
        time.time() - instance.asked_since,
        instance.health,
    )


def standing(wanted: Wanted, copies: list[Copy], traffic: Traffic, envoy: Envoy, envoy_trouble: str) -> Standing:
    """How far a desire has come, Envoy and its ports included."""
    failures = [envoy_trouble] if envoy_trouble else []
    failures += [f"{unit}: {why}" for unit, why in traffic.port_trouble.items()]
    failures += [f"{unit}: {why}" for unit, why in traffic.unconfirmed.items() if "refused" in why]
    if failures:
        return Standing("failed", failures[0])
    if wanted.listen and not envoy.is_live:
        return Standing("starting", "Envoy is starting")
    found = converge.standing(wanted, copies, traffic.splits, traffic.unconfirmed)
    if found.phase == "settled" and traffic.waits_for_listeners:
        return Standing("starting", "Envoy does not listen everywhere yet")
    if found.phase == "settled" and wanted.is_nothing and envoy.process:
        return Standing("retiring", "Envoy is being stopped")
    return found


def observed(
    wanted: Wanted | None, found: Standing, instances: list[Instance], traffic: Traffic, books: Bookkeeping
) -> dict[str, Any]:
    """The map of `observed.json`, without what only the keeper knows of itself."""
    wanted = wanted or Wanted(0, origin="")
    return {
        "format": 1,
        "generation": wanted.generation,
        "fence": list(wanted.fence),
        "origin": wanted.origin,
        "phase": found.phase,
        "reason": found.reason,
        "token": str(wanted.generation),
        "split": {unit: split for unit, split in sorted(traffic.in_force.items()) if split},
        "split_applied_at": books.split_applied_at,
        "era": books.era,
        "units": _units(wanted, instances),
        "instances": [instance.told() for instance in instances],
        "trouble": books.trouble,
    }


def _units(wanted: Wanted, instances: list[Instance]) -> dict[str, dict[str, dict[str, int]]]:
    units: dict[str, dict[str, dict[str, int]]] = {}
    for arm in sorted({*wanted.arms(), *(i.arm for i in instances)}):
        ready = sum(i.is_ready and i.arm == arm for i in instances)
        units.setdefault(arm[0], {})[arm[1]] = {"wanted": wanted.count(arm), "ready": ready}
    return units
