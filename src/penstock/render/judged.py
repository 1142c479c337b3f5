"""What the verdict judged, channel by channel: the words that page and Markdown share, and both forms."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from penstock.core.eprocess import Counts
from penstock.core.report import Report
from penstock.core.report_evidence import Channel, standouts
from penstock.core.verdict_words import spoken
from penstock.render import page_parts
from penstock.render.markdown import table
from penstock.render.words import count, milliseconds, share

HEADS = ("channel", "what counts", "candidate", "stable", "odds against", "odds for")
TITLE, BAKING = "What the verdict judged", "In the bake"


def markdown(report: Report) -> str:
    """The section of a report; nothing where nothing was judged."""
    phases = _phases(report)
    parts = [f"## {TITLE}"] if phases else []
    for title, channels in phases:
        parts += [f"### {title}"] if title else []
        parts += [table(HEADS, rows(channels)), weighed(channels), standing_out(channels)]
    return "\n\n".join(part for part in parts if part)


def page(report: Report) -> str:
    """The same section on a page; every word from outside is escaped."""
    body = ""
    for title, channels in _phases(report):
        body += f"<h3>{title}</h3>" if title else ""
        body += page_parts.table(HEADS, rows(channels), numbers=4, look="stacked")
        body += page_parts.paragraph(weighed(channels)) + page_parts.paragraph(standing_out(channels))
    return page_parts.section(TITLE, body) if body else ""


def rows(channels: Sequence[Channel]) -> list[tuple[str, ...]]:
    """A row a channel, under HEADS."""
    return [
        (f"`{one.name}`", one.what + _times(one), _counted(one, one.candidate), _counted(one, one.stable),
         spoken(one.odds) if one.is_judged else "–",
         spoken(one.acceptance) if one.is_judged and one.acceptance is not None else "–")
        for one in channels
    ]  # fmt: skip


def weighed(channels: Sequence[Channel]) -> str:
    """How the channels make up the verdict's odds; nothing where there is but one."""
    shares = [(one.name, Fraction(one.share).limit_denominator(1000)) for one in channels if one.share]
    if len(shares) < 2:
        return ""
    parts = ", ".join(f"{share} `{name}`" for name, share in shares)
    return f"The channels are weighted: the verdict's odds against it are the weighted sum of theirs ({parts})."


def standing_out(channels: Sequence[Channel]) -> str:
    """Which channels stand out among several; nothing where there is but one."""
    found = standouts(channels)
    if found is None:
        return ""
    judged = sum(one.is_judged for one in channels)
    names = [f"`{name}`" for name in found]
    told = f"{' and '.join([', '.join(names[:-1]), names[-1]] if len(names) > 1 else names)}" if names else "none"
    stands = "stand out" if len(names) > 1 else "stands out"
    return f"Of {judged} channels, {told} {stands} (e-BH, 5 % false discoveries); this decides nothing."


def _phases(report: Report) -> list[tuple[str, Sequence[Channel]]]:
    """(heading, channels) of the rollout and of the bake, as far as either judged."""
    both = [("", report.judged), (BAKING, report.judged_baking)]
    return [(title, channels) for title, channels in both if any(one.is_judged for one in channels)]


def _times(one: Channel) -> str:
    """What a quantile came to on both arms, and the limit that follows from the margin; nothing where it is not known."""
    if one.times is None:
        return ""
    limit = f", the limit {_time(one.times.limit_us)}" if one.ratio is not None else ""
    return f"; stable's was {_time(one.times.stable_us)}{limit}, the candidate's own {_time(one.times.candidate_us)}"


def _time(duration_us: float | None) -> str:
    return "not answered in time" if duration_us is None else milliseconds(duration_us / 1000)


def _counted(one: Channel, arm: Counts) -> str:
    if not arm.requests:
        return "–"
    told = f"{count(arm.errors)} of {count(arm.requests)}"
    return told if one.what == "events" else f"{told} ({share(arm.errors, arm.requests)})"
