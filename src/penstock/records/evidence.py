"""Evidence: texts kept by their content, masked before they come here, limited in size."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection
from pathlib import Path

from penstock.errors import StateError
from penstock.records import releases
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
    with store.write() as db:  # the content too: nobody may remove it between being found and being referred to
        _write(path_of(folder, digest), data)
        db.execute(
            "INSERT OR REPLACE INTO evidence VALUES (?, ?, ?, ?, ?, ?)", (release, name, digest, media, len(data), now)
        )
    return digest


def of(store: Store, release: int) -> list[Row]:
    return store.rows("SELECT * FROM evidence WHERE release = ? ORDER BY at, name", release)


def read(folder: Path, digest: str) -> str:
    return path_of(folder, digest).read_text(errors="replace")


def path_of(folder: Path, digest: str) -> Path:
    """Where a content lies."""
    return folder / digest[:2] / digest


def prunable(store: Store, folder: Path, now: float, keep_s: float, still_needed: Collection[int] = ()) -> list[Row]:
    """Evidence whose content may go: every release that refers to it is over, unneeded, and kept it `keep_s` ago or longer.

    `still_needed`: releases that keep theirs whatever its age. One row for each (release, name), oldest first.
    """
    needed = {*still_needed, *(row["number"] for row in releases.unended(store))}
    rows = store.rows(
        "SELECT * FROM evidence WHERE digest NOT IN (SELECT digest FROM evidence WHERE at > ?) ORDER BY at, name",
        now - keep_s,
    )
    wanted = {row["digest"] for row in rows if row["release"] in needed}
    return [row for row in rows if row["digest"] not in wanted and path_of(folder, row["digest"]).exists()]


def prune(store: Store, folder: Path, now: float, keep_s: float, still_needed: Collection[int] = ()) -> list[Row]:
    """Remove the content of what is prunable; returns what went, for one line of the audit log.

    That it was there, under which name and with which digest, stays in the records. Run again, it does what is missing.
    """
    with store.write():  # nobody refers anew to what is about to go
        gone = prunable(store, folder, now, keep_s, still_needed)
        for row in gone:
            try:
                path_of(folder, row["digest"]).unlink(missing_ok=True)
            except OSError as error:
                raise StateError("evidence", f"old evidence cannot be removed: {error.strerror}", str(folder),
                                 next="give yourself the right to write there; `penstock doctor`") from error  # fmt: skip
    return gone


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
