"""Secret values out of texts, in the forms in which they leak: as they are, URL-encoded, base64, JSON-escaped."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

MASK = "***"
SHORTEST = 4  # a shorter value would mask half of any text, and is no secret


def mask(text: str, values: Iterable[str]) -> str:
    """The text with every form of every value replaced; values under four characters are left alone."""
    forms = {form for value in values if len(value) >= SHORTEST for form in _forms(value)}
    for form in sorted(forms, key=len, reverse=True):
        text = text.replace(form, MASK)
    return text


def _forms(value: str) -> set[str]:
    raw = value.encode("utf-8", "surrogateescape")
    forms = {value, quote(value, safe="", errors="replace"), quote_plus(value, errors="replace"),
             json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]}  # fmt: skip
    forms |= {line for line in value.splitlines() if len(line) >= SHORTEST}
    for encoded in (base64.b64encode(raw), base64.urlsafe_b64encode(raw)):
        forms |= {encoded.decode(), encoded.decode().rstrip("=")}
    return {form for form in forms if len(form) >= SHORTEST and form != MASK}
