"""What looks like a secret: by its name, or by its value. No value is ever said."""

from __future__ import annotations

import re
from typing import Any

_NAME = re.compile(
    r"(?i)((require)?pass(word|wd|phrase)?$|passw(or)?d|secret|(^|[_\-.])(auth|access|api|bot|bearer|refresh|session|signing)?[_\-]?token|"
    r"token$|api[_\-]?key|access[_\-]?key|private[_\-]?key|encryption[_\-]?key|signing[_\-]?key|master[_\-]?key|"
    r"account[_\-]?key|shared[_\-]?key|credential|connection[_\-]?string|(^|[_\-.])(pwd|dsn|salt|pin)$)"
)
_ABOUT = re.compile(
    r"(?i)([_\-.]?(arns?|names?|ids?|paths?|files?|urls?|uris?|endpoints?|ttls?|expir(y|es|ation)|lifetime|length|"
    r"size|type|headers?|prefix|alias|policy|version|rotation|enabled|required|store|manager|provider|ref|key_?ref|"
    r"algorithm|issuer|audience|mount|region|tables?|buckets?|queues?|topic|index|column|fields?|service|domain|host|port|class|param(eter)?|validity|scopes?|strategy|mode|format|encoding|source|function|lambda|handler|role|spec|usage|level|label|title|text|message|hint|description|days|minutes|seconds|hours|limit|count|max_?age|timeout|min|max|wo_version))$|"
    r"^(key_?schema|public)|public_?key|secret_?(manager|store)|password_?(policy|reset|hash_algo)|token_?bucket|"
    r"tokeni[sz]|max_?tokens|^(sort|partition|hash|range)_?key|access_?key_?id$"
)
_VALUE = re.compile(
    r"\b(AKIA|ASIA)[0-9A-Z]{16}\b|-----BEGIN [A-Z ]*PRIVATE KEY|\bgh[pousr]_[A-Za-z0-9]{30,}|\bgithub_pat_[A-Za-z0-9_]{30,}|"
    r"\bglpat-[A-Za-z0-9_-]{18,}|\bxox[abprs]-[A-Za-z0-9-]{10,}|\b[sr]k_live_[A-Za-z0-9]{16,}|\bAIza[0-9A-Za-z_-]{35}|"
    r"\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}|\bnpm_[A-Za-z0-9]{30,}|\bey[A-Za-z0-9_-]{10,}\.ey[A-Za-z0-9_-]{10,}\.|"
    r"[a-z][a-z0-9+]{1,20}://[^\s:/@$]{1,80}:[^\s@/${}<*]{3,}@|(?i:(?:password|pwd|accountkey)=[^;\s${}]{4,})"
)
_OPTION = re.compile(r"(?:^|\s)-{1,2}([A-Za-z][\w.-]{2,60})(?:=|\s+)(?!-)(\"[^\"]*\"|'[^']*'|\S+)")
_SETTING = re.compile(r"\s*[\"']?([A-Za-z][\w.-]{2,60})[\"']?\s*[:=]\s*(\S.{3,200}?),?\s*$")
_MIXED = re.compile(r"[0-9!@#%^&*]")
_NO_SECRET = re.compile(
    r"(?i)(true|false|yes|no|null|none|on|off|required|optional|enabled|disabled|auto|\d{1,4}|<.*>|\*+|x{3,}|redacted)?"
)
_ELSEWHERE = re.compile(
    r"(?i)(\$|\{\{|arn:|ssm:|vault:|sm://|/run/secrets/|projects/[^/]+/secrets/|/[a-z0-9_.\-/]+$|https?://[^@]*$|%\{|!|<%)"
)


def is_secret_name(name: str) -> bool:
    """Whether a setting of this name holds a secret, and not something about one."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)[:200]
    return bool(_NAME.search(spaced)) and not _ABOUT.search(spaced)


def is_secret_value(value: Any) -> bool:
    """Whether a text is a secret by its own looks."""
    return isinstance(value, str) and bool(_VALUE.search(value[:20_000]))


def in_command(words: Any) -> bool:
    """Whether a command, as a text or a list of words, holds a secret: by its looks, or behind an option for one."""
    text = words if isinstance(words, str) else " ".join(map(str, words)) if isinstance(words, list) else ""
    said = (found.group(1, 2) for found in _OPTION.finditer(text[:20_000]))
    return is_secret_value(text) or any(is_plain_secret(name, value.strip("\"'")) for name, value in said)


def in_settings(text: Any) -> bool:
    """Whether a file of settings, as a text of several lines, holds a secret: what is set has a figure or a sign in it,
    so that it is no name of one."""
    lines = text[:100_000].splitlines() if isinstance(text, str) and "\n" in text else []
    said = (found.group(1, 2) for found in map(_SETTING.match, lines) if found)
    return any(
        _MIXED.search(value) and is_plain_secret(name.rpartition(".")[2], value.strip("\"'")) for name, value in said
    )


def is_plain_secret(name: str, value: Any) -> bool:
    """Whether a setting holds a secret as plain text, and not a reference to where it is kept."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return False
    text = str(value).strip()
    if is_secret_value(text):
        return True
    if not is_secret_name(name) or "${" in text or "{{" in text:
        return False
    return not _NO_SECRET.fullmatch(text) and not _ELSEWHERE.match(text)
