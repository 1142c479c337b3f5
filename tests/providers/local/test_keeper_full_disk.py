"""A full disk: the keeper serves on, goes back, and counts again when there is space."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from penstock import shell
from penstock.errors import PenstockError
from penstock.providers.local import desire
from tests.providers.local.kept import Kept


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kept]:
    """An environment on a disk of eight megabytes."""
    disk = tmp_path / "disk"
    disk.mkdir()
    with suppress(PenstockError):
        if not shell.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(disk)]).ok:
            pytest.skip("no disk can be mounted here: needs root")
    monkeypatch.setenv("PENSTOCK_RUNTIME", str(tmp_path / "run"))
    site = Kept(disk / "e")
    yield site
    site.close()
    shell.run(["umount", "-l", str(disk)])


def test_the_way_back_needs_no_space(small: Kept) -> None:
    """With not a byte left the way back is taken and in force; with space again everything is written
    down.
    """
    small.settled({"r1": 1, "r2": 1}, {"r1": 1000})
    desire.lay_way_back(small.folder, small.data({"r1": 1, "r2": 1}, {"r1": 1000}))
    small.settled({"r1": 1, "r2": 1}, {"r2": 1000})
    filler = small.folder.root / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"x" * 4096)
    assert "r2" == small.get()[1]
    assert desire.take_way_back(small.folder, "the disk is full")
    deadline = time.monotonic() + 10
    while small.get()[1] != "r1":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    filler.unlink()
    seen = small.until(lambda o: o["phase"] == "settled" and o["origin"] == "fallback" and not o["trouble"])
    assert {"web": {"r1": 1000}} == seen["split"]
    deadline = time.monotonic() + 10
    while ("the disk was full, or broken",) not in small.rows("SELECT why FROM holes"):
        assert time.monotonic() < deadline
        time.sleep(0.1)
