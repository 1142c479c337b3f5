"""The sign that somebody still watches a candidate."""

from __future__ import annotations

import os
import time

from penstock import shell
from penstock.providers.local.paths import Folder, read_json, replace_json


def beat(folder: str | os.PathLike[str]) -> None:
    """Say that somebody watches, now."""
    replace_json(Folder.of(folder).heartbeat, {"boot_id": shell.boot_id(), "monotonic_s": time.monotonic()})


def last_beat_s(folder: Folder) -> float | None:
    """When the last heartbeat of this boot was, on the monotonic clock; None where there was none."""
    try:
        data = read_json(folder.heartbeat) or {}
        return float(data["monotonic_s"]) if data["boot_id"] == shell.boot_id() else None
    except Exception:  # a heartbeat that cannot be read is no heartbeat: the rule then goes the safe way
        return None
