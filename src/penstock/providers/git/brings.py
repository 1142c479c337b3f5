"""What lies between two commits: the paths that changed, how much, who wrote it, and what they said."""

from __future__ import annotations

from penstock.core.brought import Brought
from penstock.providers.git.program import Git

COMMITS_MAX = 1000
_CO_AUTHORS = "%(trailers:key=Co-authored-by,valueonly,separator=%x01)"


def brings(git: Git, old: str | None, new: str) -> Brought:
    """From `old` (None: nothing) to `new`; both are commits of the repository."""
    span = (
        [f"--max-count={COMMITS_MAX}", "--end-of-options", f"{old}..{new}"] if old else ["-1", "--end-of-options", new]
    )
    told = git.text("log", "-z", f"--format=%an%x01%ae%x01{_CO_AUTHORS}%x02%B", *span)
    messages, authors = _told(told)
    if old is None:
        return Brought(False, (), 0, messages, authors)
    paths, lines = _counted(git.text("diff", "--numstat", "-z", "--no-renames", "--end-of-options", old, new, "--"))
    return Brought(True, paths, lines, messages, authors)


def _told(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(messages, authors) of a log: records end with NUL, the people of one come before its message."""
    messages, authors = [], set()
    for record in filter(None, text.split("\0")):
        people, _, message = record.partition("\x02")
        messages.append(message.strip())
        for word in people.split("\x01"):
            name, _, rest = word.partition("<")
            authors |= {one for one in (name.strip(), rest.strip("> \n")) if one}
    return tuple(messages), tuple(sorted(authors))


def _counted(text: str) -> tuple[tuple[str, ...], int]:
    """(paths, lines added and removed) of `--numstat -z`; a binary file has no lines."""
    paths, lines = [], 0
    for record in filter(None, text.split("\0")):
        added, removed, path = record.split("\t", 2)
        paths.append(path)
        lines += sum(int(count) for count in (added, removed) if count.isdigit())
    return tuple(paths), lines
