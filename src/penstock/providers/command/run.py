"""One run of a user's command in the background: it outlives who started it, and is never there twice.

A run has a folder of its own. Its runner makes the folder `started` before anything else, which only one runner
can; so starting a run again, after whoever started it was killed at whatever point, starts nothing twice.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from penstock import shell

# The runner. $1 is the run's folder, $2 the boot's id; the rest is the command.
RUNNER = """
run=$1 boot=$2; shift 2
mkdir "$run/started" 2>/dev/null || exit 0
echo "$boot $(cat /proc/$$/stat)" > "$run/runner"
"$@" < "$run/desire.json" > "$run/out" 2> "$run/err"
echo $? > "$run/code.new" &&
mv "$run/code.new" "$run/code"
"""
KEPT = 5  # runs
TAIL = 64 << 10
_BEGIN_WITHIN_S = 5.0


@dataclass(frozen=True)
class Run:
    """A run and its folder. `begin` may be called any number of times, by anybody."""

    folder: Path

    def prepare(self, desire: Mapping[str, Any]) -> None:
        """Lay out what the command reads; old runs are removed."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in ("out", "err"):
            (self.folder / name).touch(0o600)
        desire_file = os.open(self.folder / "desire.new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(desire_file, "w") as file:
            json.dump(desire, file)
        os.replace(self.folder / "desire.new", self.folder / "desire.json")
        runs = sorted(self.folder.parent.iterdir(), key=lambda path: int(path.name))
        for old in runs[:-KEPT]:
            shutil.rmtree(old, ignore_errors=True)

    def forbid(self) -> bool:
        """Whether it had not begun; then it never will."""
        try:
            (self.folder / "started").mkdir()
        except OSError:
            return not self.folder.exists()
        return True

    def begin(self, argv: Sequence[str], cwd: Path, env: Mapping[str, str]) -> None:
        """Start the runner, unless it ran already."""
        words = ["sh", "-c", RUNNER, "penstock", str(self.folder), shell.boot_id(), *argv]
        shell.spawn(words, self.folder / "runner.log", cwd=cwd, env=env)

    def state(self) -> Literal["new", "running", "ended", "cut off"]:
        """How far it got. `cut off`: it began, and neither lives nor left an exit code."""
        runner = self._runner()
        if runner:
            shell.reap(runner.pid)  # where it is a child of ours
        if (self.folder / "code").exists():
            return "ended"
        try:
            began_at = (self.folder / "started").stat().st_mtime
        except FileNotFoundError:
            return "new"
        if runner is None:
            return "running" if abs(time.time() - began_at) < _BEGIN_WITHIN_S else "cut off"
        if shell.alive(runner) or (runner.boot_id == shell.boot_id() and _group_lives(runner.pid)):
            return "running"
        # It may have ended between the first look and this one.
        return "ended" if (self.folder / "code").exists() else "cut off"

    def result(self) -> tuple[int, str, str]:
        """Exit code, and the ends of output and of errors."""
        return int((self.folder / "code").read_text()), _tail(self.folder / "out"), _tail(self.folder / "err")

    def ended_ago_s(self) -> float:
        """Seconds since it ended, by the wall clock, never negative."""
        return abs(time.time() - (self.folder / "code").stat().st_mtime)

    def wait(self, seconds: float) -> None:
        """Until it ended, at most so long."""
        deadline = time.monotonic() + seconds
        while self.state() in ("new", "running") and time.monotonic() < deadline:
            time.sleep(0.02)

    def end(self) -> None:
        """Ask its whole process group to end, and within two seconds make it."""
        runner = self._runner()
        if runner is None:
            return
        shell.end(runner, signal.SIGTERM)
        self.wait(2.0)
        shell.end(runner, signal.SIGKILL)
        self.wait(1.0)

    def log(self) -> str:
        """The end of what it said."""
        return "\n".join(text for text in (_tail(self.folder / "out"), _tail(self.folder / "err")) if text)

    def _runner(self) -> shell.Process | None:
        try:
            boot_id, _, stat = (self.folder / "runner").read_text().partition(" ")
            pid, _, rest = stat.partition(" ")
            return shell.Process(int(pid), boot_id, int(rest.rsplit(")", 1)[1].split()[19]))
        except (FileNotFoundError, ValueError, IndexError):
            return None


def _group_lives(group: int) -> bool:
    """Whether what the runner started outlives it: then nothing is started beside it."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _tail(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - TAIL))
            return file.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return ""
