"""The launcher of one command: starts it with what it may do, watches what it uses, and ends all that comes of it.

It stays the parent of everything that the command starts, daemons too (PR_SET_CHILD_SUBREAPER). When the command ends,
takes too much or too long, or when whoever ordered it is gone, it kills every descendant, removes the temporary folder
and says how it ended. It is a program of its own, started as `python -I -S`: it imports little, and starts quickly.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # `signal` imports enum
import ctypes
import marshal
import os
import resource
import select
import sys
import time

from penstock import landlock
from penstock.footprint import Disk, Family, Growth, removal

TYPE_CHECKING = False  # `typing` costs more than all else here
if TYPE_CHECKING:
    from typing import Any

    from penstock.containment import Job

_LOOK_S = 0.1
_SHARE = 20  # a look may cost a twentieth of the time
_END_WITHIN_S = 5.0
_CHUNK = 1 << 18
_WALL = 0x40000000  # children of every kind
_PDEATHSIG, _DUMPABLE, _CAPBSET_DROP, _SUBREAPER, _NO_NEW_PRIVS = 1, 4, 24, 36, 38
_OOM_SCORE = b"500"
_ENDINGS = (_signal.SIGHUP, _signal.SIGINT, _signal.SIGTERM)
# Of root only: what would lead past Landlock (raw memory, modules, mounts, other processes' memory), or ends the machine.
# SYS_MODULE RAWIO PTRACE ADMIN BOOT TIME, MAC_OVERRIDE MAC_ADMIN SYSLOG, PERFMON BPF
_CAPABILITIES = (16, 17, 19, 21, 22, 25, 32, 33, 34, 38, 39)

_prctl = ctypes.CDLL(None, use_errno=True).prctl


def main() -> None:
    """Read the job, do it, and say how it ended to whoever holds the other end of `life`."""
    told, life = map(int, sys.argv[-2:])
    os.set_inheritable(life, False)
    for name in _ENDINGS:  # whoever ends a whole group leaves us the time to clean up
        _signal.signal(name, _signal.SIG_IGN)
    job: Job = marshal.loads(_all(told))  # noqa: S302 - from our own parent, in the same Python
    _prctl(_SUBREAPER, 1, 0, 0, 0)
    launched = Launched(job, bool(job["rules"]) and landlock.keep_signals())
    try:
        stopped, how = launched.refused or launched.watch(life)
    finally:
        left = launched.end()
        if launched.stopped_by_disk:
            _remove_what_is_new(job["own"], job["since_ns"])
        _remove(job["temporary"])
    if left and not stopped:
        stopped, how = "left", f"left {left} processes that could not be ended"
    words = (str(launched.code), stopped, how, launched.uncontained)
    try:
        _say(life, "\0".join(words).encode())
    finally:
        os._exit(0)  # also when nobody waits for it: there is nothing else to tidy up


class Launched:
    """The command, from its start to the end of the last process that came of it."""

    def __init__(self, job: Job, alone: bool) -> None:
        self.alone = alone  # whatever we signal came of the command: the kernel holds us to it
        self.limits = job["limits"]
        self.code = 0
        self.ended = self.stopped_by_disk = False
        self.uncontained = ""
        self.refused: tuple[str, str] | None = None
        self._written = 0
        self._deadline = time.monotonic() + job["within_s"]
        limits = self.limits
        self._disk = Disk(job["own"], job["since_ns"], limits["disk"], limits["least_free"], limits["walk_s"])
        self._output, theirs = os.pipe()
        os.set_blocking(self._output, False)
        told, telling = os.pipe()
        launcher = os.getpid()
        self.pid = os.fork()
        if not self.pid:
            _become(job, launcher, theirs, telling)
        _prctl(_DUMPABLE, 0, 0, 0, 0)  # the command may not look into us, on any kernel
        os.close(theirs)
        os.close(telling)
        self._hear(_all(told))

    def _hear(self, said: bytes) -> None:
        kind, _, text = said.decode(errors="replace").partition(" ")
        if kind == "refused":
            self.refused = ("refused", text)
        elif kind == "uncontained":
            self.uncontained = text

    def watch(self, life: int) -> tuple[str, str]:
        """Until the command ends, or must be ended: then why, and in words."""
        try:
            return self._watch(life)
        except OSError as error:  # its output cannot be kept
            self.stopped_by_disk = True
            return "disk", f"wrote what could not be kept: {error.strerror}"

    def _watch(self, life: int) -> tuple[str, str]:
        poll = select.poll()
        ending = _pidfd(self.pid)
        for one in (life, self._output, ending):
            if one >= 0:
                poll.register(one, select.POLLIN)
        look_at = 0.0
        while not self.ended:
            now = time.monotonic()
            if now >= self._deadline:
                return "time-out", "was not over in time"
            if now >= look_at:
                if stopped := self._look():
                    return stopped
                look_at = now + max(_LOOK_S, _SHARE * (time.monotonic() - now))
            until = min(look_at, self._deadline) if ending >= 0 else now + 0.02
            for one, _ in poll.poll(max(0.0, until - time.monotonic()) * 1000 + 1):
                if one == life:
                    return "unwanted", "was ended, as nobody waits for it any more"
                if one == self._output and not self._copy():
                    poll.unregister(one)
            if self._written > self.limits["output"]:
                return self._too_long()
            self._reap()
        return self._too_much_on_disk(Family(os.getpid())) or ("", "")

    def _look(self) -> tuple[str, str] | None:
        """Whether it takes more of the machine than it may."""
        family = Family(os.getpid())
        members, threads = len(family.members), family.threads
        if members > self.limits["processes"] or threads > 5 * self.limits["processes"]:
            return "processes", f"had {members} processes with {threads} threads"
        used = family.memory(self.limits["memory"])
        if used > self.limits["memory"]:
            return "memory", f"used {used >> 20} MiB of memory"
        return self._too_much_on_disk(family)

    def _too_much_on_disk(self, family: Family) -> tuple[str, str] | None:
        if said := self._disk.complaint(family):
            self.stopped_by_disk = True
            return "disk", said
        return None

    def _too_long(self) -> tuple[str, str]:
        return "output", f"wrote more than {self.limits['output'] >> 20} MiB of output"

    def _copy(self) -> bool:
        """Some of its output into the log; False at its end."""
        try:
            data = os.read(self._output, _CHUNK)
        except BlockingIOError:
            return True
        self._written += len(data)
        return bool(data) and _say(1, data)

    def _reap(self) -> bool:
        """Collect what ended; False when there is nobody left to wait for."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG | _WALL)
            except ChildProcessError:
                return False
            if not pid:
                return True
            if pid == self.pid:
                self.ended, self.code = True, os.waitstatus_to_exitcode(status)

    def end(self) -> int:
        """Kill whatever is left, keep the last of the output; how many could not be ended."""
        until = time.monotonic() + _END_WITHIN_S
        while self._reap():
            if time.monotonic() > until:
                return max(1, len(Family(os.getpid()).members))
            self._kill()
            time.sleep(0.002)
        self._drain()
        return 0

    def _kill(self) -> None:
        """Everything at once: who is listed one by one can fork faster than that, or be another one each time."""
        if self.alone:
            _signalled(-1, _signal.SIGKILL)
            return
        stopped: set[int] = set()
        for _ in range(20):  # what is stopped cannot fork
            new = Family(os.getpid()).members.keys() - stopped
            for pid in new:
                _signalled(pid, _signal.SIGSTOP)
            stopped |= new
            if not new:
                break
        for pid in stopped:
            _signalled(pid, _signal.SIGKILL)
        if not self.ended:  # where /proc shows nothing, this much is known
            _signalled(-self.pid, _signal.SIGKILL)
            _signalled(self.pid, _signal.SIGKILL)

    def _drain(self) -> None:
        try:
            while self._written <= self.limits["output"] and (data := os.read(self._output, _CHUNK)):
                self._written += len(data)
                _say(1, data)
        except OSError:
            return


def _become(job: Job, launcher: int, output: int, telling: int) -> None:
    """In the child: give up what it does not need, and become the command."""
    try:
        os.setsid()
        _prctl(_PDEATHSIG, _signal.SIGKILL, 0, 0, 0)
        if os.getppid() != launcher:
            os._exit(127)
        _prepare(job["limits"], output)
        os.chdir(job["folder"])
        try:
            if job["rules"]:
                landlock.restrict(job["rules"])
        except OSError as error:
            _say(telling, f"uncontained {error.strerror}".encode())
        os.execvpe(job["argv"][0], job["argv"], job["env"])
    except OSError as error:
        _say(telling, f"refused {error.errno}".encode())
    finally:
        os._exit(127)


def _prepare(limits: dict[str, Any], output: int) -> None:
    with open("/dev/null", "rb", buffering=0) as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    for number in _signal.valid_signals():  # ignored by us, by Python or by whoever started us
        if _signal.getsignal(number) == _signal.SIG_IGN:
            _signal.signal(number, _signal.SIG_DFL)
    _prctl(_NO_NEW_PRIVS, 1, 0, 0, 0)  # what became another user could not be ended
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, limits["disk"] // 8 * 9)  # a little more, so that it is seen
    _first_to_go()
    if not os.geteuid():
        for capability in _CAPABILITIES:
            _prctl(_CAPBSET_DROP, capability, 0, 0, 0)


def _limit(what: int, most: int) -> None:
    _, hard = resource.getrlimit(what)
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(what, (most, most))


def _first_to_go() -> None:
    """When the kernel is out of memory, it ends this before it ends what serves."""
    try:
        with open("/proc/self/oom_score_adj", "wb", buffering=0) as file:
            file.write(_OOM_SCORE)
    except OSError:
        return


def _pidfd(pid: int) -> int:
    try:
        return os.pidfd_open(pid)
    except OSError:
        return -1


def _signalled(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except OSError:
        return


def _all(source: int) -> bytes:
    """Everything until its end, which is closed then."""
    parts = []
    while data := os.read(source, _CHUNK):
        parts.append(data)
    os.close(source)
    return b"".join(parts)


def _say(where: int, data: bytes) -> bool:
    while data:
        data = data[os.write(where, data) :]
    return True


def _remove_what_is_new(folders: list[bytes], since_ns: int) -> None:
    """Files that a command wrote; a folder that it closed, as a whole."""
    found = Growth(folders, since_ns)
    for path in found.files:
        try:
            os.unlink(path)
        except OSError:
            continue
    for path in found.unseen:
        try:
            if os.lstat(path).st_ctime_ns > since_ns:
                _remove(path)
        except OSError:
            continue


def _remove(path: bytes) -> None:
    """A folder and all in it: closed to its owner, or deeper than a path may be long."""
    try:
        os.rmdir(path)
        return
    except OSError:
        if not os.path.isdir(path) or os.path.islink(path):
            return
    try:
        pid = os.posix_spawn("/bin/sh", removal(path), {"PATH": "/usr/bin:/bin"}, file_actions=_silent())
    except OSError:
        return
    os.waitpid(pid, 0)


def _silent() -> list[tuple[object, ...]]:
    return [(os.POSIX_SPAWN_OPEN, number, b"/dev/null", os.O_RDWR, 0) for number in (0, 1, 2)]
