"""The check `fresh`: how old data are."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from penstock.checks.fresh import FreshCheck, FreshSection, at_field, instant, judged
from penstock.checks.json_path import CannotTell
from penstock.core import data
from penstock.core.finding import CheckRequest, Outcome
from penstock.manifest.check import CheckSection
from tests.checks.databases import postgres_server

SECRET = "s3cr3t/t0ken"
NOW = datetime(2026, 11, 21, 10, tzinfo=UTC).timestamp()
Make = Callable[..., CheckRequest]
Start = Callable[..., Any]


def run(make: Make, section: dict[str, Any], **more: Any) -> Outcome:
    """The outcome of a section as a manifest writes it."""
    plain = data.dump(FreshSection.model_validate({"at_most": "1h", **section}))
    return FreshCheck().run(make(plain, **{"now": NOW, **more}))


def texts(outcome: Outcome) -> str:
    """Everything that an outcome says."""
    findings = [f"{f.condition} {f.effect} {f.remedy}" for f in outcome.findings]
    return "\n".join([outcome.sentence, *findings, *(e.text for e in outcome.evidence)])


@pytest.mark.parametrize(
    ("value", "state", "said"),
    [
        ("2026-11-21T09:30:00Z", "passed", "t is 2026-11-21 09:30:00 UTC, 30 min ago"),
        ("2026-11-21T10:30:00+01:00", "passed", "30 min ago"),
        ("2026-11-21 09:30:00", "passed", "t is 2026-11-21 09:30:00 UTC (its zone is not said), 30 min ago"),
        ("Sat, 21 Nov 2026 09:30:00 GMT", "passed", "30 min ago"),
        (NOW, "passed", "0.0 s ago"),
        (str(int(NOW * 1000)), "passed", "0.0 s ago"),
        (int(NOW * 1000000), "passed", "0.0 s ago"),
        (Decimal(NOW), "passed", "0.0 s ago"),
        (NOW + 299, "passed", "0.0 s ago"),
        (NOW - 3600, "passed", "1 h ago"),
        (NOW - 3601, "failed", "ago: at most 1 h is allowed"),
        (NOW + 301, "failed", "5 min 1 s from now"),
        (datetime(2026, 11, 21, 9, 30, tzinfo=timezone(timedelta(hours=5))), "failed", "5 h 30 min ago"),
        (date(2026, 11, 21), "failed", "10 h ago"),
        (None, "failed", "t: there is no data"),
    ],
)
def test_how_old_a_time_is(value: Any, state: str, said: str) -> None:
    """Recent passes; too old, in the future, and none at all fail."""
    outcome = judged("t", value, NOW, 3600.0)
    assert state == outcome.state
    assert said in outcome.sentence


@pytest.mark.parametrize(
    "value", [True, "", "soon", [], {}, "9" * 30, 1e300, float("nan"), float("inf"), -1e18, b"x", "-5"]
)
def test_what_is_no_time(value: Any) -> None:
    """Anything else is not taken for a time."""
    with pytest.raises(CannotTell):
        instant(value)


@pytest.mark.parametrize(
    ("answer", "state", "said"),
    [
        (
            {"json": {"items": [{"at": "2026-11-21T09:59:00Z"}]}},
            "passed",
            "items[0].at of $API/data is 2026-11-21 09:59:00 UTC",
        ),
        ({"json": {"items": [{"at": "2026-11-20T09:59:00Z"}]}}, "failed", "1 d ago: at most 1 h is allowed"),
        ({"json": {"items": [{"at": None}]}}, "failed", "there is no data"),
        ({"json": {"items": []}}, "errored", "no `items[0].at`"),
        ({"json": {"items": [{"at": "soon"}]}}, "errored", "what stands there is no time"),
        ({"json": {"a\n\x1b[1m\u2028": 1}}, "errored", "the whole is a map of a [1m"),
        ({"body": "<html>"}, "errored", "is no JSON"),
        ({"body": "[" * 100_000}, "errored", "is no JSON"),
        ({"body": "x" * (2 << 20)}, "errored", "over 1 MiB"),
        ({"status": 500, "json": {"items": [{"at": "2026-11-21T09:59:00Z"}]}}, "errored", "answered 500"),
        ({"status": 302, "headers": {"location": "/"}}, "errored", "answered 302"),
    ],
)
def test_get(answer: Any, state: str, said: str, start: Start, request_for: Make) -> None:
    """A field of an answer's JSON; an answer that cannot be read says nothing of the data."""
    service = start(answer)
    section = {"get": "$API/data", "field": "items[0].at", "bearer": "$TOKEN"}
    outcome = run(request_for, section, env={"API": service.url}, secrets={"TOKEN": SECRET})
    assert state == outcome.state
    assert said in outcome.sentence
    assert [f"Bearer {SECRET}"] == [one["headers"]["authorization"] for one in service.asked]
    assert SECRET not in texts(outcome)


def test_silence_is_not_old_data(request_for: Make) -> None:
    """Where nobody answers, and where a name is not known, nothing was seen."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        assert "errored" == run(request_for, {"get": url, "field": "a", "within": "100ms"}).state
    assert "errored" == run(request_for, {"get": url, "field": "a"}).state
    assert "errored" == run(request_for, {"get": "$NOPE/", "field": "a"}).state


def test_files(request_for: Make, tmp_path: Path) -> None:
    """The whole text of a file, or a field of its JSON."""
    (tmp_path / "at.txt").write_text("2026-11-21T09:59:00Z\n")
    (tmp_path / "at.json").write_text('{"at": 1}')
    (tmp_path / "empty").write_text(" \n")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    assert "passed" == run(request_for, {"file": "at.txt"}).state
    assert "failed" == run(request_for, {"file": "at.json", "field": "at"}).state
    assert "failed" == run(request_for, {"file": "empty"}).state
    for path in ("bytes", "nowhere", "at.json"):
        assert "errored" == run(request_for, {"file": path, "field": "when"}).state


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    """The URL of a real PostgreSQL."""
    yield from postgres_server(SECRET)


@pytest.mark.parametrize(
    ("query", "state"),
    [
        ("SELECT max(seen) FROM people", "passed"),
        ("SELECT now() - interval '2 hours'", "failed"),
        ("SELECT (now() AT TIME ZONE 'UTC') AS at", "passed"),
        ("SELECT extract(epoch FROM now())", "passed"),
        ("SELECT max(seen) FROM people WHERE false", "failed"),
        ("SELECT seen FROM people WHERE false", "failed"),
        ("SELECT seen FROM people", "errored"),
        ("SELECT seen FROM nowhere", "errored"),
        ("SELECT 'a@shop.invalid'", "errored"),
    ],
)
def test_queries(query: str, state: str, postgres: str, request_for: Make) -> None:
    """The one time that a query answers; none, or an empty table, is no data."""
    now = datetime.now(UTC).timestamp()
    outcome = run(request_for, {"postgres": "$URL", "query": query}, secrets={"URL": postgres}, now=now)
    assert state == outcome.state
    assert [] == [one for one in (SECRET, postgres, "a@shop") if one in texts(outcome)]


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({}, "there is no place here"),
        ({"get": "https://h/", "file": "a", "field": "b"}, "there are 2 places here"),
        ({"get": "https://h/"}, "`get` needs a `field`"),
        ({"postgres": "$U"}, "`postgres` needs a `query`"),
        ({"postgres": "postgres://u:p@h/d", "query": "SELECT 1"}, "not the name of a URL"),
        ({"postgres": "$U", "query": "DROP TABLE a"}, "not one query that reads"),
        ({"file": "a", "query": "SELECT 1"}, "`query` says nothing of file"),
        ({"file": "../a"}, "leads out of the repository"),
        ({"file": "a", "field": "a b"}, "is no path"),
        ({"get": "https://h/", "field": "a", "bearer": "token"}, "`bearer` is not a name"),
        ({"file": "a", "at_most": "0s"}, "greater than 0"),
        ({"file": "a", "older": "1h"}, "Extra inputs"),
    ],
)
def test_a_section_that_cannot_be_is_refused(section: dict[str, Any], said: str) -> None:
    """What could never be asked is refused when the manifest is read."""
    with pytest.raises(ValidationError) as refused:
        FreshSection.model_validate({"at_most": "1h", **section})
    assert said in str(refused.value)


def test_a_section_survives_being_plain_data() -> None:
    """What is journaled is read again as the same section."""
    for written in ({"get": "$A/x", "field": "a.b"}, {"postgres": "$U", "query": "SELECT 1"}, {"file": "a"}):
        section = FreshSection.model_validate({"at_most": "1h", **written})
        assert section == FreshSection.model_validate(json.loads(json.dumps(data.dump(section))))


def test_every_key_has_its_item() -> None:
    """The manual page has an item for every key of the section's own."""
    fields = FreshSection.model_fields.items()
    own = {field.alias or name for name, field in fields if name not in CheckSection.model_fields}
    items = re.findall(r"- ((?:`\w+`(?:, )?)+)", FreshCheck.__doc__ or "")
    assert set() == own - set(re.findall(r"`(\w+)`", " ".join(items)))


@given(st.text(max_size=40) | st.floats() | st.integers() | st.none() | st.decimals() | st.datetimes() | st.dates())
def test_any_value_is_judged(value: Any) -> None:
    """No value is too strange: an outcome, or that it is no time."""
    with suppress(CannotTell):
        assert judged("t", value, NOW, 60.0).state in ("passed", "failed")
    with suppress(CannotTell):
        at_field(str(value), "a.b")
