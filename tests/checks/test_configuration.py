"""The check `configuration`: what is there, of which shape, and whom it was meant for."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from penstock.checks.configuration import ConfigurationCheck, ConfigurationSection
from penstock.checks.configuration_values import names_another, needed, problems
from penstock.core import data
from penstock.core.finding import CheckRequest, Last, Outcome
from penstock.manifest.check import CheckSection

SECRET = "s3cr3t/t0ken"
Make = Callable[..., CheckRequest]
EVERY = {
    "staging": {"API_URL": "https://api.staging.example.com"},
    "production": {"API_URL": "https://api.example.com"},
}


def run(make: Make, section: dict[str, Any], **more: Any) -> Outcome:
    """The outcome of a section as a manifest writes it, in production."""
    plain = data.dump(ConfigurationSection.model_validate(section))
    return ConfigurationCheck().run(make(plain, **{"environment": "production", **more}))


def texts(outcome: Outcome) -> str:
    """Everything that an outcome says."""
    findings = [f"{f.condition} {f.effect} {f.remedy}" for f in outcome.findings]
    return "\n".join([outcome.sentence, *findings, *(e.text for e in outcome.evidence)])


def test_all_is_as_it_should_be(request_for: Make) -> None:
    """Variables and secrets of the right shape pass; what the platform adds is not counted; an unseen secret is said."""
    outcome = run(
        request_for,
        {"shapes": {"API_URL": "url", "TOKEN": "/s3.+/", "MODE": ["a", "b"]}},
        env={"API_URL": "https://api.example.com", "MODE": "a", "PATH": "", "PENSTOCK_COMMIT": " x"},
        secrets={"TOKEN": SECRET},
        references={"TOKEN": "env:T", "OTHER": "file:/etc/other"},
        configured=EVERY,
    )
    assert "passed" == outcome.state
    said = "2 variables and 1 secrets (1 more by their reference alone) are there and as they should be"
    assert said == outcome.sentence


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({"A": ""}, "`A` is empty"),
        ({"A": "  \t"}, "`A` is nothing but space"),
        ({"A": " x"}, "`A` has space around its value: ` x`"),
        ({"A": "changeme"}, "`A` is a placeholder: `changeme`"),
        ({"A": "To" + "Do"}, "`A` is a placeholder"),
        ({"A": "x" * 3}, "`A` is a placeholder"),
        ({"A": "<your key>"}, "`A` is a placeholder"),
        ({"A": "postgres://shop:change-me@db/shop"}, "`A` is a placeholder"),
        ({"A": "your-api-key"}, "`A` is a placeholder"),
        ({"A": "{{ .Values.a }}"}, "`A` is a placeholder"),
        ({"A": "at $API_HOST/x"}, "`A` has a name in it that nobody filled in: `at $API_HOST/x`"),
        ({"A": "${API_HOST:-x}"}, "`A` has a name in it that nobody filled in"),
        ({"A": "https://api.staging.example.com"}, "`A` names staging"),
        ({"A": "shop-stg-orders"}, "`A` names stg"),
        ({"A": "http://localhost:5432"}, "`A` names localhost"),
        ({"A": "127.0.0.1"}, "`A` names 127.0.0.1"),
        ({"A": "orders.sandbox"}, "`A` names sandbox"),
        ({"A": "ordersStaging"}, "`A` names Staging"),
        ({"A": "http://127.0.0.5/"}, "`A` names 127.0.0.5"),
        ({"A": "http://0.0.0.0:80"}, "`A` names 0.0.0.0"),
        ({"A": "http://host.docker.internal:80"}, "`A` names host.docker.internal"),
        ({"A": "https://api-m.sandbox.pay.example"}, "`A` names sandbox"),
        ({"A": "postgres://shop@test.db.example/shop"}, "`A` names test"),
        ({"A": "https://api-qa.example.com/v1"}, "`A` names qa"),
        ({"A": "pk_test_" + "x1x2x3x4"}, "`A` names pk_test_"),
        ({"A": "CHANGE_IT"}, "`A` is a placeholder"),
        ({"A": "TODO".title() + ": ask them"}, "`A` is a placeholder"),
        ({"A": "REPLACE_WITH_REAL_VALUE"}, "`A` is a placeholder"),
        ({"A": "fill me in"}, "`A` is a placeholder"),
        ({"A": "null"}, "`A` is a placeholder"),
        ({"A": "placeholder-key"}, "`A` is a placeholder"),
        ({"A": "sk-" + "x" * 16}, "`A` is a placeholder"),
        ({"A": "https://<host>/api"}, "`A` is a placeholder"),
        ({"A": "00000000-0000-0000-0000-000000000000"}, "`A` is a placeholder"),
        ({"A": "%API_KEY%"}, "`A` has a name in it that nobody filled in"),
        ({"A": "$(API_KEY)"}, "`A` has a name in it that nobody filled in"),
        ({"A": "<%= ENV['A'] %>"}, "`A` has a name in it that nobody filled in"),
        ({"A": '"https://api.example.com"'}, "`A` has quotation marks around its value"),
        ({"A": "abc\u200b"}, "`A` has a character in it that nobody sees"),
    ],
)
def test_a_value_that_is_wrong(env: dict[str, str], said: str, request_for: Make) -> None:
    """Empty, padded, never filled in, or another environment's: failed, and the plain value is shown."""
    outcome = run(request_for, {}, env=env, configured={"staging": {}, "sandbox": {}, "production": {}})
    assert "failed" == outcome.state
    assert outcome.sentence.startswith(f"1 wrong: {said}")


@pytest.mark.parametrize(
    "value",
    [
        "https://api.example.com", "production", "x", "latest", "$2b$10$abcDEF", "Shop <shop@example.com>", "devices",
        "localhost.example.com", "0", "none", "a b", "instaging", "https://227.0.0.15/", "100%", "https://sandboxes.example",
        "https://acme.example/latest/test-results", "testimonials", "0.0.0.0", "<b>x</b>", '{"a": "<b>"}', "a<b and b>c",
        "placeholder.svg", "https://acme.example/todo-list", '["a", "b"]', "https://acme.example/?q=$filter", "US$100",
    ],
)  # fmt: skip
def test_a_value_that_only_looks_wrong(value: str, request_for: Make) -> None:
    """A word inside another word, and a dollar sign that begins no name, are no reason."""
    outcome = run(request_for, {}, env={"A": value}, configured={"staging": {}, "sandbox": {}, "production": {}})
    assert "passed" == outcome.state


@pytest.mark.parametrize(
    ("value", "here", "word"),
    [
        ("db.production", "staging", "production"),
        ("db.prod", "staging", "prod"),
        ("localhost", "staging", ""),
        ("db.production", "production-eu", ""),
        ("db.production-eu", "production", ""),
        ("db.us", "eu", ""),
        ("DB.DEV", "live", "DEV"),
        ("x", "", ""),
    ],
)
def test_whom_a_value_is_meant_for(value: str, here: str, word: str) -> None:
    """Other environments by all their usual names, localhost in production alone; its own name means itself."""
    assert word == names_another(value, here, {"staging", "production", "us", here})


@pytest.mark.parametrize(
    ("shape", "good", "bad"),
    [
        (
            "url",
            ["https://a.example/x", "postgres://u:p@h/d", "sqlite:///x.db"],
            ["a.example", "http://", "http://a b", "//h"],
        ),
        ("integer", ["8080", "-1"], ["8080.0", "x", "1e3"]),
        ("number", ["1.5", "2"], ["1.", "1,5"]),
        ("boolean", ["true", "FALSE", "0"], ["2", "maybe"]),
        ("duration", ["30s", "1h30m", "1.5s"], ["30", "s"]),
        ("email", ["a@b.example"], ["a@b", "a b@c.example", "@c.example"]),
        ("host", ["db", "db.example.com:5432", "10.0.0.1"], ["http://db", "-", "a..b", "db:"]),
        ("json", ['{"a": 1}', "[]"], ["{", "[" * 100000]),
        ("/sk-[0-9]+/", ["sk-1"], ["sk-", "xsk-1", "sk-1x", "sk-1\n-"]),
        (["a", "b"], ["a"], ["c", "A"]),
    ],
)
def test_shapes(shape: Any, good: list[str], bad: list[str], request_for: Make) -> None:
    """A value is of its shape from its first sign to its last."""
    for value, state in [*((one, "passed") for one in good), *((one, "failed") for one in bad)]:
        outcome = run(request_for, {"shapes": {"A": shape}}, env={"A": value})
        assert (value[:20], state) == (value[:20], outcome.state)


@pytest.mark.parametrize(
    "value", ["", " ", f" {SECRET}", "changeme", f"{SECRET}-staging", "${TOKEN}", "$TOKEN", SECRET]
)
def test_nothing_of_a_secret_is_shown(value: str, request_for: Make) -> None:
    """What is wrong with a secret is said by its name; its value, its parts and its length are not."""
    section = {"require": "TOKEN", "shapes": {"TOKEN": "integer"}}
    outcome = run(request_for, section, secrets={"TOKEN": value}, references={"TOKEN": "env:T"}, configured=EVERY)
    assert "failed" == outcome.state
    assert "`TOKEN`" in outcome.sentence
    assert [] == [
        word for word in (SECRET, "s3cr", "staging", "changeme", str(len(value))) if word in outcome.sentence[8:]
    ]
    assert not value.strip() or value not in texts(outcome).replace("`TOKEN`", "").replace("$TOKEN", value * 0)


def test_a_password_may_have_dollars_in_it(request_for: Make) -> None:
    """A random secret is not taken for a name that was not filled in."""
    assert "passed" == run(request_for, {"require": ["P"]}, secrets={"P": "a$BCD_e/f$GH!"}).state


def test_what_is_missing_is_named(request_for: Make, tmp_path: Path) -> None:
    """What is required, and what the example file sets, must be somewhere; the finding leads to the line."""
    (tmp_path / ".env.example").write_text("# the shop\nexport A=1\n\nB=\n#C=2\nOPT=3\nPORT=8080\nKEY=x\n")
    outcome = run(request_for, {"optional": "OPT"}, env={"A": "1"}, references={"KEY": "env:K"})
    assert ("failed", "1 wrong: `B` is not there") == (outcome.state, outcome.sentence)
    assert [(".env.example:4", "high")] == [(f.where, f.severity) for f in outcome.findings]
    assert "passed" == run(request_for, {"require": "A"}, env={"A": "1"}).state


def test_an_example_that_cannot_be_read_is_errored(request_for: Make, tmp_path: Path) -> None:
    """Without the list of what the code reads nothing is known: no pass; a link out of the folder is not followed."""
    assert "errored" == run(request_for, {"example": "env.list"}).state
    (tmp_path / ".env.example").symlink_to("/etc/passwd")
    assert "errored" == run(request_for, {}).state
    assert "`.env.example` is a link that leads out of the folder" == run(request_for, {}).sentence
    (tmp_path / "big").write_text("A=1\n" * 100000)
    assert "errored" == run(request_for, {"example": "big"}).state


def test_another_environments_names_are_noticed(request_for: Make) -> None:
    """What others have and this one has not, and one address for all, is reported; blocked where that is asked for."""
    every = {"staging": {"A": "1", "DB_HOST": "db"}, "production": {"DB_HOST": "db"}}
    more: dict[str, Any] = {"env": {"DB_HOST": "db"}, "configured": every}
    outcome = run(request_for, {}, **more)
    said = ["`A` is in staging and not here", "`DB_HOST` is the same in every environment: `db`"]
    assert ("passed", said) == (outcome.state, [f.condition for f in outcome.findings])
    assert "failed" == run(request_for, {"differences": "block"}, **more).state
    assert "failed" == run(request_for, {"same_names_as": "staging"}, **more).state
    assert "errored" == run(request_for, {"same_names_as": "nowhere"}, **more).state
    asserted = run(request_for, {"same": "DB_HOST", "same_names_as": "production"}, **more)
    assert ("passed", 1) == (asserted.state, len(asserted.findings))


def test_what_is_asserted_of_environments(request_for: Make) -> None:
    """`same` and `differ` hold over all environments that have the name; of a secret they cannot be known."""
    every = {"staging": {"A": "1", "B": "1"}, "test": {"A": "1"}, "production": {"A": "1", "B": "2"}}
    more: dict[str, Any] = {"env": {"A": "1", "B": "2"}, "configured": every, "references": {"T": "env:T"}}
    assert "passed" == run(request_for, {"same": "A", "differ": "B"}, **more).state
    outcome = run(request_for, {"same": "B", "differ": "A"}, **more)
    said = ["`B` is not the same as in staging, test: `2`", "`A` is the same as in staging, test: `1`"]
    assert ("failed", said) == (outcome.state, [f.condition for f in outcome.findings])
    assert "errored" == run(request_for, {"differ": "T"}, **more).state
    assert "failed" == run(request_for, {"differ": "NOWHERE"}, **more).state


def test_what_changed_since_the_last_release(request_for: Make) -> None:
    """New, gone and changed values are listed; a value that is a secret by now is not shown."""
    last = Last(commit="c", env={"A": "1", "OLD": "x", "KEY": "hunter22", "SAME": "s", "LANG": "C"})
    env = {"A": "2", "NEW": "n", "SAME": "s"}
    outcome = run(request_for, {}, env=env, references={"KEY": "env:K"}, last=last)
    assert outcome.sentence.endswith("; 4 changed since the last release: A, KEY, NEW, OLD")
    expected = "A: 1 -> 2\nKEY: was plain, is a secret\nNEW: new, n\nOLD: gone, was x"
    assert expected == outcome.evidence[0].text
    unchanged = run(request_for, {}, env=env, last=replace(last, env=env))
    assert unchanged.sentence.endswith("; none changed since the last release")
    assert "changed" not in run(request_for, {}, env=env, last=Last()).sentence


def test_findings_and_sentence_are_bounded(request_for: Make) -> None:
    """A hundred findings and one that counts the rest; a sentence of 300 signs."""
    outcome = run(request_for, {}, env={f"A{n}": "" for n in range(500)})
    assert (101, "and 400 more") == (len(outcome.findings), outcome.findings[-1].condition)
    assert 300 >= len(outcome.sentence)
    assert outcome.sentence.startswith("500 wrong: `A0` is empty; ")


def test_it_asks_for_the_secrets_it_looks_at() -> None:
    """The secrets of `require` and `shapes` are shown to it, and no others."""
    section = ConfigurationSection.model_validate({"require": ["A"], "shapes": {"B": "url"}, "allow": ["C"]})
    assert frozenset({"A", "B"}) == section.names()


@pytest.mark.parametrize(
    "section",
    [
        {"shapes": {"A": "urll"}}, {"shapes": {"A": "/(/"}}, {"shapes": {"A": []}}, {"shapes": {"1A": "url"}},
        {"require": ["A B"]}, {"differences": "maybe"}, {"example": "../x"}, {"example": "/etc/passwd"}, {"requires": "A"},
    ],
)  # fmt: skip
def test_a_section_that_cannot_be_is_refused(section: dict[str, Any]) -> None:
    """What could never hold is refused when the manifest is read."""
    with pytest.raises(ValidationError):
        ConfigurationSection.model_validate(section)


def test_a_section_survives_being_plain_data() -> None:
    """What is journaled is read again as the same section."""
    section = ConfigurationSection.model_validate({"require": "A", "shapes": {"A": ["x"], "B": "/y/"}, "same": ["C"]})
    assert section == ConfigurationSection.model_validate(json.loads(json.dumps(data.dump(section))))


def test_every_key_has_its_item() -> None:
    """The manual page has an item for every key of the section's own."""
    fields = ConfigurationSection.model_fields.items()
    own = {field.alias or name for name, field in fields if name not in CheckSection.model_fields}
    items = re.findall(r"- ((?:`\w+`(?:, )?)+)", ConfigurationCheck.__doc__ or "")
    assert set() == own - set(re.findall(r"`(\w+)`", " ".join(items)))


@given(st.text(), st.booleans(), st.sampled_from([None, "url", "json", "host", "email", ("a",), "/a+/"]))
def test_any_value_is_judged(value: str, secret: bool, shape: Any) -> None:
    """No text is too strange; a secret's findings are the same for whatever its value."""
    found = problems("A", value, shape, secret=secret, allowed=False, here="production", others=frozenset({"staging"}))
    assert all(f.condition.startswith("`A` ") for f in found)
    assert not secret or all("`" not in f.condition[3:].replace("`/a+/`", "") for f in found)


@given(st.text())
def test_any_example_is_read(text: str) -> None:
    """No file is too strange to be searched for names."""
    assert all(re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII) for name in needed(text))


def test_an_environment_without_variables_is_skipped(request_for: Make) -> None:
    """Where there is nothing to look at, nothing is said to be good."""
    assert "skipped" == run(request_for, {}, env={"PATH": "/bin"}).state
    assert "failed" == run(request_for, {"require": "A"}, env={"PATH": "/bin"}).state


def test_a_sentence_is_one_line(request_for: Make) -> None:
    """Control characters of a value are not shown."""
    outcome = run(request_for, {}, env={"A": " \x1b[31m\u2028a\nb"})
    seen = "` \ufffd[31m\ufffda\ufffdb`"
    said = f"`A` has space around its value: {seen}; `A` has a character in it that nobody sees: {seen}"
    assert f"2 wrong: {said}" == outcome.sentence
