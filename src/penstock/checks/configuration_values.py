"""What is wrong with one value: its shape, what it was left as, and whom it was meant for. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator

from penstock.core.finding import Finding
from penstock.manifest.problems import choice, nearest
from penstock.manifest.section import wrong

_LINE = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=")
_PLACEHOLDER = re.compile(
    r"""(?ix) .*\b(?:change|replace)[-_ ]?(?:me|this|it)\b.* | replace[-_ ]with[-_ ].* | fill[-_ ](?:me|this|it)?[-_ ]?in
    | <[a-z_][\w\ -]*> | (?:[^\s"'<>]*<[a-z_][\w-]*>)+[^\s"'<>]* | .*\{\{.*\}\}.* | (?:to[-_ ]?do | fix[-_ ]?me)(?::.*)?
    | tb[dc] | n/a | (?:[^\W_]+[-_]){0,9}x{3,} | \*{3,} | \.{3} | 0{8}(?:-0{4}){3}-0{12} | \[object\ object\] | nan
    | (?:my|your|insert)[-_ ].*(?:here|key|token|secret) | (?:[^\W_]+[-_]){0,5}placeholder(?:[-_][^\W_]+){0,5} | redacted
    | dummy | undefined | null | example""",
    re.DOTALL,
)
_UNEXPANDED = re.compile(
    r"\$(?:[A-Z_][A-Z0-9_]+(?![A-Za-z0-9])|\{[A-Za-z_][^}]*\}|\([A-Z_][A-Z0-9_]*\))|%[A-Z_][A-Z0-9_]+%|<%=[^%]*%>"
)
_UNEXPANDED_SECRET = re.compile(
    r"\$[A-Z_][A-Z0-9_]+|.*\$\{[A-Z_][A-Z0-9_]*\}.*|\$\([A-Z_][A-Z0-9_]*\)|%[A-Z_][A-Z0-9_]+%|<%=[^%]*%>", re.DOTALL
)
_LOOPBACK = re.compile(
    r"(?i)(?<![a-z0-9.-])(?:localhost(?:\.localdomain)?|127(?:\.[0-9]{1,3}){3}|\[::1\]|host\.docker\.internal)(?![a-z0-9.-])"
    r"|(?<=://)0\.0\.0\.0(?![0-9.])|(?<=@)0\.0\.0\.0(?![0-9.])"
)
_TRIED_OUT = re.compile(r"(?i)(?<![a-z0-9])(?:test|testing|qa|uat|sandbox|pre-?prod|non-?prod)(?![a-z0-9])")
"""What a host is called where something is tried out."""
_HOST_OF = re.compile(r"://(?:[^\s/@]*@)?([^\s/:@?#]+)")
_TEST_KEY = re.compile(r"(?:[a-z]{2,5}_test|sandbox)_[A-Za-z0-9]{6,}")
"""A key of a service's own test mode: Stripe's, and of those who name theirs as it does."""
_UNSEEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u00ad\u200b-\u200f\u2028-\u202e\u2060\ufeff]")
_QUOTED = re.compile(r"([\"']).*\1", re.DOTALL)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z][a-z])")
_KNOWN_AS = (
    frozenset({"production", "prod", "prd", "live"}),
    frozenset({"staging", "stage", "stg"}),
    frozenset({"development", "dev"}),
)
_SHORTEST = 3  # a shorter name of an environment stands in half of all values
_SHOWN = 80
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_DURATION = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?(?:ns|us|ms|s|m|h|d|w))+")
_HOST = re.compile(r"(?i)(?=.{1,253}(?::|$))[a-z0-9_](?:[a-z0-9_-]{0,62})(?:\.[a-z0-9_-]{1,63})*\.?(?::([0-9]{1,5}))?")
_EMAIL = re.compile(r"[^@\s<>]+@[^@\s<>.]+(?:\.[^@\s<>.]+)+")


def _is_url(value: str) -> bool:
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        return False
    local = parts.path.startswith("/") and parts.scheme not in ("http", "https")
    return bool(parts.scheme and (parts.netloc or local)) and not re.search(r"\s", value)


def _is_host(value: str) -> bool:
    found = _HOST.fullmatch(value)
    return found is not None and int(found[1] or 0) <= 65535


def _is_json(value: str) -> bool:
    try:
        json.loads(value)
    except (ValueError, RecursionError):
        return False
    return True


SHAPES: dict[str, tuple[str, Callable[[str], object]]] = {
    "url": ("a URL", _is_url),
    "integer": ("a whole number", re.compile(r"[+-]?[0-9]+").fullmatch),
    "number": ("a number", re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?").fullmatch),
    "boolean": ("true or false", re.compile(r"(?i)true|false|0|1|yes|no|on|off").fullmatch),
    "duration": ("a duration such as 30s", _DURATION.fullmatch),
    "email": ("an address of mail", _EMAIL.fullmatch),
    "host": ("a host", _is_host),
    "json": ("JSON", _is_json),
}


def _known_shape(shape: str | tuple[str, ...]) -> str | tuple[str, ...]:
    if isinstance(shape, tuple):
        if not shape:
            raise wrong("a list of no words", "no value could ever be one of them", "[debug, info]")
        return shape
    if len(shape) > 2 and shape.startswith("/") and shape.endswith("/"):
        try:
            re.compile(shape[1:-1])
        except (re.error, OverflowError, RecursionError) as error:
            what = f"`{shape[:60]}` is no pattern: {error}"
            raise wrong(what, "text between slashes is a regular expression", "/sk-.+/") from error
    elif shape not in SHAPES:
        near = nearest(shape, SHAPES)
        why = f"it is one of {choice(SHAPES)}, a /pattern/, or a list of words"
        raise wrong(f"no shape is called `{shape[:60]}`", why, near or "/sk-.+/")
    return shape


Shape = Annotated[str | tuple[str, ...], AfterValidator(_known_shape)]


def needed(text: str) -> dict[str, int]:
    """Every name that an example of an environment file sets, with its line; what is commented out is not needed."""
    found: dict[str, int] = {}
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        if named := _LINE.match(line):
            found.setdefault(named[1], number)
    return found


def problems(
    name: str,
    value: str,
    shape: str | tuple[str, ...] | None,
    *,
    secret: bool,
    allowed: bool,
    here: str,
    others: frozenset[str],
) -> list[Finding]:
    """All that is wrong with one value. Of a secret it is said what is wrong, and nothing of its value."""
    if not value.strip():
        return [_finding(name, "is empty" if not value else "is nothing but space", "", "a value")]
    seen = "" if secret else f": `{shown(value)}`"
    found = []
    if value != value.strip():
        found.append(_finding(name, "has space around its value", seen, "the same value without it"))
    if _UNSEEN.search(value):
        found.append(_finding(name, "has a character in it that nobody sees", seen, "the value, typed anew"))
    if not allowed and shape != "json" and len(value) > 1 and _QUOTED.fullmatch(value):
        found.append(_finding(name, "has quotation marks around its value", seen, "the same value without them"))
    if not allowed and _PLACEHOLDER.fullmatch(value.strip()):
        return [*found, _finding(name, "is a placeholder", seen, "the real value, or its name in `allow`")]
    unexpanded = _UNEXPANDED_SECRET.fullmatch(value.strip()) if secret else _UNEXPANDED.search(value)
    if not allowed and unexpanded:
        found.append(_finding(name, "has a name in it that nobody filled in", seen, "the value that it stands for"))
    if not allowed and (alien := names_another(value, here, others)):
        what = "names another environment" if secret else f"names {alien}"
        found.append(_finding(name, what, seen, f"{here}'s own value, or its name in `allow`"))
    if shape is not None and (wanted := _misshapen(value.strip(), shape)):
        found.append(_finding(name, f"is not {wanted}", seen, wanted))
    return found


def _misshapen(value: str, shape: str | tuple[str, ...]) -> str:
    """What the value should be; empty when it is."""
    if isinstance(shape, tuple):
        return "" if value in shape else f"one of {choice(shape)}"
    if shape in SHAPES:
        words, fits = SHAPES[shape]
        return "" if fits(value) else words
    return "" if re.fullmatch(shape[1:-1], value) else f"as `{shape}` says"


def names_another(value: str, here: str, others: Iterable[str]) -> str:
    """The word in a value that means another environment than `here`; empty when there is none."""
    own = _words(here)
    for word in sorted(own, key=len, reverse=True):  # `production-eu` names `production`, and means itself
        value = re.sub(_whole(word), "", value)
    theirs = {word for other in others for word in _words(other)}
    if _KNOWN_AS[0] & {*own, *re.split(r"[-_]", here.lower())}:
        theirs |= _KNOWN_AS[1] | _KNOWN_AS[2]
        if found := _LOOPBACK.search(value) or _tried_out(value):
            return found[0]
    value = _CAMEL.sub("-", value)  # `ordersStaging` names it, too
    for word in sorted(theirs - own):
        mine = any(re.search(_whole(word), one) for one in own)
        if len(word) >= _SHORTEST and not mine and (found := re.search(_whole(word), value)):
            return found[0]
    return ""


def _tried_out(value: str) -> re.Match[str] | None:
    """Where in a value the host of a place to try things out is named, or a key of such a place."""
    hosts = (_TRIED_OUT.search(one[1]) for one in _HOST_OF.finditer(value))
    return _TEST_KEY.match(value) or next(filter(None, hosts), None)


def _words(environment: str) -> frozenset[str]:
    """An environment's name, and what else people call it."""
    name = environment.lower()
    return next((known for known in _KNOWN_AS if name in known), frozenset({name} if name else ()))


def _whole(word: str) -> str:
    return rf"(?i)(?<![a-z0-9]){re.escape(word)}(?![a-z0-9])"


def shown(value: str) -> str:
    """A plain value in one short line."""
    text = _CONTROL.sub("\ufffd", value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _finding(name: str, what: str, seen: str, remedy: str) -> Finding:
    return Finding(f"`{name}` {what}{seen}", "the code would run with it", remedy, "", "high")
