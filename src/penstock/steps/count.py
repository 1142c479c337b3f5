"""What a release's requests came to, to the last: counted once the source has closed the time in which it ran."""

from __future__ import annotations

from dataclasses import replace
from math import inf

from penstock.core.reading import Reading
from penstock.errors import PenstockError, StateError
from penstock.records import events, releases
from penstock.steps import folded
from penstock.steps.world import World

COUNT_S = 20.0  # that long a foreign source is asked for what it counted
PATIENCE_S = 10.0  # that long a source may close later than it says: a keeper on a busy machine
LOOK_S = 0.25


def count(world: World, *, is_over: bool, expects_harm: bool) -> list[Reading] | None:
    """Every reading since the release began, those that were judged as they were judged; requests served and failed by each
    revision are its facts. None: there are none to be had.

    `is_over`: nothing of the candidate comes any more, or all of it does, and the count is the last one: it waits until
    what was answered up to now is closed. `expects_harm`: also where nobody seems to have asked. What stays open is said.
    """
    row, now = world.row(), world.clock.now()
    if "position" not in row["facts"]:
        return None
    judged = folded.kept(world, row["facts"]["position"])
    position = judged[-1].position if judged else row["facts"]["position"]
    try:
        readings = judged + _all_since(world, position)
        since = _had_traffic_at(world)
        if is_over and since is not None and (readings or expects_harm):
            _wait_until_closed(world, since, now)
            readings = judged + _all_since(world, position)
    except StateError:
        raise
    except PenstockError as error:
        what = (
            "requests after those that were judged are not counted" if judged else "the requests could not be counted"
        )
        world.tell("count:errored", "note", f"{what}: {error.what}")
        if not judged:
            return None
        readings = judged
    own = _sums([replace(one, synthetic=False) for one in readings if one.synthetic])
    releases.add_facts(world.store, world.release, served=_sums(readings), served_synthetic=own)
    return readings


def _had_traffic_at(world: World) -> float | None:
    """When the candidate was first given traffic: when that was begun, for it may have been broken off on its way."""
    told = events.after(world.store, world.release)
    return next((e["at"] for e in told if e["key"].startswith("shift:") and e["data"].get("weight_permille")), None)


def _wait_until_closed(world: World, since: float, until: float) -> None:
    """Wait for as long as the source may be late; what it has not closed by then is not counted, and that is said."""
    patience_s = world.metrics.lag_s + world.metrics.step_s + PATIENCE_S
    deadline = world.clock.monotonic() + patience_s
    while (closed := _closed_until(world)) < until:
        if world.clock.monotonic() >= deadline:
            open_s = until - max(closed, since)
            why = f"their readings were not closed within {patience_s:.0f} s"
            world.tell("count:open", "note", f"requests of the last {open_s:.1f} s are not counted: {why}")
            return
        world.clock.sleep(LOOK_S)


def _closed_until(world: World) -> float:
    """How far the source has closed its readings; nowhere while it cannot be asked."""
    try:
        return world.metrics.closed_until()
    except StateError:
        raise
    except PenstockError:
        return -inf


def _all_since(world: World, position: str) -> list[Reading]:
    """Every reading after a position; a foreign source hands on so many at a time."""
    found, until = list[Reading](), world.clock.monotonic() + COUNT_S
    while world.clock.monotonic() <= until:
        new = world.metrics.readings(position)
        found += new
        if not new or new[-1].position == position or world.environment.verdict.metrics is None:
            break
        position = new[-1].position
    return found


def _sums(readings: list[Reading]) -> dict[str, dict[str, int]]:
    sums: dict[str, dict[str, int]] = {}
    for reading in readings:
        if reading.synthetic or not reading.revision:  # a hole is nobody's
            continue
        one = sums.setdefault(reading.revision, {"requests": 0, "errors": 0, "duration_us": 0})
        one["requests"] += reading.requests
        one["errors"] += reading.errors
        one["duration_us"] += reading.duration_us
    return sums
