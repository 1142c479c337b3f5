"""GitHub Actions: events as groups and annotations, and the report as the step's summary."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from penstock.render.cells import clean
from penstock.render.tell import as_line

Row = dict[str, Any]

SUMMARY_BYTES = 1024 * 1024  # GitHub refuses a step's summary that is larger
_CUT = "\n\n*The report is longer than a step's summary may be; `penstock show` has all of it.*\n"
_LOUD = {"blocked": "error", "rolled_back": "error", "stuck": "error", "aborted": "warning", "superseded": "warning"}


def annotation(level: str, text: str, title: str = "") -> str:
    """An `error`, `warning` or `notice` that GitHub shows beside the run; escaped by its rules."""
    properties = f" title={_property(title)}" if title else ""
    return f"::{level}{properties}::{_escaped(text)}"


def group(title: str) -> str:
    """The beginning of a group that can be folded."""
    return f"::group::{_escaped(clean(title))}"


def harmless(text: str) -> str:
    """A line of a log that GitHub does not take for a command, whatever it says."""
    text = text.replace("##[", "# #[")
    return text.replace("::", ": :", 1) if text.lstrip().startswith("::") else text


def lines(event: Row, is_open: bool) -> tuple[list[str], bool]:
    """What an event prints, and whether a group is open then: a stage is a group, what is loud stands outside of one."""
    said = harmless(as_line(event))
    close = ["::endgroup::"] if is_open else []
    if event["kind"] == "stage":
        return [*close, group(event["text"]), said], True
    level = _level(event)
    if level:
        return [*close, said, annotation(level, event["text"], _title(event))], False
    return [said], is_open


def summary(report: str, room: int = SUMMARY_BYTES) -> str:
    """The report in at most so many bytes, cut between lines; it says when it was cut."""
    whole = report.encode(errors="replace")
    if len(whole) <= room:
        return whole.decode()
    kept = whole[: max(0, room - len(_CUT.encode()))].decode(errors="ignore")
    cut = kept[: kept.rfind("\n") + 1] + _CUT
    return cut if len(cut.encode()) <= room else ""


def told(events: list[Row]) -> Iterator[str]:
    """A whole stream of events, its groups closed."""
    is_open = False
    for event in events:
        made, is_open = lines(event, is_open)
        yield from made
    if is_open:
        yield "::endgroup::"


def _level(event: Row) -> str:
    if event["kind"] == "end":
        return _LOUD.get(event["data"].get("state", ""), "notice")
    if event["kind"] == "back" and event["key"] != "back:done":
        return "error"
    if event["kind"] == "check" and event["data"].get("state") in ("failed", "errored", "undecided"):
        return "error"
    return "notice" if event["kind"] in ("wait", "remind") else ""


def _title(event: Row) -> str:
    return f"Penstock: release {event['release']}"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _escaped(text).replace(":", "%3A").replace(",", "%2C")
