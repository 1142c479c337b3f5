"""All that is remembered of a release, together: what its report is made of."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path

from penstock.core import recording
from penstock.core.reading import Reading
from penstock.core.report import Known
from penstock.records import answers, checks, due, events, evidence, looks, notes, orders, releases
from penstock.records.store import Store

EVENTS = 5000  # of one release; a report with more is not read


def known(
    store: Store, folder: Path, release: int, now: float, readings: Sequence[Reading] | None = None
) -> Known | None:
    """Everything about a release, or None. `readings` left out: those that were kept as evidence when it ended."""
    row = releases.get(store, release)
    if row is None:
        return None
    seen = looks.of(store, release)
    pieces = evidence.of(store, release)
    if readings is None:
        readings = _kept(folder, [piece["digest"] for piece in pieces if piece["name"] == "readings"])
    told = events.after(store, release, limit=EVENTS)
    return Known(
        row,
        told,
        checks.of(store, release),
        pieces,
        seen,
        notes.of(store, release),
        readings,
        now,
        due.of(store, release),
        answers.about(store, row["service"], row["commit_id"]),
        orders.of(store, row),
    )


def _kept(folder: Path, digests: Sequence[str]) -> list[Reading]:
    """Readings that are not there any more are not in the report; the rest of it still is."""
    for digest in digests:
        try:
            return recording.unpack(json.loads(gzip.decompress((folder / digest[:2] / digest).read_bytes())))
        except (OSError, ValueError):
            return []
    return []
