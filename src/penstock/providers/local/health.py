"""What the answer of a health check means."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

_WELL = frozenset(["healthy", "ok", "up", "pass", "passing", "warn", "degraded", "serving", "alive", "ready", "true"])
_HASH = re.compile(r"[0-9a-f]{7,64}")
_LONGEST = 200


@dataclass(frozen=True)
class Health:
    """Whether an instance is well, and one sentence that says so or why not."""

    ok: bool
    sentence: str


def judge(status: int, body: bytes | str, expected_version: str | None) -> Health:
    """Judge an answer of 200 or 503, whose JSON may hold status, version, timestamp, uptime and checks
    (or services).

    A plain 200 is well. A version that is named must be one of the expected (a revision has several
    names: tag, commit,
    id; separated by spaces); of two git hashes the shorter, of at least seven characters, must begin the
    longer.
    `expected_version` None or empty: any version will do.
    """
    data = _map(body)
    if status != 200:
        return Health(False, _short(f"answered {status}{_troubles(data)}"))
    said = data.get("status")
    if isinstance(said, str) and said.lower() not in _WELL:
        return Health(False, _short(f"answered 200 with status `{said}`{_troubles(data)}"))
    version = data.get("version")
    names = (expected_version or "").split()
    if version is not None and names and not any(same_version(str(version), name) for name in names):
        sentence = f"version `{version}` instead of `{names[0]}`"
        return Health(False, _short(f"somebody else answers on the port, or another version: {sentence}"))
    return Health(True, "ok")


def same_version(one: str, other: str) -> bool:
    """Whether two versions are one: equal but for a leading v, or git hashes of which one begins the
    other.
    """
    if one.removeprefix("v") == other.removeprefix("v"):
        return True
    shorter, longer = sorted((one.lower(), other.lower()), key=len)
    return bool(_HASH.fullmatch(shorter) and _HASH.fullmatch(longer)) and longer.startswith(shorter)


def _map(body: bytes | str) -> dict[str, Any]:
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def _troubles(data: dict[str, Any]) -> str:
    checks = data.get("checks") or data.get("services") or {}
    if not isinstance(checks, dict):
        return ""
    bad = [f"{name}: {_state(check)}" for name, check in checks.items() if _state(check).lower() not in _WELL]
    return f" ({', '.join(bad)})" if bad else ""


def _state(check: Any) -> str:
    return str(check.get("status", "unknown") if isinstance(check, dict) else check)


def _short(sentence: str) -> str:
    printable = "".join(c if c.isprintable() else "?" for c in sentence)
    return printable if len(printable) <= _LONGEST else printable[: _LONGEST - 1] + "…"
