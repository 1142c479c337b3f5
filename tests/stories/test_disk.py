"""A full disk: every writer says so, the way back is taken outside the engine, nothing half-written is taken for whole."""

from __future__ import annotations

import json
import os
import random
import sqlite3
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from penstock import api, durable, shell, waking
from penstock.core.target import Artifact, Desired, Fence, Revision, Unit, UnitDesire
from penstock.errors import PenstockError
from penstock.providers.local import desire
from penstock.providers.local.paths import Folder
from penstock.providers.local.readings import Readings
from penstock.providers.local.section import LocalSection
from penstock.providers.local.target import LocalTarget
from penstock.records import evidence
from penstock.worker import mark
from penstock.worlds import world_of
from tests.crash.disk import NoSmallDisk, fill, small_disk
from tests.crash.full_disk import FullDisk, points
from tests.crash.left_over import left_over
from tests.crash.town import Town
from tests.site import Site

SEED = int(os.environ.get("PENSTOCK_SEED", "1"))
LONG = "{is: canary, increments: [50% for 60s], min_ready: 200ms, start_within: 20s}"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own."""
    try:
        with small_disk(tmp_path) as folder:
            yield folder
    except NoSmallDisk as error:
        pytest.skip(str(error))


@pytest.fixture
def small(disk: Path) -> Iterator[Site]:
    """A site whose state lies on a small disk of its own."""
    site = Site(disk)
    yield site
    site.close()


def test_a_full_disk_takes_the_way_back(small: Site) -> None:
    """With half of the traffic on the candidate the disk fills up: stable serves; freed, the release does not shift again."""
    text = small.manifest(rollout="{is: all_at_once, min_ready: 200ms}")
    first = small.release(small.commit(text, "v1"))
    assert "released" == first["state"], small.story(first["number"])
    stable = first["revision"]
    number = small.order(small.commit(small.manifest(rollout=LONG, env="WORD: full"), "v2"))
    small.wait_weight(number, 500)
    ballast = small.folder / "ballast"
    fill(ballast)
    small.until(lambda: not waking.lives(small.desk.state), 60)
    small.until(lambda: routed(small) == {stable: 1000}, 30)
    ballast.unlink()
    row = small.wait(number)
    assert ("rolled_back", "journal") == (row["state"], row["cause"]) or row["cause"] == "unattended", small.story(
        number
    )
    assert {stable: 1000} == routed(small)


def test_a_disk_that_is_full_from_a_boundary_on(disk: Path, tmp_path: Path) -> None:
    """Full before promotion, and at a boundary that the seed draws: gone back at once, nothing shifted again, nothing half."""
    town = Town(disk)
    try:
        full = FullDisk(town, tmp_path / "worker.log")
        every = points(town, "canary", SEED)
        promotion = next(boundary for _, boundary, _ in every if boundary.step == "promote")
        drawn = random.Random(SEED).choice(every)
        outcomes = [full.walk("canary", promotion, 0), full.walk(*drawn)]
    finally:
        town.close()
    assert [] == [f"{o.point}: {text}" for o in outcomes for text in o.wrong], f"seed {SEED}"


class Writers:
    """Everything that writes for a release, on one small disk; no process lives there."""

    def __init__(self, folder: Path) -> None:
        self.site = Site(folder)
        self.site.environment.mkdir(parents=True)
        self.commit = self.site.commit(self.site.manifest())
        self.number = api.release(self.site.desk, self.site.repository, self.commit, "production")
        self.world = world_of(self.site.desk.state, self.site.desk.store, self.number, 1)
        section = LocalSection(port=self.site.port)
        place = self.site.environment
        self.target = LocalTarget(section, "app", "production", place, lambda artifact: [])
        self.readings = Readings(Folder.of(place))
        self.engine = durable.Engine(self.site.desk.state.journal, {}, lambda error: None)
        self.text = "x" * (1 << 17)  # more than any file's last page still holds

    def journal(self) -> None:
        self.engine.keep("release/1", 1, "step", self.text)

    def records(self) -> None:
        self.world.tell("key", "note", self.text)

    def audit_log(self) -> None:
        self.world.record("key", self.text)

    def evidence(self) -> None:
        evidence.keep(self.world.store, self.world.evidence, 0, self.number, "log", "text/plain", self.text)

    def desire(self) -> None:
        self.target._write(self.desired, self.target._as_keeper_reads(self.desired))

    def heartbeat(self) -> None:
        self.target.heartbeat()

    def artifact(self) -> None:
        self.world.builds.build(self.world.work / "build.log")

    def kept_readings(self) -> None:
        self.readings.add_hole(0, 1, self.text)

    def mark_aside(self) -> None:
        self.world.set_mark_aside()

    def order(self) -> None:
        api.release(self.site.desk, self.site.repository, self.commit, "production", again=True)

    @property
    def desired(self) -> Desired:
        unit = Unit(("serve",), env={"TEXT": self.text}, traffic=True)
        revision = Revision("a", "a" * 40, Artifact("folder", "/", ""), "", units={"app": unit})
        units = {"app": UnitDesire({"a": 1}, {"a": 1000})}
        back = Desired(Fence(1), units, {"a": revision})
        return replace(back, reason="forward", attended_s=60, way_back=back)


WRITERS: dict[str, Callable[[Writers], None]] = {
    name: getattr(Writers, name)
    for name in ("journal", "records", "audit_log", "evidence", "desire", "heartbeat", "artifact", "kept_readings",
                 "mark_aside", "order")
}  # fmt: skip


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("left", [0, 4096])
def test_every_writer_says_that_the_disk_is_full(disk: Path, name: str, left: int) -> None:
    """No writer fails silently or leaves half of what it wrote; with space again it writes the same, once."""
    writers = Writers(disk)
    try:
        before = desire.read(writers.site.environment)
        fill(disk / "ballast", left)
        refused = ""
        try:
            WRITERS[name](writers)
        except (PenstockError, sqlite3.Error) as error:
            refused = str(error)
        assert refused or left, "nothing at all fits"
        if refused:
            assert before == desire.read(writers.site.environment)
        (disk / "ballast").unlink()
        WRITERS[name](writers)
        assert [] == [text for text in left_over(writers.site, live=False) if not text.endswith("/mark")]
    finally:
        writers.site.close()


def test_the_mark_needs_no_space(disk: Path) -> None:
    """On a disk that is full the word of an earlier worker is left, and read by its successor."""
    writers = Writers(disk)
    try:
        writers.mark_aside()
        fill(disk / "ballast")
        mark(writers.site.desk.state, writers.number, "the disk was full")
        assert "the disk was full" == writers.world.marked()
    finally:
        writers.site.close()


def test_the_command_line_says_that_the_disk_is_full(disk: Path) -> None:
    """An order that cannot be written down ends with an error in words, and with nothing ordered."""
    site = Site(disk)
    try:
        site.commit(site.manifest())
        fill(disk / "ballast")
        argv = [sys.executable, "-m", "penstock", "release", "--to", "production", "--detach"]
        done = shell.run(argv, cwd=site.repository)
        said = done.out + done.err
        assert done.code not in (0, 1), said
        assert "Traceback" not in said
        assert "disk is full" in said or "No space left" in said
        (disk / "ballast").unlink()
        assert [] == site.desk.store.rows("SELECT * FROM releases")
    finally:
        site.close()


def routed(site: Site) -> dict[str, int]:
    """What Envoy was told, from its own file: the observation may not be writable."""
    desired = json.loads((site.environment / "desired.json").read_text())
    return dict(desired["units"]["app"]["split"])
