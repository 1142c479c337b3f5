"""The log of a build: what its commands printed, without its secrets, and no larger than 4 MiB."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Collection
from pathlib import Path

from penstock.core.masking import longest_spelling, mask

LIMIT = 4 << 20
_LINE = 300
_CUT = "[earlier output was cut]\n"
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x1f\x7f]")


def note(log_file: Path, line: str) -> None:
    """A line of our own; the file is made when it is not there (0600)."""
    log_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(os.open(log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "w") as file:
        file.write(f"{line}\n")


def settle(log_file: Path, values: Collection[str]) -> None:
    """Mask the values and cut what is over the limit. In place: it needs no space on a full disk."""
    if not log_file.exists() or not (values or log_file.stat().st_size > LIMIT):
        return
    with log_file.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        cut = size - LIMIT + len(_CUT) if size > LIMIT else 0
        file.seek(cut)
        text = mask(file.read().decode("utf-8", "surrogateescape"), values)
        if cut:  # a value may have been cut in two: what may be the rest of one goes too
            text = _CUT + text[longest_spelling(values) :]
        file.seek(0)
        file.write(text.encode("utf-8", "surrogateescape"))
        file.truncate()


def last_line(log_file: Path) -> str:
    """The last line with something in it; empty when there is none."""
    with log_file.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 4096))
        lines = file.read().decode("utf-8", "replace").splitlines()
    said = (_CONTROL.sub(" ", line).strip()[:_LINE] for line in reversed(lines))
    return next((line for line in said if line), "")


def shown(argv: list[str], values: Collection[str]) -> str:
    """A command as one short masked line."""
    return _CONTROL.sub(" ", mask(shlex.join(argv), values))[:_LINE]
