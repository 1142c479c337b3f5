"""Desires: written, refused, and taken back."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from penstock.errors import Refused
from penstock.providers.local import desire, heartbeat, lock
from penstock.providers.local.paths import Folder, locked

DATA = {"format": 1, "reason": "r1", "units": {}}


def write(folder: Path, reason: str = "r1", fence: tuple[int, int] = (1, 0), expecting: str | None = None) -> int:
    """Write a desire that differs by its reason."""
    return desire.write(folder, {**DATA, "reason": reason}, fence=fence, expecting=expecting)


def test_generations_grow_with_each_write(tmp_path: Path) -> None:
    """Each write has the next generation, and is closed to others."""
    assert [1, 2, 3] == [write(tmp_path, reason) for reason in ("a", "b", "c")]
    assert 0o600 == stat.S_IMODE(Folder.of(tmp_path).desired.stat().st_mode)


def test_twice_is_once(tmp_path: Path) -> None:
    """The very desire in force is not written again, whatever was expected."""
    assert 1 == write(tmp_path, expecting="0")
    inode = Folder.of(tmp_path).desired.stat().st_ino
    assert 1 == write(tmp_path, expecting="0")
    assert inode == Folder.of(tmp_path).desired.stat().st_ino


@pytest.mark.parametrize(("fence", "code"), [((6, 9), "fence"), ((7, 1), "fence")])
def test_a_lower_fence_is_refused(tmp_path: Path, fence: tuple[int, int], code: str) -> None:
    """An earlier release, or an earlier epoch, may not write; nothing is changed."""
    write(tmp_path, fence=(7, 2))
    with pytest.raises(Refused) as refused:
        write(tmp_path, "b", fence=fence)
    assert code == refused.value.code
    assert "r1" == (desire.read(tmp_path) or {})["reason"]


def test_the_same_or_a_higher_fence_may_write(tmp_path: Path) -> None:
    """A successor raises the fence, even for the same desire."""
    write(tmp_path, fence=(7, 2))
    assert 2 == write(tmp_path, fence=(7, 3))
    assert 3 == write(tmp_path, "b", fence=(7, 3))


def test_an_untrue_token_is_refused(tmp_path: Path) -> None:
    """Who expects another generation than the one in force has not seen what was done since."""
    write(tmp_path)
    write(tmp_path, "b", expecting="1")
    with pytest.raises(Refused) as refused:
        write(tmp_path, "c", expecting="1")
    assert "token" == refused.value.code


def test_the_way_back_is_taken_once(tmp_path: Path) -> None:
    """It is a later generation than the desire it was laid for, of origin fallback, with nobody to watch."""
    write(tmp_path, "stable")
    desire.lay_way_back(tmp_path, {**DATA, "reason": "back", "attended_s": 60})
    assert 2 == write(tmp_path, "canary")
    assert desire.take_way_back(tmp_path, "told to")
    back = desire.read(tmp_path) or {}
    assert (3, "back", "fallback", None) == (
        back["generation"],
        back["reason"],
        back["origin"],
        back["attended_s"],
    )
    assert not desire.take_way_back(tmp_path, "told to")
    assert 4 == write(tmp_path, "next")


def test_a_way_back_holds_for_the_desire_it_was_laid_for_only(tmp_path: Path) -> None:
    """A later desire without a way back has none; one written twice keeps its own."""
    write(tmp_path, "stable")
    desire.lay_way_back(tmp_path, DATA)
    write(tmp_path, "canary")
    desire.lay_way_back(tmp_path, DATA)
    write(tmp_path, "canary")
    assert Folder.of(tmp_path).fallback.exists()
    write(tmp_path, "promoted")
    assert not Folder.of(tmp_path).fallback.exists()
    assert not desire.take_way_back(tmp_path, "too late")


def test_a_way_back_may_lie_before_any_desire(tmp_path: Path) -> None:
    """Laid, and killed before the desire was written: it can still be taken."""
    desire.lay_way_back(tmp_path, DATA)
    assert desire.take_way_back(tmp_path, "nobody came back")


def test_the_way_back_does_not_wait_for_a_stopped_writer(tmp_path: Path) -> None:
    """Somebody who holds the lock for ever does not bar it."""
    write(tmp_path, "stable")
    desire.lay_way_back(tmp_path, DATA)
    write(tmp_path, "canary")
    with locked(Folder.of(tmp_path).desired_lock):
        assert desire.take_way_back(tmp_path, "nobody watches")


def test_an_attended_desire_is_a_heartbeat(tmp_path: Path) -> None:
    """Whoever writes what must be watched, watches."""
    desire.write(tmp_path, {**DATA, "attended_s": 60}, fence=(1, 0), expecting=None)
    assert heartbeat.last_beat_s(Folder.of(tmp_path)) is not None


def test_an_environment_without_keeper_is_not_kept(tmp_path: Path) -> None:
    """Neither without the lock file, nor when nobody holds it."""
    assert not lock.is_kept(tmp_path)
    handle = lock.take(Folder.of(tmp_path))
    assert lock.is_kept(tmp_path)
    import os

    os.close(handle)
    assert not lock.is_kept(tmp_path)
