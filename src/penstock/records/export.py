"""Taking the audit log elsewhere, and reading what was taken: a zip file that a stranger can check."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO

from penstock.errors import UsageError, UserError
from penstock.records import audit_key, heads, lines
from penstock.records.chain import scan
from penstock.records.heads import Head
from penstock.records.packing import packed
from penstock.records.store import Store

KEY = "audit-key.pub.pem"
_HEADS_MOST = 256 << 20
_KEY_MOST = 1 << 14
_UNREADABLE = (OSError, EOFError, RuntimeError, ValueError, zipfile.BadZipFile, zlib.error)  # a damaged zip is each


@dataclass
class Found:
    """A log to be checked, and what lay beside it."""

    log: BinaryIO
    heads: list[bytes] = field(default_factory=list)
    keys: dict[str, bytes] = field(default_factory=dict)


def export(root: Path, store: Store, now: float, who: dict[str, Any], file: Path | None) -> tuple[Path, Head]:
    """Sign a fresh head, and pack the log, the heads, the public keys and how to check them; returns where, and the head."""
    if not (root / heads.LOG).exists():
        raise UserError("no-audit-log", "there is no audit log yet", str(root / heads.LOG),
                        "nothing was ever ordered here", "penstock release")  # fmt: skip
    head = heads.anchor(root, store, now, who, "export")
    path = file or Path(f"penstock-audit-{_name(store, head)}-{head.line}.zip")
    heads_size = lines.settled_size(root / heads.FILE)  # first the heads: no head may be of a line that is not packed
    log_size = lines.settled_size(root / heads.LOG)
    with packed(path) as pack:
        pack.add_file(heads.LOG, root / heads.LOG, log_size)
        pack.add_file(heads.FILE, root / heads.FILE, heads_size)
        for name, public in _keys(root, head).items():
            pack.add(name, audit_key.pem(public))
        pack.add("README.txt", readme(head).encode())
    return path, head


def readme(head: Head) -> str:
    """How to check an export, for somebody who has never heard of Penstock."""
    text = (files("penstock.records") / "export_readme.txt").read_text()
    for name, value in {"LINE": str(head.line), "HASH": head.head, "FINGERPRINT": head.fingerprint, "KEY": KEY}.items():
        text = text.replace(f"@{name}@", value)
    return text


@contextmanager
def opened(path: Path) -> Iterator[Found]:
    """An export, or a bare log with a heads.jsonl that may lie beside it."""
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as file:
                yield from _unpacked(file, path)
        else:
            beside = path.with_name(heads.FILE)
            signed = beside.read_bytes().splitlines(keepends=True) if beside.is_file() else []  # before the log grows
            key = path.with_name(KEY)
            public = audit_key.read_pem(key.read_bytes()) if key.is_file() else None
            with lines.at_rest(path) as log:
                yield Found(log, _whole(signed), {audit_key.key_id(public): public} if public else {})
    except _UNREADABLE as error:
        why = getattr(error, "strerror", None) or str(error)
        raise UsageError("cannot-read", f"{path} cannot be read: {why}",
                         next="name an export of `penstock audit export`, or an audit.log") from error  # fmt: skip


def _unpacked(file: zipfile.ZipFile, path: Path) -> Iterator[Found]:
    names = file.namelist()
    if heads.LOG not in names or len(set(names)) != len(names):
        raise UsageError("no-export", "the zip file is no export of an audit log", str(path),
                         f"it holds no `{heads.LOG}`, or a name twice", "penstock audit export")  # fmt: skip
    signed = _limited(file, heads.FILE, _HEADS_MOST).splitlines(keepends=True) if heads.FILE in names else []
    keys = {}
    for name in names:
        public = audit_key.read_pem(_limited(file, name, _KEY_MOST)) if name.endswith(".pem") else None
        if public:
            keys[audit_key.key_id(public)] = public
    with file.open(heads.LOG) as part, BufferedReader(part, 1 << 20) as log:  # type: ignore[type-var]
        yield Found(log, _whole(signed), keys)


def _limited(file: zipfile.ZipFile, name: str, most: int) -> bytes:
    with file.open(name) as part:
        return part.read(most)


def _whole(signed: list[bytes]) -> list[bytes]:
    """A last head that was being written while somebody was killed is none."""
    return signed[:-1] if signed and not signed[-1].endswith(b"\n") else signed


def _name(store: Store, head: Head) -> str:
    known = store.rows("SELECT name FROM services LIMIT 2")
    return str(known[0]["name"]) if len(known) == 1 else head.log[:12]


def _keys(root: Path, head: Head) -> dict[str, bytes]:
    """The key of the fresh head, and those before it that the log announces."""
    with (root / heads.LOG).open("rb") as log:
        before = {f"keys/{key[:32]}.pem": public for key, public in scan(log).keys.items() if key != head.key}
    return {KEY: audit_key.public(root), **before}
