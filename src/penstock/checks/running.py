"""Running a command for a check: contained and bounded, its output in a file, its children ended with it."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from penstock import containment
from penstock.checks.filling import fill
from penstock.containment import Limits
from penstock.core.finding import CheckRequest
from penstock.core.masking import longest_spelling, mask
from penstock.core.target import Evidence
from penstock.manifest.section import Command

TAIL = 64 << 10
LIMITS = Limits()
_TRIES = 100
_MARKS = ("HOME", "PENSTOCK_IDEMPOTENCY_KEY")
_REMEDIES = {
    "time-out": "more time, with `within`",
    "output": "a command that prints less, or that writes a file",
    "disk": "a command that writes less, or that removes what it does not need any more",
    "memory": "a command that needs less memory, or a machine with more",
    "processes": "a command that starts fewer processes at a time",
    "left": "a command that starts nothing as another user",
    "launcher": "a command that ends only what it started itself",
    "unwanted": "nothing: the release had ended",
}


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code (-N by signal N), the masked end of its output, its seconds.

    `stopped` is why we ended it (time-out, output, disk, memory, processes, ...), `how` says it after the command's name
    and `remedy` what to do; a command that was stopped did not inspect all. `uncontained` says why it was not held to its
    own folders, if it was not.
    """

    code: int
    output: str
    seconds: float
    timed_out: bool = False
    stopped: str = ""
    how: str = ""
    uncontained: str = ""

    @property
    def remedy(self) -> str:
        return _REMEDIES.get(self.stopped, "")

    def evidence(self) -> tuple[Evidence, ...]:
        """The end of its output, and that it was not contained, if it was not."""
        output = Evidence("output", "text/plain", self.output)
        if not self.uncontained:
            return (output,)
        return output, Evidence("containment", "text/plain", f"not held to its own folders: {self.uncontained}\n")


def environment(own: dict[str, str], request: CheckRequest) -> dict[str, str]:
    """All that a command gets as its environment; `own` are the check's own variables."""
    return {**request.env, **_reach(request), **own, **request.secrets}


def argv(command: Command, names: dict[str, str]) -> tuple[str, ...]:
    """The words with every `$NAME` filled in; Unknown for one that is not there. A shell fills in its own."""
    words = command.argv()
    return words if command.sh is not None else tuple(fill(word, names) for word in words)


def run(words: tuple[str, ...], env: dict[str, str], within_s: float, request: CheckRequest) -> Ended:
    """Run it with its output in a file, held to its folder, its HOME and a TMPDIR of its own.

    Raises PenstockError `no-program` when it is not there, OSError or ValueError when the system does not take it.
    """
    if not request.log_file:
        with tempfile.NamedTemporaryFile(prefix="penstock-check-") as file:
            return _logged(words, env, within_s, request, Path(file.name))
    return _logged(words, env, within_s, request, Path(request.log_file))


def _logged(words: tuple[str, ...], env: dict[str, str], within_s: float, request: CheckRequest, log: Path) -> Ended:
    began = log.stat().st_size if log.exists() else 0  # an earlier try may have written to it
    fence = containment.fence_of(request.folder, env.get("HOME", ""), request.repository, request.log_file)
    fence = replace(fence, held=not request.in_place)
    stopped = "launcher"
    try:
        end = containment.run(words, env, fence, log, within_s, limits=LIMITS, wanted=lambda: not request.stopped())
        stopped = end.stopped
    finally:
        _end_left_behind(env)
        if stopped == "launcher":  # some may have been on their way
            time.sleep(0.1)
            _end_left_behind(env)
    output = tail(log, began, request.secrets)
    code = end.code or (-signal.SIGKILL if end.stopped else 0)  # what was stopped is no success for anybody
    return Ended(code, output, end.seconds, end.stopped == "time-out", end.stopped, end.how, end.uncontained)


def _end_left_behind(env: dict[str, str]) -> None:
    """End what an earlier try left whose launcher was killed: it still carries this check's key and home."""
    marks = {f"{name}={env[name]}".encode("utf-8", "surrogateescape") for name in _MARKS if env.get(name)}
    if len(marks) < len(_MARKS):
        return
    for _ in range(_TRIES):
        if not [pid for pid in _carrying(marks) if _killed(pid)]:
            return
        time.sleep(0.01)  # what it started meanwhile


def _carrying(marks: set[bytes]) -> Iterator[int]:
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != os.getpid():
            with suppress(OSError):  # it is gone, or another user's
                if marks <= set(Path(f"/proc/{name}/environ").read_bytes().split(b"\0")):
                    yield int(name)


def _killed(pid: int) -> bool:
    with suppress(OSError):
        os.kill(pid, signal.SIGKILL)
        return True
    return False


def tail(path: Path, began: int, secrets: dict[str, str]) -> str:
    """The last 64 KiB at most of what was written since a place, without the secrets.

    Half a secret, where the text was cut, would not be known for one: more is read, and dropped when masked.
    """
    unsafe = longest_spelling(secrets.values())
    with path.open("rb") as file:
        start = max(began, file.seek(0, 2) - TAIL - unsafe)
        file.seek(start)
        text = file.read(TAIL + unsafe).decode("utf-8", "replace")
    masked = mask(text, secrets.values())[unsafe if start > began else 0 :]
    return masked.encode()[-TAIL:].decode("utf-8", "ignore")


def _reach(request: CheckRequest) -> dict[str, str]:
    if request.reach is None:
        return {}
    header = next((f"{name}: {value}" for name, value in request.reach.headers.items()), "")
    return {"PENSTOCK_URL": request.reach.url, "PENSTOCK_PREVIEW_HEADER": header}
