"""The check `alarms`: they are there, they could fire, and they do not fire already."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from penstock.checks.alarms import AlarmsCheck, AlarmsSection, judged
from penstock.checks.alarms_answers import AnswerError, read
from penstock.core import data
from penstock.core.finding import CheckRequest, Outcome

RECORDED = Path(__file__).parent / "recorded" / "alarms"
RULES, ALERTS, CLOUD = (
    json.loads((RECORDED / f"{name}.json").read_text()) for name in ("rules", "alerts", "cloudwatch")
)
SECRET = "s3cr3t-t0ken"
Make = Callable[..., CheckRequest]
Start = Callable[..., Any]


def run(make: Make, section: dict[str, Any], **more: Any) -> Outcome:
    """The outcome of a section as a manifest writes it."""
    plain = json.loads(json.dumps(data.dump(AlarmsSection.model_validate(section))))
    return AlarmsCheck().run(make(plain, **{"env": {"PATH": "/usr/bin:/bin"}, **more}))


def said(section: dict[str, Any], *answers: Any) -> tuple[str, list[str]]:
    """The state, and the conditions of the findings, for some answers."""
    made = AlarmsSection.model_validate({"prometheus": "http://h", **section})
    outcome = judged(made, [alarm for answer in answers for alarm in read(answer)])
    return outcome.state, [finding.condition for finding in outcome.findings]


@pytest.mark.parametrize(
    ("section", "state", "findings"),
    [
        ({}, "failed", ["ShopDown is firing"]),
        ({"allow": "ShopDown"}, "passed", []),
        ({"match": {"service": "other"}}, "passed", []),
        ({"match": {"service": "/^sh/"}}, "failed", ["ShopDown is firing"]),
        ({"match": {"service": "shop", "severity": "ticket"}, "expect": "ShopErrors"}, "passed", []),
        ({"allow": "ShopDown", "expect": ["ShopErrors", "Gone"]}, "failed", ["there is no alarm Gone"]),
    ],
)
def test_rules_of_prometheus(section: dict[str, Any], state: str, findings: list[str]) -> None:
    """What is expected is there; what matches does not fire."""
    assert (state, findings) == said(section, RULES)


def test_a_rule_that_cannot_be_evaluated_notices_nothing() -> None:
    """An expected alarm whose rule is broken fails, with what Prometheus says of it."""
    state, findings = said({"expect": "ShopBroken", "allow": "ShopDown"}, RULES)
    assert "failed" == state
    assert findings[0].startswith("ShopBroken cannot fire: its health is err: found duplicate series")


def test_no_alarm_at_all_is_no_pass() -> None:
    """Where there is no rule nothing could ever fire."""
    assert ("failed", ["there is no alarm"]) == said({}, {"status": "success", "data": {"groups": []}})


@pytest.mark.parametrize(("silenced", "state"), [("refused", "failed"), ("allowed", "passed")])
def test_silences_of_alertmanager(silenced: str, state: str) -> None:
    """What fires and is silenced is refused, unless it is allowed; what only Prometheus knows to fire stays refused."""
    section = {"alertmanager": "http://a", "silenced": silenced, "allow": "ShopDown"}
    assert state == said(section, RULES, ALERTS)[0]
    section = {"alertmanager": "http://a", "silenced": silenced}
    assert ["ShopDown is firing"] == [one for one in said(section, RULES, ALERTS)[1] if "Down" in one]


@pytest.mark.parametrize(
    ("section", "state", "finding"),
    [
        ({"expect": "shop-errors", "match": {"FunctionName": "other"}}, "passed", ""),
        ({"match": {"FunctionName": "shop"}}, "failed", "shop-throttles is firing"),
        ({"expect": "shop-cost", "allow": "shop-throttles"}, "failed", "shop-cost would not be heard: its actions are"),
        ({"expect": "shop-silent", "allow": "shop-throttles"}, "failed", "shop-silent would not be heard: it has no"),
        ({"expect": "shop-silent", "allow": "shop-throttles", "silenced": "allowed"}, "passed", ""),
        ({"expect": "shop-new", "allow": "shop-throttles"}, "failed", "shop-new has no data"),
    ],
)
def test_alarms_of_cloudwatch(
    section: dict[str, Any], state: str, finding: str, request_for: Make, tmp_path: Path
) -> None:
    """States, actions that are switched off or missing, and alarms without data; dimensions are what is matched."""
    (tmp_path / "alarms.json").write_text(json.dumps(CLOUD))
    outcome = run(request_for, {"report": "alarms.json", **section})
    assert state == outcome.state, outcome.sentence
    assert (outcome.findings[0].condition if outcome.findings else "").startswith(finding)


def test_everybody_is_asked(start: Start, request_for: Make) -> None:
    """Prometheus for its rules, Alertmanager for its alerts, with the token."""
    prometheus, alertmanager = start({"json": RULES}), start({"json": ALERTS})
    section = {
        "prometheus": f"{prometheus.url}/api/prometheus/grafana", "alertmanager": f"{alertmanager.url}/", "bearer": "$TOKEN",
        "allow": ["ShopDown"],
    }  # fmt: skip
    outcome = run(request_for, section, secrets={"TOKEN": SECRET})
    assert ("failed", "3 alarms are there, 1 fire: ShopQuiet is firing, though silenced") == (
        outcome.state,
        outcome.sentence,
    )
    assert "/api/prometheus/grafana/api/v1/rules?type=alert" == prometheus.asked[0]["path"]
    assert ("/api/v2/alerts", f"Bearer {SECRET}") == (
        alertmanager.asked[0]["path"],
        alertmanager.asked[0]["headers"]["authorization"],
    )


@pytest.mark.parametrize(
    "answer",
    [
        {}, {"status": "error"}, {"status": "success", "data": {}}, {"status": "success", "data": {"groups": [{}]}},
        {**RULES, "warnings": ["partial"]}, {"status": "success", "data": {"groups": [], "groupNextToken": "x"}},
        [{}], [{"labels": {}, "status": {"state": "active"}}], {"MetricAlarms": [{}]}, {"MetricAlarms": [], "NextToken": "x"},
        {"MetricAlarms": [{"AlarmName": "a", "ActionsEnabled": True, "StateValue": "MAYBE"}]}, 7, "text", None,
    ],
)  # fmt: skip
def test_half_an_answer_is_errored(answer: Any, start: Start, request_for: Make, tmp_path: Path) -> None:
    """The first of several pages, a warning, an unknown form or state: nothing is known of the alarms."""
    assert "errored" == run(request_for, {"url": f"{start({'json': answer}).url}/x"}).state
    (tmp_path / "alarms.json").write_text(json.dumps(answer))
    assert "errored" == run(request_for, {"report": "alarms.json"}).state


def test_nobody_there_is_errored(request_for: Make, tmp_path: Path) -> None:
    """No service, no report, a report that breaks off, a command that fails: errored."""
    assert "errored" == run(request_for, {"prometheus": "http://127.0.0.1:9"}).state
    assert "errored" == run(request_for, {"report": "alarms.json"}).state
    (tmp_path / "alarms.json").write_text(json.dumps(CLOUD)[:-20])
    assert "errored" == run(request_for, {"report": "alarms.json"}).state
    script = "echo '{\"MetricAlarms\": []}' > alarms.json; exit 255"
    assert "errored" == run(request_for, {"run": {"sh": script}, "report": "alarms.json"}).state


ANY = st.recursive(
    st.none() | st.booleans() | st.text(max_size=5) | st.sampled_from(["firing", "active", "ok", "OK", "inactive"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*"ab", "labels", "status", "state", "name", "alerts", "health"]), inner)
    ),
    max_leaves=8,
)


@given(ANY, ANY)
def test_any_answer_is_read_or_refused(one: Any, other: Any) -> None:
    """Whatever is answered, there are alarms or a refusal, and judging ends in one line."""
    for answer in (
        one,
        [one],
        {"status": "success", "data": {"groups": [{"rules": [one, other]}]}},
        {"MetricAlarms": [one]},
    ):
        try:
            alarms = read(answer)
        except AnswerError:
            continue
        outcome = judged(AlarmsSection.model_validate({"prometheus": "http://h"}), alarms)
        assert len(outcome.sentence) <= 300
        assert not any(sign in outcome.sentence for sign in "\n\r\x1b")


@pytest.mark.parametrize(
    "section",
    [
        {}, {"alertmanager": "http://h", "expect": "A"}, {"prometheus": "h:9090"}, {"prometheus": "http://h", "silenced": "yes"},
        {"prometheus": "http://h", "expect": "A", "allow": "A"}, {"run": "aws", "prometheus": "http://h"},
        {"prometheus": "http://h", "match": {"a": "/(/"}}, {"report": "../alarms.json"},
    ],
)  # fmt: skip
def test_a_section_that_cannot_be_is_refused(section: dict[str, Any]) -> None:
    """Nobody to ask, somebody who cannot know, a pattern that is none, an alarm that is expected and may fire."""
    with pytest.raises(ValidationError):
        AlarmsSection.model_validate(section)
