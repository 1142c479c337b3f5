"""An event as a line: for a log, or as JSON for a program. What `docs/reference/events.md` promises is made here."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from penstock.render.cells import clean

Row = dict[str, Any]
FORMAT = 1


def ordered(row: Row) -> Row:
    """The first event of every release, told from its own row: nobody waits for a worker to hear of it."""
    text = f"{row['kind']} {row['number']} of {row['service']} to {row['environment']} is ordered by {row['person']}"
    data = {name: row[name] for name in ("service", "environment", "person")} | {"commit": row["commit_id"]}
    return {"id": 0, "release": row["number"], "key": "ordered", "at": row["asked_at"], "kind": "ordered",
            "text": text, "data": data}  # fmt: skip


def as_line(event: Row) -> str:
    """`10:22:31Z kind    text`: one line, whatever the text holds."""
    return f"{stamp(event['at'])} {event['kind']:<7} {clean(event['text'])}"


def still(at: float, what: str) -> str:
    """A heartbeat: nothing happened, and what is waited for."""
    return f"{stamp(at)} {'still':<7} {clean(what)}"


def as_json(event: Row) -> str:
    """The event as one object on one line, in ASCII: no reader breaks it elsewhere, and every terminal can carry it."""
    fields = {name: event[name] for name in ("release", "id", "at", "kind", "key", "text", "data")}
    return json.dumps({"format": FORMAT, **fields})


def stamp(at: float) -> str:
    """The time of day in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%SZ")
