"""A signed answer: one JSON file that proves who said what to which plan, wherever it was made and however it was carried."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, replace
from typing import Any

from penstock.core import data

FORMAT = 1
NAMESPACE = "penstock"
LIMIT = 64 << 10
_PLACE = re.compile(r"[^/\s]{1,100}/[^/\s]{1,100}/[0-9]{1,15}", re.ASCII)


@dataclass(frozen=True)
class Signed:
    """What was said. `place` is service/environment/number; `digest` is what it was said to: a plan's, or a commit.

    `question` is what is asked and of what, in words, so that nobody signs a digest blindly. `at` and `until` are seconds since
    the epoch (`until` 0: none of its own). `signature` is SSH's, armoured, over `message`.
    """

    place: str
    line: str
    verb: str
    person: str
    digest: str
    at: float
    reason: str = ""
    until: float = 0.0
    question: str = ""
    signature: str = ""
    format: int = FORMAT

    @property
    def message(self) -> str:
        """The text that is signed: everything but the signature, in one way only."""
        plain: dict[str, Any] = data.dump(replace(self, signature=""))
        del plain["signature"]
        return data.canonical(plain)

    @property
    def text(self) -> str:
        """The file."""
        return json.dumps(data.dump(self), indent=1, ensure_ascii=False) + "\n"


def parse(text: str) -> Signed:
    """The answer in a file; ValueError, in words, for anything else."""
    if len(text) > LIMIT:
        raise ValueError(f"it is larger than {LIMIT >> 10} KiB")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError("it is no JSON") from error
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise ValueError(f"it is no signed answer of format {FORMAT}")
    try:
        signed = data.load(Signed, found)
    except ValueError as error:
        raise ValueError("it lacks something, or has too much") from error
    if not all(map(math.isfinite, (signed.at, signed.until))):
        raise ValueError("its times are no times")
    if not _PLACE.fullmatch(signed.place):
        raise ValueError("its `place` is not service/environment/number")
    try:
        signed.text.encode()
    except UnicodeEncodeError as error:
        raise ValueError("it has half a character") from error
    if signed.verb not in ("approve", "reject", "confirm"):
        raise ValueError(f"it says `{signed.verb[:20]}`, which is no answer")
    return signed
