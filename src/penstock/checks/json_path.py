"""What an HTTP answer must be: values named by their path, what is expected of them, the judging. Pure.

A path is keys and places: `items[0].price`. A key with other signs than letters, digits, `_` and `-` stands
in quotes: `headers["content.type"]`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BeforeValidator, Field

from penstock.checks.filling import fill
from penstock.manifest.problems import choice, nearest
from penstock.manifest.section import Count, Duration, Section, wrong

_STEP = re.compile(r'(?P<dot>\.?)(?P<key>[\w-]+)|\[(?P<place>0|[1-9][0-9]{0,8})\]|\[(?P<text>"(?:[^"\\]|\\.)*")\]')
_PLAIN = re.compile(r"[\w-]+")
_KINDS: dict[str, tuple[type, ...]] = {
    "number": (int, float),
    "string": (str,),
    "boolean": (bool,),
    "list": (list,),
    "map": (dict,),
    "null": (type(None),),
}
NAME = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)")
MATCHERS = ("is", "at_least", "at_most", "matches", "contains")


def parse(path: str) -> tuple[str | int, ...]:
    """The steps of a path; ValueError says where it stops being one."""
    steps: list[str | int] = []
    at = 0
    while at < len(path) or not steps:
        found = _STEP.match(path, at)
        if not found or (found["key"] and bool(found["dot"]) == (at == 0)):
            raise ValueError(f"`{path}` is no path from `{path[at:]}` on" if path else "an empty path leads nowhere")
        steps.append(_step(found, path))
        at = found.end()
    return tuple(steps)


def _step(found: re.Match[str], path: str) -> str | int:
    if found["key"]:
        return found["key"]
    if found["place"]:
        return int(found["place"])
    try:
        return str(json.loads(found["text"]))
    except ValueError as error:
        raise ValueError(f"`{path}` has a key that is no JSON text: {found['text']}") from error


def written(steps: Iterable[str | int]) -> str:
    """The path that `parse` reads as these steps."""
    text = ""
    for step in steps:
        if isinstance(step, int):
            text += f"[{step}]"
        elif _PLAIN.fullmatch(step):
            text += f".{step}" if text else step
        else:
            text += f"[{json.dumps(step)}]"
    return text


def find(data: Any, path: str) -> Any:
    """The value at a path; LookupError says how far the path led."""
    steps = parse(path)
    for number, step in enumerate(steps):
        if isinstance(step, int):
            there = isinstance(data, list) and step < len(data)
        else:
            there = isinstance(data, dict) and step in data
        if not there:
            upto = written(steps[:number]) or "the whole"
            raise LookupError(f"no `{path}`: {upto} is {_described(data)}")
        data = data[step]
    return data


def unmatchable(want: Any) -> str:
    """Why nothing could ever be what is expected; empty when it is a value, or matchers in order."""
    if not isinstance(want, dict) or not any(key in MATCHERS for key in want):
        return ""
    for word, value in want.items():
        if word not in MATCHERS:
            near = nearest(str(word), MATCHERS)
            return f"no matcher is called `{word}`" + (f": {near}?" if near else f": {choice(MATCHERS)}")
        if why := _PROBLEMS[word](value):
            return f"`{word}` {why}"
    return ""


def mismatch(want: Any, have: Any) -> str:
    """In what a value is not as expected, as `expected …`; empty when it is."""
    if not is_matcher(want):
        return "" if same(want, have) else f"expected {shown(want)}"
    wrong = [f"{word} {shown(value)}" for word, value in want.items() if not _TESTS[word](value, have)]
    return f"expected {' and '.join(wrong)}" if wrong else ""


def difference(data: Any, path: str, want: Any, names: Mapping[str, Any]) -> str:
    """In what the value at a path is not as expected; empty when it is. Matchers are taken as written."""
    try:
        have = find(data, path)
    except LookupError as error:
        return str(error.args[0])
    wrong = mismatch(want if is_matcher(want) else filled(want, names), have)
    return f"another `{path}`: {wrong}, is {shown(have)}" if wrong else ""


def text_mismatch(want: str, have: str, names: Mapping[str, Any]) -> str:
    """In what a text is not as expected, as `expected …`: a `/pattern/` is searched for, all else is text."""
    pattern = _pattern(want)
    wanted = filled_text(want, names) if pattern is None else want
    right = have == wanted if pattern is None else re.search(pattern, have)
    return "" if right else f"expected `{wanted}`"


def is_matcher(want: Any) -> bool:
    """Whether it says what a value must be like, and is no value itself."""
    return isinstance(want, dict) and bool(want) and set(want) <= set(MATCHERS)


def same(one: Any, other: Any) -> bool:
    """Whether two values are the same JSON: 1 is 1.0, and true is not 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def shown(value: Any) -> str:
    """A value as JSON in one line."""
    return json.dumps(value, ensure_ascii=False)


def _described(data: Any) -> str:
    if isinstance(data, dict):
        return f"a map of {', '.join(map(str, list(data)[:8]))}" if data else "an empty map"
    return f"a list of {len(data)}" if isinstance(data, list) else shown(data)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is(want: Any, have: Any) -> bool:
    kind = "null" if want is None else want  # under `json`, YAML reads `null` as nothing
    return isinstance(have, _KINDS[kind]) and (kind == "boolean" or not isinstance(have, bool))


def _contains(want: Any, have: Any) -> bool:
    if isinstance(have, str):
        return isinstance(want, str) and want in have
    return isinstance(have, list | dict) and any(same(want, one) for one in have)


_TESTS: dict[str, Callable[[Any, Any], bool]] = {
    "is": _is,
    "at_least": lambda want, have: _is_number(have) and have >= want,
    "at_most": lambda want, have: _is_number(have) and have <= want,
    "matches": lambda want, have: isinstance(have, str) and re.search(want, have) is not None,
    "contains": _contains,
}


def _no_kind(value: Any) -> str:
    known = value is None or (isinstance(value, str) and value in _KINDS)
    return "" if known else f"names {choice(_KINDS)}, not {shown(value)}"


def _no_number(value: Any) -> str:
    return "" if _is_number(value) else f"needs a number, not {shown(value)}"


def _pattern(want: str) -> str | None:
    return want[1:-1] if len(want) > 2 and want.startswith("/") and want.endswith("/") else None


def _no_pattern(value: Any) -> str:
    """Why something is no regular expression; empty when it is one."""
    try:
        re.compile(value)
    except TypeError:
        return f"needs a pattern, not {shown(value)}"
    except (re.error, OverflowError, RecursionError) as error:
        return f"needs a pattern, and `{value}` is none: {error}"
    return ""


_PROBLEMS: dict[str, Callable[[Any], str]] = {
    "is": _no_kind,
    "at_least": _no_number,
    "at_most": _no_number,
    "matches": _no_pattern,
    "contains": lambda _: "",
}


def filled(value: Any, names: Mapping[str, Any]) -> Any:
    """Nested data with every `$NAME` filled in; a name alone keeps its type: a carried 7 stays 7."""
    if isinstance(value, dict):
        return {key: filled(one, names) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [filled(one, names) for one in value]
    if not isinstance(value, str):
        return value
    alone = NAME.fullmatch(value)
    return names[alone[1]] if alone and alone[1] in names else filled_text(value, names)


def filled_text(text: str, names: Mapping[str, Any]) -> str:
    """A text with every `$NAME` filled in, what is no text as JSON; Unknown for a name that is not there."""
    return fill(text, {name: one if isinstance(one, str) else shown(one) for name, one in names.items()})


def _checked_path(path: str) -> str:
    try:
        parse(path)
    except ValueError as error:
        raise wrong(str(error), "a path is keys and places", "items[0].price") from error
    return path


def _checked_expectation(want: Any) -> Any:
    if why := unmatchable(want):
        raise wrong(why, "no value could ever be that", "{is: number}, {at_least: 1}, or the value itself")
    return want


def _checked_text(want: str) -> str:
    if why := _no_pattern(_pattern(want) or ""):
        raise wrong(f"`{want}` {why}", "text between slashes is a pattern", "/^text/, or a plain text")
    return want


Path = Annotated[str, AfterValidator(_checked_path)]
Expected = Annotated[Any, AfterValidator(_checked_expectation)]
TextExpected = Annotated[str, AfterValidator(_checked_text)]


@dataclass(frozen=True)
class Answer:
    """One answer as data. `whole` is false when its body went on after 1 MiB."""

    status: int
    headers: dict[str, str]
    body: str
    ms: float
    whole: bool = True


class CannotTell(Exception):
    """The check is errored: it could not ask, or could not read what it was answered."""

    def __init__(self, condition: str, remedy: str) -> None:
        super().__init__(condition)
        self.remedy = remedy


def _several(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else (value,)


class Expectation(Section):
    """What an answer must be: one of `status` (none: 2xx), with `headers` and `json`, within `within_s`."""

    not_yet: ClassVar[frozenset[str]] = frozenset({"latency"})

    status: Annotated[tuple[Annotated[Count, Field(ge=100, le=599)], ...], BeforeValidator(_several)] = ()
    headers: dict[str, TextExpected] = Field(default={})
    json_: dict[Path, Expected] = Field(default={}, alias="json")
    within_s: Duration | None = Field(default=None, alias="within", gt=0)


def problems(expect: Expectation, answer: Answer, names: Mapping[str, Any]) -> list[str]:
    """Everything in which an answer is not as expected, to be read after `GET /path`."""
    found = []
    if answer.status not in (expect.status or range(200, 300)):
        found.append(f"answered {answer.status}, expected {' or '.join(map(str, expect.status)) or '2xx'}")
    found += [p for name, want in expect.headers.items() if (p := _header(name, want, answer, names))]
    if expect.within_s is not None and answer.ms > expect.within_s * 1000:
        found.append(f"took {answer.ms:.0f} ms, expected at most {expect.within_s * 1000:g} ms")
    if not expect.json_ or (found and not answer.whole):
        return found
    try:
        data = _data(answer)
    except LookupError as error:
        return [*found, f"answered with {error.args[0]}"]
    differ = (difference(data, path, want, names) for path, want in expect.json_.items())
    return found + [f"answered with {one}" for one in differ if one]


def carried(paths: Mapping[str, str], answer: Answer) -> dict[str, Any]:
    """What an answer hands on to later steps, by name; LookupError where there is nothing."""
    data = _data(answer) if paths else None
    values = {name: find(data, path) for name, path in paths.items()}
    for name, value in values.items():
        if value is None:
            raise LookupError(f"nothing to carry: `{paths[name]}` is null")
    return values


def _data(answer: Answer) -> Any:
    if not answer.whole:
        raise CannotTell("the body is longer than 1 MiB, and was not read to its end", "a smaller answer")
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError) as error:
        raise LookupError("a body that is no JSON") from error


def _header(name: str, want: str, answer: Answer, names: Mapping[str, Any]) -> str:
    have = {key.lower(): value for key, value in answer.headers.items()}.get(name.lower())
    if have is None:
        return f"answered without the header {name}"
    wrong = text_mismatch(want, have, names)
    return f"answered with another header {name}: {wrong}, is `{have}`" if wrong else ""
