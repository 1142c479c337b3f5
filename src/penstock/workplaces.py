"""A place for each check: the commit's files in a copy of its own, and what the checks that it needs have made.

A check that changes or removes files disturbs no other, and none finds what another left behind by chance.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from penstock import shell
from penstock.errors import PenstockError

COPY_WITHIN_S = 300.0


def prepare(pristine: Path, place: Path, needs: Sequence[Path]) -> Path:
    """The place, made anew: `pristine` copied, and over it what is new or changed in the places it needs."""
    leave(place)
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _copy(["--", f"{pristine}/.", str(place)], place)
    for other in needs:
        for name in _made(pristine, other):
            _bring(other / name, place / name)
    return place


def leave(place: Path) -> None:
    """Remove a place, whatever was done to it."""
    if not place.exists():
        return
    for folder, _, _ in os.walk(place):  # what a check made unreadable is removed all the same
        Path(folder).chmod(0o700)
    shell.run(["rm", "-rf", "--", str(place)], timeout_s=COPY_WITHIN_S)  # it knows no tree that is too deep


def _copy(words: list[str], place: Path) -> None:
    done = shell.run(["cp", "-a", "--reflink=auto", *words], timeout_s=COPY_WITHIN_S)
    if not done.ok:
        raise PenstockError("workplace", f"the files of the commit cannot be copied: {done.err.strip()[:200]}", str(place),
                            "each check works in a copy of its own", "space on this disk")  # fmt: skip


def _made(pristine: Path, place: Path) -> Iterator[str]:
    """Files that a check made or changed, relative to its place. A copy keeps times, so that the rest is known by them."""
    for folder, names, files in os.walk(place):
        names[:] = [name for name in names if name != ".git"]
        for name in files:
            path = Path(folder, name)
            relative = path.relative_to(place)
            if _stamp(path) != _stamp(pristine / relative):
                yield str(relative)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        seen = path.lstat()
    except OSError:
        return None
    return seen.st_mode, seen.st_size, seen.st_mtime_ns


def _bring(source: Path, place: Path) -> None:
    """One file, in place of what is there; a link stays a link, and is nobody's way out of the place."""
    place.parent.mkdir(parents=True, exist_ok=True)
    if source.is_symlink() or source.is_file():
        place.unlink(missing_ok=True)
        shutil.copy2(source, place, follow_symlinks=False)
