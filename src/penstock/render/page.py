"""The report of a release as one page of HTML: no script, nothing from elsewhere; light, dark and on paper."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from penstock.core.report import Note, Report
from penstock.render import calibration, judged
from penstock.render.charts import charts
from penstock.render.page_checks import checks, evidence
from penstock.render.page_parts import inline, items, listed, paragraph, section, table
from penstock.render.page_people import hotfix_banner, people
from penstock.render.report import awaited, facts, follow_up, harmed, line
from penstock.render.words import count, milliseconds, share, span

GOOD = ("released", "baking")
STYLE = """
:root{color-scheme:light dark;--paper:#fff;--ink:#1b1f24;--soft:#57606a;--rule:#d0d7de;--card:#f6f8fa;--new:#b4481e;
--old:#1f6f8b;--good:#116329;--bad:#a40e26;--wait:#7d4e00;--edge:#1b1f2440}
@media(prefers-color-scheme:dark){:root{--paper:#0f1318;--ink:#e6edf3;--soft:#a3adb8;--rule:#343b44;--card:#171c23;
--new:#ff9d6b;--old:#6cc5e0;--good:#56d364;--bad:#ff8a8a;--wait:#e3b341;--edge:#e6edf340}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
main{max-width:860px;margin:0 auto;padding:24px 20px 60px}
h1{font-size:1.6rem;line-height:1.25;margin:.2em 0 .4em}h2{font-size:1.15rem;margin:2em 0 .5em}
h3{font-size:1rem;margin:1.2em 0 .2em}
p{margin:.4em 0}.lead{font-size:1.05rem}.soft,figcaption{color:var(--soft)}
.badge{display:inline-block;padding:.1em .7em;border-radius:1em;border:2px solid;font-weight:600;font-size:.9rem}
.good{color:var(--good)}.bad{color:var(--bad)}.wait{color:var(--wait)}
.scroll{overflow-x:auto;background:linear-gradient(90deg,var(--paper) 50%,transparent) left/3em 100% no-repeat local,
linear-gradient(270deg,var(--paper) 50%,transparent) right/3em 100% no-repeat local,
linear-gradient(90deg,var(--edge),transparent) left/1em 100% no-repeat scroll,
linear-gradient(270deg,var(--edge),transparent) right/1em 100% no-repeat scroll}
table{border-collapse:collapse;width:100%;font-size:.93rem}
th,td{text-align:left;vertical-align:top;padding:.35em .9em .35em 0;border-bottom:1px solid var(--rule);overflow-wrap:anywhere}
th{font-weight:600;overflow-wrap:normal}
td:first-child,td.n{white-space:nowrap;overflow-wrap:normal}thead th{color:var(--soft)}td.n,th.n{text-align:right}
.wide{min-width:760px}.wide th,.wide td{overflow-wrap:break-word}.wide td:nth-child(2),.wide code{white-space:nowrap}
.stacked td{overflow-wrap:break-word}
a{color:inherit}
dl{display:grid;grid-template-columns:minmax(9em,14em) 1fr;gap:.15em 1.2em;margin:1em 0}
dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
figure{margin:1em 0;break-inside:avoid}svg{width:100%;height:auto;background:var(--card);border-radius:6px}
svg.small{display:none}
code{font:.9em ui-monospace,monospace;background:var(--card);padding:.1em .3em;border-radius:4px;overflow-wrap:anywhere}
ul{padding-left:1.2em;margin:.3em 0}li{margin:.15em 0;overflow-wrap:anywhere}
.grid{stroke:var(--rule)}.tick{fill:var(--soft);font-size:12px}.line{fill:none;stroke-width:2}
.line.candidate{stroke:var(--new)}.line.stable{stroke:var(--old);stroke-dasharray:5 3}
.line.cross{stroke-dasharray:none}
.mark{stroke:var(--soft);stroke-dasharray:2 3}
.mark.back{stroke:var(--bad);stroke-width:2}
.mark.promoted{stroke:var(--good);stroke-width:2}
line.limit{stroke:var(--bad)}text.limit{fill:var(--bad)}
@media(max-width:520px){td:first-child{white-space:normal}dl{grid-template-columns:1fr}dt{margin-top:.5em}
svg.large{display:none}svg.small{display:block}
.stacked thead{display:none}.stacked,.stacked tbody,.stacked tr{display:block}
.stacked tr{border-bottom:1px solid var(--rule);padding:.5em 0}
.stacked td,.stacked td.n{display:grid;grid-template-columns:8em 1fr;text-align:left;white-space:normal;border:0;padding:.1em 0}
.stacked td::before{content:attr(data-head);color:var(--soft)}}
@media print{main{max-width:none;padding:0}body{font-size:11pt}h2{break-after:avoid}tr,li{break-inside:avoid}}
"""


def page(report: Report) -> str:
    """The whole report as a page; every word from outside is escaped."""
    title = f"Release {report.number}: {report.headline}".replace("`", "")
    body = [
        _top(report),
        _facts(report),
        _charts(report),
        _requests(report),
        judged.page(report),
        calibration.page(report.calibration),
        checks(report),
        people(report),
        _notes("Issues encountered", report.issues, report, "None."),
        _lessons(report),
        _next_steps(report),
        _follow_ups(report),
        listed("Contacts", report.contacts),
        _commits(report),
        listed(
            "Configuration changed", [f"{c.name}: {c.what}" for c in report.configuration], "names only, never values"
        ),
        _timeline(report),
        evidence(report),
        _way_back(report),
        _head(report),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n<body><main>\n"
        + "\n".join(part for part in body if part)
        + "\n</main></body></html>\n"
    )


def _top(report: Report) -> str:
    look = "good" if report.state in GOOD else "bad" if report.state in ("rolled_back", "stuck") else "wait"
    state = escape(report.state.replace("_", " "))
    return (
        f'<p class="soft">Release {report.number} · {escape(report.service)} · {escape(report.environment)}</p>'
        f'<h1>{inline(report.headline)}</h1><p><span class="badge {look}">{state}</span></p>'
        f'{hotfix_banner(report)}<p class="lead">{inline(report.sentence)}</p>'
    )


def _facts(report: Report) -> str:
    return "<dl>" + "".join(f"<dt>{escape(n)}</dt><dd>{inline(v)}</dd>" for n, v in facts(report)) + "</dl>"


def _charts(report: Report) -> str:
    found = charts(report.series)
    if not found:
        return ""
    figures = "".join(
        f'<figure tabindex="0"><h3>{escape(title)}</h3>{svg}<figcaption>{inline(words)}</figcaption></figure>'
        for title, words, svg in found
    )
    return f"<section><h2>What happened</h2>{figures}</section>"


def _requests(report: Report) -> str:
    rows = [
        (f"{a.revision} ({a.role})", count(a.requests), count(a.errors), share(a.errors, a.requests),
         milliseconds(a.mean_ms) if a.mean_ms is not None else "–")
        for a in report.arms
    ]  # fmt: skip
    told = f"<p>Harmed by the candidate: {harmed(report.harmed)}.</p>" if report.harmed is not None else ""
    heads = ("revision", "requests", "failed", "share", "mean time")
    return (
        section("Requests while the release ran", table(heads, rows, numbers=4, look="stacked") + told) if rows else ""
    )


def _lessons(report: Report) -> str:
    parts = _named("What went well", report.went_well, report) + _named(
        "What could be improved", report.could_improve, report
    )
    return section("Lessons learned", parts) if parts else ""


def _next_steps(report: Report) -> str:
    parts = _named("Action items", report.actions, report)
    if report.monitoring:
        parts += f"<h3>Monitoring</h3>{paragraph(f'{report.monitoring}.')}"
    return section("Next steps", parts) if parts else ""


def _follow_ups(report: Report) -> str:
    rows = [follow_up(one) for one in report.follow_ups]
    drawn = table(("what", "asked", "of", "due", "state"), rows)
    return section("Follow-ups", paragraph(awaited(report)) + drawn) if rows else ""


def _commits(report: Report) -> str:
    rows = [(c["id"][:12], c["author"], c["subject"]) for c in report.commits]
    return section("Commits", table(("commit", "author", "what"), rows)) if rows else ""


def _timeline(report: Report) -> str:
    rows = [(f"+{span(row['after_s'])}", row["text"]) for row in report.timeline]
    return section("Timeline", table(("after", "what"), rows)) if rows else ""


def _way_back(report: Report) -> str:
    if not report.how_back:
        return ""
    return section("How to go back", f"<p><code>{escape(report.how_back)}</code></p>{paragraph(report.way_back)}")


def _head(report: Report) -> str:
    if not report.head:
        return ""
    head = f"{report.head['line']}:{report.head['head']}"
    text = (
        f"<p>Line {escape(str(report.head['line']))} of the audit log, signed with key <code>{escape(report.head['key'])}</code>: "
        f"<code>{escape(report.head['head'])}</code></p>"
        f"<p>Compare: <code>penstock audit verify --head {escape(head)}</code></p>"
    )
    return section("Audit log", text)


def _notes(title: str, notes: Sequence[Note], report: Report, empty: str) -> str:
    return listed(title, [line(note, report.asked_at) for note in notes], empty=empty)


def _named(title: str, notes: Sequence[Note], report: Report) -> str:
    return f"<h3>{escape(title)}</h3>{items(line(n, report.asked_at) for n in notes)}" if notes else ""
