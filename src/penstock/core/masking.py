"""Secret values out of texts, in the spellings in which they leak: plain, URL-encoded, base64, hexadecimal, JSON-escaped.

A value is looked for character by character in every one of these spellings at once, so that a mixture of
them (one library quotes a slash, the next does not) is found as well. Base64 is looked for at all three
alignments, because `base64("user:" + secret)` does not contain `base64(secret)`. What was wrapped, indented or spaced
out is found by looking once more without any space between.

What was compressed, encrypted, turned round or counted letter by letter is not found: no list of spellings has an end.
"""

from __future__ import annotations

import base64
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache

from penstock.core.finding import Finding, Outcome
from penstock.core.target import Evidence

MASK = "***"
SHORTEST = 4  # a shorter value would mask half of any text, and is no secret
SPACED = 8  # with spaces between, a shorter one would be found in plain sentences: there only line breaks count

_AS_IT_IS = re.compile(r"[A-Za-z0-9_.-]")
_JSON_SHORT = {
    '"': '\\"',
    "\\": "\\\\",
    "/": "\\/",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\b": "\\b",
    "\f": "\\f",
}
_LONGEST_SPELLING = 24  # of one character: four times `, 0xNN`
_SPACES = re.compile(r"\s+")
_BREAKS = re.compile(r"[ \t]*[\r\n]+[ \t]*")


def mask(text: str, values: Iterable[str]) -> str:
    """The text with every spelling of every value replaced by `***`; overlapping ones together, as one.

    Values under four characters are left alone: `too_short` names them. Masking twice is masking once.
    """
    looks = [look for value in set(values) if len(value) >= SHORTEST for look in _patterns(value)]
    # Only a value that itself holds `*` can appear anew; each round is shorter than the one before.
    while spans := _merged(span for gap in (None, _SPACES, _BREAKS) for span in _spans(text, looks, gap)):
        text = _replaced(text, spans)
    return text


def concealed(outcome: Outcome, secrets: Mapping[str, str]) -> Outcome:
    """The outcome without any secret in any of its texts; one too short to be masked is a finding of it."""
    values = tuple(secrets.values())
    findings = [
        replace(
            f,
            condition=mask(f.condition, values),
            effect=mask(f.effect, values),
            remedy=mask(f.remedy, values),
            where=mask(f.where, values),
        )
        for f in outcome.findings
    ]
    findings += [
        Finding(
            f"the value of `{name}` is too short to be masked",
            "it stands as it is wherever it was printed",
            f"a value of {SHORTEST} characters or more",
        )
        for name in too_short(secrets)
    ]
    evidence = tuple(Evidence(e.name, e.media, mask(e.text, values)) for e in outcome.evidence)
    return replace(outcome, sentence=mask(outcome.sentence, values), findings=tuple(findings), evidence=evidence)


def too_short(secrets: Mapping[str, str]) -> tuple[str, ...]:
    """The names of the secrets that cannot be masked; an empty value has nothing to mask."""
    return tuple(sorted(name for name, value in secrets.items() if 0 < len(value) < SHORTEST))


def longest_spelling(values: Iterable[str]) -> int:
    """How many characters, or bytes, the longest value may fill: so much is unsafe where a text was cut."""
    return max((len(value) for value in values), default=0) * _LONGEST_SPELLING


_Look = tuple[re.Pattern[str] | None, re.Pattern[str]]
"""Between the parts of a text, what may be left out (None: nothing), and what is looked for then."""


@lru_cache(maxsize=256)
def _patterns(value: str) -> tuple[_Look, ...]:
    forms = {value, *_base64(value), *(line.strip() for line in value.splitlines())}
    found: list[_Look] = [(_SPACES, _hexadecimal(value))]
    for form in forms:
        if len(form) >= SHORTEST:
            found.append((None, re.compile("".join(map(_spellings, form)))))
        dense = sum(not character.isspace() for character in form)
        if dense >= SHORTEST:
            closed = "".join(f"{_spellings(c)}?" if c.isspace() else _spellings(c) for c in form.strip())
            found.append((_SPACES if dense >= SPACED else _BREAKS, re.compile(closed)))
    return tuple(found)


def _hexadecimal(value: str) -> re.Pattern[str]:
    pairs = (f"{byte:02x}" for byte in b"".join(map(_bytes, value)))
    return re.compile(r"(?:\\x|[:,-]?(?:0x)?)".join(pairs), re.IGNORECASE)


def _base64(value: str) -> Iterator[str]:
    """What of the value's base64 does not depend on what stands before and after it, and the whole of it."""
    raw = b"".join(map(_bytes, value))
    for before in range(3):
        coded = base64.b64encode(bytes(before) + raw).decode()
        certain = coded[-(-before * 8 // 6) : (before + len(raw)) * 8 // 6]
        yield from (certain, certain.translate(_URL_SAFE))
    whole = base64.b64encode(raw).decode()
    yield from (whole, whole.translate(_URL_SAFE), base64.encodebytes(raw).decode().strip())


_URL_SAFE = str.maketrans("+/", "-_")


def _spellings(character: str) -> str:
    """A pattern for one character in all its spellings."""
    if _AS_IT_IS.fullmatch(character):
        return re.escape(character)
    utf_16 = character.encode("utf-16-be", "surrogatepass").hex()
    units = "".join(rf"\\u{utf_16[at : at + 4]}" for at in range(0, len(utf_16), 4))
    percent = "".join(f"%{byte:02x}" for byte in _bytes(character))
    ways = [re.escape(character), f"(?i:{units})", f"(?i:{percent})"]
    if character in _JSON_SHORT:
        ways.append(re.escape(_JSON_SHORT[character]))
    if character == " ":
        ways.append(r"\+")
    if _is_byte(character):
        ways.append("\ufffd")  # how it is shown by whoever decodes with `replace`
    return f"(?:{'|'.join(ways)})"


def _is_byte(character: str) -> bool:
    """Whether it stands for one byte that was no UTF-8, as Python keeps such bytes."""
    return "\udc80" <= character <= "\udcff"


def _bytes(character: str) -> bytes:
    return character.encode("utf-8", "surrogateescape" if _is_byte(character) else "surrogatepass")


def _spans(text: str, looks: Iterable[_Look], gap: re.Pattern[str] | None) -> Iterator[tuple[int, int]]:
    """Where in the text something stands, when the gaps are left out."""
    patterns = [pattern for between, pattern in looks if between is gap]
    if gap is None:
        yield from (span for pattern in patterns for span in _found(pattern, text))
        return
    closed = gap.sub("", text) if patterns else text
    if closed == text and gap is _BREAKS:
        return
    if found := [span for pattern in patterns for span in _found(pattern, closed)]:
        places = _places(text, gap)
        for start, end in found:
            yield _place(places, start), _place(places, end - 1) + 1


def _places(text: str, gap: re.Pattern[str]) -> tuple[list[int], list[int]]:
    """Of every part between two gaps: where it begins without the gaps, and where in the text."""
    closed, opened, length, at = [0], [0], 0, 0
    for found in gap.finditer(text):
        length += found.start() - at
        at = found.end()
        closed.append(length)
        opened.append(at)
    return closed, opened


def _place(places: tuple[list[int], list[int]], at: int) -> int:
    closed, opened = places
    part = bisect_right(closed, at) - 1
    return opened[part] + at - closed[part]


def _found(pattern: re.Pattern[str], text: str) -> Iterator[tuple[int, int]]:
    """Every occurrence, those that overlap too."""
    at = 0
    while found := pattern.search(text, at):
        yield found.span()
        at = found.start() + 1


def _merged(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _replaced(text: str, spans: list[tuple[int, int]]) -> str:
    parts, at = [], 0
    for start, end in spans:
        parts += [text[at:start], MASK]
        at = end
    return "".join([*parts, text[at:]])
