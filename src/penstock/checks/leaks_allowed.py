"""What may stay: a secret that was looked at by a person who said why. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

_COMMENT = r"(?:#|//|--|/\*|<!--|;|%|\*)"
_OURS = re.compile(rf"{_COMMENT}[ \t]*penstock:[ \t]?allow\b[ \t:]*(.*)", re.IGNORECASE)
_OTHERS = re.compile(r"gitleaks:allow|pragma: ?(?:allowlist|whitelist) secret", re.IGNORECASE)
_OTHERS_ABOVE = re.compile(r"pragma: ?(?:allowlist|whitelist) nextline secret", re.IGNORECASE)
_ENTRY = re.compile(r"([0-9a-f]{16})(?:[ \t]+(.*))?")
_SALT = b"penstock leaks 1"


class NoBaseline(Exception):
    """A baseline that cannot be read."""


@dataclass(frozen=True)
class Known:
    """What was looked at before: by detect-secrets (path and SHA-1), or as a list (fingerprint and reason)."""

    hashed: frozenset[tuple[str, str]] = frozenset()
    listed: Mapping[str, str] = field(default_factory=dict)

    def reason(self, path: str, secret: str, mark: str) -> str:
        """Why this one may stay; empty when it may not."""
        if mark in self.listed:
            return self.listed[mark]
        hashed = hashlib.sha1(secret.encode("utf-8", "surrogateescape"), usedforsecurity=False).hexdigest()
        return "in the baseline" if (path, hashed) in self.hashed else ""

    def __add__(self, other: Known) -> Known:
        return Known(self.hashed | other.hashed, {**self.listed, **other.listed})


@lru_cache(maxsize=4096)
def fingerprint(secret: str) -> str:
    """A mark of a secret. It is slow on purpose: a weak password is not guessed from a report in passing."""
    raw = secret.encode("utf-8", "surrogateescape")
    return hashlib.scrypt(raw, salt=_SALT, n=1 << 11, r=8, p=1, dklen=8).hex()


def baseline(text: str) -> Known:
    """Read a baseline of either form; a listed fingerprint without a reason does not count."""
    if text.lstrip().startswith("{"):
        return _detect_secrets(text)
    listed = {}
    for number, line in enumerate(text.splitlines(), 1):
        words = line.strip()
        if not words or words.startswith("#"):
            continue
        found = _ENTRY.fullmatch(words)
        if found is None:
            raise NoBaseline(f"line {number} is no fingerprint with a reason")
        if reason := _words(found[2] or ""):
            listed[found[1]] = reason
    return Known(listed=listed)


def _detect_secrets(text: str) -> Known:
    try:
        results = json.loads(text)["results"]
        hashed = {
            (path, str(row["hashed_secret"]))
            for path, rows in results.items()
            for row in rows
            if row.get("is_secret") is not True  # one that a person found to be real is allowed by nobody
        }
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
        raise NoBaseline("is no baseline of detect-secrets") from error
    return Known(frozenset(hashed))


def in_line(lines: Sequence[str], number: int) -> tuple[str, bool]:
    """The reason that a comment on a line (or alone on the line above) gives; and whether one lacks its reason."""
    here = lines[number - 1] if number <= len(lines) else ""
    above = lines[number - 2].strip() if number >= 2 else ""
    found = _OURS.search(here) or _OURS.match(above)
    if found:
        reason = _words(found[1])
        return (reason, False) if reason else ("", True)
    if other := _OTHERS.search(here) or _OTHERS_ABOVE.search(above):
        return f"`{other[0]}`", False
    return "", False


def _words(text: str) -> str:
    """A reason in one line; fewer than three letters are none."""
    plain = " ".join(re.sub(r"(?:\*/|-->)\s*$", "", text).split())[:200]
    return plain if sum(c.isalpha() for c in plain) >= 3 else ""


@lru_cache(maxsize=256)
def pattern(path: str) -> re.Pattern[str]:
    """A path with `*` (in a folder), `**` (in any) and `?` as what finds it; one that ends in / means all below it."""
    text = re.sub(r"(?:\*\*/)+", "**/", path + "**" if path.endswith("/") else path)
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", text)
    meant = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(meant.get(part) or re.escape(part) for part in parts), re.DOTALL)
