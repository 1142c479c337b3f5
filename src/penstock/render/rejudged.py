"""Past releases judged by another policy, as text, data and a page."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from penstock.core import data
from penstock.core.rejudging import Judged, Rejudged, Summary
from penstock.core.report_series import Series
from penstock.render.charts import charts
from penstock.render.page import STYLE
from penstock.render.page_parts import inline, paragraph, table
from penstock.render.picture import Span
from penstock.render.words import count, odds, span

FORMAT = 1
THEN = "the policy of then"
EVIDENCE = "Evidence against the candidate"  # the chart that differs from policy to policy
HEADER = ["RELEASE", "ENDED", "POLICY OF THEN", "THE OTHER", "FAILED UNTIL THEN", "ODDS AT THE PEAK", "WHAT DIFFERS"]
_SAID = {"unhealthy": "sent back", "healthy": "accepted", "undecided": "not decided by the end of the record"}


def as_data(
    policy: str, found: Sequence[Rejudged], unread: Sequence[Any], counted: Summary, over: Sequence[str] = ()
) -> dict[str, Any]:
    """What `--json` gives: docs/reference/replay.schema.json is its schema."""
    return {
        "format": FORMAT,
        "policy": policy,
        "over": [*over],
        "releases": [{**data.dump(one), "sooner_s": one.sooner_s} for one in found],
        "unread": [data.dump(one) for one in unread],
        "summary": data.dump(counted),
    }


def text(one: Rejudged, policy: str, over: Sequence[str] = ()) -> str:
    """One release: both outcomes side by side, then what that comes to. `over`: what the other policy says instead."""
    rows = facts(one, policy)
    wide = max(len(cells[1]) for cells in rows) + 2
    drawn = [f"  {name:<20}{then:<{wide}}{other}".rstrip() for name, then, other in rows]
    reach = f"{one.release}: {ended(one)}; its rollout was recorded for {span(one.reaches_s)}"
    return "\n".join(
        [
            reach,
            *of_what(policy, over, "the release's"),
            "",
            *drawn,
            "",
            sentence(one, policy),
            *one.notes,
            *left_out([one]),
        ]
    )


def of_what(policy: str, over: Sequence[str], whose: str) -> list[str]:
    """Which policy the other one is, where it is a release's own with something said instead."""
    return [f"by {whose} own `verdict`, with {policy} laid over it:", *(f"  {line}" for line in over)] if over else []


def facts(one: Rejudged, policy: str) -> list[tuple[str, str, str]]:
    """(name, by the policy of then, by the other), a heading first."""
    both = (one.recorded, one.other)

    def row(name: str, *cells: str) -> tuple[str, str, str]:
        return (name, cells[0], cells[1])

    return [
        row("", THEN, policy),
        row("verdict", *(_SAID[judged.outcome] for judged in both)),
        row("after", *("–" if judged.at_s is None else span(judged.at_s) for judged in both)),
        row("at", *(_weight(judged) for judged in both)),
        row("failed until then", *(count(judged.harmed) for judged in both)),
        row("odds at the peak", *(odds(judged.peak) for judged in both)),
    ]


def sentence(one: Rejudged, policy: str) -> str:
    """What the other policy would have changed."""
    then, other = one.recorded, one.other
    if one.sooner_s is not None:
        fewer = then.harmed - other.harmed
        less = f", with {count(fewer)} fewer failed requests" if fewer > 0 else ""
        return f"{policy} would have sent it back {_gained(one.sooner_s)}{less}"
    if other.outcome == "unhealthy":
        cost = ": a good release lost" if one.was == "good" else ""
        return f"{policy} would have sent it back after {span(other.at_s or 0.0)}, at {_weight(other)}{cost}"
    if then.outcome == "unhealthy":
        had = "had accepted it" if other.outcome == "healthy" else "had not decided"
        return f"{policy} {had} by the end of the record, where it was sent back; what came after was never measured"
    if other.outcome == "healthy":
        return f"{policy} would have let it through: accepted after {span(other.at_s or 0.0)}"
    return f"{policy} had not decided by the end of the record: it would have gone on longer"


def rows(found: Sequence[Rejudged]) -> list[list[Span]]:
    """A line of a table for each release, under HEADER."""
    return [_row(one) for one in found]


def told(counted: Summary, policy: str) -> list[str]:
    """Many releases in a few sentences."""
    lost = f" ({', '.join(counted.lost)})" if counted.lost else ""
    said = [f"{policy} would have cost {len(counted.lost)} of {_many(counted.good, 'good release')}{lost}"]
    if counted.waiting:
        said.append(
            f"{len(counted.waiting)} of them it had not accepted by the end of the record: they would have waited"
        )
    if counted.bad:
        middle = counted.median_sooner_s
        gained = f"; the median: {_gained(middle)}" if middle is not None else ""
        said.append(
            f"of {_many(counted.bad, 'bad one')} it would have sent back {counted.sooner} sooner, {counted.as_soon} at the"
            f" same second, {counted.later} later, and {len(counted.missed)} not by the end of the record{gained}"
        )
    else:
        said.append("none of them was sent back by the verdict: nothing is known of what it would find")
    return said


def left_out(found: Sequence[Rejudged]) -> list[str]:
    """What the other policy says, and nobody tried."""
    keys = dict.fromkeys(key for one in found for key in one.unjudged)
    return [f"not judged here, because readings do not tell it: {', '.join(keys)}"] if keys else []


def page(one: Rejudged, policy: str, then: Series, other: Series, over: Sequence[str] = ()) -> str:
    """One release as a page: both outcomes, and the evidence under both policies over the same seconds."""
    asked = (
        f"<p>By the release's own <code>verdict</code>, with {escape(policy)} laid over it:</p>{_lines(over)}"
        if over
        else ""
    )
    heads, *body = facts(one, policy)
    figures = [(f"{title}: {THEN}" if title == EVIDENCE else title, words, svg) for title, words, svg in charts(then)]
    figures += [(f"{title}: {policy}", words, svg) for title, words, svg in charts(other) if title == EVIDENCE]
    drawn = "".join(
        f'<figure tabindex="0"><h3>{escape(title)}</h3>{svg}<figcaption>{inline(words)}</figcaption></figure>'
        for title, words, svg in figures
    )
    notes = "".join(paragraph(note) for note in (*one.notes, *left_out([one])))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{escape(one.release)} by {escape(policy)}</title><style>{STYLE}</style></head>\n<body><main>\n"
        f'<p class="soft">{escape(one.release)} · {escape(ended(one))}</p><h1>{escape(sentence(one, policy))}</h1>{asked}{notes}'
        f"{table(heads, body)}<section><h2>What was measured</h2>{drawn}</section>\n</main></body></html>\n"
    )


def _lines(over: Sequence[str]) -> str:
    return "<ul>" + "".join(f"<li><code>{escape(line)}</code></li>" for line in over) + "</ul>"


def ended(one: Rejudged) -> str:
    """`rolled back (verdict)`."""
    return one.state.replace("_", " ") + (f" ({one.cause.replace('_', ' ')})" if one.cause else "")


def _row(one: Rejudged) -> list[Span]:
    then, other = one.recorded, one.other
    what, look = _differs(one)
    return [
        (one.release, "strong"),
        (ended(one), ""),
        (_brief(then), ""),
        (_brief(other), ""),
        (f"{count(then.harmed)} → {count(other.harmed)}", "dim"),
        (f"{odds(then.peak)} → {odds(other.peak)}", "dim"),
        ("; ".join([what, *one.notes]) if what else "; ".join(one.notes), look),
    ]


def _differs(one: Rejudged) -> tuple[str, str]:
    if one.sooner_s is not None:
        return _gained(one.sooner_s), "good" if one.sooner_s > 0 else "bad" if one.sooner_s < 0 else ""
    if one.other.outcome == "unhealthy":
        return ("a good release lost", "bad") if one.was == "good" else ("sent back", "")
    if one.recorded.outcome == "unhealthy":
        return "not sent back by the end of the record", "bad"
    return ("not accepted yet", "now") if one.other.outcome == "undecided" and one.was == "good" else ("", "")


def _brief(judged: Judged) -> str:
    if judged.at_s is None:
        return "not decided"
    return f"{_SAID[judged.outcome]}: {span(judged.at_s)}, {_weight(judged)}"


def _weight(judged: Judged) -> str:
    return f"{judged.weight_permille / 10:g} %"


def _gained(seconds: float) -> str:
    if seconds == 0:
        return "at the same second"
    return f"{span(abs(seconds))} {'earlier' if seconds > 0 else 'later'}"


def _many(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")
