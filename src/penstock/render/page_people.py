"""People on the report's page: what each was asked, what they answered, and what else stood in the way."""

from __future__ import annotations

from penstock.core.report import Report
from penstock.core.report_people import Question
from penstock.render.page_parts import Markup, coloured, inline, items, section, table
from penstock.render.report_people import HEADS, answer, asked, hotfix, row, waits

_LOOKS = {"given": "good", "rejected": "bad", "unanswered": "bad"}


def people(report: Report) -> str:
    """The section of questions and gates; nothing where nobody was asked and nothing was waited for."""
    rows = [_row(one, report) for one in report.questions]
    met = f"<h3>Waited, before anything was changed</h3>{items(waits(report))}" if report.waits else ""
    since = f'<p class="soft">{inline(asked(report))}</p>' if rows else ""
    body = since + (table(HEADS, rows) if rows else "") + met
    return section("People and gates", body) if body else ""


def hotfix_banner(report: Report) -> str:
    """Under the headline, for ever after: that it was a hotfix, who let it through, and without what."""
    if report.hotfix is None:
        return ""
    return f'<p class="lead"><span class="badge wait">hotfix</span> {inline(hotfix(report.hotfix))}</p>'


def _row(one: Question, report: Report) -> tuple[str, ...]:
    *words, stands = row(one, report)
    return (*words, coloured(stands, _LOOKS.get(one.state, "wait")), _answers(one))


def _answers(one: Question) -> Markup:
    if not one.said:
        return Markup("none")
    return Markup("<br>".join(
        coloured(answer(said), "wait") if said.why_not else inline(answer(said)) for said in one.said
    ))  # fmt: skip
