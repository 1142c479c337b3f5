"""Reading a file of the commit: a plain file, inside the check's folder, of a size that is bounded."""

from __future__ import annotations

import os
import stat
from pathlib import Path


class Unreadable(Exception):
    """The file cannot be read; the text says why, after the file's name."""


def read(folder: str, path: str, limit: int) -> bytes:
    """What is in a file; Unreadable for one that leads out of the folder, is no plain file, or is larger than `limit`."""
    try:
        real = (Path(folder) / path).resolve(strict=True)
        if not real.is_relative_to(Path(folder).resolve()):
            raise Unreadable("is a link that leads out of the folder")
        # Not blocking: whoever made a pipe of it must not keep us waiting.
        with open(os.open(real, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise Unreadable("is no plain file")
            data = file.read(limit + 1)
    except FileNotFoundError as error:
        raise Unreadable("is not there") from error
    except (OSError, ValueError, RuntimeError) as error:
        raise Unreadable(f"cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if len(data) > limit:
        raise Unreadable(f"is larger than {f'{limit >> 20} MiB' if limit >> 20 else f'{limit >> 10} KiB'}")
    return data
