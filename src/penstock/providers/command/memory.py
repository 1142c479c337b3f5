"""What the command target remembers of one environment: a file in its folder, replaced whole, under a lock."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import ValidationError

from penstock import shell
from penstock.core import data
from penstock.core.target import Desired, Fence, Revision
from penstock.errors import PenstockError

FORMAT = 1
_LOCK_WITHIN_S = 5.0


@dataclass(frozen=True)
class Moment:
    """A moment of the monotonic clock, which means nothing after a boot."""

    boot_id: str
    monotonic_s: float

    @classmethod
    def now(cls) -> Moment:
        """This moment."""
        return cls(shell.boot_id(), time.monotonic())

    def elapsed_s(self) -> float:
        """Seconds since then; 0 when the machine was booted in between."""
        return time.monotonic() - self.monotonic_s if self.boot_id == shell.boot_id() else 0.0


@dataclass(frozen=True)
class Memory:
    """The desire in force, and what it replaced.

    `before` is the last desire that came true. `command` is by which command the desire in force is reached;
    `run` is the number of the last run, and `has_run` whether it was for this desire. `generation` counts
    desires. `taken_back` says why the way back was taken.
    """

    service: str
    environment: str
    generation: int = 0
    fence: Fence = field(default=Fence(0))
    desired: Desired | None = None
    before: Desired | None = None
    run: int = 0
    has_run: bool = False
    command: str = "converge"
    began: Moment | None = None
    taken_back: str = ""
    format: int = FORMAT

    @property
    def revisions(self) -> dict[str, Revision]:
        """Every revision of the desires that are remembered."""
        return {
            **(self.before.revisions if self.before else {}),
            **(self.desired.revisions if self.desired else {}),
        }

    def wanting(self, desired: Desired, command: str, *, came_true: bool, taken_back: str = "") -> Memory:
        """With another desire in force; `came_true` says whether the one in force until now did."""
        return replace(
            self,
            generation=self.generation + 1,
            fence=max(self.fence, desired.fence),
            desired=replace(desired, expecting=None),
            before=self.desired if came_true and self.desired else self.before,
            command=command,
            has_run=False,
            began=Moment.now(),
            taken_back=taken_back,
        )

    def running(self) -> Memory:
        """With a further run of the command."""
        began = self.began if self.began and self.began.boot_id == shell.boot_id() else Moment.now()
        return replace(self, run=self.run + 1, has_run=True, began=began)


@dataclass(frozen=True)
class Place:
    """The folder of one environment."""

    root: Path
    service: str
    environment: str
    _file: str = field(default="command.json", repr=False)

    def read(self) -> Memory:
        """What is remembered; a fresh memory when there is none."""
        path = self.root / self._file
        try:
            return data.load(Memory, json.loads(path.read_text()))
        except FileNotFoundError:
            return Memory(self.service, self.environment)
        except (OSError, ValueError, ValidationError) as error:
            raise PenstockError(
                "command-memory", "what was done last cannot be read", str(path), f"{type(error).__name__}: {error}",
                "mend the file, or move it away: then Penstock begins anew, and knows no way back",
            ) from error  # fmt: skip

    def write(self, memory: Memory) -> None:
        """Replace what is remembered, if it is something else; it is on disk when this returns."""
        if memory == self.read():
            return
        path, new = self.root / self._file, self.root / f"{self._file}.new"
        try:
            with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                json.dump(data.dump(memory), file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(new, path)
            _sync(self.root)
        except OSError as error:
            raise PenstockError(
                "command-memory", f"what is done cannot be written down: {error.strerror}", str(path),
                "a command is not run unless that it runs can be written down", "make space, or see `penstock doctor`",
            ) from error  # fmt: skip

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Alone with this folder; a PenstockError `command-busy` when that takes too long."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(self.root / "command.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._lock(handle)
            yield
        finally:
            os.close(handle)

    def _lock(self, handle: int) -> None:
        deadline = time.monotonic() + _LOCK_WITHIN_S
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise PenstockError(
                        "command-busy", "another process works on this environment", str(self.root),
                        "no two of them may start a command", "try again",
                    ) from None  # fmt: skip
            time.sleep(0.02)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
