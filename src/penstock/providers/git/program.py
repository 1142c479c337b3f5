"""The program git, asked about one repository in an environment of its own; its failures, said as ours."""

from __future__ import annotations

import os
from pathlib import Path

from penstock import shell
from penstock.errors import PenstockError, UserError

TIMEOUT_S = 300.0
_KEPT = ("PATH", "HOME", "XDG_CONFIG_HOME", "SSH_AUTH_SOCK")
# A person may have configured otherwise; it would change an answer, or run a program of theirs.
_CONFIG = {
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "core.quotePath": "false",
    "i18n.logOutputEncoding": "UTF-8",
    "log.showSignature": "false",
    "protocol.file.allow": "always",
}


class Git:
    """Asks git about a repository: a checkout, a folder in one, or a bare one."""

    def __init__(self, repository: Path) -> None:
        self.repository = Path(repository)

    def attempt(self, *words: str, stdin: str | None = None, alone: bool = False) -> shell.Completed:
        """Run it, whatever it answers; what git cannot even begin is raised.

        `alone`: without the configuration of user and machine, so that everybody gets the same.
        """
        config = [part for name, value in _CONFIG.items() for part in ("-c", f"{name}={value}")]
        argv = ["git", "--no-pager", "-C", str(self.repository), *config, *words]
        if any("\0" in word for word in argv):
            raise UserError("git", "a word for git holds a NUL character", str(self.repository))
        done = shell.run(argv, env=environment(alone=alone), timeout_s=TIMEOUT_S, stdin=stdin)
        if done.timed_out or _cannot_begin(done.err):
            raise self.failure(done)
        return done

    def text(self, *words: str, stdin: str | None = None, alone: bool = False) -> str:
        """What it prints; a PenstockError when it fails."""
        done = self.attempt(*words, stdin=stdin, alone=alone)
        if not done.ok:
            raise self.failure(done)
        return done.out

    def failure(self, done: shell.Completed) -> PenstockError:
        """What a run that failed says, as an error with its remedy."""
        where = str(self.repository)
        if done.timed_out:
            return PenstockError("git", f"git did not answer within {TIMEOUT_S:.0f} s", where, _said(done))
        if "dubious ownership" in done.err:
            return UserError(
                "unsafe-repository",
                "this repository belongs to another user",
                where,
                "git refuses to read what another user may have prepared",
                f"git config --global --add safe.directory {self.repository.absolute()}",
            )
        if _cannot_begin(done.err):
            return UserError(
                "no-repository",
                "this is not a git repository",
                where,
                "a release is of a commit",
                "git init, and commit what shall be released",
            )
        return PenstockError("git", f"git says: {_said(done)}", where)


def environment(*, alone: bool = False) -> dict[str, str]:
    """What git gets: the user's home and path, and none of the variables that would lead it elsewhere."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    apart = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"} if alone else {}
    return {
        **kept,
        **apart,
        "LC_ALL": "C",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
        # A commit is what its id names, not what a replacement or a graft in this one clone makes of it.
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_GRAFT_FILE": os.devnull,
        "GIT_ATTR_NOSYSTEM": "1",
    }


def _cannot_begin(text: str) -> bool:
    return any(words in text for words in ("not a git repository", "cannot change to", "dubious ownership"))


def _said(done: shell.Completed) -> str:
    """The line that tells why: git's first `fatal:`, else `error:`, else the last."""
    lines = done.err.strip().splitlines() or [f"it ended with {done.code}"]
    for mark in ("fatal: ", "error: "):
        if found := next((line for line in lines if line.startswith(mark)), ""):
            return found.removeprefix(mark)
    return lines[-1]
