"""What an HTTP answer is expected to be, and the judging of one: pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")
_KINDS: dict[str, Any] = {"number": (int, float), "string": str, "boolean": bool, "list": list, "map": dict, "null": type(None)}
MATCHERS = ("is", "at_least", "at_most", "matches", "contains")
_MISSING = object()


def problems(expect: Mapping[str, Any], status: int, headers: Mapping[str, str], body: str, ms: float) -> list[str]:
    """Everything in which an answer is not as expected, in sentences."""
    found = _status(expect.get("status"), status)
    found += [p for name, want in (expect.get("headers") or {}).items() if (p := _header(name, want, headers))]
    within = expect.get("within")
    if within is not None and ms > within * 1000:
        found.append(f"took {ms:.0f} ms, at most {within * 1000:.0f} ms were expected")
    wanted = expect.get("json") or {}
    if wanted:
        try:
            data = json.loads(body)
        except ValueError:
            return [*found, "the body is no JSON"]
        found += [p for path, want in wanted.items() if (p := _value(path, want, at(data, path)))]
    return found


def at(data: Any, path: str) -> Any:
    """The value at `items[0].price`; `_MISSING` (never equal to anything) where there is none."""
    for name, index in _STEP.findall(path):
        if name and isinstance(data, dict) and name in data:
            data = data[name]
        elif index and isinstance(data, list) and int(index) < len(data):
            data = data[int(index)]
        else:
            return _MISSING
    return data


def is_there(value: Any) -> bool:
    """Whether `at` found something."""
    return value is not _MISSING


def _status(want: Any, status: int) -> list[str]:
    allowed = want if isinstance(want, list | tuple) else [want] if want is not None else None
    if allowed is None:
        return [] if 200 <= status < 300 else [f"answered {status}, 2xx was expected"]
    return [] if status in allowed else [f"answered {status}, {' or '.join(map(str, allowed))} was expected"]


def _header(name: str, want: str, headers: Mapping[str, str]) -> str:
    have = {key.lower(): value for key, value in headers.items()}.get(name.lower())
    if have is None:
        return f"has no header {name}"
    if want.startswith("/") and want.endswith("/") and len(want) > 1:
        return "" if re.search(want[1:-1], have) else f"header {name} is `{have}`, {want} was expected"
    return "" if have == want else f"header {name} is `{have}`, `{want}` was expected"


def _value(path: str, want: Any, have: Any) -> str:
    if have is _MISSING:
        return f"there is no {path} in the body"
    if isinstance(want, dict) and want and set(want) <= set(MATCHERS):
        wrong = [f"{word} {one}" for word, one in want.items() if not _matches(word, one, have)]
        return f"{path} is {_shown(have)}, {', '.join(wrong)} was expected" if wrong else ""
    return "" if have == want and isinstance(have, bool) == isinstance(want, bool) else (
        f"{path} is {_shown(have)}, {_shown(want)} was expected"
    )  # fmt: skip


def _matches(word: str, want: Any, have: Any) -> bool:
    number = isinstance(have, int | float) and not isinstance(have, bool)
    if word == "is":
        return isinstance(have, _KINDS.get(want, ())) and not (want == "number" and isinstance(have, bool))
    if word == "at_least":
        return number and have >= float(want)
    if word == "at_most":
        return number and have <= float(want)
    if word == "matches":
        return isinstance(have, str) and re.search(want, have) is not None
    return isinstance(have, str | list | dict) and want in have


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else text[:77] + "..."
