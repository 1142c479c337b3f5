"""What a release waits for before anything is changed: people, a freeze, a window, another environment; and what to type."""

from __future__ import annotations

import re

from penstock.core.report_people import Question
from penstock.core.report_words import command
from penstock.render.picture import Seen
from penstock.render.waits_wait import Wait

_NEXT = re.compile(r"; (?=for (?:the freeze by |the window: |its time in |[^`;]+ to answer `))")
_ANSWER = re.compile(r"for (?P<whom>.+) to answer `(?P<line>[^`]+)`")
GOES_ON = "it goes on by itself"


def waits(seen: Seen) -> list[Wait]:
    """Each of them, in the words of the records; several are waited for at once."""
    return [_wait(seen, part) for part in _NEXT.split(seen.row["waiting"]) if part]


def _wait(seen: Seen, part: str) -> Wait:
    what, since = part.removeprefix("for "), _since(seen, part)
    answer = _ANSWER.match(part)
    asked = next((one for one in seen.questions if answer and one.line == answer["line"]), None)
    if asked:
        return Wait(what, asked.until, "it is blocked", since=asked.asked_at, type=command(seen.row["number"], asked))
    if part.startswith("for the freeze by "):
        return Wait(what, then=GOES_ON, since=since, type="`penstock thaw`")
    return Wait(what, then=GOES_ON, since=since)


def _since(seen: Seen, part: str) -> float | None:
    """When this was first among what is waited for."""
    begins = part.partition(":")[0]
    return next((e["at"] for e in seen.events if e["key"].startswith("awaiting:") and begins in e["text"]), None)


def whom(question: Question) -> str:
    """A question that is open, in a few words: whom it is for, and who has answered already."""
    have = f" ({', '.join(question.yes)} said yes)" if question.yes else ""
    return f"{question.line}: {question.lacking}{have}"
