"""The page of a release's evidence: one file, no script, nothing loaded from elsewhere, every word escaped."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from penstock.records.dossier import Dossier
from penstock.render.words import count, moment, span

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;color:#1b1f24;background:#fff;margin:0 auto;max-width:60rem;padding:1.5rem}
h1{font-size:1.5rem;line-height:1.25}h2{font-size:1.15rem;margin-top:2rem}
table{border-collapse:collapse;width:100%;font-size:.9rem}
th,td{text-align:left;vertical-align:top;border-bottom:1px solid #d0d7de;padding:.3rem .6rem .3rem 0;overflow-wrap:anywhere}
code{font-family:ui-monospace,monospace;font-size:.85em;overflow-wrap:anywhere}.bad{color:#a40e26;font-weight:600}
@media print{body{font-size:10pt;max-width:none;padding:0}h2{break-after:avoid}tr{break-inside:avoid}a{color:inherit}}
"""
_ASKED = ("order", "approv", "waive", "note", "answered")
_BACK = ("going back", "testimony", "rolled_back")
_OWN = ("line", "before", "at", "key", "what", "who", "release")


def page(found: Dossier, sums: Mapping[str, str]) -> str:
    """The page. `sums`: the SHA-256 of every other file in the pack, by name."""
    row = found.release
    title = f"Release {row['number']}: {row['service']} to {row['environment']}"
    lines = [line for _, line in found.lines]
    asked = [line for line in lines if _is(line, _ASKED)]
    back = [line for line in lines if _is(line, _BACK)]
    parts = [
        f"<h1>{escape(title)}</h1>", _summary(row),
        _section("Who asked, ordered and approved what", _lines(asked)),
        _section("What checks found", _checks(found)),
        _section("What ran, line by line", _lines(lines)),
        _section("What was rolled back", _lines(back) if back else "<p>Nothing.</p>"),
        _section("Evidence", _evidence(found)),
        _section("Files", _files(sums)),
        _section("How far this can be trusted", _trust(found)),
    ]  # fmt: skip
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><style>{_STYLE}</style>'
    policy = "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
    return (
        f'<!doctype html>\n<html lang="en"><head>{head}{policy}</head><body>\n'
        + "\n".join(parts)
        + "\n</body></html>\n"
    )


def _is(line: Mapping[str, Any], words: tuple[str, ...]) -> bool:
    what = str(line.get("what", ""))
    return any(word in what for word in words)


def _section(title: str, body: str) -> str:
    return f"<h2>{escape(title)}</h2>\n{body}"


def _table(names: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Cells are markup already; whoever makes them escapes them."""
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    body = "\n".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table>"


def _summary(row: Mapping[str, Any]) -> str:
    cause = f" ({row['cause']})" if row["cause"] else ""
    pairs = [
        ("Outcome", f"{row['state']}{cause}"), ("In a sentence", row["sentence"] or "–"),
        ("Asked by", f"{row['person']} (uid {row['uid']}) on {row['host']}"), ("Asked for", f"{row['kind']} of {row['asked']}"),
        ("Commit", row["commit_id"]), ("Revision", row["revision"] or "–"), ("Asked at", moment(row["asked_at"])),
        ("Served from", moment(row["promoted_at"])), ("Over at", moment(row["ended_at"])),
    ]  # fmt: skip
    return _table(["", ""], ([escape(name), escape(str(value))] for name, value in pairs))


def _lines(lines: Iterable[Mapping[str, Any]]) -> str:
    rows = [
        [_text(line.get("line")), escape(_moment(line.get("at"))), escape(_person(line.get("who"))), _text(line.get("what")),
         _facts(line)]
        for line in lines
    ]  # fmt: skip
    return _table(["line", "when", "on whose behalf", "what", "details"], rows) if rows else "<p>No line says so.</p>"


def _facts(line: Mapping[str, Any]) -> str:
    facts = [
        f"{name}: {_said(value)}"
        for name, value in sorted(line.items())
        if name not in _OWN and value not in (None, "")
    ]
    return "<br>".join(escape(fact) for fact in facts)


def _said(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)


def _text(value: Any) -> str:
    return escape(str(value))


def _moment(at: Any) -> str:
    try:
        return moment(at)
    except (TypeError, ValueError, OverflowError, OSError):
        return str(at)


def _person(who: Any) -> str:
    if not isinstance(who, dict):
        return str(who)
    return f"{who.get('person')} (uid {who.get('uid')}) on {who.get('host')}"


def _checks(found: Dossier) -> str:
    rows = [
        [_text(c["moment"]), _text(c["name"]), _text(c["state"]), _text(c["sentence"]), escape(span(c["seconds"]))]
        for c in found.checks
    ]
    return _table(["moment", "check", "state", "what it found", "took"], rows) if rows else "<p>No check ran.</p>"


def _evidence(found: Dossier) -> str:
    bad = {"changed": '<span class="bad">CHANGED: not what was kept</span>', "not kept": "not kept any more"}
    rows = [
        [_text(p.name), bad.get(p.state, "is what its digest says"), f"<code>{_text(p.digest)}</code>",
         escape(count(p.size)), escape(_moment(p.at)), _text(p.file) if p.state != "not kept" else "–"]
        for p in found.pieces
    ]  # fmt: skip
    return (
        _table(["name", "content", "SHA-256 when kept", "bytes", "kept at", "file"], rows) if rows else "<p>None.</p>"
    )


def _files(sums: Mapping[str, str]) -> str:
    rows = [[_text(name), f"<code>{_text(digest)}</code>"] for name, digest in sums.items()]
    return (
        _table(["file", "SHA-256"], rows) + "\n<p><code>sha256sum -c SHA256SUMS</code> checks them, and this page.</p>"
    )


def _trust(found: Dossier) -> str:
    head = found.head
    signed = f"signed ({moment(head.at)}) by the key {head.fingerprint}; head.json is the signed envelope."
    copies = (
        "The lines in here are copies out of that log. That they stand in it, unchanged and in this order, is proven by"
    )
    said = [
        f"When this was packed, the audit log's head was {head.word}, {signed}",
        f"{copies} the whole log: penstock audit export, then penstock audit verify with --head and this head.",
        "Compare the key with one that you have from elsewhere: whoever holds it could have signed another log.",
        "Names are Unix accounts, times are this machine's clock.",
    ]
    return "\n".join(f"<p>{escape(sentence)}</p>" for sentence in said)
