"""Removing a local environment that was taken down: its folder, its data, its sockets."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from penstock.errors import NeedsPerson
from penstock.providers.local import desire, lock
from penstock.providers.local.paths import Folder, runtime

_WITHIN_S = 15.0


def remove(folder: Path) -> None:
    """Nothing is left of it. A NeedsPerson `still-kept` where something should still run, or its keeper does not end."""
    place = Folder.of(folder)
    wanted = desire.read(place) or {"units": {}}
    if any(unit["placed"] for unit in wanted["units"].values()):
        raise _still_kept(place, "something should still run there")
    deadline = time.monotonic() + _WITHIN_S
    while lock.is_kept(place):
        if time.monotonic() > deadline:
            raise _still_kept(place, f"its keeper has not ended after {_WITHIN_S:g} s")
        time.sleep(0.05)
    sockets = runtime() / place.mark
    shutil.rmtree(place.root, ignore_errors=True)
    shutil.rmtree(sockets, ignore_errors=True)


def _still_kept(place: Folder, why: str) -> NeedsPerson:
    return NeedsPerson("still-kept", "this environment cannot be removed", str(place.root), why,
                       "penstock down ENVIRONMENT, then the same command again")  # fmt: skip
