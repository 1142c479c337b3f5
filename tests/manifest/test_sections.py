"""Scalars typed by their key, and the laws of single sections."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from penstock.core import data
from penstock.core.target import Capabilities
from penstock.manifest import Environment
from penstock.manifest.core_schema import NotJsonError, yaml_value
from penstock.manifest.logs import Logs
from penstock.manifest.rollout import Increment, Rollout
from penstock.manifest.section import Amount, Command, Margin, count, duration, flag, fraction, permille
from penstock.manifest.verdict import ErrorRules, Verdict
from penstock.providers.command.section import DeclaredCapabilities
from penstock.providers.local.section import LocalSection


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("1h30m", 5400), ("200ms", 0.2), ("1.5m", 90), ("2w", 1209600), ("0s", 0)],
)
def test_durations(text: str, seconds: float) -> None:
    """A duration is numbers with units, added up."""
    assert seconds == duration(text)


@pytest.mark.parametrize("text", ["", "5", "5 m", "-5m", "m", "1e3s", "5m5", "999999d", ["5m"], None])
def test_no_durations(text: object) -> None:
    """What has no unit, a sign, or is beyond all patience is no duration."""
    with pytest.raises(ValueError, match="::"):
        duration(text)


@given(st.integers(1, 999))
def test_weights(tenths: int) -> None:
    """Every tenth of a per cent is a weight, and comes out as itself."""
    assert tenths == permille(f"{tenths / 10:g}%")


@pytest.mark.parametrize("text", ["5", "101%", "-1%", "%", "0.05%", "5 %", "nan%", "inf%"])
def test_no_weights(text: str) -> None:
    """What has no sign, is above 100 % or too fine is no weight."""
    with pytest.raises(ValueError, match="::"):
        permille(text)


def test_a_percentage_is_a_fraction() -> None:
    """5 % are 0.05."""
    assert 0.05 == fraction("5%")


@pytest.mark.parametrize("text", ["1.0", "-1", "1_000", " 1", "", "0x1", "9" * 5000, "\u0663"])
def test_no_counts(text: str) -> None:
    """A whole number is digits alone."""
    with pytest.raises(ValueError, match="::"):
        count(text)


@pytest.mark.parametrize("text", ["yes", "no", "on", "True", "1", ""])
def test_no_flags(text: str) -> None:
    """A flag is true or false, and no other word."""
    with pytest.raises(ValueError, match="::"):
        flag(text)


def test_margins() -> None:
    """A margin is a factor, and points in hundredths."""
    assert Margin(ratio=1.5, points=0.0005) == Margin.model_validate("1.5x + 0.05pp")


def test_amounts_round_for_safety() -> None:
    """A share rounds up for what may be more, and down for what may be missing."""
    share = Amount.model_validate("30%")

    assert (2, 1) == (share.of(4, up=True), share.of(4, up=False))


def test_a_command_is_words_or_a_line_for_a_shell() -> None:
    """Words are split as a shell would, and quotes keep an operator a word."""
    assert ("echo", "a b", "&&") == Command.model_validate("echo 'a b' '&&'").argv()
    assert ("sh", "-c", "a && b") == Command.model_validate({"sh": "a && b"}).argv()


@pytest.mark.parametrize("value", ["", "  ", [], {"sh": " "}, {}])
def test_no_empty_commands(value: object) -> None:
    """There is always something to run."""
    with pytest.raises(ValidationError):
        Command.model_validate(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1.10", 1.1),
        ("012", 12),
        ("0o17", 15),
        ("no", "no"),
        ("Null", None),
        ("TRUE", True),
        ("10:30", "10:30"),
    ],
)
def test_the_core_schema(text: str, value: object) -> None:
    """Below `json`, a plain scalar has the type that YAML 1.2's core schema gives it."""
    assert value == yaml_value(text)


@pytest.mark.parametrize("text", [".inf", "-.INF", ".nan", "1e999", "9" * 301])
def test_numbers_that_json_cannot_carry(text: str) -> None:
    """Infinity, NaN and numbers without bounds are refused."""
    with pytest.raises(NotJsonError):
        yaml_value(text)


def test_an_increment_soaks_or_may_leave_early() -> None:
    """`for` stays the whole time; `up to` may go on before."""
    assert Increment(weight_permille=25, duration_s=60) == Increment.model_validate("2.5% for 1m")
    assert Increment.model_validate("2.5% up to 1m").may_leave_early


@pytest.mark.parametrize("second", ["5% for 1m", "4% for 1h"])
def test_increments_rise(second: str) -> None:
    """Each increment is larger than the one before: neither smaller nor the same."""
    with pytest.raises(ValidationError):
        Rollout.model_validate({"is": "canary", "increments": ["5% for 1m", second]})


def test_a_share_of_nothing_moves_nothing() -> None:
    """No instance more and none fewer is refused, as numbers and as shares."""
    with pytest.raises(ValidationError):
        Rollout.model_validate({"is": "rolling", "max_surge": "0%", "max_unavailable": "0"})


@pytest.mark.parametrize("margin", ["1.4x + 1pp", "9x + 0.01pp"])
def test_acceptance_is_never_tighter_than_conviction(margin: str) -> None:
    """`promote_at` is at least `against_stable`, in its factor and in its points."""
    with pytest.raises(ValidationError):
        ErrorRules.model_validate({"promote_at": margin})


def test_critical_patterns() -> None:
    """A text is found as it is, a pattern between slashes as a regular expression."""
    text, pattern = Logs(critical=("a.b", "/a.b/")).patterns()

    assert (None, True) == (text.search("axb"), bool(pattern.search("axb")))


def test_plain_data_of_a_section_is_the_section_again(production: Callable[[str], Environment]) -> None:
    """What is journaled of rollout, verdict and health validates to the same values."""
    found = production("rollout: canary\n")

    for part in (found.rollout, found.verdict, found.health, found.units["shop"], found.target.section):
        assert part == data.load(type(part), data.dump(part))


def test_declared_capabilities_are_those_of_the_port() -> None:
    """What nobody declares is off, exactly as the Target port's own default."""
    assert Capabilities() == Capabilities(**DeclaredCapabilities().model_dump())


def test_ports_and_instances_by_unit() -> None:
    """One number holds for every unit; a map says it for each, and one instance where it says nothing."""
    section = LocalSection.model_validate({"port": {"web": "8080"}, "instances": {"web": "4"}})

    assert (8080, None, 4, 1) == (
        section.port_of("web"),
        section.port_of("jobs"),
        section.instances_of("web"),
        section.instances_of("jobs"),
    )


def test_the_verdicts_defaults() -> None:
    """The numbers that hold where nobody says any."""
    verdict = Verdict()

    assert (0.01, 0.05, 0.05, 1.0) == (
        verdict.false_rollbacks,
        verdict.false_promotions,
        verdict.errors.share,
        verdict.errors.hung_after_s,
    )
    assert (7200.0, "roll_back") == (verdict.undecided.hold_s, verdict.undecided.then)
