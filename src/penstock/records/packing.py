"""Writing a zip file that is there whole or not at all, for its owner only."""

from __future__ import annotations

import hashlib
import os
import secrets
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from penstock.errors import UserError

_CHUNK = 1 << 20


@dataclass
class Pack:
    """A zip file that is being written. `sums`: the SHA-256 of every file in it, by name."""

    _file: zipfile.ZipFile
    sums: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, data: bytes) -> None:
        """A file in it."""
        self._file.writestr(_entry(name), data)
        self.sums[name] = hashlib.sha256(data).hexdigest()

    def add_file(self, name: str, path: Path, size: int) -> None:
        """The first `size` bytes of a file, however large."""
        digest = hashlib.sha256()
        with path.open("rb") as source, self._file.open(_entry(name), "w", force_zip64=True) as target:
            while size > 0 and (part := source.read(min(size, _CHUNK))):
                digest.update(part)
                target.write(part)
                size -= len(part)
        self.sums[name] = digest.hexdigest()


@contextmanager
def packed(path: Path) -> Iterator[Pack]:
    """A new zip file at `path`, in place of one that may be there, once everything is in it and on disk."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}.{os.getpid()}.new")
    try:
        with open(os.open(beside, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
                yield Pack(made)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except OSError as error:
        raise UserError("cannot-write", f"{path} cannot be written: {error.strerror}",
                        next="name another file, or make space; what was there is as it was") from error  # fmt: skip
    finally:
        beside.unlink(missing_ok=True)


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, time.gmtime()[:6])
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o600 << 16
    return entry
