"""Heads of the audit log, signed: each vouches for one line, and by the chain for every line before it.

A head is a DSSE envelope, one a line of heads.jsonl. A copy that lies elsewhere (in a report, in an export) is what a
log that was written anew cannot agree with.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from penstock.errors import StateError
from penstock.records import audit, audit_key, lines
from penstock.records.store import Store

if TYPE_CHECKING:
    from securesystemslib.signer import CryptoSigner  # type: ignore[attr-defined]

LOG = "audit.log"
FILE = "heads.jsonl"
PAYLOAD = "application/vnd.penstock.audit-head+json"


@dataclass(frozen=True)
class Head:
    """What was signed: that this log's line `line` has the hash `head`. `key` is the key's id, `fingerprint` its short form."""

    log: str
    line: int
    head: str
    at: float
    subject: str
    key: str

    @property
    def fingerprint(self) -> str:
        """The key, as people compare it."""
        return audit_key.fingerprint(self.key)

    @property
    def word(self) -> str:
        """`LINE:HASH`: what a report shows, and what `penstock audit verify --head` takes."""
        return f"{self.line}:{self.head}"


def anchor(root: Path, store: Store, now: float, who: dict[str, Any], subject: str) -> Head:
    """Sign the log as it is now; on disk when this returns. A key that is new here is a line of the log first.

    Whatever is in the way is a StateError: what is released goes on, and its caller says that it was not anchored.
    """
    log = root / LOG
    try:
        with lines.locked(root / FILE) as file:
            signer = audit_key.signer(root)
            tail = file.tail()
            _announce(log, store, now, who, signer, read(tail.lines[-1]) if tail.lines else None)
            last = audit.last(log)
            head = Head(audit.log_id(log), last.line, last.hash, now, subject, signer.public_key.keyid)
            file.put(tail.end, _sign(head, signer) + b"\n")
    except OSError as error:
        raise StateError(
            "audit-head",
            f"the head of the audit log cannot be signed: {error.strerror}",
            str(root / FILE),
            "what is not signed is held together by the chain alone",
            "make space, or see `penstock doctor`",
        ) from error
    return head


def read(text: bytes) -> Head | None:
    """What an envelope says, whoever signed it; None when it is none."""
    try:
        envelope = json.loads(text)
        said = json.loads(base64.b64decode(envelope["payload"], validate=True))
        key = envelope["signatures"][0]["keyid"]
        if envelope["payloadType"] != PAYLOAD or said["key"] != key:
            return None
        found = Head(said["log"], said["line"], said["head"], said["at"], said["subject"], key)
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    hashes = all(isinstance(word, str) and re.fullmatch("[0-9a-f]{64}", word) for word in (found.log, found.head, key))
    good = type(found.line) is int and isinstance(found.at, float | int) and isinstance(found.subject, str)
    return found if good and hashes else None


def envelope(root: Path, head: Head) -> bytes:
    """The envelope of a head that was signed here, as it lies in the file."""
    with (root / FILE).open("rb") as file:
        found = [text for text in file if read(text) == head]
    assert found, "a head that was signed lies in the file"
    return found[-1]


def holds(text: bytes, public: bytes) -> bool:
    """Was this envelope signed by this key?"""
    from securesystemslib.dsse import Envelope
    from securesystemslib.exceptions import Error

    try:
        envelope = Envelope.from_dict(json.loads(text))
        return bool(envelope.verify([audit_key.verifier(public)], 1))
    except (Error, ValueError, LookupError, TypeError, AttributeError):
        return False


def _announce(
    log: Path, store: Store, now: float, who: dict[str, Any], signer: CryptoSigner, before: Head | None
) -> None:
    """A key is a line of the log before it signs anything: its id and its public half, never more."""
    key, here = signer.public_key.keyid, audit.log_id(log)
    if before and before.key == key and before.log == here:
        return
    facts = {"key_id": key, "public": signer.public_key.keyval["public"]}
    if before and before.key != key:
        audit.append(log, store, now, f"audit-key:{key}:{here[:16]}:{before.line}", "audit key changed", who,
                     **facts, was=before.key)  # fmt: skip
    else:
        audit.append(log, store, now, f"audit-key:{key}:{here[:16]}", "audit key made", who, **facts)


def _sign(head: Head, signer: CryptoSigner) -> bytes:
    from securesystemslib.dsse import Envelope

    said = {
        "log": head.log,
        "line": head.line,
        "head": head.head,
        "at": head.at,
        "subject": head.subject,
        "key": head.key,
    }
    envelope = Envelope(audit.encode(said), PAYLOAD, {})
    envelope.sign(signer)
    return audit.encode(envelope.to_dict())
