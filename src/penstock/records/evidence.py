"""Evidence: texts kept by their content, masked before they come here, limited in size."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from penstock.errors import StateError
from penstock.records.store import Row, Store

LIMIT = 4 << 20  # one piece of evidence, in bytes; more is cut, and the cut is said


def keep(store: Store, folder: Path, now: float, release: int, name: str, media: str, content: str | bytes) -> str:
    """Write a text, or bytes that are already compressed, under its SHA-256 and note it in the release; returns the
    digest. A text that is too large is cut in its middle; bytes are whole or not at all.
    """
    data = content.encode() if isinstance(content, str) else content
    if len(data) > LIMIT and isinstance(content, str):
        data = data[: LIMIT // 2] + b"\n[... cut: too large ...]\n" + data[-LIMIT // 2 :]
    digest = hashlib.sha256(data).hexdigest()
    _write(folder / digest[:2] / digest, data)
    with store.write() as db:
        db.execute(
            "INSERT OR REPLACE INTO evidence VALUES (?, ?, ?, ?, ?, ?)", (release, name, digest, media, len(data), now)
        )
    return digest


def of(store: Store, release: int) -> list[Row]:
    return store.rows("SELECT * FROM evidence WHERE release = ? ORDER BY at, name", release)


def read(folder: Path, digest: str) -> str:
    return (folder / digest[:2] / digest).read_text(errors="replace")


def _write(path: Path, data: bytes) -> None:
    if path.exists():
        return
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside = path.with_suffix(f".{os.getpid()}")
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.rename(path)
    except OSError as error:
        raise StateError(
            "evidence",
            f"evidence cannot be kept: {error.strerror}",
            str(path.parent),
            next="make space, or see `penstock doctor`",
        ) from error
