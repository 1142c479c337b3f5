"""A worker to which something happens at one boundary of one story: it dies, or the disk is full from then on.

`python -m tests.crash.worker STATE STORY:N:before|inside|after [BALLAST:BYTES-LEFT]`. Before: the N-th step of the story
was not begun. Inside: its effect is there, its result is not kept. After: the result is kept. With a ballast the disk is
filled there, but for some bytes; without one the worker is killed.
"""

from __future__ import annotations

import functools
import os
import signal
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from penstock import durable, worker
from penstock.state import State
from tests.crash.disk import fill


def at(point: str, deed: Callable[[], object]) -> Callable[..., Any]:
    """`durable.run` with a deed in it; steps are counted from the story's first, replayed ones too, whenever it is told."""
    real = durable.run

    def run(step: Callable[..., Any], world: Any, *values: Any) -> Any:
        story = durable._telling.get()
        here = f"{story.name}:{story.number + 1}"

        def reached(where: str) -> None:
            if point == f"{here}:{where}":
                deed()

        @functools.wraps(step)
        def observed(*words: Any) -> Any:
            try:
                return step(*words)
            finally:  # also a step that ends the release, by raising Over, has its effect and its result
                reached("inside")

        reached("before")
        try:
            return real(observed, world, *values)
        finally:
            reached("after")

    return run


def fill_up(state: State, ballast: Path, left: int) -> None:
    """Fill the disk. The databases have no room of their own left either: what their logs had grown to is given up."""
    for path in (state.journal, state.records):
        with closing(sqlite3.connect(path)) as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    fill(ballast, left)


def die() -> None:
    """As `kill -9` does it."""
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    root, point, *ballast = sys.argv[1:]
    deed: Callable[[], object] = die
    if ballast:
        place, _, left = ballast[0].rpartition(":")
        deed = functools.partial(fill_up, State(Path(root)), Path(place), int(left))
    durable.run = at(point, deed)
    sys.exit(worker.work(State(Path(root)).make()))
