"""What a simulation found, as one page of HTML: no script, nothing from elsewhere; light, dark and on paper."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from penstock.core.simulated import Fault, Found, Sighting, Spread
from penstock.render import simulated
from penstock.render.page import STYLE
from penstock.render.page_parts import inline, items, listed, section, table
from penstock.render.simulated_charts import COUNTS, TIMES, Row, spreads
from penstock.render.simulated_charts import STYLE as CHARTS
from penstock.render.words import count, span


def page(found: Found) -> str:
    """The whole of it; every word from outside is escaped."""
    title = f"The verdict for {found.environment}, on paper"
    body = [
        f'<p class="soft">Seed {found.seed}</p><h1>{escape(title)}</h1>',
        f'<p class="lead">{inline(simulated.about(found.traffic))}</p>',
        f"<p>{inline(simulated.plan(found))}</p>",
        listed("Good releases", simulated.good(found.good)),
        _faults(found),
        _harm(found),
        _others(found),
        listed("At this traffic", found.outlook),
        listed("Not simulated", found.left_out),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{escape(title)}</title><style>{STYLE}{CHARTS}</style></head>\n<body><main>\n"
        + "\n".join(part for part in body if part)
        + "\n</main></body></html>\n"
    )


def _faults(found: Found) -> str:
    if not found.faults:
        return ""
    rows = [
        _row(one, one.found_s, one.limit_s, simulated.percent(one.found, one.runs) + " found") for one in _real(found)
    ]
    words = (
        "From when it began until it was found. The bar holds 80 of 100 releases, the dot is the median, the stroke the mean; "
        "the green stroke is Wald's bound."
    )
    drawn = _figure("How soon a fault is found", rows, words, TIMES, _time)
    remarks = "".join(f"<p>{inline(_sentence(one))}</p>" for one in simulated.remarks(found))
    figures = table(simulated.FOUND, [simulated.row(one) for one in found.faults], numbers=8, look="wide")
    legend = f'<p class="soft">{inline(_sentence(simulated.FOUND_LEGEND))}</p>'
    return section(f"Faults, {count(found.faults[0].runs)} releases each", drawn + remarks + figures + legend)


def _harm(found: Found) -> str:
    if not found.faults:
        return ""
    rows = [
        _row(one, one.harmed, one.least_harmed, f"{count(one.harmed.mean)} in the mean" if one.harmed else "–")
        for one in _real(found)
    ]
    words = "Requests harmed until it was found, drawn likewise."
    figures = table(simulated.HARMED, [simulated.harm(one) for one in found.faults], numbers=4)
    legend = f'<p class="soft">{inline(_sentence(simulated.HARMED_LEGEND))}</p>'
    return section("What it harms", _figure("Harmed requests", rows, words, COUNTS, count) + figures + legend)


def _real(found: Found) -> list[Fault]:
    return [one for one in found.faults if not one.inside]


def _row(fault: Fault, seen: Spread | None, least: float | None, note: str) -> Row:
    if seen is None:
        return Row(simulated.short(fault), note, least=least)
    return Row(simulated.short(fault), note, seen.median, seen.p10, seen.p90, seen.mean, least)


def _others(found: Found) -> str:
    rows = [simulated.peer(found, one) for one in found.compared.judges]
    charts = "".join(_judged(found))
    figures = table(simulated.peer_heads(found), rows, look="wide")
    legend = f'<p class="soft">{inline(_sentence(simulated.PEERS))}</p>'
    rules = items(f"{name}: {rule} ({source})" for name, rule, source in simulated.peers(found))
    words = f"<p>{inline(_sentence(simulated.over(found)))}</p>"
    words += f"<p>{inline(_sentence(simulated.backs(found)))}</p>"
    return section("The same traffic, judged by others", words + charts + figures + legend + rules)


def _judged(found: Found) -> Iterator[str]:
    """A chart for each fault that is one by our policy: how soon each judge finds it."""
    judges = found.compared.judges
    inside = {fault.name for fault in found.faults if fault.inside}
    for at, first in enumerate(judges[0].seen):
        if first.fault in inside:
            continue
        rows = [
            Row(judge.name, _note(found, judge.seen[at]), judge.seen[at].mean_s, ours=judge is judges[0])
            for judge in judges
        ]
        words = f"Mean time until it is rolled back, of those that are; then all harmed requests in the mean. {_lasts(found)}"
        yield _figure(first.fault, rows, words, TIMES, _time)


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _time(seconds: float) -> str:
    """A mark of an axis: `10 min`, `1 h`."""
    for name, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:g} {name}"
    return f"{seconds:g} s"


def _lasts(found: Found) -> str:
    return f"The traces end after {span(found.compared.lasts_s)}."


def _note(found: Found, seen: Sighting) -> str:
    share = simulated.percent(seen.found, found.compared.runs)
    return f"{share}, {count(max(0.0, seen.harmed))} harmed"


def _figure(title: str, rows: list[Row], words: str, marks: Sequence[float], word: simulated.Word) -> str:
    svg = spreads(title, rows, marks, word)
    if not svg:
        return ""
    return f'<figure tabindex="0"><h3>{escape(title)}</h3>{svg}<figcaption>{inline(words)}</figcaption></figure>'
