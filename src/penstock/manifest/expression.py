"""What may stand in `fail_if` and `promote_if`: an expression over samples, read and typed before a release starts. Pure.

The language is a part of CEL, the Common Expression Language (https://cel.dev): numbers, `true`, `false`, the names of
samples, `+ - * /`, `< <= > >= == !=`, `! && ||` and parentheses, with CEL's precedence. There are no texts, lists, calls or
macros, so there is no regular expression and no loop: an expression costs at most one operation for each of its words, of
which there are at most `WORDS_MAX`.

One thing differs: every number is a double. In CEL `3 * errors` of a double is an error and `1 / 2` is 0; here both are what
a reader takes them for. An expression that is accepted here, with its numbers written as doubles, means the same in CEL.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from penstock.manifest.problems import choice, nearest
from penstock.manifest.section import wrong

LETTERS_MAX = 1000
WORDS_MAX = 200
DEPTH_MAX = 32
_WORD = re.compile(
    r"\s*(?:(?P<number>[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|\.[0-9]+)|(?P<name>[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*)"
    r"|(?P<sign>&&|\|\||==|!=|<=|>=|[-+*/<>!()])|(?P<other>\S))"
)
_LEVELS: tuple[frozenset[str], ...] = (
    frozenset({"||"}),
    frozenset({"&&"}),
    frozenset({"<", "<=", ">", ">=", "==", "!="}),
    frozenset({"+", "-"}),
    frozenset({"*", "/"}),
)
_EXAMPLE = "errors * stable.requests > 3 * stable.errors * requests && errors > 10"
_COMPARED = "<=|>=|==|!=|<|>"
_OF_COUNT = re.compile(  # `errors > 3%`, where nothing else has a part in either side
    rf"(?P<before>(?:^|[(!&|])\s*)(?P<arm>stable\.)?(?P<name>errors|throttles|api_5xx)\s*(?P<sign>{_COMPARED})"
    r"\s*(?P<number>[0-9]+(?:\.[0-9]+)?)\s*%(?=\s*(?:$|[)&|]))"
)
_TO_COUNT = re.compile(  # the same the other way round: `3% < errors`
    rf"(?P<before>(?:^|[(!&|])\s*)(?P<number>[0-9]+(?:\.[0-9]+)?)\s*%\s*(?P<sign>{_COMPARED})"
    r"\s*(?P<arm>stable\.)?(?P<name>errors|throttles|api_5xx)(?=\s*(?:$|[)&|]))"
)
_OF_WEIGHT = re.compile(rf"(\bweight\s*(?:{_COMPARED})\s*[0-9]+(?:\.[0-9]+)?)\s*%")
_HUNDREDTHS = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*%")
Type = Literal["number", "boolean"]


@dataclass(frozen=True)
class Value:
    """A number, or `true` or `false`, as it was written. `at`: how far into the text it begins, as in all parts."""

    value: float | bool
    at: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Sample:
    """The name of a sample; it is a number."""

    name: str
    at: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Operation:
    """A sign with one part (`-`, `!`) or two."""

    sign: str
    parts: tuple[Expression, ...]
    at: int = field(default=0, compare=False)


Expression = Value | Sample | Operation


def read(text: str) -> Expression:
    """The expression in a text: well formed, of one type throughout, and true or false. Names are not looked up yet.

    Raises `wrong`.
    """
    if len(text) > LETTERS_MAX:
        raise _bad(
            f"this expression has over {LETTERS_MAX} letters", "it is evaluated again and again", "a shorter one"
        )
    words = list(_words(text))
    if len(words) > WORDS_MAX:
        raise _bad(f"this expression has over {WORDS_MAX} words", "it is evaluated again and again", "a shorter one")
    reader = _Reader(words)
    found = reader.level(0)
    if word := reader.next():
        raise _bad(f"`{word}` is one word too many", "the expression was whole before it", _EXAMPLE, reader.offset)
    if type_of(found) != "boolean":
        raise _bad(f"`{text.strip()}` is a number", "a condition is true or false", f"{text.strip()} > 0", found.at)
    return found


def misnamed(found: Expression, known: Iterable[str]) -> ValueError | None:
    """What is wrong with the names of an expression, where only `known` ones have samples; made by `wrong`."""
    names = sorted(known)
    for one in _leaves(found):
        if one.name not in names:
            near = nearest(one.name, names) or choice(names)
            return _bad(f"`{one.name}` is not a sample", "there would never be a number for it", near, one.at)
    return None


def samples(found: Expression) -> tuple[str, ...]:
    """The names of the samples in an expression, each once, in their order."""
    return tuple(dict.fromkeys(one.name for one in _leaves(found)))


def _leaves(found: Expression) -> Iterator[Sample]:
    if isinstance(found, Sample):
        yield found
    for part in found.parts if isinstance(found, Operation) else ():
        yield from _leaves(part)


def type_of(found: Expression) -> Type:
    """Whether an expression is a number or a boolean; raises `wrong` where a sign has parts that it cannot take."""
    if isinstance(found, Sample):
        return "number"
    if isinstance(found, Value):
        return "boolean" if isinstance(found.value, bool) else "number"
    types = [type_of(part) for part in found.parts]
    sign = found.sign
    if sign in ("==", "!="):
        wanted: Type = types[0]
    else:
        wanted = "boolean" if sign in ("&&", "||", "!") else "number"
    for part, kind in zip(found.parts, types, strict=True):
        if kind != wanted:
            raise _bad(
                f"`{spoken(part)}` is a {kind}, and `{sign}` takes a {wanted} there",
                "nothing is made from one type to the other",
                _EXAMPLE,
                part.at,
            )
    return "number" if sign in ("+", "-", "*", "/") else "boolean"


def spoken(found: Expression) -> str:
    """An expression as CEL: every operation in parentheses, every number as a double."""
    if isinstance(found, Sample):
        return found.name
    if isinstance(found, Value):
        return str(found.value).lower() if isinstance(found.value, bool) else repr(float(found.value))
    if len(found.parts) == 1:
        return f"{found.sign}({spoken(found.parts[0])})"
    return f"({spoken(found.parts[0])} {found.sign} {spoken(found.parts[1])})"


def _words(text: str) -> Iterator[tuple[str, int]]:
    """Each word, and how far into the text it begins."""
    end = 0
    for match in _WORD.finditer(text.rstrip()):
        end, word = match.end(), match[0].strip()
        at = end - len(word)
        if match["other"]:
            raise _foreign(match["other"], at, text)
        if (match["number"] or "") and text[end : end + 1].isalnum():
            raise _bad(f"`{word}{text[end]}` is no number", "a number has no unit: times are in ms", _EXAMPLE, at)
        yield word, at


def _foreign(letter: str, at: int, text: str) -> ValueError:
    if letter in "\"'[{":
        return _bad(f"`{letter}` begins a text, a list or a map", "samples are numbers, and nothing else", _EXAMPLE, at)
    if letter == "%":
        why = "errors and requests are counts, and a share is the one by the other; a weight is in hundredths"
        return _bad("`%` has no meaning here", why, _without_hundredths(text.strip()), at)
    if letter in "&|=":
        return _bad(f"`{letter}` has no meaning by itself", "and is `&&`, or is `||`, equal is `==`", letter * 2, at)
    return _bad(f"`{letter}` has no meaning here", "an expression is names, numbers and signs", _EXAMPLE, at)


def _without_hundredths(text: str) -> str:
    """An expression with numbers for its %: what was compared with a count is compared with a quotient of counts."""

    def quotient(found: re.Match[str]) -> str:
        arm = found["arm"] or ""
        share, count = f"{float(found['number']) / 100:g}", f"{arm}{found['name']} / {arm}requests"
        left, right = (count, share) if found.re is _OF_COUNT else (share, count)
        return f"{found['before']}{left} {found['sign']} {right}"

    text = _OF_WEIGHT.sub(r"\1", _TO_COUNT.sub(quotient, _OF_COUNT.sub(quotient, text)))
    return _HUNDREDTHS.sub(lambda found: f"{float(found[1]) / 100:g}", text)


class _Reader:
    """Words to an expression, by descent. Its depth is bounded by DEPTH_MAX."""

    def __init__(self, words: list[tuple[str, int]]) -> None:
        self._words = words
        self._at = 0
        self._depth = 0

    def next(self) -> str:
        """The word that comes now; empty at the end."""
        return self._words[self._at][0] if self._at < len(self._words) else ""

    @property
    def offset(self) -> int:
        """How far into the text the next word begins; at the end, where the last one ends."""
        if self._at < len(self._words):
            return self._words[self._at][1]
        word, at = self._words[-1] if self._words else ("", 0)
        return at + len(word)

    def level(self, n: int) -> Expression:
        """An expression whose signs bind at least as tightly as those of level n."""
        if n == len(_LEVELS):
            return self._single()
        found = self.level(n + 1)
        while self.next() in _LEVELS[n]:
            sign = self._take()
            found = Operation(sign, (found, self.level(n + 1)), found.at)
        return found

    def _single(self) -> Expression:
        at, word = self.offset, self._take()
        if word in ("-", "!"):
            return Operation(word, (self._deeper(self._single, at),), at)
        if word == "(":
            found = self._deeper(self._whole, at)
            if self._take() != ")":
                raise _bad("a parenthesis never ends", "what it holds is not known", _EXAMPLE, at)
            return found
        if word in ("true", "false"):
            return Value(word == "true", at)
        if word[:1].isdigit() or word[:1] == ".":
            return _number(word, at)
        if not (word[:1].isalpha() or word[:1] == "_"):
            what = f"before `{word}` something is lacking" if word else "something is lacking at the end"
            raise _bad(what, "a sign stands between two parts", _EXAMPLE, at)
        if self.next() == "(":
            raise _bad(f"`{word}(...)` is a call", "there are samples and signs, and no functions", _EXAMPLE, at)
        return Sample(word, at)

    def _whole(self) -> Expression:
        return self.level(0)

    def _deeper(self, inner: Callable[[], Expression], at: int) -> Expression:
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise _bad("this expression is nested too deeply", f"at most {DEPTH_MAX} levels are read", _EXAMPLE, at)
        found = inner()
        self._depth -= 1
        return found

    def _take(self) -> str:
        word = self.next()
        self._at += 1
        return word


def _number(word: str, at: int) -> Value:
    value = float(word)
    if value == float("inf"):
        raise _bad(f"`{word}` is too large", "no number is so large", _EXAMPLE, at)
    return Value(value, at)


def _bad(what: str, why: str, instead: str, offset: int = 0) -> ValueError:
    return wrong(what, why, instead, code="condition", offset=offset)
