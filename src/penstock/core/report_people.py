"""People in a release: what each was asked, what they answered, and what did not count and why. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from penstock.core import gate
from penstock.core.gate import Answer, Asked

Row = Mapping[str, Any]
HOTFIX = "hotfix"
_ASKED = tuple(field.name for field in fields(Asked))
_BEYOND = ("prepare", "shift:0")


@dataclass(frozen=True)
class Said:
    """One answer. `why_not` says why it does not count; empty where it does. `release` is another one that it was given to."""

    person: str
    verb: str
    at: float
    reason: str = ""
    signed: bool = False
    why_not: str = ""
    release: int | None = None


@dataclass(frozen=True)
class Question:
    """A question of the plan, and how it stands. `of` is whom it is asked of, in words; `state` is one of given, waiting,
    rejected, unanswered and not_asked; `until` is when it is given up. `of_plan`: an approval, else a confirmation.
    """

    line: str
    question: str
    of: str
    state: str
    asked_at: float | None = None
    until: float | None = None
    lacking: str = ""
    signed: bool = False
    of_plan: bool = True
    said: tuple[Said, ...] = ()

    @property
    def yes(self) -> tuple[str, ...]:
        """Who answered well."""
        return tuple(one.person for one in self.said if not one.why_not and one.verb != "reject")


@dataclass(frozen=True)
class Hotfix:
    """A release in haste: why, who let it through, and what was left out for it."""

    reason: str
    by: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


def hotfix_of(row: Row, questions: Iterable[Question] = ()) -> Hotfix | None:
    """The hotfix that a release is, for ever after; None for every other."""
    reason, gates = (row["options"] or {}).get("hotfix") or "", (row["plan"] or {}).get("gates") or {}
    if not reason and not gates.get("hotfix"):
        return None
    by = next((question.yes for question in questions if question.line == HOTFIX), ())
    return Hotfix(reason or gates["hotfix"], by, tuple(gates.get("skips") or ()))


def questions_of(row: Row, answers: Sequence[Row], events: Sequence[Row], now: float) -> tuple[Question, ...]:
    """Every question of a release, as it stood when the release went beyond it, ended, or else as it stands now."""
    plan = row["plan"] or {}
    gates = plan.get("gates") or {}
    asked = [Asked(**{name: one[name] for name in _ASKED if name in one}) for one in gates.get("asked") or ()]
    beyond = next((event["at"] for event in events if event["key"] in _BEYOND), None)
    at = beyond or row["ended_at"] or now
    since = (row["facts"].get("asked") or {}).get(plan.get("digest", ""))
    return tuple(_question(row, one, list(_to(row, one, answers)), events, since, at) for one in asked) + _forgotten(
        row, asked, answers
    )


def _question(
    row: Row, asked: Asked, said: Sequence[Row], events: Sequence[Row], since: float | None, at: float
) -> Question:
    found = Question(asked.line, asked.question, whom(asked), "not_asked", None, None, "", asked.signed, asked.of_plan)
    if since is None:
        return found
    given = _answers(row, asked, said, events, since, at)
    stands = _stands(row, asked, [answer for answer in given if answer.at <= at], since, at)
    return replace(
        found, state=stands.state, asked_at=since, until=since + asked.within_s, lacking=stands.lacking,
        said=tuple(_said(row, plain, answer, given, stands.void, at) for plain, answer in zip(said, given, strict=True)),
    )  # fmt: skip


def _to(row: Row, asked: Asked, answers: Iterable[Row]) -> Iterator[Row]:
    """The answers to a line: to this release's, or to any of its commit where that is what was asked about."""
    return (a for a in answers if a["line"] == asked.line and (a["release"] == row["number"] or not asked.of_plan))


def _answers(
    row: Row, asked: Asked, said: Sequence[Row], events: Sequence[Row], since: float, at: float
) -> list[Answer]:
    plain = [
        Answer(a["line"], a["verb"], a["person"], a["at"], a["digest"], a["reason"], a["until"], bool(a["signed"]))
        for a in said
    ]
    return [replace(a, doubt=_doubt(row, asked, a, plain, events, since, at)) if a.signed else a for a in plain]


def _doubt(
    row: Row, asked: Asked, answer: Answer, plain: list[Answer], events: Sequence[Row], since: float, at: float
) -> str:
    """Why a signature did not hold: what was said to be void then, and not for a reason that follows from the answers."""
    key = f"void:{asked.line}:"
    for event in events:
        text = event["text"].removeprefix(f"{asked.line}: ")
        if event["key"].startswith(key) and answer.at <= event["at"] <= at and text.startswith(f"{answer.person}: "):
            then = _stands(row, asked, [a for a in plain if a.at <= event["at"]], since, event["at"])
            if text not in then.void:
                return str(text.removeprefix(f"{answer.person}: "))
    return ""


def _stands(row: Row, asked: Asked, given: Iterable[Answer], since: float, at: float) -> gate.Standing:
    digest = row["plan"].get("digest", "") if asked.of_plan else row["commit_id"]
    return gate.stands(asked, given, digest, row["plan"]["gates"].get("authors") or (), since, at)


def _said(row: Row, plain: Row, answer: Answer, given: Sequence[Answer], void: Iterable[str], at: float) -> Said:
    why = next((w.removeprefix(f"{answer.person}: ") for w in void if w.startswith(f"{answer.person}: ")), "")
    if any(a.person == answer.person and answer.at < a.at <= at for a in given):
        why = "said something else later"
    if answer.at > at:
        why = "came when the release was beyond it"
    other = plain["release"] if plain["release"] != row["number"] else None
    return Said(answer.person, answer.verb, answer.at, answer.reason, answer.signed, why, other)


def _forgotten(row: Row, asked: Sequence[Asked], answers: Iterable[Row]) -> tuple[Question, ...]:
    """Answers to lines that the plan, drawn again, does not ask any more: what was said stays in the record."""
    known = {one.line for one in asked}
    lost: dict[str, list[Said]] = {}
    for a in answers:
        if a["release"] == row["number"] and a["line"] not in known:
            lost.setdefault(a["line"], []).append(
                Said(
                    a["person"], a["verb"], a["at"], a["reason"], bool(a["signed"]), "the plan does not ask it any more"
                )
            )
    return tuple(Question(line, "", "", "not_asked", said=tuple(said)) for line, said in lost.items())


def whom(asked: Asked) -> str:
    """Of whom something is asked, in words: `2 of managers or security, signed`."""
    groups = (" and " if len(asked.by) > 1 else " or ").join(asked.by) or "anybody"
    count = f"{asked.at_least} of " if asked.at_least > 1 else ""
    return f"{count}{groups}{', signed' if asked.signed else ''}"
