"""Running somebody's command so that it ends, and keeps to its own folders, whatever it does.

A launcher (`contained.py`, a process of its own) starts it, watches it and ends all that comes of it. What it may read
and write is held by the kernel (`landlock.py`): derived from what it may do, never from what it may not.
"""

from __future__ import annotations

import marshal
import os
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypedDict

from penstock import landlock, shell
from penstock.footprint import removal
from penstock.state import State, default_root, runtime_root

GRACE_S = 30.0  # for the launcher to end what is left, and to remove it
_START = (
    "-I", "-S", "-X", "utf8", "-c", "import sys; sys.path.append(sys.argv[1]); from penstock.contained import main; main()",
)  # fmt: skip
_SYSTEM = {"PATH": "/usr/bin:/bin"}
_SHARED = ("/tmp", "/var/tmp")
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty", "ptmx")
_SHARED_DEVICES = ("pts", "shm", "mqueue")


def _most_memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 4 * 3


@dataclass(frozen=True)
class Limits:
    """How much of the machine a command may take, in bytes and in processes; what it wrote is measured every `walk_s`."""

    output: int = 64 << 20
    disk: int = 8 << 30
    least_free: int = 512 << 20
    memory: int = field(default_factory=_most_memory)
    processes: int = 2000
    walk_s: float = 5.0


@dataclass(frozen=True)
class Fence:
    """Where a command may write (`own`), and what it may not even read: `closed`, but for `open` in it.

    `ours` may not lie in a folder that it shares with others, or that one is not shared with it. Where it is not `held`,
    it works among somebody's own files, as that person would: nothing is forbidden, and nothing of it is ever removed.
    """

    own: tuple[str, ...]
    closed: tuple[str, ...] = ()
    open: tuple[str, ...] = ()
    ours: tuple[str, ...] = ()
    held: bool = True


@dataclass(frozen=True)
class End:
    """How a command ended: its exit code; why we ended it, if we did, and in words; why it was not contained, if not."""

    code: int
    seconds: float
    stopped: str = ""
    how: str = ""
    uncontained: str = ""


class Job(TypedDict):
    """What the launcher is told."""

    argv: list[bytes]
    env: dict[bytes, bytes]
    folder: bytes
    within_s: float
    rules: list[tuple[bytes, int]]
    own: list[bytes]
    temporary: bytes
    since_ns: int
    limits: dict[str, Any]


def available() -> str | None:
    """Why commands are not held to their folders on this machine; None when they are. (All else holds everywhere.)"""
    return landlock.lacks()


def run(
    words: Sequence[str],
    env: Mapping[str, str],
    fence: Fence,
    log: Path,
    within_s: float,
    *,
    limits: Limits,
    wanted: Callable[[], bool] = lambda: True,
) -> End:
    """Run it in the first of its own folders. It gets a TMPDIR of its own, which is removed after it.

    Raises PenstockError `no-program`, OSError and ValueError as `shell.run` does.
    """
    temporary = Path(tempfile.mkdtemp(prefix="penstock-check-"))
    try:
        job = _job(words, {"TMPDIR": str(temporary), **env}, fence, temporary, within_s, limits)
        return _launch(job, words, fence.own[0], log, wanted)
    finally:
        if temporary.exists():  # the launcher did not come to its end
            shell.run([os.fsdecode(word) for word in removal(os.fsencode(temporary))], env=_SYSTEM, timeout_s=GRACE_S)


def fence_of(folder: str, home: str, repository: str, log: str) -> Fence:
    """What a check's command may reach: its folder, its home, and of the state folder what was built, and the repository."""
    given = [os.path.realpath(path) for path in (folder, home, repository, log) if path]
    roots = sorted(set(_around(given)))
    closed = [*roots, *(os.path.realpath(path) for path in [os.environ.get("PENSTOCK_AUDIT_KEY")] if path)]
    readable = [str(State(Path(root)).artifacts) for root in roots]
    readable += [os.path.realpath(repository)] if repository else []
    ours = [*given, *closed, os.path.realpath(runtime_root())]
    own = [os.path.realpath(path) for path in (folder, home) if path]
    return Fence(tuple(own), tuple(closed), tuple(readable), tuple(ours))


def _around(paths: Sequence[str]) -> Iterator[str]:
    """The state folders that these lie in, known by what a state folder holds, and the usual one."""
    for path in paths:
        for parent in Path(path).parents:
            if State(parent).records.exists():
                yield str(parent)
    with suppress(RuntimeError, OSError):  # an account without a home
        if (usual := default_root()).exists():
            yield os.path.realpath(usual)


def _launch(job: Job, words: Sequence[str], folder: str, log: Path, wanted: Callable[[], bool]) -> End:
    ours, theirs = socket.socketpair()
    with ours, theirs, open(os.memfd_create("job"), "w+b", buffering=0) as told:
        told.write(marshal.dumps(dict(job)))
        told.seek(0)

        def look() -> None:
            if not wanted():
                with suppress(OSError):
                    ours.shutdown(socket.SHUT_WR)

        fds = (told.fileno(), theirs.fileno())
        done = shell.run(
            [sys.executable, *_START, _source(), *map(str, fds)], env=_own_environment(),
            timeout_s=job["within_s"] + GRACE_S, log_file=log, pass_fds=fds, every=look,
        )  # fmt: skip
        theirs.close()
        said = b"".join(iter(lambda: ours.recv(1 << 16), b"")).decode(errors="replace").split("\0")
    if len(said) != 4:
        return End(done.code, done.seconds, "launcher", "ended what watched over it", "its launcher was ended")
    code, stopped, how, uncontained = said
    if stopped == "refused":
        raise _refused(words, folder, int(how))
    return End(int(code), done.seconds, stopped, how, uncontained or ("" if job["rules"] else available() or ""))


def _refused(words: Sequence[str], folder: str, code: int) -> Exception:
    error = OSError(code, os.strerror(code))
    if isinstance(error, FileNotFoundError | PermissionError | NotADirectoryError):
        return shell.not_there(words, folder, error)
    return error


def _job(
    words: Sequence[str], env: Mapping[str, str], fence: Fence, temporary: Path, within_s: float, limits: Limits
) -> Job:
    if any("\0" in text for text in (*words, *env, *env.values())):
        raise ValueError("a NUL character in a word or a variable")
    own = [*(fence.own if fence.held else ()), os.path.realpath(temporary)]
    if held := next((path for path in own for closed in fence.closed if _below(closed, path)), ""):
        raise ValueError(f"{held} holds the state folder: a command may not write there")
    rules = list(_rules(fence, own)) if fence.held and not available() else []
    return {
        "argv": [os.fsencode(word) for word in words],
        "env": {os.fsencode(name): os.fsencode(value) for name, value in env.items()},
        "folder": os.fsencode(fence.own[0]),
        "within_s": within_s,
        "rules": [(os.fsencode(path), rights) for path, rights in rules],
        "own": [os.fsencode(path) for path in own],
        "temporary": os.fsencode(temporary),
        "since_ns": temporary.stat().st_ctime_ns,
        "limits": asdict(limits),
    }


def _rules(fence: Fence, own: Sequence[str]) -> Iterator[tuple[str, int]]:
    """What Landlock shall grant. Everybody may see names; of devices, those that every program expects."""
    yield "/", landlock.READ_DIR
    for path in _readable("/", (*fence.closed, "/dev")):
        yield path, landlock.READ
    for path in fence.open:
        yield path, landlock.READ
    for path in own:
        yield path, landlock.WRITE
    for path in map(os.path.realpath, _SHARED):
        if not any(_below(one, path) for one in fence.ours):
            yield path, landlock.WRITE
    for name in _DEVICES:
        yield f"/dev/{name}", landlock.READ_FILE | landlock.WRITE_FILE
    for name in _SHARED_DEVICES:
        yield f"/dev/{name}", landlock.WRITE


def _readable(folder: str, closed: Sequence[str]) -> Iterator[str]:
    """The largest folders and files that together are all but what is closed: grants cannot be taken back below."""
    if folder in closed:
        return
    if not any(_below(one, folder) for one in closed):
        yield folder
        return
    with suppress(OSError), os.scandir(folder) as found:
        for entry in found:
            if not entry.is_symlink():  # where it leads is granted by its own name, or closed
                yield from _readable(entry.path, closed)


def _below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _source() -> str:
    return str(Path(__file__).parents[1])


def _own_environment() -> dict[str, str]:
    """Of the launcher, which is no part of what the command may steer; where Python itself is found by it."""
    return {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
