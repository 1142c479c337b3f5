"""git, asked about a release's repository for a check: read only, bounded, without anybody's configuration."""

from __future__ import annotations

import os
import re
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from penstock import shell
from penstock.core.finding import Finding, Outcome
from penstock.errors import PenstockError

READ_LIMIT = 64 << 20
COMMITS_LIMIT = 10_000
_ID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_CONFIG = {
    "advice.graftFileDeprecated": "false",
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "core.quotePath": "false",
    "gpg.ssh.program": "ssh-keygen",
    "i18n.logOutputEncoding": "UTF-8",
    "log.showSignature": "false",
}


class CannotRead(Exception):
    """The repository does not answer, or not in time; `remedy` is what to do."""

    def __init__(self, what: str, remedy: str = "a repository that `git fsck` finds nothing wrong with") -> None:
        super().__init__(what)
        self.remedy = remedy


@dataclass(frozen=True)
class Commit:
    """One commit as a person wrote it: git proves neither name nor address."""

    id: str
    parents: tuple[str, ...]
    email: str
    message: str

    @property
    def subject(self) -> str:
        """The first line, as it is."""
        return self.message.strip("\n").split("\n", 1)[0]


@dataclass(frozen=True)
class Repository:
    """A git folder, bare or not, asked until the monotonic clock says `until`."""

    folder: str
    until: float

    def ask(
        self, *words: str, stdin: str | None = None, log: Path | None = None, env: Mapping[str, str] | None = None,
        config: Mapping[str, str] | None = None,
    ) -> shell.Completed:  # fmt: skip
        """Run git, whatever it answers; CannotRead when it is not there, or not over in time."""
        settings = [part for name, value in {**_CONFIG, **(config or {})}.items() for part in ("-c", f"{name}={value}")]
        left_s = self.until - time.monotonic()
        if left_s <= 0:
            raise CannotRead("the time was over before all was read", "more time, with `within`")
        try:
            done = shell.run(
                ["git", "--no-pager", "-C", self.folder, *settings, *words],
                env={**_environment(), **(env or {})}, timeout_s=left_s, stdin=stdin, log_file=log,
            )  # fmt: skip
        except (PenstockError, OSError, ValueError) as error:
            raise CannotRead(f"git cannot be run: {error}", "install git") from error
        if done.timed_out:
            raise CannotRead("git was not over in time", "more time, with `within`")
        return done

    def bytes(self, *words: str, stdin: str | None = None, limit: int = READ_LIMIT) -> bytes:
        """All that it prints, names and contents as they are; CannotRead when that is more than `limit`."""
        with tempfile.TemporaryDirectory(prefix="penstock-git-") as place:
            log = Path(place) / "out"
            done = self.ask(*words, stdin=stdin, log=log)
            with log.open("rb") as file:
                data = file.read(limit + 1)
        if not done.ok:
            raise CannotRead(f"git says: {_said(data.decode('utf-8', 'replace'))}")
        if len(data) > limit:
            raise CannotRead(f"git printed more than {limit >> 20} MiB", "a release of fewer commits")
        return data

    def has(self, commit: str) -> bool:
        """Whether it has this commit; anything but a full id is none."""
        return bool(_ID.fullmatch(commit)) and self.ask("cat-file", "-e", f"{commit}^{{commit}}").ok

    def contains(self, old: str, new: str) -> bool:
        """Whether `old` is in the history of `new`; both are ids it has."""
        done = self.ask("merge-base", "--is-ancestor", old, new)
        if done.code not in (0, 1):
            raise CannotRead(f"git says: {_said(done.err)}")
        return done.code == 0

    def refs(self, *patterns: str) -> dict[str, str]:
        """Full names of refs, and the commit that each leads to. A name never holds a space or a control character."""
        form = "--format=%(objectname) %(*objectname) %(refname)"
        lines = self.bytes("for-each-ref", form, *patterns).decode("utf-8", "replace").splitlines()
        rows = (line.split(" ", 2) for line in lines)
        return {name: peeled or plain for plain, peeled, name in rows}

    def need(self, commit: str, what: str) -> None:
        """CannotRead when a commit is not there."""
        if not self.has(commit):
            said = f"{what} {commit[:12] or '(none)'} is not in the repository that is read"
            raise CannotRead(said, "a clone that has it: git fetch --unshallow")

    def commits(self, span: Sequence[str], *, newest: int = 0, limit: int = COMMITS_LIMIT) -> list[Commit]:
        """Commits of a span such as (`new`, `^old`), newest first, all or so many; CannotRead when they pass `limit`."""
        form = "--format=%H%x00%P%x00%ae%x00%B%x00"
        data = self.bytes("log", f"--max-count={newest or limit + 1}", form, "--end-of-options", *span, "--")
        parts = data.decode("utf-8", "replace").split("\0")
        rows = [parts[at : at + 4] for at in range(0, len(parts) - 1, 4)]
        if len(rows) > limit:
            raise CannotRead(f"there are more than {limit:,} commits since the last release", "smaller releases")
        if any(len(row) < 4 or not _ID.fullmatch(row[0].strip()) for row in rows):
            raise CannotRead("git's list of commits cannot be read")
        return [Commit(row[0].strip(), tuple(row[1].split()), row[2], row[3]) for row in rows]


def since(commit: str, last: str) -> tuple[str, ...]:
    """What git calls the commits of a release: all since the last one; of a first release all there are."""
    return (commit, f"^{last}") if last else (commit,)


def plain(text: str, limit: int = 120) -> str:
    """A name or a line as it may be shown: in one line, no control characters, not too long."""
    shown = _CONTROL.sub("\ufffd", text.encode("utf-8", "replace").decode("utf-8", "replace"))
    return shown if len(shown) <= limit else f"{shown[: limit - 3]}..."


def unread(error: CannotRead) -> Outcome:
    """What could not be read was not inspected."""
    condition = plain(str(error), 280)
    return Outcome("errored", condition, (Finding(condition, "nothing was judged, which is no pass", error.remedy),))


def bounded(findings: Sequence[Finding], limit: int = 100) -> tuple[Finding, ...]:
    """At most a hundred, the last of which says how many more there are."""
    if len(findings) <= limit:
        return tuple(findings)
    more = Finding(f"and {len(findings) - limit + 1} more", "they are not listed", "mend these first")
    return (*findings[: limit - 1], more)


def _environment() -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", "/usr/local/bin:/usr/bin:/bin"),
        "HOME": os.devnull,
        "LC_ALL": "C",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_GRAFT_FILE": os.devnull,
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_NO_LAZY_FETCH": "1",
    }


def _said(text: str) -> str:
    lines = text.strip().splitlines() or ["nothing"]
    fatal = next((line for line in lines if line.startswith(("fatal: ", "error: "))), lines[-1])
    return plain(fatal, 200)
