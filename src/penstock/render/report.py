"""The report of a release, in Markdown, from the records."""

from __future__ import annotations

from typing import Any

from penstock.render.words import count, moment, share, span

Row = dict[str, Any]

HEADLINES = {
    "released": "was released",
    "baking": "was released and is being watched",
    "blocked": "was blocked; nothing was changed",
    "aborted": "was aborted before anything was changed",
    "rolled_back": "was rolled back",
    "superseded": "was superseded by a newer release",
    "stuck": "needs a person",
}


def headline(row: Row) -> str:
    """The outcome in one sentence that a manager understands."""
    what = f"{row['service']} {row['revision'] or row['commit_id'][:12]}"
    return f"{what} {HEADLINES.get(row['state'], 'is under way')} in {row['environment']}."


def markdown(row: Row, events: list[Row], checks: list[Row], evidence: list[Row]) -> str:
    """The whole report; every figure comes from the records."""
    parts = [
        f"# Release {row['number']}: {headline(row)}",
        row["sentence"],
        _facts(row),
        _requests(row),
        _checks(checks),
        _timeline(row, events),
        _evidence(evidence),
        _way_back(row),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _facts(row: Row) -> str:
    ended = row["ended_at"] or row["changed_at"] or row["asked_at"]
    back = row["facts"].get("back_s")
    pairs = [
        ("Asked by", f"{row['person']} (uid {row['uid']}) on {row['host']}"),
        ("Date", moment(row["asked_at"])),
        ("Duration", span(max(0.0, ended - row["asked_at"]))),
        ("Commit", row["commit_id"]),
        ("Kind", row["kind"]),
        ("Outcome", row["state"] + (f" ({row['cause']})" if row["cause"] else "")),
        ("Rollback required", "yes" if row["state"] == "rolled_back" else "no"),
    ]
    if back is not None:
        pairs.append(("Until nothing went to the candidate", span(back)))
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in pairs)])


def _requests(row: Row) -> str:
    served = row["facts"].get("served", {})
    if not served:
        return ""
    lines = ["## Requests while the release ran", "", "| revision | requests | failed | share |", "|---|---|---|---|"]
    for revision, sums in served.items():
        name = f"{revision} (candidate)" if revision == row["revision"] else revision
        lines.append(
            f"| {name} | {count(sums['requests'])} | {count(sums['errors'])} | {share(sums['errors'], sums['requests'])} |"
        )
    harmed = served.get(row["revision"], {}).get("errors", 0)
    if row["state"] in ("rolled_back", "superseded", "stuck"):
        lines += ["", f"Harmed by the candidate: {count(harmed)} requests."]
    return "\n".join(lines)


def _checks(checks: list[Row]) -> str:
    if not checks:
        return ""
    lines = ["## Checks", "", "| moment | check | state | what it found | took |", "|---|---|---|---|---|"]
    lines += [
        f"| {c['moment']} | {c['name']} | {c['state']} | {_cell(c['sentence'])} | {span(c['seconds'])} |"
        for c in checks
    ]
    return "\n".join(lines)


def _timeline(row: Row, events: list[Row]) -> str:
    lines = ["## Timeline", ""]
    for event in events:
        lines.append(f"- +{span(max(0.0, event['at'] - row['asked_at']))} {event['text']}")
    return "\n".join(lines)


def _evidence(evidence: list[Row]) -> str:
    if not evidence:
        return ""
    lines = ["## Evidence", "", "| what | SHA-256 | bytes |", "|---|---|---|"]
    lines += [
        f"| {e['name']} | `{e['digest'][:16]}…` | {count(e['size'])} |" for e in evidence if e["name"] != "report"
    ]
    return "\n".join(lines)


def _way_back(row: Row) -> str:
    plan = row["plan"] or {}
    if not plan or row["state"] not in ("released", "baking"):
        return ""
    return f"## How to go back\n\n`penstock rollback {row['environment']}` — {plan.get('way_back', '')}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
