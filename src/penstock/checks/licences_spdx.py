"""What a package says of its licence: an SPDX expression, or words that we know to mean one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

from penstock.checks.tests_reading import shown

_TOKEN = re.compile(r"\s*([()]|[A-Za-z0-9.+:*_-]+)")
_DEEPEST = 50
_NOTHING = {"", "unknown", "noassertion", "none", "n/a", "other", "custom", "proprietary or unknown"}
_CLASSIFIER = re.compile(r"^(?:License :: )?(?:OSI Approved :: )?", re.IGNORECASE)
_EXCEPTION = re.compile(r"(?i)exception|^linux-syscall-note$|^gpl-cc-1\.0$|^shl-2\.[01]$")
_GNU = re.compile(r"gpl|general public licen", re.IGNORECASE)
_SAME = {
    "mit license": "MIT", "the mit license": "MIT", "expat": "MIT", "mit no attribution license (mit-0)": "MIT-0",
    "apache software license": "Apache-2.0", "apache license": "Apache-2.0", "apache 2.0": "Apache-2.0",
    "apache license 2.0": "Apache-2.0", "apache license, version 2.0": "Apache-2.0", "apache 2": "Apache-2.0",
    "apache license version 2.0": "Apache-2.0", "apache-2": "Apache-2.0", "asl 2.0": "Apache-2.0",
    "bsd license": "BSD-unspecified", "bsd": "BSD-unspecified", "new bsd license": "BSD-3-Clause",
    "3-clause bsd license": "BSD-3-Clause", "bsd 3-clause": "BSD-3-Clause", "bsd-3": "BSD-3-Clause",
    "modified bsd license": "BSD-3-Clause", "simplified bsd license": "BSD-2-Clause", "bsd 2-clause": "BSD-2-Clause",
    "isc license (iscl)": "ISC", "isc license": "ISC", "zope public license": "ZPL-2.1",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0", "mozilla public license 2.0": "MPL-2.0", "mpl 2.0": "MPL-2.0",
    "python software foundation license": "PSF-2.0", "psf": "PSF-2.0", "psfl": "PSF-2.0",
    "the unlicense (unlicense)": "Unlicense", "the unlicense": "Unlicense", "boost software license 1.0 (bsl-1.0)": "BSL-1.0",
    "historical permission notice and disclaimer (hpnd)": "HPND", "zlib/libpng license": "Zlib",
    "cc0 1.0 universal (cc0 1.0) public domain dedication": "CC0-1.0", "public domain": "LicenseRef-public-domain",
    "apache2": "Apache-2.0", "apache-2.0 license": "Apache-2.0", "apache software license 2.0": "Apache-2.0",
    "apache software license version 2.0": "Apache-2.0", "mit-license": "MIT", "mit/x11": "MIT",
    "simplified bsd": "BSD-2-Clause", "bsd 2 clause": "BSD-2-Clause", "2-clause bsd license": "BSD-2-Clause",
    "bsd 3 clause": "BSD-3-Clause", "new bsd": "BSD-3-Clause", "modified bsd": "BSD-3-Clause", "revised bsd": "BSD-3-Clause",
    "bsd 2-clause license": "BSD-2-Clause", "bsd 3-clause license": "BSD-3-Clause", "isc license iscl": "ISC",
    "eclipse public license 2.0 (epl-2.0)": "EPL-2.0", "eclipse public license 2.0": "EPL-2.0",
}  # fmt: skip
_WORDS = {re.sub(r"[\s,()]+", " ", words).strip(): name for words, name in _SAME.items()}


@dataclass(frozen=True)
class One:
    """One licence, perhaps with an exception to it."""

    name: str
    exception: str = ""

    def __str__(self) -> str:
        return f"{self.name} WITH {self.exception}" if self.exception else self.name


@dataclass(frozen=True)
class Several:
    """Licences of which any suffices (`OR`), or all hold (`AND`)."""

    how: Literal["AND", "OR"]
    parts: tuple[Expression, ...]

    def __str__(self) -> str:
        inner = (f"({part})" if isinstance(part, Several) else str(part) for part in self.parts)
        return f" {self.how} ".join(inner)


Expression = One | Several


class NoExpression(Exception):
    """The text is no SPDX expression."""


def understood(text: str) -> Expression | None:
    """What a text means; None where it says nothing, or nothing that anybody but a person understands."""
    plain = _CLASSIFIER.sub("", text.strip()).rstrip("*").strip()
    word = re.sub(r"[\s,()]+", " ", plain.lower()).strip()
    if plain.lower() in _NOTHING or word in _NOTHING or word.startswith(("see license", "custom:")):
        return None
    if word in _WORDS:
        return One(_WORDS[word])
    try:
        return parsed(re.sub(r"(?<=\S)/(?=\S)", " OR ", plain))  # `MIT/Apache-2.0`, as it was once written
    except NoExpression:
        return One(_gnu(plain)) if _GNU.search(plain) else None


def all_of(texts: list[str]) -> Expression | None:
    """Several licences, of which nobody said that one may choose: all of them hold."""
    parts = tuple(dict.fromkeys(understood(text) for text in texts))
    known = tuple(part for part in parts if part is not None)
    if not parts or len(known) < len(parts):
        return None
    return known[0] if len(known) == 1 else Several("AND", known)


def parsed(text: str) -> Expression:
    """An SPDX expression: `AND` binds closer than `OR`, `WITH` closest."""
    tokens: list[str] = []
    at = 0
    while at < len(text) and len(tokens) < 1000:
        found = _TOKEN.match(text, at)
        if not found:
            raise NoExpression
        tokens.append(found[1])
        at = found.end()
    if at < len(text):
        raise NoExpression
    expression, rest = _either(tokens, 0)
    if rest:
        raise NoExpression
    return expression


def _either(tokens: list[str], depth: int) -> tuple[Expression, list[str]]:
    return _joined("OR", tokens, depth)


def _joined(how: Literal["AND", "OR"], tokens: list[str], depth: int) -> tuple[Expression, list[str]]:
    read = _single if how == "AND" else (lambda rest, deep: _joined("AND", rest, deep))
    first, tokens = read(tokens, depth)
    parts = [first]
    while tokens and tokens[0].upper() == how:
        part, tokens = read(tokens[1:], depth)
        parts.append(part)
    return (first if len(parts) == 1 else Several(how, tuple(parts))), tokens


def _single(tokens: list[str], depth: int) -> tuple[Expression, list[str]]:
    if not tokens or depth > _DEEPEST or tokens[0] == ")" or tokens[0].upper() in ("AND", "OR", "WITH"):
        raise NoExpression
    if tokens[0] == "(":
        inside, rest = _either(tokens[1:], depth + 1)
        if not rest or rest[0] != ")":
            raise NoExpression
        return inside, rest[1:]
    if len(tokens) > 2 and tokens[1].upper() == "WITH":
        if not _EXCEPTION.search(tokens[2]):
            raise NoExpression  # an exception gives more rights; `WITH Commons-Clause` takes some
        return One(_SAME.get(tokens[0].lower(), tokens[0]), tokens[2]), tokens[3:]
    word = tokens[0].rstrip("*")
    if not re.search(r"[A-Za-z0-9]", word):
        raise NoExpression
    known = _SAME.get(word.lower(), word)
    return One(_gnu(known) if _GNU.search(known) and "-" not in known else known), tokens[1:]


def _gnu(text: str) -> str:
    """`GNU Lesser General Public License v3 or later (LGPLv3+)` as LGPL-3.0-or-later."""
    low = text.lower()
    family = "AGPL" if "affero" in low or "agpl" in low else "GPL"
    family = "LGPL" if "lesser" in low or "library" in low or "lgpl" in low else family
    version = re.search(r"[0-9](?:\.[0-9])?", low)
    number = (version[0] if "." in version[0] else f"{version[0]}.0") if version else "unspecified"
    later = "-or-later" if "later" in low or "+" in low else "-only" if version else ""
    return f"{family}-{number}{later}"


@dataclass(frozen=True)
class Rules:
    """Patterns of licences, with `*`: what is denied never passes; where something is allowed, nothing else does."""

    allow: tuple[str, ...]
    deny: tuple[str, ...]

    def accept(self, said: Expression) -> bool:
        """Whether a package under these licences may be used."""
        if isinstance(said, Several):
            return (any if said.how == "OR" else all)(map(self.accept, said.parts))
        if said.exception and _fits(str(said), self.allow):
            return True
        denied = _fits(said.name, self.deny) or _fits(str(said), self.deny)
        return not denied and (not self.allow or _fits(said.name, self.allow))


def _fits(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name.lower(), pattern.lower()) for pattern in patterns)


def told(text: str) -> str:
    """A licence as a report words it, fit to be shown."""
    return shown(text, 80) or "nothing"
