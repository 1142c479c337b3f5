"""Landlock: a process gives up, for itself and for all that it starts, what it will not need of the file system.

Linux only, and no privilege is needed. It cannot be undone. Whoever is restricted can also not attach to, look into
or (from ABI 6 on) signal a process that is not. Imports little: the launcher of every command reads this file.
"""

from __future__ import annotations

import ctypes
import os
import stat

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_REMOVE_DIR, _REMOVE_FILE, _MAKE_CHAR, _MAKE_DIR, _MAKE_REG, _MAKE_SOCK, _MAKE_FIFO, _MAKE_BLOCK, _MAKE_SYM = (
    1 << bit for bit in range(4, 13)
)
_REFER, _TRUNCATE = 1 << 13, 1 << 14

READ = READ_FILE | EXECUTE
WRITE = (
    READ | READ_DIR | WRITE_FILE | _REMOVE_DIR | _REMOVE_FILE | _MAKE_DIR | _MAKE_REG | _MAKE_SOCK | _MAKE_FIFO
    | _MAKE_SYM | _REFER | _TRUNCATE
)  # fmt: skip
_EVERY = WRITE | _MAKE_CHAR | _MAKE_BLOCK
_OF_A_FILE = EXECUTE | WRITE_FILE | READ_FILE | _TRUNCATE

LEAST_ABI = 2  # the first forbids every rename from one folder into another: too much breaks
_ABI_TRUNCATE, _ABI_SIGNALS = 3, 6
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on every architecture
_VERSION, _PATH_BENEATH, _SCOPE_SIGNAL = 1, 1, 2
_PR_SET_NO_NEW_PRIVS = 38

_libc = ctypes.CDLL(None, use_errno=True)


class _Ruleset(ctypes.Structure):
    _fields_ = [("fs", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64)]


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = [("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32)]


def abi() -> int:
    """Which Landlock this kernel has; 0 for none."""
    return max(0, int(_libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(_VERSION))))


def lacks() -> str | None:
    """Why a command cannot be contained here; None when it can."""
    found = abi()
    if not found:
        return "this kernel has no Landlock, or it is switched off (Linux 5.19 or later, `landlock` in its `lsm=`)"
    if found < LEAST_ABI:
        return "this kernel's Landlock forbids every rename between folders (Linux 5.19 or later does not)"
    return None


def restrict(rules: list[tuple[bytes, int]]) -> None:
    """From here on this process may do what these rules grant, and no more. A path that is gone grants nothing.

    OSError when the system does not take it; nothing is restricted then.
    """
    version = abi()
    handled = _EVERY if version >= _ABI_TRUNCATE else _EVERY & ~_TRUNCATE
    _enforce(_Ruleset(handled, 0, _SCOPE_SIGNAL if version >= _ABI_SIGNALS else 0), rules)


def keep_signals() -> bool:
    """From here on this process can signal nobody but what it starts from now on; False where the kernel cannot hold it."""
    if abi() < _ABI_SIGNALS:
        return False
    try:
        _enforce(_Ruleset(_REFER, 0, _SCOPE_SIGNAL), [(b"/", _REFER)])  # who does not grant this one forbids it
    except OSError:
        return False
    return not (_reaches(os.getppid()) or _reaches(1))  # seen to hold, as much depends on it


def _reaches(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except PermissionError:
        return False
    except ProcessLookupError:
        return True  # nothing was seen
    return True


def _enforce(asked: _Ruleset, rules: list[tuple[bytes, int]]) -> None:
    ruleset = _call(_CREATE_RULESET, ctypes.byref(asked), ctypes.c_size_t(ctypes.sizeof(asked)), ctypes.c_uint32(0))
    try:
        for path, rights in rules:
            _grant(ruleset, path, rights & asked.fs)
        if _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
            raise OSError(ctypes.get_errno(), "no_new_privs is refused")
        _call(_RESTRICT_SELF, ctypes.c_int(ruleset), ctypes.c_uint32(0))
    finally:
        os.close(ruleset)


def _grant(ruleset: int, path: bytes, rights: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return
    try:
        mode = os.fstat(place).st_mode
        if stat.S_ISLNK(mode):  # where it leads has a rule of its own, or none
            return
        rule = _PathBeneath(rights if stat.S_ISDIR(mode) else rights & _OF_A_FILE, place)
        if rule.allowed:
            number = ctypes.c_int(_PATH_BENEATH)
            _call(_ADD_RULE, ctypes.c_int(ruleset), number, ctypes.byref(rule), ctypes.c_uint32(0))
    finally:
        os.close(place)


def _call(*words: object) -> int:
    done = int(_libc.syscall(*words))
    if done < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return done
