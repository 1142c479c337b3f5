"""Running a command for a check: bounded, its output in a file, its children ended with it."""

from __future__ import annotations

import os
import signal
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from penstock import shell
from penstock.checks.filling import fill
from penstock.core.finding import CheckRequest
from penstock.core.masking import longest_spelling, mask
from penstock.manifest.section import Command

TAIL = 64 << 10
_MARKS = ("HOME", "PENSTOCK_IDEMPOTENCY_KEY")


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code (-N by signal N), the masked end of its output, its seconds."""

    code: int
    output: str
    seconds: float
    timed_out: bool = False


def environment(own: dict[str, str], request: CheckRequest) -> dict[str, str]:
    """All that a command gets as its environment; `own` are the check's own variables."""
    return {**request.env, **_reach(request), **own, **request.secrets}


def argv(command: Command, names: dict[str, str]) -> tuple[str, ...]:
    """The words with every `$NAME` filled in; Unknown for one that is not there. A shell fills in its own."""
    words = command.argv()
    return words if command.sh is not None else tuple(fill(word, names) for word in words)


def run(words: tuple[str, ...], env: dict[str, str], within_s: float, request: CheckRequest) -> Ended:
    """Run it with its output in a file: a pipe would be held open by whatever it leaves behind.

    Raises PenstockError `no-program` when it is not there, OSError or ValueError when the system does not take it.
    """
    if not request.log_file:
        with tempfile.NamedTemporaryFile(prefix="penstock-check-") as file:
            return _logged(words, env, within_s, request, Path(file.name))
    return _logged(words, env, within_s, request, Path(request.log_file))


def _logged(words: tuple[str, ...], env: dict[str, str], within_s: float, request: CheckRequest, log: Path) -> Ended:
    began = log.stat().st_size if log.exists() else 0  # an earlier try may have written to it
    try:
        done = shell.run(words, cwd=request.folder, env=env, timeout_s=within_s, log_file=log)
    finally:
        _end_left_behind(env)
    return Ended(done.code, tail(log, began, request.secrets), done.seconds, done.timed_out)


def _end_left_behind(env: dict[str, str]) -> None:
    """End what the command left, wherever it moved: it still carries this check's key and home in its environment."""
    marks = {f"{name}={env[name]}".encode("utf-8", "surrogateescape") for name in _MARKS if env.get(name)}
    if len(marks) < len(_MARKS):
        return
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with suppress(OSError):  # it is gone, or another user's
                if marks <= set((entry / "environ").read_bytes().split(b"\0")):
                    os.kill(int(entry.name), signal.SIGKILL)


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
