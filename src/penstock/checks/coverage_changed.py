"""Which lines changed since the last release, and which of them ran."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from penstock import shell
from penstock.checks.coverage_formats import File, Files
from penstock.checks.tests_reading import Unreadable, shown
from penstock.core.finding import CheckRequest

Lines = dict[str, set[int]]

_LIMIT = 50 << 20
_HUNK = re.compile(r"@@ -\d+(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_COMMIT = re.compile(r"[0-9a-f]{7,64}")


@dataclass(frozen=True)
class Changed:
    """Of the changed lines that are code, by file: which did not run, and how many there are in all."""

    bare: dict[str, list[int]]
    total: int

    @property
    def share(self) -> float:
        """How much of what changed ran; all of nothing."""
        return 1 - sum(map(len, self.bare.values())) / self.total if self.total else 1.0


def changed(request: CheckRequest, within_s: float) -> Lines:
    """The lines that this commit has and the last release's did not; Unreadable when git cannot tell."""
    last, commit = request.last.commit, request.commit
    if not request.repository or not _COMMIT.fullmatch(last) or not _COMMIT.fullmatch(commit):
        raise Unreadable("is not known: there is no repository with both commits")
    with tempfile.TemporaryDirectory(prefix="penstock-diff-") as folder:
        log = Path(folder) / "diff"  # in a file: of what is returned only the end is kept
        env = {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "HOME": folder,
            "LC_ALL": "C",
            "GIT_CONFIG_NOSYSTEM": "1",
        }
        done = shell.run(diff_argv(request.repository, last, commit), env=env, timeout_s=within_s, log_file=log)
        with log.open("rb") as file:
            text = file.read(_LIMIT + 1).decode("utf-8", "replace")
    if not done.ok:
        raise Unreadable(f"is not known: {shown(text or 'git was not over in time', 150)}")
    if len(text) > _LIMIT:
        raise Unreadable(f"is more than {_LIMIT >> 20} MiB")
    return lines_of(text)


def diff_argv(repository: str, last: str, commit: str) -> tuple[str, ...]:
    """The words that ask git what changed, whatever its configuration says."""
    return (
        "git", "-C", repository, "-c", "core.quotePath=false", "diff", "--unified=0", "--no-color", "--no-ext-diff",
        "--no-textconv", "--find-renames", "--src-prefix=a/", "--dst-prefix=b/", f"{last}..{commit}", "--",
    )  # fmt: skip


def lines_of(diff: str) -> Lines:
    """The new lines of a diff without context. What a hunk holds is passed over: it may look like anything."""
    found: Lines = {}
    path = ""
    rest = 0
    for line in diff.split("\n"):
        if rest:
            rest -= not line.startswith("\\")
        elif line.startswith("+++ "):
            path = _path(line[4:].rstrip("\r"))
        elif hunk := _HUNK.match(line):
            old, new = int(hunk[1] or 1), int(hunk[3] or 1)
            rest = old + new
            if path and new:
                found.setdefault(path, set()).update(range(int(hunk[2]), int(hunk[2]) + new))
    return found


def _path(said: str) -> str:
    """The path after `+++`: git ends one that holds a space with a tab, and quotes one that holds a quote."""
    said = said.rstrip("\t")
    if said.startswith('"') and said.endswith('"'):
        plain = said[1:-1].encode("latin-1", "backslashreplace").decode("unicode_escape", "replace")
        said = plain.encode("latin-1", "replace").decode("utf-8", "replace")
    return said.removeprefix("b/") if said != "/dev/null" else ""


def of(lines: Mapping[str, set[int]], files: Files) -> Changed:
    """What of the changed lines ran. A file that the report does not know, and what is no code in it, does not count."""
    ends: dict[str, list[str]] = {}
    for path in files:
        ends.setdefault(path.rpartition("/")[2], []).append(path)
    bare: dict[str, list[int]] = {}
    total = 0
    for path, numbers in lines.items():
        file = files.get(path) or _by_its_end(path, ends.get(path.rpartition("/")[2], ()), files)
        known = sorted(numbers & file.lines.keys()) if file else []
        total += len(known)
        if file and (left := [number for number in known if not file.lines[number]]):
            bare[path] = left
    return Changed(bare, total)


def _by_its_end(path: str, names: list[str] | tuple[()], files: Files) -> File | None:
    """A report may name a file from its root, or from a folder of sources: one of the two paths ends with the other."""
    fitting = [name for name in names if f"/{path}".endswith(f"/{name}") or f"/{name}".endswith(f"/{path}")]
    return files[max(fitting, key=len)] if fitting else None
