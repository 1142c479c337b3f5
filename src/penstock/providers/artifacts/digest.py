"""The digest of a folder: sorted paths, executable bits and contents, its own path normalised."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_CHUNK = 1 << 20
_PLACE = b"@ARTIFACT@"


def digest(folder: Path) -> str:
    """SHA-256 in hex over everything in a folder: identity on one host.

    Builds write the folder's own path into scripts: wherever it stands, in a file or in a link's target, it
    counts as one word. Empty folders, `__pycache__`, owners and times do not count. What is neither file nor
    link counts by its name. OSError where something cannot be read.
    """
    total = hashlib.sha256()
    own = os.fsencode(folder.absolute())
    for name, path in sorted(_files(own)):
        kind, content = _entry(path, own)
        total.update(b"%d:%s%s%s" % (len(name), name, kind, content))
    return total.hexdigest()


def _files(folder: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Name inside the folder and path of everything that counts."""
    for here, folders, names in os.walk(folder, onerror=_raise):
        folders[:] = [name for name in folders if name != b"__pycache__"]
        links = [name for name in folders if os.path.islink(os.path.join(here, name))]
        for path in (os.path.join(here, name) for name in (*names, *links)):
            yield os.path.relpath(path, folder), path


def _entry(path: bytes, own: bytes) -> tuple[bytes, bytes]:
    mode = os.lstat(path).st_mode
    if stat.S_ISLNK(mode):
        return b"l", hashlib.sha256(os.readlink(path).replace(own, _PLACE)).digest()
    if not stat.S_ISREG(mode):
        return b"o", hashlib.sha256().digest()  # to open a pipe would be to wait for its writer
    with open(path, "rb") as file:
        return b"x" if mode & stat.S_IXUSR else b"f", _content(file, own)


def _content(file: BinaryIO, own: bytes) -> bytes:
    """The digest of a file's bytes with every `own` in them replaced, of any size in little memory."""
    found, rest = hashlib.sha256(), b""
    while chunk := file.read(_CHUNK):
        *before, rest = (rest + chunk).split(own)
        for part in before:
            found.update(part + _PLACE)
        cut = max(0, len(rest) - len(own) + 1)  # what may be the beginning of another `own` waits for its end
        found.update(rest[:cut])
        rest = rest[cut:]
    found.update(rest)
    return found.digest()


def _raise(error: OSError) -> None:
    raise error
