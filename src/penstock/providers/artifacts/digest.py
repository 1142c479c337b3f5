"""The digest of a folder: sorted paths, executable bits and contents, without caches, its own path normalised."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

_CHUNK = 1 << 20
_PLACE = b"@ARTIFACT@"


def digest(folder: Path) -> str:
    """SHA-256 in hex: identity on one host. The folder's own path, which builds write into scripts, counts as one word."""
    total = hashlib.sha256()
    own = str(folder).encode()
    for path in sorted(_files(folder), key=lambda p: str(p.relative_to(folder))):
        name = str(path.relative_to(folder)).encode()
        if path.is_symlink():
            kind, content = b"l", hashlib.sha256(os.readlink(path).encode().replace(own, _PLACE)).digest()
        else:
            kind = b"x" if path.stat().st_mode & 0o100 else b"f"
            content = _content(path, own)
        total.update(b"%d:%s%s%s" % (len(name), name, kind, content))
    return total.hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    for here, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != "__pycache__"]
        links = [name for name in folders if (Path(here) / name).is_symlink()]
        for name in [*names, *links]:
            if not name.endswith(".pyc"):
                yield Path(here) / name


def _content(path: Path, own: bytes) -> bytes:
    if path.stat().st_size <= _CHUNK:
        return hashlib.sha256(path.read_bytes().replace(own, _PLACE)).digest()
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
