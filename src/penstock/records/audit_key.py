"""The key that signs heads of the audit log: ed25519, in a file of its own, or where PENSTOCK_AUDIT_KEY says.

Everything here imports what is heavy only when it is called.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from penstock.errors import StateError

if TYPE_CHECKING:
    from securesystemslib.signer import CryptoSigner, SSlibKey  # type: ignore[attr-defined]

FILE = "audit-key.pem"
VARIABLE = "PENSTOCK_AUDIT_KEY"
_DER = bytes.fromhex("302a300506032b6570032100")  # what stands before the 32 bytes of every ed25519 key (RFC 8410)


def signer(root: Path) -> CryptoSigner:
    """The key that PENSTOCK_AUDIT_KEY names, else the one of this state folder, made when there is none."""
    said = os.environ.get(VARIABLE)
    path = Path(said) if said else root / FILE
    if not said and not path.exists():
        _make(path)
    return _load(path)


def public(root: Path) -> bytes:
    """The public half of the key that signs here now."""
    return bytes.fromhex(signer(root).public_key.keyval["public"])


def key_id(public: bytes) -> str:
    """What names a public key: the SHA-256 of its DER form, as openssl and sha256sum say it."""
    return hashlib.sha256(_DER + public).hexdigest()


def fingerprint(key: str) -> str:
    """A key's name as people compare it: its first 32 digits, in fours."""
    return "-".join(key[at : at + 4] for at in range(0, 32, 4))


def pem(public: bytes) -> bytes:
    """A public key as a PEM file."""
    import base64

    return b"-----BEGIN PUBLIC KEY-----\n" + base64.b64encode(_DER + public) + b"\n-----END PUBLIC KEY-----\n"


def read_pem(text: bytes) -> bytes | None:
    """The 32 bytes of a public ed25519 key in PEM form; None when it is none."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(text)
    except (ValueError, UnsupportedAlgorithm):
        return None
    return key.public_bytes_raw() if isinstance(key, Ed25519PublicKey) else None


def verifier(public: bytes) -> SSlibKey:
    """What checks signatures of a public key."""
    from securesystemslib.signer import SSlibKey  # type: ignore[attr-defined]

    return SSlibKey(key_id(public), "ed25519", "ed25519", {"public": public.hex()})


def _make(path: Path) -> None:
    """A new key, whole or not at all; who comes second takes the first one's."""
    from securesystemslib.signer import CryptoSigner  # type: ignore[attr-defined]

    beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}.{os.getpid()}.new")
    try:
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(CryptoSigner.generate_ed25519().private_bytes)
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(beside, path)
    except OSError as error:
        raise StateError("audit-key", f"the key that signs the audit log cannot be made: {error.strerror}", str(path),
                         next="make space, or see `penstock doctor`") from error  # fmt: skip
    finally:
        beside.unlink(missing_ok=True)


def _load(path: Path) -> CryptoSigner:
    from securesystemslib.signer import CryptoSigner, SSlibKey  # type: ignore[attr-defined]

    private = _private(path)
    public = private.public_key()
    return CryptoSigner(private, SSlibKey.from_crypto(public, key_id(public.public_bytes_raw())))


def _private(path: Path) -> Any:
    """The private key of a file that only its owner may read."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    text = _private_text(path)
    try:
        key = load_pem_private_key(text, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _refused(path, "is no private key in PEM form without a password") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise _refused(path, "is a key, but not an ed25519 one")
    return key


def _private_text(path: Path) -> bytes:
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise _refused(path, "is no file")
        if found.st_uid not in (os.geteuid(), 0) or found.st_mode & 0o077:
            raise _refused(path, f"may be read by others: mode {stat.S_IMODE(found.st_mode):04o}, owner {found.st_uid}")
        with path.open("rb") as file:
            return file.read(1 << 16)
    except OSError as error:
        raise _refused(path, f"cannot be read: {error.strerror}") from error


def _refused(path: Path, why: str) -> StateError:
    return StateError(
        "audit-key",
        f"the key that signs the audit log {why}",
        str(path),
        "whoever can read it can sign another log in its place",
        f"make one: `(umask 077; openssl genpkey -algorithm ed25519 -out {path.name})`, and chmod 600; or unset {VARIABLE}",
    )
