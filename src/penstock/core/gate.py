"""Questions to people: who may answer, what was answered, what that comes to. Pure; time is an argument.

An answer counts when it was given to this very plan, by somebody who may give it, and is not too old. The last word of a
person is the one that counts. One rejection by somebody who may approve blocks.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Verb = Literal["approve", "reject", "confirm"]
State = Literal["given", "waiting", "rejected", "unanswered"]


@dataclass(frozen=True)
class Asked:
    """One question of a plan. `line` names it; times are seconds from when it was first asked.

    `by` maps each group that must answer to its people: at least one of each, and `at_least` people in all. An empty `by` is
    anybody. `escalate_to` joins them after `escalate_s`.
    """

    line: str
    question: str
    at_least: int = 1
    by: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    within_s: float = 3 * 86400.0
    good_for_s: float = 3 * 86400.0
    remind_s: float = 0.0
    escalate_s: float = 0.0
    escalate_to: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    authors_count: bool = False
    signed: bool = False
    of_plan: bool = True


@dataclass(frozen=True)
class Answer:
    """What somebody said to a line. `digest` is what it was said to; `until`, its own end (None: none of its own).

    `doubt` says why it proves nothing: a signature that does not hold; empty for one that does, or that none was asked of.
    `key` is the fingerprint of the key that signed it: one key is one person, whatever its names.
    """

    line: str
    verb: Verb
    person: str
    at: float
    digest: str = ""
    reason: str = ""
    until: float | None = None
    signed: bool = False
    doubt: str = ""
    key: str = ""


@dataclass(frozen=True)
class Standing:
    """How a question stands. `by` answered well; `lacking` is what is missing, in words; `void` are the answers that do not
    count, each with its reason; `wakes_at` is when time alone changes this (None: never).
    """

    state: State
    by: tuple[str, ...] = ()
    lacking: str = ""
    void: tuple[str, ...] = ()
    wakes_at: float | None = None
    reminded: bool = False
    escalated: bool = False


def stands(
    asked: Asked, answers: Iterable[Answer], digest: str, authors: Collection[str], since: float, now: float
) -> Standing:
    """How a question stands now. `digest` names what is asked about; `since` is when it was first asked."""
    escalated = bool(asked.escalate_s) and now >= since + asked.escalate_s
    groups = {**asked.by, **(asked.escalate_to if escalated else {})}
    last = _last_words(asked.line, answers)
    told = [(a, _void(asked, a, digest, authors, groups, now)) for a in last]
    told = [(a, why or _same_key(a, told)) for a, why in told]
    void = tuple(f"{a.person}: {why}" for a, why in told if why)
    counted = [a for a, why in told if not why]
    reminded = bool(asked.remind_s) and now >= since + asked.remind_s
    rejected = next((a for a in counted if a.verb == "reject"), None)
    if rejected:
        why = f": {rejected.reason}" if rejected.reason else ""
        return Standing("rejected", (rejected.person,), f"{rejected.person} rejected it{why}", void)
    yes = tuple(a.person for a in counted)
    lacking = _lacking(asked, yes, groups)
    ends = [end for a in counted if (end := _ends(asked, a)) is not None]
    if not lacking:
        return Standing("given", yes, "", void, min(ends, default=None), reminded, escalated)
    if now >= since + asked.within_s:
        return Standing("unanswered", yes, lacking, void, None, reminded, escalated)
    times = [since + s for s in (asked.remind_s, asked.escalate_s, asked.within_s) if s and since + s > now]
    return Standing("waiting", yes, lacking, void, min([*times, *ends]), reminded, escalated)


def _last_words(line: str, answers: Iterable[Answer]) -> list[Answer]:
    """The last answer of each person to a line, in the order of time."""
    last: dict[str, Answer] = {}
    for answer in sorted((a for a in answers if a.line == line), key=lambda a: a.at):
        last.pop(answer.person, None)
        last[answer.person] = answer
    return list(last.values())


def _void(
    asked: Asked,
    answer: Answer,
    digest: str,
    authors: Collection[str],
    groups: Mapping[str, tuple[str, ...]],
    now: float,
) -> str:
    """Why an answer does not count; empty when it does."""
    end = _ends(asked, answer)
    if answer.digest != digest:
        return "given to another plan, so it is void" if asked.of_plan else "given to another commit, so it is void"
    if answer.doubt:
        return answer.doubt
    if asked.signed and not answer.signed:
        return "not signed: several people prove themselves by signatures (`penstock approve --sign`)"
    if groups and not any(answer.person in people for people in groups.values()):
        return f"not one of {', '.join(groups)}"
    if answer.verb == "approve" and not asked.authors_count and answer.person in authors:
        return "wrote or ordered this release, and does not count"
    return "too old by now" if end is not None and now >= end else ""


def _same_key(answer: Answer, told: Sequence[tuple[Answer, str]]) -> str:
    """Whose key it was already: who answered first with it has it."""
    if not answer.key:
        return ""
    first = next((a for a, why in told if a.key == answer.key and not why), answer)
    return "" if first.person == answer.person else f"signed with the same key as {first.person}"


def _ends(asked: Asked, answer: Answer) -> float | None:
    """When an answer does not count any more."""
    if answer.verb == "reject":
        return answer.until
    own = answer.at + asked.good_for_s if asked.good_for_s else None
    return min([end for end in (own, answer.until) if end is not None], default=None)


def _lacking(asked: Asked, yes: Sequence[str], groups: Mapping[str, tuple[str, ...]]) -> str:
    """What is missing, in words; empty when nothing is. Whoever joined by escalation answers for any group."""
    more = asked.at_least - len(yes)
    joined = {person for name in asked.escalate_to if name in groups for person in asked.escalate_to[name]}
    silent = [name for name, people in asked.by.items() if not ({*people, *joined} & set(yes))]
    if more <= 0 and not silent:
        return ""
    if len(asked.by) > 1 and silent:
        return f"one of each: {', '.join(silent)}"
    whom = " or ".join(groups) or "anybody"
    return f"{max(more, 1)} of {whom}" if asked.at_least > 1 else whom


def may_ever(asked: Asked, authors: Collection[str]) -> str:
    """Why a question can never be answered well, whoever answers; empty when it can."""
    if not asked.by:
        return ""
    everybody = {person for people in (*asked.by.values(), *asked.escalate_to.values()) for person in people}
    able = everybody if asked.authors_count else everybody - set(authors)
    if len(able) >= asked.at_least:
        return ""
    left = f"{len(able)} of {len(everybody)}" if everybody else "nobody"
    return (
        f"{asked.question} {asked.at_least} must answer, and {left} may: whoever wrote or ordered the release does not count;"
        " `authors: count` lets them, or somebody else in the group may"
    )


@dataclass(frozen=True)
class Ran:
    """What is known of an artifact in another environment. `promoted_at` None: it was never released there. `until`: when
    something else took its place there (None: it serves still).
    """

    promoted_at: float | None = None
    rolled_back_by: int | None = None
    until: float | None = None


def ran_before(after: Mapping[str, float], ran: Mapping[str, Ran], now: float) -> tuple[str, str, float | None]:
    """(what blocks, what is waited for, until when): whether an artifact ran where it must have run, for long enough."""
    until, waits = 0.0, ""
    for name, needed_s in after.items():
        seen = ran.get(name, Ran())
        if seen.promoted_at is None:
            return f"this very artifact was never released to {name}", "", None
        if seen.rolled_back_by is not None:
            return f"it was rolled back in {name} since (release {seen.rolled_back_by})", "", None
        if seen.until is not None and seen.until - seen.promoted_at < needed_s:
            return (
                f"it ran in {name} for {seen.until - seen.promoted_at:.0f} s only, and then something else did",
                "",
                None,
            )
        if seen.promoted_at + needed_s > max(now, until):
            until, waits = seen.promoted_at + needed_s, name
    return "", waits, until or None
