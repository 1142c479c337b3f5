"""Coverage reports: coverage.py's and Istanbul's JSON, Cobertura, Clover and JaCoCo XML, LCOV, and Go's profile."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from penstock.checks.tests_reading import Began, Ended, Unreadable, elements, shown, tree_of

_GO_BLOCK = re.compile(r"(.+):(\d{1,9})\.\d{1,9},(\d{1,9})\.\d{1,9} (\d{1,9}) (\d{1,18})")
_GO_MODE = re.compile(r"mode: (set|count|atomic)\s*\n")
_LCOV = re.compile(rb"(?:#[^\n]*\n|VER:[^\n]*\n|\s)*(?:TN:|SF:)")
_LONGEST_BLOCK = 100_000  # lines; no function is that long


@dataclass
class File:
    """What is known of one file. `units` are what is counted (unit -> weight, covered); `lines` say which lines ran."""

    units: dict[Hashable, tuple[int, bool]] = field(default_factory=dict)
    lines: dict[int, bool] = field(default_factory=dict)

    def line(self, number: int, ran: bool) -> None:
        """A line of code, and whether it ran; once is enough."""
        self.unit(number, 1, ran)
        self.lines[number] = self.lines.get(number, False) or ran

    def unit(self, key: Hashable, weight: int, ran: bool) -> None:
        """Something that is counted: a line, a branch, a block of statements."""
        self.units[key] = (weight, ran or self.units.get(key, (0, False))[1])

    def counts(self) -> tuple[int, int]:
        """How much ran, and how much there is."""
        weights = list(self.units.values())
        return sum(weight for weight, ran in weights if ran), sum(weight for weight, _ in weights)


Files = dict[str, File]


def read(data: bytes) -> Files:
    """The files of a report in any of the formats; Unreadable for anything else, or a report that is not whole."""
    head = data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    if head.startswith(b"{"):
        tree = tree_of(data)
        found = _istanbul(tree) if _is_istanbul(tree) else _coverage_py(tree)
    elif head.startswith((b"<", b"\xff\xfe", b"\xfe\xff")):
        found = _xml(data)
    elif head.startswith(b"mode:"):
        found = _go(data.decode("utf-8", "replace"))
    elif _LCOV.match(head):
        found = _lcov(data.decode("utf-8", "replace"))
    else:
        what = "is no coverage report" if head else "is empty"
        raise Unreadable(
            f"{what}: coverage.py's or Istanbul's JSON, Cobertura, Clover or JaCoCo XML, LCOV and Go's profile are"
        )
    if not any(file.units for file in found.values()):
        raise Unreadable("names no line of code")
    return found


def together(reports: Iterable[Files], folder: str) -> Files:
    """Several reports as one: what ran in any of them ran. Paths inside the folder are made relative to it."""
    inside, found = folder.rstrip("/") + "/", dict[str, File]()
    for report in reports:
        for path, file in report.items():
            whole = found.setdefault(path.removeprefix(inside).removeprefix("./"), File())
            for key, (weight, ran) in file.units.items():
                whole.unit(key, weight, ran)
            for number, ran in file.lines.items():
                whole.lines[number] = whole.lines.get(number, False) or ran
    return found


def _coverage_py(tree: Any) -> Files:
    if not isinstance(tree, dict) or not isinstance(tree.get("files"), dict) or "totals" not in tree:
        raise Unreadable("is no report of coverage.py: it has no `files` and `totals`")
    try:
        found = {str(path): _coverage_py_file(said) for path, said in tree["files"].items()}
        counted = sum(len(file.lines) for file in found.values())
        said = tree["totals"]["num_statements"]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Unreadable(f"is no report of coverage.py as we know it ({shown(error, 60)})") from error
    if said != counted:
        raise Unreadable(f"does not add up: {shown(said, 20)} statements in all, {counted} in its files")
    return found


def _coverage_py_file(said: dict[str, Any]) -> File:
    file = File()
    for key, ran in (("executed", True), ("missing", False)):
        for number in said[f"{key}_lines"]:
            file.line(int(number), ran)
        for begin, end in said.get(f"{key}_branches", ()):
            file.unit((int(begin), int(end)), 1, ran)
    return file


def _is_istanbul(tree: Any) -> bool:
    entries = list(tree.values()) if isinstance(tree, dict) else []
    return bool(entries) and all(isinstance(one, dict) and "statementMap" in one and "s" in one for one in entries)


def _istanbul(tree: dict[str, Any]) -> Files:
    """coverage-final.json: a line ran if a statement that begins in it did, as Istanbul's own report counts lines."""
    found: defaultdict[str, File] = defaultdict(File)
    try:
        for path, said in tree.items():
            for key, place in said["statementMap"].items():
                found[path].line(int(place["start"]["line"]), int(said["s"][key]) > 0)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Unreadable(f"is no report of Istanbul as we know it ({shown(error, 60)})") from error
    return dict(found)


def _xml(data: bytes) -> Files:
    events = elements(data)
    first = next(events, None)
    root = first.tag if isinstance(first, Began) else ""
    if root not in ("coverage", "report"):
        raise Unreadable(f"is no coverage report: it begins with <{shown(root, 40)}>")
    return _cobertura(events) if root == "coverage" else _jacoco(events)


def _cobertura(events: Iterator[Began | Ended]) -> Files:
    """Lines of methods stand again in their class, so those of the methods count as well, and once. Clover begins alike."""
    found: defaultdict[str, File] = defaultdict(File)
    sources: list[str] = []
    current = ""
    for event in events:
        if isinstance(event, Ended):
            if event.tag == "source" and event.text.strip():
                sources.append(event.text.strip())
        elif event.tag == "class":
            current = event.attributes.get("filename", current)  # a class of Clover's stands in its file
        elif event.tag == "file":
            current = event.attributes.get("path") or event.attributes.get("name", "")
        elif event.tag == "line" and "count" in event.attributes and current:
            if event.attributes.get("type") != "method":
                found[current].line(_whole(event.attributes.get("num")), _whole(event.attributes["count"]) > 0)
        elif event.tag == "line" and current:
            number, hits = _whole(event.attributes.get("number")), _whole(event.attributes.get("hits"))
            found[current].line(number, hits > 0)
    root = sources[0].rstrip("/") + "/" if len(sources) == 1 and sources[0] != "." else ""
    return {path if path.startswith("/") else root + path: file for path, file in found.items()}


def _jacoco(events: Iterator[Began | Ended]) -> Files:
    found: defaultdict[str, File] = defaultdict(File)
    package, current = "", ""
    for event in events:
        if isinstance(event, Ended):
            current = "" if event.tag == "sourcefile" else current
        elif event.tag == "package":
            package = event.attributes.get("name", "")
        elif event.tag == "sourcefile":
            current = f"{package}/{event.attributes.get('name', '')}".lstrip("/")
        elif event.tag == "line" and current:
            found[current].line(_whole(event.attributes.get("nr")), _whole(event.attributes.get("ci")) > 0)
    return dict(found)


def _lcov(text: str) -> Files:
    found: defaultdict[str, File] = defaultdict(File)
    current: str | None = None
    for line in text.splitlines():
        kind, _, value = line.strip().partition(":")
        if kind == "SF":
            current = value
        elif kind == "end_of_record":
            current = None
        elif kind == "DA" and current is not None:
            number, _, rest = value.partition(",")
            found[current].line(_whole(number), _whole(rest.partition(",")[0]) > 0)
    if current is not None:
        raise Unreadable("is cut: its last record has no end")
    return dict(found)


def _go(text: str) -> Files:
    """Statements are counted, as Go does; where two blocks meet in a line, it ran if one of them did."""
    if not _GO_MODE.match(text) or not text.endswith("\n"):
        raise Unreadable("is no whole profile of Go")
    found: defaultdict[str, File] = defaultdict(File)
    for number, line in enumerate(text.splitlines()[1:], 2):
        block = _GO_BLOCK.fullmatch(line.strip())
        if line.strip() and not _GO_MODE.match(line + "\n"):  # profiles that were put together have it again
            if not block or int(block[3]) - int(block[2]) > _LONGEST_BLOCK:
                raise Unreadable(f"is no whole profile of Go: line {number}")
            _add_block(found[block[1]], line.split(" ")[0], block)
    return dict(found)


def _add_block(file: File, key: str, block: re.Match[str]) -> None:
    first, last, weight, ran = int(block[2]), int(block[3]), int(block[4]), int(block[5]) > 0
    file.unit(key, weight, ran)
    for number in range(first, last + 1) if weight else ():
        file.lines[number] = file.lines.get(number, False) or ran


def _whole(text: str | None) -> int:
    """A number of lines or hits; some write hits as `1e+20`."""
    try:
        return int(float(text or ""))
    except (ValueError, OverflowError) as error:
        raise Unreadable(f"has `{shown(text, 20)}` where a number belongs") from error
