"""People in a report: the words that page and Markdown share, and the Markdown itself."""

from __future__ import annotations

from collections.abc import Iterator

from penstock.core.report import Report
from penstock.core.report_people import Hotfix, Question, Said
from penstock.render.markdown import items, table
from penstock.render.words import moment, span

HEADS = ("line", "question", "of", "stands", "answers")
_STANDS = {"given": "yes", "rejected": "no", "unanswered": "not answered in time", "not_asked": "not asked yet"}


def markdown(report: Report) -> str:
    """The questions with their answers, and what else stood in the way."""
    if not (report.questions or report.waits):
        return ""
    rows = [(*row(one, report), "; ".join(answers(one)) or "none") for one in report.questions]
    met = f"Waited, before anything was changed:\n\n{items(waits(report))}" if report.waits else ""
    parts = ("## People and gates", asked(report) if rows else "", table(HEADS, rows) if rows else "", met)
    return "\n\n".join(part for part in parts if part)


def asked(report: Report) -> str:
    """When the questions were first asked, and how long people were waited for."""
    first = min((one.asked_at for one in report.questions if one.asked_at is not None), default=None)
    if first is None:
        return "Not asked yet."
    return f"First asked on {moment(first)}; people were waited for {span(report.waited.people_s)}."


def row(one: Question, report: Report) -> tuple[str, str, str, str]:
    """A question: its line, words, whom it is asked of, and how it stands."""
    return one.line, one.question or "–", one.of or "–", stands(one, over=report.ended_at is not None)


def stands(one: Question, *, over: bool = False) -> str:
    """How a question stands, in words."""
    if one.state == "waiting":
        return f"{'was' if over else 'is'} waited for: {one.lacking}"
    if one.state == "unanswered":
        return f"{_STANDS[one.state]}: {one.lacking}"
    return _STANDS.get(one.state, one.state)


def answers(one: Question) -> list[str]:
    """What was answered, an answer each; what does not count says why."""
    return [answer(said) for said in one.said]


def answer(said: Said) -> str:
    """Who, what, when, why, signed or not, and why it does not count."""
    where = f" to release {said.release}" if said.release else ""
    signed = "signed" if said.signed else "not signed"
    why = f": {said.reason}" if said.reason else ""
    void = f" – does not count: {said.why_not}" if said.why_not else ""
    return f"{said.person} {_did(said.verb)}{where} on {moment(said.at)}, {signed}{why}{void}"


def waits(report: Report) -> list[str]:
    """What a release waited for, each with how long."""
    return [f"+{span(max(0.0, w.at - report.asked_at))} {w.text} ({span(w.seconds)})" for w in report.waits]


def hotfix(found: Hotfix) -> str:
    """A hotfix: why, who let it through, what was left out."""
    by = f"let through by {', '.join(found.by)}" if found.by else "let through by nobody"
    return f"{found.reason}; {by}; left out: {', '.join(found.left_out) or 'nothing'}"


def waited(report: Report) -> str:
    """The waiting, by what it was for; empty when there was none."""
    return "; ".join(_waited(report))


def _waited(report: Report) -> Iterator[str]:
    found = report.waited
    for seconds, what in (
        (found.people_s, "for people to answer"), (found.closed_s, "for a window, a freeze or another environment"),
        (found.in_line_s, "in line"), (found.held_s, "held by a person"),
    ):  # fmt: skip
        if seconds >= 0.05:
            yield f"{span(seconds)} {what}"


def _did(verb: str) -> str:
    return {"approve": "approved", "reject": "rejected", "confirm": "confirmed"}.get(verb, verb)
