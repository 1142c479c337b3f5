"""JUnit XML, in the dialects in which it is written, and NUnit's own: which tests there were, and how each ended."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal

from penstock.checks.tests_reading import Began, Ended, Unreadable, elements, shown

End = Literal["passed", "failed", "skipped"]

_MOST = 1_000_000
_BAD = {"failure", "error"}
_AGAIN = {"flakyFailure", "flakyError", "rerunFailure", "rerunError"}  # by Surefire, and those who write as it does
_SKIPPED = {"skipped", "disabled", "ignored", "pending"}
_BAD_STATUS = {"failed", "failure", "error"}
_NOT_RUN = {"skipped", "disabled", "notrun", "ignored", "pending", "inconclusive"}
_IDENTIFIER = re.compile(r"[\w.$\[\]()-]+")
_MESSAGE, _BODY = 300, 2000


@dataclass(frozen=True)
class Case:
    """One run of one test. `key` is its whole name, in its suite; `again` says that it was tried more than once."""

    key: tuple[int, str, str]
    name: str
    end: End
    message: str = ""
    body: str = ""
    file: str = ""
    line: str = ""
    seconds: float = 0.0
    again: bool = False


@dataclass(frozen=True)
class Suites:
    """What one report says. `bad`, `skipped` and `tests` are what its suites count, which may be more than they name.

    `reruns` says that its producer writes a test that it tried again as one more test of the same name.
    """

    cases: tuple[Case, ...]
    tests: int = 0
    bad: int = 0
    skipped: int = 0
    reruns: bool = False


def read(data: bytes) -> Suites:
    """The tests of a report; Unreadable when it is no such report, or not whole."""
    reader = _Reader()
    for event in elements(data):
        if isinstance(event, Began):
            reader.begin(event.tag, event.attributes)
        else:
            reader.end(event)
        if len(reader.cases) > _MOST:
            raise Unreadable(f"has more than {_MOST} tests")
    count = reader.counted
    found = Suites(tuple(reader.cases), count("tests"), count("bad"), count("skipped"), reader.reruns)
    if found.tests and not found.cases:
        raise Unreadable(f"counts {found.tests} tests, and names none")
    return found


@dataclass
class _Open:
    """A suite that has begun: its number, whether a failure in it is its own, and what its attributes count."""

    number: int
    name: str
    own: bool
    counts: dict[str, int]
    inside: dict[str, int] = field(default_factory=dict)


@dataclass
class _Reader:
    """`suites` are those that are open, the outermost first; `depth` counts all elements."""

    cases: list[Case] = field(default_factory=list)
    suites: list[_Open] = field(default_factory=list)
    reruns: bool = False
    _case: Case | None = None
    _outcome: dict[str, str] | None = None
    _begun: int = 0
    _root: _Open = field(default_factory=lambda: _Open(0, "", True, {}))

    def begin(self, tag: str, attributes: dict[str, str]) -> None:
        if not self._begun and tag not in ("testsuites", "testsuite", "test-run", "test-results"):
            raise Unreadable(f"is no JUnit report: it begins with <{shown(tag, 40)}>")
        if not self._begun or tag in ("testsuites", "testsuite", "test-suite"):
            self._suite(tag, attributes)
        elif tag in ("testcase", "test-case"):
            self._case = _begun(attributes, self.suites[-1].number if self.suites else 0)
        elif tag in _BAD | _AGAIN | _SKIPPED:
            self._outcome = attributes
        elif tag == "property" and attributes.get("name") == "go.version":
            self.reruns = True

    def end(self, event: Ended) -> None:
        if event.tag in ("testsuites", "testsuite", "test-suite", "test-run", "test-results"):
            self._close()
        elif event.tag in ("testcase", "test-case") and self._case:
            self.cases.append(self._case)
            self._case = None
        elif event.tag in _BAD | _AGAIN | _SKIPPED:
            self._told(event.tag, self._outcome or {}, event.text)
        elif event.tag == "message" and self._case and self._case.end == "failed":  # NUnit's
            self._case = replace(self._case, message=shown(event.text, _MESSAGE))

    def counted(self, which: str) -> int:
        return self._root.inside.get(which, 0)

    def _suite(self, tag: str, attributes: dict[str, str]) -> None:
        self._begun += 1
        name = attributes.get("name", "")
        self.reruns = self.reruns or name in ("pytest", "pytest tests")
        bad = sum(_number(attributes.get(which)) for which in ("failures", "errors", "failed"))
        skipped = _number(attributes.get("skipped")) + _number(attributes.get("disabled"))
        counts = {"tests": _number(attributes.get("tests")), "bad": bad, "skipped": skipped}
        self.suites.append(_Open(self._begun, name, tag.startswith("testsuite"), counts))

    def _close(self) -> None:
        """What a suite counts is its own and that of the suites in it, or only one of the two: the larger is true."""
        done = self.suites.pop()
        outer = self.suites[-1] if self.suites else self._root
        for which, said in done.counts.items():
            outer.inside[which] = outer.inside.get(which, 0) + max(said, done.inside.get(which, 0))

    def _told(self, tag: str, attributes: dict[str, str], text: str) -> None:
        """A failure, an error or a skip: of the test that is open, else of the suite itself."""
        message = shown(attributes.get("message") or attributes.get("type") or text.strip(), _MESSAGE)
        if self._case is None:
            # NUnit says of every suite around a failed test that it failed, without a message of its own here.
            if tag in _BAD and self.suites and self.suites[-1].own:
                self.cases.append(_of_suite(self.suites[-1], message, text))
        elif tag in _BAD:
            self._case = replace(self._case, end="failed", message=message or self._case.message, body=text[:_BODY])
        elif tag in _SKIPPED and self._case.end == "passed":
            self._case = replace(self._case, end="skipped", message=message)
        elif tag in _AGAIN:
            self._case = replace(self._case, again=True, message=self._case.message or message)


def _of_suite(suite: _Open, message: str, text: str) -> Case:
    """What failed outside of every test: before the first, after the last, or instead of them."""
    return Case((suite.number, "", ""), shown(suite.name) or "the suite", "failed", message, text[:_BODY])


def _begun(attributes: dict[str, str], suite: int) -> Case:
    said = (attributes.get("status") or attributes.get("result") or "").lower()
    end: End = "failed" if said in _BAD_STATUS else "skipped" if said in _NOT_RUN else "passed"
    message = shown(attributes.get("failure", ""), _MESSAGE)
    key = (suite, attributes.get("classname", ""), attributes.get("fullname") or attributes.get("name", ""))
    return Case(
        key, _named(attributes), end, message, "",
        attributes.get("file", ""), attributes.get("line", "") if attributes.get("line", "").isdigit() else "",
        _seconds(attributes.get("time") or attributes.get("duration")),
    )  # fmt: skip


def _named(attributes: dict[str, str]) -> str:
    """A test as its author names it: the class is left out where the name says it, or where it says nothing."""
    if "fullname" in attributes:
        return shown(attributes["fullname"])
    name, owner = shown(attributes.get("name", "")), shown(attributes.get("classname", ""))
    if not owner or owner == "test" or name.startswith(owner) or name.endswith(owner):
        return name
    both = _IDENTIFIER.fullmatch(owner) and _IDENTIFIER.fullmatch(name)
    return shown(f"{owner}.{name}" if both else f"{owner}: {name}")


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else 0


def _seconds(text: str | None) -> float:
    """`1.5`, and `1,234.5` as Surefire once wrote it."""
    try:
        found = float((text or "0").replace(",", ""))
    except ValueError:
        return 0.0
    return found if math.isfinite(found) and found > 0 else 0.0


def merged(cases: Iterable[Case], *, reruns: bool) -> list[Case]:
    """One case a test, where a test that was tried again stands as often as it was tried: its last end counts."""
    if not reruns:
        return list(cases)
    last: dict[tuple[int, str, str], Case] = {}
    for case in cases:
        before = last.get(case.key)
        last[case.key] = replace(case, again=True, message=case.message or before.message) if before else case
    return list(last.values())
