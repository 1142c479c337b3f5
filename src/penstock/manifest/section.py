"""What every section of the manifest is made of: a strict frozen model, and scalars typed by their key.

The reader hands over every scalar as the text that was written; the type of the key says what it means. A
validator here raises `wrong(what, why, instead)`; the reader turns that into a Problem with its place.

The plain data of a section (see `core.data.dump`) is validated by the same models: numbers pass as they are.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, StringConstraints, model_validator
from pydantic_core import PydanticCustomError


class Section(BaseModel):
    """A section of the manifest: frozen, and a key that is not known is an error.

    `not_yet` names keys that the language has and this version does not act on. `written` names the keys that
    a person may write; None means all of them. (A margin is written as one scalar, never by its fields.) Of the keys
    in `one_of`, one at least must be there. `specimen` is one, as people write it in a line. A map with `is` under a
    name of the user's own belongs to the key `named`, if there is one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    not_yet: ClassVar[frozenset[str]] = frozenset()
    written: ClassVar[frozenset[str] | None] = None
    one_of: ClassVar[tuple[str, ...]] = ()
    named: ClassVar[str] = ""
    specimen: ClassVar[str] = ""

    @classmethod
    def short_for(cls, text: str) -> str:
        """The key that one bare word stands for, where one may stand for the whole section; else empty."""
        del text
        return ""

    tells: ClassVar[frozenset[str]] = frozenset()
    """Of a target: the keys of `verdict`, beside errors and response times, that its own readings can be held against."""

    def misfits(self, units: Mapping[str, bool]) -> list[ValueError]:
        """What is wrong beside the environment's units (name -> takes traffic); each made by `wrong`."""
        del units
        return []


_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_DURATION = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?(?:ms|s|m|h|d|w))+")
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d|w)")
_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?")
_PERCENT = re.compile(r"[0-9]+(?:\.[0-9]+)?%")
_MARGIN = re.compile(r"([0-9]+(?:\.[0-9]+)?)x(?:\s*\+\s*([0-9]+(?:\.[0-9]+)?)pp)?")
_LONGEST_S = 3660 * 86400.0
_NEARLY = re.compile(r"([0-9]+(?:\.[0-9]+)?)x?(?:\s*\+\s*([0-9]+(?:\.[0-9]+)?)\s*(?:%|pp|points)?)?")
_SHELL = frozenset(["&&", "||", "|", ";", ">", ">>", "<", "&", "2>&1"])
_SHAPE = re.compile(r"[a-z][a-z0-9-]{0,38}")


def wrong(what: str, why: str, instead: str, *, code: str = "value", at: str = "", offset: int = 0) -> ValueError:
    """An error of a scalar, in three parts.

    `at` is the key inside the section that it belongs to (dotted, where that lies deeper), `offset` how far into the text
    what is wrong begins.
    """
    parts = {"what": what, "why": why, "instead": instead, "at": at, "offset": offset}
    return PydanticCustomError(code, "{what} :: {why} :: {instead}", parts)


def not_acted_on(what: str, instead: str) -> ValueError:
    """The error of something that the language has, and this version does not act on."""
    return wrong(
        f"{what} is not acted on yet",
        "this version would ignore it, and what is written must never be ignored",
        instead,
        code="not-yet",
    )


def duration(text: Any) -> float:
    """`90s`, `1h30m`, `200ms` as seconds."""
    if isinstance(text, int | float):
        return float(text)
    if not isinstance(text, str) or not _DURATION.fullmatch(text):
        raise wrong(
            f"{_quoted(text)} is not a duration",
            "a duration is a number and a unit: ms, s, m, h, d, w",
            f"{text}s, {text}m or {text}h" if is_number(text) and float(text) else "30s, 5m or 1h30m",
        )
    seconds = sum(float(n) * _UNITS_S[unit] for n, unit in _PART.findall(text))
    if seconds > _LONGEST_S:
        raise wrong(f"`{text}` is too long", "nothing here takes longer than ten years", "3660d, or less")
    return seconds


def is_number(text: Any) -> bool:
    """Whether somebody wrote a number that lacks its unit."""
    return isinstance(text, str) and bool(_NUMBER.fullmatch(text))


def count(text: Any) -> int:
    """`3` as 3; a whole number from 0 on, in digits."""
    if isinstance(text, int) and not isinstance(text, bool):
        return text
    if not isinstance(text, str) or not re.fullmatch(r"[0-9]{1,9}", text):
        raise wrong(f"{_quoted(text)} is not a whole number", "it counts something", "a number such as 3")
    return int(text)


def flag(text: Any) -> bool:
    """`true` or `false`, and no other word."""
    if isinstance(text, bool):
        return text
    if text not in ("true", "false"):
        meant = {"yes": "true", "on": "true", "no": "false", "off": "false"}.get(str(text).lower(), "true or false")
        raise wrong(f"{_quoted(text)} is neither true nor false", "it is a yes or a no", meant)
    return bool(text == "true")


def _quoted(value: Any) -> str:
    return f"`{value}`" if isinstance(value, str) else "this"


def fraction(text: Any) -> float:
    """`5%` as 0.05."""
    if isinstance(text, int | float):
        return float(text)
    if not isinstance(text, str) or not _PERCENT.fullmatch(text) or float(text[:-1]) > 100:
        raise wrong(
            f"{_quoted(text)} is not a percentage",
            "a share is a number from 0 to 100 with a % sign",
            as_share(text) if is_number(text) else "5% or 0.1%",
        )
    return float(text[:-1]) / 100


def as_share(text: str) -> str:
    """What a number without its % was meant as: `0.2` as 20%, `5` as 5%."""
    number = float(text)
    return f"{number * 100 if number < 1 else min(100.0, number):g}%"


def permille(text: Any) -> int:
    """`2.5%` as 25; a tenth of a per cent is the finest weight a split knows."""
    if isinstance(text, int):
        return text
    share = fraction(text) * 1000
    if abs(share - round(share)) > 1e-9:
        raise wrong(f"`{text}` is too fine", "traffic is split in steps of 0.1 %", f"{max(1, round(share)) / 10:g}%")
    return round(share)


class Margin(Section):
    """How much worse is still allowed: `ratio` times stable, plus `points` (a fraction, not per cent)."""

    written: ClassVar[frozenset[str] | None] = frozenset()

    ratio: float
    points: float = 0.0

    def __str__(self) -> str:
        return f"{self.ratio:g}x + {self.points * 100:g}pp"

    @model_validator(mode="before")
    @classmethod
    def _read(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        found = _MARGIN.fullmatch(value.strip())
        if not found:
            raise wrong(
                f"`{value}` is not a margin",
                "a margin is a factor of stable's rate, and points added to it",
                _nearest_margin(value),
            )
        ratio, points = float(found[1]), float(found[2] or 0) / 100
        if ratio > 1000 or points > 1:
            raise wrong(
                f"`{value}` allows everything",
                "no rate is a thousand times stable's, or above 100 points",
                "1.5x + 0.05pp",
            )
        return {"ratio": ratio, "points": points}


def _nearest_margin(text: str) -> str:
    """The margin that was meant where only its letters are lacking: `1.5 + 0.05%` as 1.5x + 0.05pp."""
    found = _NEARLY.fullmatch(text.strip())
    if not found or float(found[1]) < 1:
        return "1.5x + 0.05pp"
    return f"{found[1]}x + {found[2]}pp" if found[2] else f"{found[1]}x"


class Amount(Section):
    """A number of instances, or a share of them."""

    written: ClassVar[frozenset[str] | None] = frozenset()

    count: int | None = None
    share: float | None = None

    def __str__(self) -> str:
        return f"{self.share * 100:g} %" if self.share is not None else str(self.count)

    @model_validator(mode="before")
    @classmethod
    def _read(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"share": fraction(value)} if value.endswith("%") else {"count": count(value)}
        return {"count": value} if isinstance(value, int) else value

    def of(self, total: int, *, up: bool) -> int:
        """How many of `total`; a share is rounded up for a surge, down for what may be missing."""
        if self.count is not None:
            return self.count
        exact = (self.share or 0.0) * total
        return -int(-exact // 1) if up else int(exact)


class Command(Section):
    """Words to be run as they are, or one line for a shell where a shell is meant."""

    written: ClassVar[frozenset[str] | None] = frozenset({"sh"})

    words: tuple[str, ...] = ()
    sh: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _read(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"words": _words(value)}
        if isinstance(value, list):
            _one_command(value)
            return {"words": value}
        return value

    @model_validator(mode="after")
    def _something(self) -> Command:
        if not ("".join(self.words) if self.sh is None else self.sh).strip():
            raise wrong("this command is empty", "there is nothing to run", "the words of a command")
        return self

    def argv(self) -> tuple[str, ...]:
        """The argv to run; `$NAMES` are still to be filled in."""
        return ("sh", "-c", self.sh) if self.sh is not None else self.words


def _words(line: str) -> list[str]:
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise wrong(
            "this command has an unbalanced quote",
            "a command is split into words as a shell would, and a quote in it never ends",
            "the same command with its quote closed",
            code="quote",
        ) from error
    # A quoted operator is a word like any other, so an operator counts only where the line holds it bare.
    if shell := next((word for word in words if word in _SHELL and word in line.split()), ""):
        raise wrong(
            f"`{shell}` means something to a shell only",
            "a command is words, run without a shell",
            "{sh: ...} with the whole line in quotes, where a shell is meant",
            code="shell",
        )
    return words


def _one_command(words: list[Any]) -> None:
    if words and isinstance(words[0], str) and " " in words[0].strip():
        raise wrong(
            f"no program is called `{words[0]}`",
            "a list is the words of one command",
            'one word each, as in [npm, run, build]; several commands as {sh: "... && ..."}',
            code="words",
        )


Duration = Annotated[float, BeforeValidator(duration)]
Count = Annotated[int, BeforeValidator(count)]
Flag = Annotated[bool, BeforeValidator(flag)]
Fraction = Annotated[float, BeforeValidator(fraction)]
Permille = Annotated[int, BeforeValidator(permille)]
Name = Annotated[str, StringConstraints(pattern=f"^{_SHAPE.pattern}$", max_length=39)]
Variable = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=100)]
