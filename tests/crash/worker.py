"""A worker that kills itself with SIGKILL: `python -m tests.crash.worker STATE N:before|inside|after`.

Before: the N-th step was not begun. Inside: its effect is there, its result is not kept. After: the result is kept.
"""

from __future__ import annotations

import functools
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from penstock import durable, worker
from penstock.state import State


def die_at(number: int, where: str) -> Callable[..., Any]:
    """`durable.run` with a death in it."""
    real, count = durable.run, 0

    def die(now: str) -> None:
        if count == number and where == now:
            os.kill(os.getpid(), signal.SIGKILL)

    def run(step: Callable[..., Any], world: Any, *values: Any) -> Any:
        nonlocal count
        count += 1
        die("before")

        @functools.wraps(step)
        def mortal(*words: Any) -> Any:
            result = step(*words)
            die("inside")
            return result

        result = real(mortal, world, *values)
        die("after")
        return result

    return run


if __name__ == "__main__":
    at, _, point = sys.argv[2].partition(":")
    durable.run = die_at(int(at), point)
    sys.exit(worker.work(State(Path(sys.argv[1])).make()))
