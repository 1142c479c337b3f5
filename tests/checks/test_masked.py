"""The check `masked`: counts of what must not be there."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from penstock.checks.json_path import CannotTell
from penstock.checks.masked import MaskedCheck, MaskedSection, counted, judged
from penstock.core import data
from penstock.core.finding import CheckRequest, Outcome
from penstock.manifest.check import CheckSection
from tests.checks.databases import postgres_server

SECRET = "s3cr3t/t0ken"
Make = Callable[..., CheckRequest]


def run(make: Make, queries: dict[str, str], url: str | None) -> Outcome:
    """The outcome of queries as a manifest writes them."""
    section = MaskedSection.model_validate({"postgres": "$URL", "queries": queries})
    return MaskedCheck().run(make(data.dump(section), secrets={"URL": url} if url else {}))


def texts(outcome: Outcome) -> str:
    """Everything that an outcome says."""
    findings = [f"{f.condition} {f.effect} {f.remedy}" for f in outcome.findings]
    return "\n".join([outcome.sentence, *findings, *(e.text for e in outcome.evidence)])


def test_nothing_may_be_found() -> None:
    """All counts 0 passes; any other fails, and the counts are all that is said."""
    assert ("passed", "2 queries found nothing") == (judged({"a": 0, "b": 0}).state, judged({"a": 0, "b": 0}).sentence)
    outcome = judged({"mail": 15400, "names": 0})
    assert ("failed", "`mail` found 15,400") == (outcome.state, outcome.sentence)
    assert "mail: 15400\nnames: 0" == outcome.evidence[0].text


@pytest.mark.parametrize(
    "rows", [[], [[]], [[None]], [["a@b.example"]], [[1, 2]], [[1], [2]], [[True]], [[-1]], [[Decimal("0.5")]]]
)
def test_what_is_no_count(rows: list[Any]) -> None:
    """Anything but one whole number is errored, and not shown."""
    with pytest.raises(CannotTell) as refused:
        counted("mail", rows)
    assert "the query `mail` does not answer with one number" == str(refused.value)


@given(st.lists(st.lists(st.integers() | st.text() | st.none() | st.booleans(), max_size=3), max_size=3))
def test_any_answer_is_counted(rows: list[Any]) -> None:
    """A number from 0 on, or none."""
    try:
        number = counted("q", rows)
    except CannotTell:
        return
    assert [[number]] == rows


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    """The URL of a real PostgreSQL."""
    yield from postgres_server(SECRET)


@pytest.mark.parametrize(
    ("query", "state"),
    [
        ("SELECT count(*) FROM people WHERE email NOT LIKE '%.invalid'", "passed"),
        ("SELECT count(*) FROM people", "failed"),
        ("SELECT email FROM people LIMIT 1", "errored"),
        ("SELECT email FROM people", "errored"),
        ("SELECT count(*) FROM nowhere", "errored"),
    ],
)
def test_queries(query: str, state: str, postgres: str, request_for: Make) -> None:
    """The count decides; no value of a person's is shown, whatever is asked."""
    outcome = run(request_for, {"mail": query}, postgres)
    assert state == outcome.state
    assert [] == [one for one in (SECRET, postgres, "@shop") if one in texts(outcome)]


def test_without_a_database(request_for: Make) -> None:
    """A name that is not known, and a database that does not answer, are no pass."""
    assert "errored" == run(request_for, {"mail": "SELECT 0"}, None).state
    assert "errored" == run(request_for, {"mail": "SELECT 0"}, f"postgres://u:{SECRET}@127.0.0.1:1/d").state


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"queries": {"a": "SELECT 0"}}, "one database is asked"),
        ({"postgres": "$U", "mysql": "$U", "queries": {"a": "SELECT 0"}}, "one database is asked"),
        ({"postgres": "$U", "queries": {}}, "at least 1 item"),
        ({"postgres": "$U", "queries": {"a": "DELETE FROM a"}}, "not one query that reads"),
        ({"postgres": "postgres://h/d", "queries": {"a": "SELECT 0"}}, "not the name of a URL"),
        ({"postgres": "$U", "query": "SELECT 0", "queries": {"a": "SELECT 0"}}, "Extra inputs"),
    ],
)
def test_a_section_that_cannot_be_is_refused(section: dict[str, Any], said: str) -> None:
    """What could never be asked is refused when the manifest is read."""
    with pytest.raises(ValidationError) as refused:
        MaskedSection.model_validate(section)
    assert said in str(refused.value)


def test_a_section_survives_being_plain_data() -> None:
    """What is journaled is read again as the same section."""
    section = MaskedSection.model_validate({"mysql": "$U", "queries": {"a": "SELECT 0"}})
    assert section == MaskedSection.model_validate(json.loads(json.dumps(data.dump(section))))


def test_every_key_has_its_item() -> None:
    """The manual page has an item for every key of the section's own."""
    fields = MaskedSection.model_fields.items()
    own = {field.alias or name for name, field in fields if name not in CheckSection.model_fields}
    items = re.findall(r"- ((?:`\w+`(?:, )?)+)", MaskedCheck.__doc__ or "")
    assert set() == own - set(re.findall(r"`(\w+)`", " ".join(items)))
