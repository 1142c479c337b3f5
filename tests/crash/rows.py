"""The rows of `make crash`: which points each has, and walking a part of them on a site of its own."""

from __future__ import annotations

import random
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.crash import full_disk, sending
from tests.crash.disk import NoSmallDisk, small_disk
from tests.crash.scenarios import STAGES, VICTIMS, WALKED
from tests.crash.town import Outcome, Town

PAIRS = 8
SENDINGS = 12
Point = partial[Outcome]


@dataclass(frozen=True)
class Asked:
    """How much: every point, or so many of each row, drawn from the seed."""

    seed: int
    most: int | None

    def some(self, row: str, points: list[Point], part: int, parts: int) -> list[Outcome]:
        """This part's share of a row's points, walked one after the other."""
        if self.most is not None:
            points = random.Random(f"{self.seed}/{row}").sample(points, min(self.most, len(points)))
        return [_walked(row, point) for point in points[part::parts]]


def _walked(row: str, point: Point) -> Outcome:
    """What never came to its end is wrong; the other points are walked all the same."""
    try:
        return point()
    except AssertionError as error:
        return Outcome(f"{row}: {', '.join(map(str, point.args))}", (f"never came to its end: {error}",), 0)


def deaths(town: Town, asked: Asked, name: str) -> list[Point]:
    """The worker dies at every boundary."""
    return [partial(town.interrupt, name, boundary) for boundary in town.baseline(name).boundaries]


def pairs(town: Town, asked: Asked, name: str) -> list[Point]:
    """Two workers die in one release, at boundaries drawn from the seed."""
    drawn = town.baseline(name).pairs(random.Random(f"{asked.seed}/{name}"), PAIRS)
    return [partial(town.interrupt, name, *pair) for pair in drawn]


def kills(town: Town, asked: Asked, victim: str) -> list[Point]:
    """Keeper, Envoy or an instance dies once in every stage."""
    return [partial(town.kill, stage, victim) for stage in STAGES]


def sendings(town: Town, asked: Asked, name: str) -> list[Point]:
    """Workers die while they send requests of Penstock's own, after times drawn from the seed."""
    return [partial(sending.kill, town, *lives_s) for lives_s in sending.draw(asked.seed, SENDINGS)]


def walk(kind: str, name: str, asked: Asked, part: int, parts: int) -> list[Outcome]:
    """A part of a row, on a site of its own."""
    points_of = {"worker": deaths, "pairs": pairs, "kill": kills, "sending": sendings}[kind]
    with TemporaryDirectory(prefix="crash-", ignore_cleanup_errors=True) as folder:
        town = Town(Path(folder))
        try:
            return asked.some(f"{kind} {name}", points_of(town, asked, name), part, parts)
        finally:
            town.close()


def walk_full(name: str, asked: Asked, part: int, parts: int) -> list[Outcome]:
    """A part of the walk with a full disk; none of it where no small disk can be had."""
    with suppress(NoSmallDisk), TemporaryDirectory(prefix="crash-") as folder, small_disk(Path(folder)) as disk:
        town = Town(disk)
        try:
            full = full_disk.FullDisk(town, Path(folder) / "worker.log")
            points = full_disk.points(town, name, asked.seed)
            return asked.some(f"disk {name}", [partial(full.walk, *point) for point in points], part, parts)
        finally:
            town.close()
    return []


# Each row, how it is called, and on how many sites it is walked.
ROWS: list[tuple[str, str, str, int]] = [
    *(("worker", name, f"the worker, {name}", 4 if name == "supersede" else 2) for name in WALKED),
    *(("pairs", name, f"two workers, {name}", 1) for name in WALKED),
    *(("kill", victim, f"{victim}, once a stage", 1) for victim in VICTIMS),
    ("sending", sending.NAME, "the worker, while it sends requests of its own", 2),
    *(("disk", name, f"disk full, {name}", 3) for name in full_disk.WALKED),
]
