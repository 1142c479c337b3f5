"""Where the time of a release went that was nobody's work: in line, held, waiting for people, waiting for a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Row = Mapping[str, Any]
_GOES_ON = ("passed:", "changed:", "waiting:", "prepare", "shift:0")
OF_PEOPLE = " to answer `"  # what the words of a wait have where somebody is asked


@dataclass(frozen=True)
class Wait:
    """Something that stood in the way: from when, for how long, and what."""

    at: float
    seconds: float
    text: str

    @property
    def of_people(self) -> bool:
        """Whether somebody had a question to answer meanwhile."""
        return OF_PEOPLE in self.text


@dataclass(frozen=True)
class Waited:
    """Seconds in which nothing could be done: in line behind other releases, held by a person, for answers of people, and
    for a window, a freeze or its time in another environment to pass.
    """

    in_line_s: float = 0.0
    held_s: float = 0.0
    people_s: float = 0.0
    closed_s: float = 0.0

    @property
    def seconds(self) -> float:
        """All of it."""
        return self.in_line_s + self.held_s + self.people_s + self.closed_s


def waited(facts: Row, events: Sequence[Row], until: float) -> Waited:
    """The waiting of a release so far. Where it stood in line while it waited for people, the people are what counts."""
    found = waits(events, until)
    people_s = sum(wait.seconds for wait in found if wait.of_people)
    closed_s = sum(wait.seconds for wait in found if not wait.of_people)
    return Waited(_in_line_s(facts, found), _held_s(events, until), people_s, closed_s)


def waits(events: Sequence[Row], until: float) -> tuple[Wait, ...]:
    """What a release waited for before anything was changed, in order: each until the next, or until it went on."""
    return tuple(_waits(events, until))


def _waits(events: Sequence[Row], until: float) -> Iterator[Wait]:
    begun: Row | None = None
    for event in events:
        is_wait = event["key"].startswith("awaiting:")
        if begun is not None and (is_wait or event["key"].startswith(_GOES_ON) or event["kind"] in ("end", "back")):
            yield _wait(begun, event["at"])
            begun = None
        begun = event if is_wait else begun
    if begun is not None:
        yield _wait(begun, until)


def _wait(begun: Row, until: float) -> Wait:
    return Wait(begun["at"], max(0.0, until - begun["at"]), str(begun["text"]).removeprefix("waiting "))


def _in_line_s(facts: Row, found: Sequence[Wait]) -> float:
    total = float(facts.get("in_line_s", 0.0))
    begun: float | None = facts.get("in_line_from")
    if begun is None:
        return total
    both = sum(max(0.0, min(begun + total, w.at + w.seconds) - max(begun, w.at)) for w in found)
    return max(0.0, total - both)


def _held_s(events: Sequence[Row], until: float) -> float:
    """Between a person's word to hold and the next move."""
    total, began = 0.0, None  # type: float, float | None
    for event in events:
        held = event["kind"] == "wait" and "asked to hold" in event["text"]
        if held and began is None:
            began = event["at"]
        elif began is not None and event["kind"] in ("move", "back", "end"):
            total, began = total + event["at"] - began, None
    return total + (until - began if began is not None else 0.0)


def deployment_s(events: Sequence[Row]) -> float | None:
    """From the first thing that was placed until the candidate served all, or nothing of it did."""
    began = next((e["at"] for e in events if e["key"] == "shift:0"), None)
    done = next((e["at"] for e in events if e["key"] in ("promoted", "back:done")), None)
    return max(0.0, done - began) if began is not None and done is not None else None
