"""A full disk: the way back is taken outside the engine, and nothing half-written is taken for whole."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from penstock import shell, waking
from tests.site import Site

LONG = "{is: canary, increments: [50% for 60s], min_ready: 200ms, start_within: 20s}"


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Site]:
    """A site whose state lies on a small disk of its own."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.geteuid() != 0 or not shell.run(["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", str(disk)]).ok:
        pytest.skip("mounting a small disk needs root")
    site = Site(disk)
    try:
        yield site
    finally:
        site.close()
        shell.run(["umount", "-l", str(disk)])


def test_a_full_disk_takes_the_way_back(small: Site) -> None:
    """With half of the traffic on the candidate the disk fills up: stable serves; freed, the release does not shift again."""
    text = small.manifest(rollout="{is: all_at_once, min_ready: 200ms}")
    first = small.release(small.commit(text, "v1"))
    assert "released" == first["state"], small.story(first["number"])
    stable = first["revision"]
    number = small.order(small.commit(small.manifest(rollout=LONG, env="WORD: full"), "v2"))
    small.wait_weight(number, 500)
    ballast = small.folder / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        for size in (1 << 16, 1 << 12, 1):
            with suppress(OSError):
                while True:
                    file.write(b"x" * size)
    small.until(lambda: not waking.lives(small.desk.state), 60)
    small.until(lambda: routed(small) == {stable: 1000}, 30)
    ballast.unlink()
    row = small.wait(number)
    assert ("rolled_back", "journal") == (row["state"], row["cause"]) or row["cause"] == "unattended", small.story(
        number
    )
    assert {stable: 1000} == routed(small)


def routed(site: Site) -> dict[str, int]:
    """What Envoy was told, from its own file: the observation may not be writable."""
    import json

    desired = json.loads((site.environment / "desired.json").read_text())
    return dict(desired["units"]["app"]["split"])
