"""Git's hook before a push, which asks `penstock check`; and nobody else's is touched."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

from penstock.errors import UsageError
from penstock.worktree import hooks_of

HOOK = "pre-push"
MARK = "# written by `penstock check --install-hook`"
_TEXT = """#!/bin/sh
{mark}
# What is asked is the work tree as it lies. Once without it: git push --no-verify. For good: remove this file.
command -v penstock >/dev/null 2>&1 && exec penstock check
exec {python} -m penstock check
"""
BY_HAND = "penstock check || exit 1"


def install(repository: Path) -> str:
    """Write the hook; says what was done. Written twice it is the same; a hook that is somebody else's is refused."""
    path = hooks_of(repository) / HOOK
    text = _TEXT.format(mark=MARK, python=shlex.quote(sys.executable))
    there = _there(path)
    if there == text and os.access(path, os.X_OK):
        return f"{_shown(path)} asks `penstock check` already"
    if there and MARK not in there.splitlines():
        raise UsageError("foreign-hook", f"there is a {HOOK} hook already, and it is not ours", _shown(path),
                         "what somebody wrote is not overwritten", f"add a line to it: {BY_HAND}")  # fmt: skip
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_symlink():
            path.unlink()
        path.write_text(text)
        path.chmod(0o755)
    except OSError as error:
        raise UsageError("cannot-write", f"the hook cannot be written: {error.strerror}", _shown(path),
                         next=f"write it by hand: {BY_HAND}") from error  # fmt: skip
    return f"{_shown(path)} asks `penstock check` before each push; remove that file to be rid of it"


def _there(path: Path) -> str:
    """What the hook is now; empty when there is none. A link that leads nowhere is somebody's, too."""
    if path.is_symlink() and not path.exists():
        return "a link"
    try:
        return path.read_text(errors="replace")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise UsageError("cannot-read", f"the hook cannot be read: {error.strerror}", _shown(path),
                         next=f"write it by hand: {BY_HAND}") from error  # fmt: skip


def _shown(path: Path) -> str:
    return os.path.relpath(path)
