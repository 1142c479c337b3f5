"""What is said about where a release comes from: an in-toto Statement v1 with SLSA provenance v1, in a DSSE envelope.

Pure, but for what is heavy: that is imported where it is used.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from penstock.checks.findings_json import Unreadable, items, mapping, needed, text

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://slsa.dev/provenance/v1"
PAYLOAD = "application/vnd.in-toto+json"
BUILD_TYPE = "urn:penstock:release:1"
_OF_A_COMMIT = ("gitCommit", "sha1")


@dataclass(frozen=True)
class Origin:
    """What a statement is made of. `subjects` and `materials` are paths with their SHA-256."""

    service: str
    branch: str
    commit: str
    roots: tuple[str, ...]
    subjects: tuple[tuple[str, str], ...]
    materials: tuple[tuple[str, str], ...]
    builder: str
    invocation: str
    now: float


@dataclass(frozen=True)
class Said:
    """What somebody else's statement says: about which commits, which files (by SHA-256), and who built."""

    commits: frozenset[str]
    files: frozenset[str]
    builder: str


def statement(origin: Origin) -> dict[str, Any]:
    """The statement, as data."""
    source = {
        "name": "repository",
        "digest": {"gitCommit": origin.commit},
        "annotations": {"roots": list(origin.roots)},
    }
    return {
        "_type": STATEMENT,
        "subject": [{"name": origin.service, "digest": {"gitCommit": origin.commit}}, *_files(origin.subjects)],
        "predicateType": PREDICATE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {"service": origin.service, "branch": origin.branch},
                "resolvedDependencies": [source, *_files(origin.materials)],
            },
            "runDetails": {
                "builder": {"id": origin.builder},
                "metadata": {"invocationId": origin.invocation, "finishedOn": _moment(origin.now)},
            },
        },
    }


def _files(several: tuple[tuple[str, str], ...]) -> list[dict[str, Any]]:
    return [{"name": path, "digest": {"sha256": digest}} for path, digest in several]


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def signed(said: Mapping[str, Any], key: str) -> tuple[str, str]:
    """The statement in its envelope, and the key's id; Unreadable for a key that is no private ed25519 key."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    from securesystemslib.dsse import Envelope
    from securesystemslib.signer import CryptoSigner, SSlibKey  # type: ignore[attr-defined]

    try:
        private = load_pem_private_key(key.encode("utf-8", "replace"), None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise Unreadable("is no private key in PEM form without a password") from error
    if not isinstance(private, Ed25519PrivateKey):
        raise Unreadable("is a key, but not an ed25519 one")
    name = key_id(private.public_key())
    envelope = Envelope(json.dumps(said, sort_keys=True, separators=(",", ":")).encode(), PAYLOAD, {})
    envelope.sign(CryptoSigner(private, SSlibKey.from_crypto(private.public_key(), name)))
    return json.dumps(envelope.to_dict(), sort_keys=True), name


def key_id(public: Any) -> str:
    """What names a public key: the SHA-256 of its DER form, as openssl and sha256sum say it."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return hashlib.sha256(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def verified(envelope: Any, key: str) -> tuple[bytes, str] | None:
    """The payload and the key's id, where the key has signed it; None where it has not.

    Unreadable for what is no envelope of a statement, or no public ed25519 or ECDSA key.
    """
    from securesystemslib.exceptions import Error
    from securesystemslib.signer import Signature, SSlibKey  # type: ignore[attr-defined]

    public = _public(key)
    kind, payload, signatures = _opened(envelope)
    if kind != PAYLOAD:
        raise Unreadable(f"is an envelope of `{kind[:60]}`, and no in-toto statement")
    pae = b"DSSEv1 %d %b %d %b" % (len(kind.encode()), kind.encode(), len(payload), payload)
    name = key_id(public)
    for signature in signatures:
        try:
            # The id that stands beside a signature is a hint, and nothing to go by.
            SSlibKey.from_crypto(public, name).verify_signature(Signature(name, signature.hex()), pae)
        except (Error, ValueError):
            continue
        return payload, name
    return None


def _opened(data: Any) -> tuple[str, bytes, list[bytes]]:
    envelope = needed(data, dict, "map at its top")
    if "dsseEnvelope" in envelope:
        raise Unreadable("is a Sigstore bundle, which is verified by its certificate, and not by a key")
    kind = needed(envelope.get("payloadType"), str, "`payloadType`")
    several = [mapping(one, "signature") for one in needed(envelope.get("signatures"), list, "`signatures`")]
    words = [needed(envelope.get("payload"), str, "`payload`"), *(needed(s.get("sig"), str, "`sig`") for s in several)]
    try:
        payload, *signatures = (base64.b64decode(word, validate=True) for word in words)
    except ValueError as error:
        raise Unreadable("has a payload or a signature that is no base64") from error
    return kind, payload, signatures[:20]


def _public(key: str) -> Any:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        public = load_pem_public_key(key.encode("utf-8", "replace"))
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise Unreadable("cannot be verified: `key` is no public key in PEM form") from error
    if not isinstance(public, Ed25519PublicKey | EllipticCurvePublicKey):
        raise Unreadable("cannot be verified: `key` is neither an ed25519 nor an ECDSA key")
    return public


def said(data: Any) -> Said:
    """What a statement says; Unreadable for one of another type."""
    whole = needed(data, dict, "statement in its envelope")
    if whole.get("_type") != STATEMENT or whole.get("predicateType") != PREDICATE:
        kind = text(whole.get("predicateType")) or text(whole.get("_type"))
        raise Unreadable(f"is a statement of `{kind[:80]}`, and {PREDICATE} is read")
    predicate = needed(whole.get("predicate"), dict, "`predicate`")
    build = needed(predicate.get("buildDefinition"), dict, "`buildDefinition`")
    run = needed(predicate.get("runDetails"), dict, "`runDetails`")
    subjects = [_digests(one) for one in needed(whole.get("subject"), list, "`subject`")]
    materials = [_digests(one) for one in items(build.get("resolvedDependencies"), "`resolvedDependencies`")]
    commits = {one[kind] for one in (*subjects, *materials) for kind in _OF_A_COMMIT if kind in one}
    builder = text(needed(mapping(run.get("builder"), "`builder`").get("id"), str, "id of the builder"))
    return Said(frozenset(commits), frozenset(one["sha256"] for one in subjects if "sha256" in one), builder)


def _digests(one: Any) -> dict[str, str]:
    several = mapping(mapping(one, "subject or material").get("digest"), "`digest`")
    return {kind: text(value).lower() for kind, value in several.items()}
