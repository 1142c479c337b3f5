"""Secrets that nobody ever gave out. They are put together here, so that none that looks alive stands in our files."""

from __future__ import annotations

import base64
import hashlib
import string

_LETTERS = string.ascii_letters + string.digits
_BASE32 = string.ascii_uppercase + "234567"


def chance(seed: str, length: int, letters: str = _LETTERS) -> str:
    """Characters that look like chance, and are the same each time."""
    found, number = "", 0
    while len(found) < length:
        digest = hashlib.sha256(f"{seed}/{number}".encode()).digest()
        found += "".join(letters[byte % len(letters)] for byte in digest)
        number += 1
    return found[:length]


def _jwt() -> str:
    def part(text: str) -> str:
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    head, claims = '{"alg":"HS256","typ":"JWT"}', '{"sub":"4711","name":"Ana","iat":1516239022}'
    return f"{part(head)}.{part(claims)}.{chance('jwt', 43)}"


def _private_key(line_end: str) -> str:
    body = base64.b64encode(hashlib.shake_256(b"key").digest(600)).decode()
    lines = [body[at : at + 64] for at in range(0, len(body), 64)]
    words = "PRIVATE" + " KEY"
    return line_end.join([f"-----BEGIN {words}-----", *lines, f"-----END {words}-----", ""])


def secrets() -> dict[str, str]:
    """Mark in a file -> what is written in its place."""
    return {
        "aws-access-key": "AK" + "IA" + chance("aws", 16, _BASE32),
        "aws-secret-key": chance("aws-secret", 40, _LETTERS + "/+"),
        "password": "Kor" + "mor-an_" + chance("password", 6),
        "random": chance("session", 32),
        "private-key": _private_key("\n").rstrip("\n"),
        "private-key-line": _private_key("\\n"),
        "slack-path": f"T{chance('team', 9, _BASE32)}/B{chance('hook', 9, _BASE32)}/{chance('slack', 24)}",
        "github-token": "gh" + "p_" + chance("github", 36),
        "jwt": _jwt(),
        "stripe-key": "sk_" + "live_" + chance("stripe", 24),
        "npm-token": "npm" + "_" + chance("npm", 36),
    }
