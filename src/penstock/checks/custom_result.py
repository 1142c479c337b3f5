"""What a custom check answers with: one JSON object, read strictly. Pure."""

from __future__ import annotations

import json
import math
import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from penstock.checks import json_path
from penstock.manifest.problems import nearest

MEASURED_LIMIT = 64 << 10
EVIDENCE_LIMIT = 256 << 10
DEPTH = 20
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_COLOUR = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class ResultError(ValueError):
    """What is wrong with a result, and where."""


def _plain(text: str) -> str:
    if found := _CONTROL.search(text):
        raise PydanticCustomError("control", "a control character, U+{sign}", {"sign": f"{ord(found[0]):04X}"})
    return text


def _line(text: str) -> str:
    if "\n" in text or "\t" in text:
        raise PydanticCustomError("line", "is one line, without tabs")
    if not text.strip():
        raise PydanticCustomError("empty", "says nothing")
    return _plain(text)


def _place(text: str) -> str:
    if text.startswith("/") or ".." in text.split("/"):
        raise PydanticCustomError("place", "is a path inside the repository, as in src/page.py:7")
    return _plain(text)


Line = Annotated[str, Field(max_length=300), AfterValidator(_line)]
Text = Annotated[str, Field(max_length=2000), AfterValidator(_plain)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Found(_Strict):
    """One finding; `allowed` says that a grave one is known and accepted."""

    condition: Line
    effect: Text = ""
    remedy: Text = ""
    where: Annotated[str, Field(max_length=500), AfterValidator(_place)] = ""
    severity: Literal["critical", "high", "medium", "low", "info", ""] = ""
    allowed: bool = False


class Kept(_Strict):
    """One piece of evidence."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_. -]{0,59}$")]
    media: Literal["text/plain", "text/csv", "text/markdown", "application/json", "application/xml"] = "text/plain"
    text: str

    def shown(self) -> str:
        """The text without control characters, cut where it is too long, and saying so."""
        text = _CONTROL.sub("\ufffd", _COLOUR.sub("", self.text.replace("\r\n", "\n")))
        data = text.encode()
        if len(data) <= EVIDENCE_LIMIT:
            return text
        note = f"\n... cut after {EVIDENCE_LIMIT >> 10} KiB of {len(data) >> 10}"
        return data[: EVIDENCE_LIMIT - len(note)].decode("utf-8", "ignore") + note


class Result(_Strict):
    """The whole result."""

    format: Annotated[int, Field(ge=1, le=1)]
    state: Literal["passed", "failed", "errored", "undecided", "skipped"]
    sentence: Line
    findings: Annotated[list[Found], Field(max_length=10_000)] = []
    measured: dict[str, Any] = {}
    evidence: Annotated[list[Kept], Field(max_length=20)] = []


def read(data: bytes) -> Result:
    """The result in a text; ResultError says what is wrong, and where."""
    try:
        plain = json.loads(data.decode("utf-8-sig"), object_pairs_hook=_once, parse_constant=_no_number)
    except UnicodeDecodeError as error:
        raise ResultError(f"it is not UTF-8 at byte {error.start}") from error
    except json.JSONDecodeError as error:
        raise ResultError(f"it is no JSON at line {error.lineno}, column {error.colno}: {error.msg}") from error
    except RecursionError as error:
        raise ResultError("it is nested too deep") from error
    except ResultError:
        raise
    except ValueError as error:  # a number of thousands of digits
        raise ResultError(f"it is no JSON: {error}"[:200]) from error
    if not isinstance(plain, dict):
        raise ResultError("it is JSON, and no object")
    return _checked(plain)


def _checked(plain: dict[str, Any]) -> Result:
    try:
        found = Result.model_validate(plain)
    except ValidationError as error:
        raise ResultError(_said(error)) from error
    if problem := _too_much(found.measured):
        raise ResultError(f"measured: {problem}")
    if len({one.name for one in found.evidence}) < len(found.evidence):
        raise ResultError("evidence: two pieces have the same name")
    return found


def _said(error: ValidationError) -> str:
    """The first problem, with its place; how many more there are."""
    problems = error.errors(include_url=False, include_input=False)
    first = problems[0]
    place = json_path.written(first["loc"])
    if first["type"] == "extra_forbidden":
        near = nearest(str(first["loc"][-1]), ["format", *_keys()])
        told = "is no key of a result" + (f": `{near}`?" if near else "")
    else:
        told = first["msg"][:1].lower() + first["msg"][1:]
    more = f" (and {len(problems) - 1} more problems)" if len(problems) > 1 else ""
    return f"`{_CONTROL.sub(' ', ' '.join(place.split()))[:80]}`: {told}{more}"


def _keys() -> list[str]:
    return [*Result.model_fields, *Found.model_fields, *Kept.model_fields]


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ResultError(f"`{_CONTROL.sub(' ', twice)[:60]}` stands twice in one object")
    return found


def _no_number(word: str) -> Any:
    raise ResultError(f"{word} is no number of JSON")


def _too_much(measured: dict[str, Any]) -> str:
    """Why something is no small plain data; empty when it is."""
    if _depth(measured) > DEPTH:
        return f"nested more than {DEPTH} deep"
    if not _is_finite(measured):
        return "a number is too large"
    size = len(json.dumps(measured, ensure_ascii=True))
    return f"{size} bytes, at most {MEASURED_LIMIT}" if size > MEASURED_LIMIT else ""


def _depth(value: Any) -> int:
    """How deep data is nested, level by level: no recursion to break."""
    depth, level = 0, [value]
    while level:
        depth += 1
        level = [
            below
            for one in level
            for below in (one.values() if isinstance(one, dict) else one if isinstance(one, list) else ())
        ]
    return depth


def _is_finite(value: Any) -> bool:
    """Whether no number in it is infinite: 1e999 is, once it is read."""
    if isinstance(value, dict | list):
        return all(_is_finite(one) for one in (value.values() if isinstance(value, dict) else value))
    return not isinstance(value, float) or math.isfinite(value)
