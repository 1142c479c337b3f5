"""The report of a release, in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from penstock.core.report import FollowUp, Note, Report
from penstock.render import calibration, judged, report_checks, report_people
from penstock.render.markdown import cell, items, one_line, section
from penstock.render.words import count, milliseconds, moment, share, span

TABLE = ["| | |", "|---|---|"]


def markdown(report: Report) -> str:
    """The whole report; nothing in it is computed here."""
    parts = [
        f"# Release {report.number}: {cell(report.headline)}",
        f"**Hotfix**: {one_line(report_people.hotfix(report.hotfix))}." if report.hotfix else "",
        report.sentence,
        "\n".join(TABLE + [f"| {name} | {cell(value)} |" for name, value in facts(report)]),
        _requests(report),
        judged.markdown(report),
        calibration.markdown(report.calibration),
        report_checks.markdown(report),
        report_people.markdown(report),
        section("Issues encountered", [line(note, report.asked_at) for note in report.issues], "None."),
        _lessons(report),
        _next_steps(report),
        _follow_ups(report),
        section("Contacts", report.contacts),
        _commits(report),
        section("Configuration", [f"{change.name}: {change.what}" for change in report.configuration]),
        section("Timeline", [f"+{span(row['after_s'])} {row['text']}" for row in report.timeline]),
        _evidence(report),
        _way_back(report),
        _head(report),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def facts(report: Report) -> list[tuple[str, str]]:
    """The facts in which a reader looks first, as (name, value)."""
    pairs = [
        ("Date", moment(report.asked_at)),
        ("Duration", span(report.duration_s)),
        ("Active, waiting", f"{span(report.active_s)}, {span(report.waiting_s)}"),
        *([("Waited", waited)] if (waited := report_people.waited(report)) else []),
        ("Deployment duration", span(report.deployment_s) if report.deployment_s is not None else "–"),
        ("Rollback required", "yes" if report.rollback_required else "no"),
        ("Components updated", "; ".join(report.components) or "none"),
        ("Error rate", _rates(report)),
        ("Average response time", _times(report)),
        ("Asked by", report.asked_by),
        ("Commit", report.commit),
        ("Before", report.before or "nothing"),
        ("Kind", f"{report.kind}{', ' + report.strategy if report.strategy else ''}"),
        ("Outcome", _outcome(report)),
    ]
    if report.hotfix:
        pairs.insert(0, ("Hotfix", report_people.hotfix(report.hotfix)))
    if report.until_safe_s is not None:
        pairs.append(("Until nothing went to the candidate", span(report.until_safe_s)))
    if report.harmed is not None:
        pairs.append(("Harmed by the candidate", harmed(report.harmed)))
    if report.own_requests:
        pairs.append(("Penstock's own requests", report.own_requests))
    return pairs


def harmed(requests: int) -> str:
    """Whom a candidate harmed, in the words that page, Markdown and simulations share."""
    what = "request" if requests == 1 else "requests"
    return f"{count(requests)} {what}, failed or too slow beyond what stable would have made"


def _outcome(report: Report) -> str:
    state = report.state.replace("_", " ") + (f" ({report.cause})" if report.cause else "")
    return f"{state}, {report.hurried}" if report.hurried else state


def line(note: Note, asked_at: float) -> str:
    """A note in a list: when, what, by whom."""
    when = f"+{span(max(0.0, note.at - asked_at))} " if note.at else ""
    kind = "a user reports: " if note.kind == "user-report" else ""
    return f"{when}{kind}{note.text}" + (f" ({note.by})" if note.by else "")


def _rates(report: Report) -> str:
    return "; ".join(f"{share(a.errors, a.requests)} on {a.revision} ({a.role})" for a in report.arms) or "not measured"


def _times(report: Report) -> str:
    told = [
        f"{milliseconds(arm.mean_ms)} on {arm.revision} ({arm.role})" for arm in report.arms if arm.mean_ms is not None
    ]
    return "; ".join(told) or "not measured"


def _requests(report: Report) -> str:
    if not report.arms:
        return ""
    lines = [
        "## Requests while the release ran",
        "",
        "| revision | requests | failed | share | mean |",
        "|---|---|---|---|---|",
    ]
    for arm in report.arms:
        mean = milliseconds(arm.mean_ms) if arm.mean_ms is not None else "–"
        lines.append(f"| {arm.revision} ({arm.role}) | {count(arm.requests)} | {count(arm.errors)} "
                     f"| {share(arm.errors, arm.requests)} | {mean} |")  # fmt: skip
    return "\n".join(lines)


def _lessons(report: Report) -> str:
    parts = _lists(report, (("What went well", report.went_well), ("What could be improved", report.could_improve)))
    return f"## Lessons learned\n\n{parts}" if parts else ""


def _next_steps(report: Report) -> str:
    parts = _lists(report, (("Action items", report.actions),))
    watch = f"Monitoring: {report.monitoring}." if report.monitoring else ""
    body = "\n\n".join(part for part in (parts, watch) if part)
    return f"## Next steps\n\n{body}" if body else ""


def _follow_ups(report: Report) -> str:
    if not report.follow_ups:
        return ""
    lines = [awaited(report), "", "| what | asked | of | due | state |", "|---|---|---|---|---|"]
    lines += [f"| {' | '.join(cell(text) for text in follow_up(one, code='`'))} |" for one in report.follow_ups]
    return "## Follow-ups\n\n" + "\n".join(lines)


def awaited(report: Report) -> str:
    """What the report is still without, as a sentence."""
    return f"{report.awaits[:1].upper()}{report.awaits[1:]}." if report.awaits else "Nothing is open."


def follow_up(one: FollowUp, code: str = "") -> tuple[str, str, str, str, str]:
    """A reminder's row: what, the question, of whom, until when, and how it stands. `code` stands around the command."""
    state = f"{'overdue' if one.overdue else 'open'}: {code}{one.command}{code}"
    if one.done_at is not None:
        state = f"ticked by {one.done_by} on {moment(one.done_at)}" + (f": {one.text}" if one.text else "")
    return one.name, one.ask, one.by or "anybody", moment(one.due_at), state


def _lists(report: Report, named: Iterable[tuple[str, Sequence[Note]]]) -> str:
    return "\n\n".join(
        f"{title}:\n\n{items(line(note, report.asked_at) for note in notes)}"
        for title, notes in named if notes
    )  # fmt: skip


def _commits(report: Report) -> str:
    if not report.commits:
        return ""
    lines = ["## Commits", "", "| commit | author | what |", "|---|---|---|"]
    return "\n".join(
        lines + [f"| `{c['id'][:12]}` | {cell(c['author'])} | {cell(c['subject'])} |" for c in report.commits]
    )


def _evidence(report: Report) -> str:
    if not report.evidence:
        return ""
    lines = ["## Evidence", "", "| what | SHA-256 | bytes |", "|---|---|---|"]
    return "\n".join(
        lines + [f"| {cell(e['name'])} | `{e['digest'][:16]}…` | {count(e['size'])} |" for e in report.evidence]
    )


def _way_back(report: Report) -> str:
    return f"## How to go back\n\n`{report.how_back}`: {report.way_back}" if report.how_back else ""


def _head(report: Report) -> str:
    if not report.head:
        return ""
    return (
        f"## Audit log\n\nLine {report.head['line']}, `{report.head['head']}`, signed with key `{report.head['key'][:16]}…`. "
        f"`penstock audit verify --head {report.head['line']}:{report.head['head']}` checks a log against this report."
    )
