"""The check `custom`: a result of one's own, strictly read."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from penstock.checks.custom import LAST_RESULT, REPORT_LIMIT, CustomCheck, CustomSection, judged
from penstock.checks.custom_result import EVIDENCE_LIMIT, ResultError, read
from penstock.checks.reported import Produced, Report
from penstock.checks.running import Ended
from penstock.core import data
from penstock.core.finding import CheckRequest, Last, Outcome

PATH = {"PATH": "/usr/bin:/bin"}
GOOD = {"format": 1, "state": "passed", "sentence": "40 of 40 pages have a title"}
SECTION = CustomSection.model_validate({"run": "./titles"})
SECRET = "s3cr3t-t0ken"
Make = Callable[..., CheckRequest]


def run(make: Make, section: dict[str, Any], **more: Any) -> Outcome:
    """The outcome of a section as a manifest writes it."""
    plain = json.loads(json.dumps(data.dump(CustomSection.model_validate(section))))
    return CustomCheck().run(make(plain, **{"env": PATH, **more}))


def printing(result: Any, code: int = 0) -> dict[str, Any]:
    """A command that prints a line of a log, a result, and ends with a code."""
    text = result if isinstance(result, str) else json.dumps(result)
    return {"run": [sys.executable, "-c", f"print('looking\\n' + {text!r}); raise SystemExit({code})"]}


def said(result: Any, code: int = 0, secrets: dict[str, str] | None = None) -> Outcome:
    """What a report with a result is judged to be."""
    text = result if isinstance(result, bytes) else json.dumps(result).encode()
    made = Produced(Ended(code, "log\n", 0.5), (Report("result.json", text),))
    return judged(CustomSection.model_validate({"run": "./titles", "report": "result.json"}), made, secrets or {})


@pytest.mark.parametrize("state", ["passed", "failed", "errored", "undecided", "skipped"])
def test_a_result_is_the_outcome(state: str, request_for: Make) -> None:
    """What the command printed last is its answer: state, sentence, findings, figures, evidence."""
    finding = {
        "condition": "about.html has no title",
        "effect": "e",
        "remedy": "<title>",
        "where": "a.html:3",
        "severity": "low",
    }
    result = {
        **GOOD,
        "state": state,
        "findings": [finding],
        "measured": {"pages": 40},
        "evidence": [{"name": "pages", "text": "a\nb"}],
    }
    outcome = run(request_for, printing(result, 0 if state in ("passed", "skipped") else 1))
    assert (state, GOOD["sentence"], {"pages": 40}) == (outcome.state, outcome.sentence, dict(outcome.measured))
    assert finding == data.dump(outcome.findings[0])
    assert [("pages", "a\nb"), ("output", outcome.evidence[1].text)] == [(e.name, e.text) for e in outcome.evidence]


def test_a_result_may_be_written(request_for: Make, tmp_path: Path) -> None:
    """With `report` the file is the result, and what is printed is not."""
    script = f"echo '{{}}'; echo '{json.dumps(GOOD)}' > result.json"
    outcome = run(request_for, {"run": {"sh": script}, "report": "result.json"})
    assert ("passed", GOOD["sentence"]) == (outcome.state, outcome.sentence)
    outcome = run(request_for, {"run": "true", "report": "result.json"})
    assert "errored" == outcome.state, "an old result is none"


@pytest.mark.parametrize(
    ("section", "says"),
    [
        (printing({**GOOD}, 3), "contradicts itself: the state is passed, and the command ended with 3"),
        (printing({**GOOD, "state": "skipped"}, 1), "the state is skipped, and the command ended with 1"),
        (
            printing({**GOOD, "findings": [{"condition": "a hole", "severity": "high"}]}),
            "the state is passed, with a high finding: a hole",
        ),
        (printing("nothing to see"), "ended with 0 and without a result"),
        ({"run": "true"}, "`true` ended with 0 and without a result"),
        ({"run": "false"}, "`false` ended with 1 and without a result"),
        ({"run": "no-such-program"}, "cannot run `no-such-program`"),
        ({"run": "sleep 60", "within": "200ms"}, "was not over after 0.2 s"),
        ({"run": "echo $NOPE"}, "`$NOPE` is not known"),
        (printing('{"format": 1,'), "it is no JSON at line 2"),
        ({"run": "true", "report": "gone.json"}, "there is no report `gone.json`"),
    ],
)
def test_a_check_that_lies_or_is_silent_is_errored(section: Any, says: str, request_for: Make) -> None:
    """No result, a broken one, or one that contradicts the command's end is no pass and no fail."""
    outcome = run(request_for, section)
    assert "errored" == outcome.state
    assert says in outcome.sentence


def test_an_allowed_finding_may_be_grave() -> None:
    """A finding that is known and allowed does not contradict a pass, and says that it is allowed."""
    finding = {"condition": "CVE-1 in x", "severity": "critical", "allowed": True}
    outcome = said({**GOOD, "findings": [finding]})
    assert ("passed", "CVE-1 in x (allowed)") == (outcome.state, outcome.findings[0].condition)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"[]", "no object"),
        (b"\xff{}", "not UTF-8 at byte 0"),
        (b"[" * 200_000, "nested too deep"),
        (b'{"measured":' + b'{"a":' * 20_000, "nested too deep"),
        (b'{"format": NaN}', "NaN is no number"),
        (b'{"state": "failed", "state": "passed"}', "`state` stands twice"),
        (b"{" + b'"a": ' + b"1" * 5000 + b"}", "it is no JSON"),
        ({**GOOD, "format": 2}, "`format`"),
        ({**GOOD, "format": True}, "`format`"),
        ({"format": 1, "state": "passed"}, "`sentence`: field required"),
        ({**GOOD, "state": "ok"}, "`state`: input should be 'passed', 'failed'"),
        ({**GOOD, "state": "waived"}, "`state`"),
        ({**GOOD, "sentance": ""}, "`sentance`: is no key of a result: `sentence`?"),
        ({**GOOD, "sentence": "a\nb"}, "`sentence`: is one line"),
        ({**GOOD, "sentence": " "}, "`sentence`: says nothing"),
        ({**GOOD, "sentence": "a\x1b[31m"}, "`sentence`: a control character, U+001B"),
        ({**GOOD, "sentence": "a" * 301}, "`sentence`: string should have at most 300"),
        ({**GOOD, "sentence": 7}, "`sentence`: input should be a valid string"),
        (
            {**GOOD, "findings": [{"condition": "a"}, {"condition": "b", "severity": "bad"}]},
            "`findings[1].severity`",
        ),
        (
            {**GOOD, "findings": [{"condition": "a", "where": "/etc/x:1"}]},
            "`findings[0].where`: is a path inside the repository",
        ),
        ({**GOOD, "findings": [{"condition": "a", "where": "a/../../x"}]}, "`findings[0].where`"),
        ({**GOOD, "findings": {}}, "`findings`: input should be a valid list"),
        ({**GOOD, "evidence": [{"name": "../x", "text": ""}]}, "`evidence[0].name`"),
        ({**GOOD, "evidence": [{"name": "x", "media": "text/html", "text": ""}]}, "`evidence[0].media`"),
        ({**GOOD, "evidence": [{"name": "x", "text": ""}] * 2}, "two pieces have the same name"),
        ({**GOOD, "measured": {"a": "x" * 70_000}}, "measured: 70"),
        (
            b'{"format": 1, "state": "passed", "sentence": "a", "measured": {"a": 1e999}}',
            "measured: a number is too large",
        ),
        (b'{"format":1,"state":"passed","sentence":"a","measured":{"a":' + b"[" * 60 + b"]" * 60 + b"}}", "deep"),
    ],
)
def test_what_is_wrong_with_a_result_is_said_with_its_place(text: Any, says: str) -> None:
    """Wrong types, unknown keys, control characters, depth and size: errored, with what is wrong where."""
    outcome = said(text)
    assert "errored" == outcome.state
    assert says in outcome.sentence
    assert len(outcome.sentence) <= 300


def test_fifty_megabytes_are_not_read(request_for: Make, tmp_path: Path) -> None:
    """A result that is too large is errored by its size."""
    script = f"head -c {REPORT_LIMIT + 1} /dev/zero > big.json"
    outcome = run(request_for, {"run": {"sh": script}, "report": "big.json"})
    assert ("errored", "the report `big.json` is larger than 8 MiB") == (outcome.state, outcome.sentence)
    outcome = run(
        request_for, {"run": {"sh": f"echo '{json.dumps(GOOD)[:-1]}'; head -c 200000 /dev/zero | tr '\\0' x"}}
    )
    assert "errored" == outcome.state
    assert "64 KiB of what it prints are read" in outcome.sentence


def test_many_findings_and_long_evidence_are_cut_and_say_so() -> None:
    """A hundred findings are shown, and how many more there are; evidence is cut at 256 KiB."""
    findings = [{"condition": f"page {n}"} for n in range(250)]
    outcome = said(
        {**GOOD, "state": "failed", "findings": findings, "evidence": [{"name": "x", "text": "é" * EVIDENCE_LIMIT}]}
    )
    assert (101, "150 more findings") == (len(outcome.findings), outcome.findings[-1].condition)
    assert len(outcome.evidence[0].text.encode()) <= EVIDENCE_LIMIT
    assert outcome.evidence[0].text.endswith("... cut after 256 KiB of 512")


def test_it_is_told_what_it_measured_last(request_for: Make, tmp_path: Path) -> None:
    """The last `measured` lies in the file that PENSTOCK_LAST_RESULT names; without one the variable is not set."""
    script = f"cp \"${{PENSTOCK_LAST_RESULT:-/dev/null}}\" seen; echo '{json.dumps(GOOD)}'"
    run(request_for, {"run": {"sh": script}}, last=Last("c0ffee", measured={"pages": 39}))
    assert {"pages": 39} == json.loads((tmp_path / "seen").read_text())
    assert (tmp_path / LAST_RESULT).exists()
    env = {**PATH, "PENSTOCK_LAST_RESULT": "/of/somebody/else"}
    run(request_for, {"run": {"sh": script}}, last=Last("c0ffee"), env=env)
    assert "" == (tmp_path / "seen").read_text()
    assert not (tmp_path / LAST_RESULT).exists()


def test_a_link_of_that_name_is_not_written_through(request_for: Make, tmp_path: Path) -> None:
    """A commit that has a link where the last result goes does not make us write elsewhere."""
    other = tmp_path / "other"
    other.write_text("mine")
    (tmp_path / LAST_RESULT).symlink_to(other)
    run(request_for, {"run": "true"}, last=Last("c0ffee", measured={}))
    assert "mine" == other.read_text()


def test_no_secret_is_in_an_outcome(request_for: Make) -> None:
    """A secret in the result's texts is masked; one in what is measured, which cannot be, is errored."""
    result = {**GOOD, "sentence": f"saw {SECRET}", "findings": [{"condition": f"x {SECRET}"}]}
    result["evidence"] = [{"name": "e", "text": SECRET}]
    outcome = run(request_for, printing(result), secrets={"TOKEN": SECRET})
    assert ("passed", "saw ***") == (outcome.state, outcome.sentence)
    assert SECRET not in str(data.dump(outcome))
    outcome = said({**GOOD, "measured": {"a": [{SECRET: 1}]}}, secrets={"TOKEN": SECRET})
    assert ("errored", "`measured` holds the value of a secret") == (outcome.state, outcome.sentence)


def test_one_report_is_one_file() -> None:
    """Two results could contradict each other: two reports, or a pattern, are refused."""
    for report in (["a.json", "b.json"], "*.json", "../a.json"):
        with pytest.raises(ValidationError):
            CustomSection.model_validate({"run": "x", "report": report})


def test_a_section_survives_being_plain_data() -> None:
    """What is journaled of it validates to the same section."""
    section = CustomSection.model_validate({"run": "a $B", "report": "r.json", "sees": ["T"], "within": "2m"})
    assert section == CustomSection.model_validate(json.loads(json.dumps(data.dump(section))))


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(text: bytes) -> None:
    """Whatever a command writes, the answer is an outcome."""
    assert "errored" == said(text).state


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(st.sampled_from(["state", "sentence", "findings", "measured", "evidence"]), ANY), st.integers(0, 2)
)
def test_any_object_is_an_outcome(damage: dict[str, Any], code: int) -> None:
    """A result damaged in any key is an outcome of one line, and can be kept as JSON; it never passes with a code."""
    outcome = said(json.dumps({**GOOD, **damage}).encode(), code)
    json.dumps(data.dump(outcome), allow_nan=False)
    assert "\n" not in outcome.sentence
    assert not (code and outcome.state == "passed")


@given(st.integers(1, 200))
def test_half_a_result_is_none(cut: int) -> None:
    """A result that was cut anywhere is no result."""
    text = json.dumps({**GOOD, "state": "failed", "findings": [{"condition": "x" * 200}]}).encode()
    with pytest.raises(ResultError):
        read(text[:-cut])
