"""The only door to subprocess: argv in, a finished or a living process out. No shell, ever, unless argv names one."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from penstock.errors import PenstockError

EVERY_S = 0.25


@dataclass(frozen=True)
class Completed:
    """A process that ended. `code` is -N when signal N ended it; `timed_out` when we did."""

    argv: tuple[str, ...]
    code: int
    out: str
    err: str
    seconds: float
    timed_out: bool = False

    @property
    def ok(self) -> bool:
        return self.code == 0 and not self.timed_out


@dataclass(frozen=True)
class Process:
    """A living process, known beyond the life of its parent: pid, boot and start time name it for good."""

    pid: int
    boot_id: str
    start_ticks: int


def run(
    argv: Sequence[str],
    *,
    cwd: str | Path | None = None,
    env: Mapping[str, str] | None = None,
    timeout_s: float = 60.0,
    stdin: str | None = None,
    log_file: str | Path | None = None,
    pass_fds: Sequence[int] = (),
    every: Callable[[], None] | None = None,
    asks: bool = False,
) -> Completed:
    """Run to the end, at most `timeout_s`; then its whole process group is killed.

    Output is returned (at most the last 1 MiB of each stream) or, with `log_file`, written there (0600).
    `asks`: it may ask the person at this terminal, so it stays in this session, and alone is killed.
    `every` is called some four times a second meanwhile, where the output goes to a file and nothing to its input.
    A program that is not there is a PenstockError `no-program`.
    """
    began = time.monotonic()
    sink = _open_log(log_file) if log_file else subprocess.PIPE
    try:
        process = subprocess.Popen(
            list(argv),
            cwd=cwd,
            env=dict(env) if env is not None else None,
            stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT if log_file else subprocess.PIPE,
            start_new_session=not asks,
            pass_fds=tuple(pass_fds),
        )
    except (FileNotFoundError, PermissionError, NotADirectoryError) as error:
        raise not_there(argv, cwd, error) from error
    finally:
        if isinstance(sink, int) and sink >= 0:
            os.close(sink)
    out = err = None
    timed_out = False
    try:
        if log_file and stdin is None:
            _wait(process, timeout_s, every)
        else:
            out, err = process.communicate(stdin.encode() if stdin is not None else None, timeout=timeout_s)
    except subprocess.TimeoutExpired:
        timed_out = True
        process.kill() if asks else _kill_group(process.pid)
        out, err = process.communicate()
    return Completed(tuple(argv), process.returncode, _text(out), _text(err), time.monotonic() - began, timed_out)


def _wait(process: subprocess.Popen[bytes], timeout_s: float, every: Callable[[], None] | None) -> None:
    """Until it ends, which is seen at once where the kernel tells; TimeoutExpired as `Popen.wait` raises it."""
    try:
        ended = os.pidfd_open(process.pid)
    except OSError:  # not on this kernel
        ended = -1
    until = time.monotonic() + timeout_s
    try:
        while (left := until - time.monotonic()) > 0:
            if ended >= 0:
                poll = select.poll()
                poll.register(ended, select.POLLIN)
                poll.poll(min(EVERY_S, left) * 1000 if every else left * 1000)
            else:
                time.sleep(min(0.02, left))
            if process.poll() is not None:
                return
            if every:
                every()
    finally:
        if ended >= 0:
            os.close(ended)
    if process.poll() is None:
        raise subprocess.TimeoutExpired(process.args, timeout_s)


def spawn(
    argv: Sequence[str],
    log_file: str | Path,
    *,
    cwd: str | Path | None = None,
    env: Mapping[str, str] | None = None,
    pass_fds: Sequence[int] = (),
) -> Process:
    """Start a process of its own session that outlives us; its output goes to a file, never a pipe."""
    sink = _open_log(log_file)
    try:
        process = subprocess.Popen(
            list(argv),
            cwd=cwd,
            env=dict(env) if env is not None else None,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            start_new_session=True,
            pass_fds=tuple(pass_fds),
        )
    except (FileNotFoundError, PermissionError, NotADirectoryError) as error:
        raise not_there(argv, cwd, error) from error
    finally:
        os.close(sink)
    # Popen would warn that the child still runs; it is meant to. `reap` collects it when it ends.
    process.returncode = 0
    return Process(process.pid, boot_id(), start_ticks(process.pid))


def alive(process: Process) -> bool:
    """Whether that very process still runs: same boot, same start, not a zombie."""
    if process.boot_id != boot_id():
        return False
    stat = _stat(process.pid)
    return stat is not None and stat[0] != "Z" and stat[1] == process.start_ticks


def reap(pid: int) -> int | None:
    """The exit code of a child of ours that ended; None while it runs, or when it is not our child."""
    try:
        done, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return None
    return os.waitstatus_to_exitcode(status) if done else None


def end(process: Process, signal_number: int = signal.SIGTERM) -> None:
    """Signal a process and its group, if it is still that very process."""
    if alive(process):
        try:
            os.killpg(process.pid, signal_number)
        except ProcessLookupError:
            return


def not_there(argv: Sequence[str], cwd: object, error: OSError) -> PenstockError:
    """The error of a program, or of the folder to run it in, that is not there."""
    return PenstockError(
        "no-program",
        f"cannot run `{argv[0]}`: {error.strerror}",
        where=str(cwd or ""),
        why="the program, or the folder it should run in, is not there or may not be entered",
        next=f"install {argv[0]}, or name it by its full path",
    )


def boot_id() -> str:
    """The name of this boot. PENSTOCK_BOOT_ID_FILE lets a test stand in for a reboot."""
    path = os.environ.get("PENSTOCK_BOOT_ID_FILE", "/proc/sys/kernel/random/boot_id")
    return Path(path).read_text().strip()


def start_ticks(pid: int) -> int:
    """When a process started, in clock ticks since boot; 0 when it is gone already."""
    stat = _stat(pid)
    return stat[1] if stat else 0


def _stat(pid: int) -> tuple[str, int] | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text.rsplit(")", 1)[1].split()  # the name may hold spaces and parentheses
    return fields[0], int(fields[19])


def _open_log(path: str | Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)


def _kill_group(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _text(data: bytes | None) -> str:
    return (data or b"")[-(1 << 20) :].decode("utf-8", "replace")
