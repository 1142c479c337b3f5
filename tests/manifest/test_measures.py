"""Limits and conditions as people write them, and what is wrong with what they write."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from penstock.core import data
from penstock.core.conditions import evaluated
from penstock.manifest.bound import Bound
from penstock.manifest.expression import DEPTH_MAX, LETTERS_MAX, WORDS_MAX, misnamed, read, samples, spoken
from penstock.manifest.latency import QuantileRule
from penstock.manifest.measures import Condition, CountLimit, Measures
from penstock.manifest.miscounted import miscounted
from penstock.manifest.verdict import ErrorRules, Verdict


def what(key: str, value: Any) -> str:
    """What is said of the only thing that is wrong with a key."""
    with pytest.raises(ValidationError) as caught:
        Measures.model_validate({key: value})
    (error,) = caught.value.errors()
    return error["ctx"]["what"] if "ctx" in error and "what" in error["ctx"] else error["type"]


def instead(text: str) -> str:
    """What is offered instead of an expression."""
    with pytest.raises(ValidationError) as caught:
        Measures.model_validate({"fail_if": {"if": text}})
    return caught.value.errors()[0]["ctx"]["instead"]


@pytest.mark.parametrize(
    ("text", "number", "unit", "per_s"),
    [
        ("9 per 5m", 9, "", 300),
        ("0", 0, "", 0),
        ("80%", 0.8, "%", 0),
        ("250%", 2.5, "%", 0),
        ("512MB", 512e6, "B", 0),
        ("1.5GiB", 1.5 * 2**30, "B", 0),
        ("0.75", 0.75, "", 0),
    ],
)
def test_limits(text: str, number: float, unit: str, per_s: float) -> None:
    """A limit is a number with its unit, and the time that it is counted over."""
    assert Bound(number=number, unit=unit, per_s=per_s) == Bound.model_validate(text)


@pytest.mark.parametrize("text", ["9 per 5m", "9 per 90s", "0", "80%", "512MB", "1500kB", "2GiB", "0B", "0.75", "800"])
def test_limits_as_written(text: str) -> None:
    """A limit is shown as a person would write it."""
    assert text == str(Bound.model_validate(text))


@pytest.mark.parametrize(
    "text", ["", "-1", "9 per", "9 per 5", "9 per 0s", "9% per 5m", "9 MB", "nan", "1e9", "9x", "5m"]
)
def test_no_limits(text: str) -> None:
    """What is no number, has a unit nobody knows, or counts over no time is no limit."""
    with pytest.raises(ValidationError):
        Bound.model_validate(text)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("throttles", {}, "there is no limit here"),
        ("throttles", {"at_most": "5%"}, "`5%` is not a number of things"),
        ("throttles", {"at_least": "5"}, "`at_least` lacks its time"),
        ("throttles", {"at_most": "5", "periods": "2"}, "these periods have no length"),
        ("throttles", {"at_most": "0.5GiB"}, "a size in bytes is not a number of things"),
        ("cpu", {"at_most": "0.5GiB"}, "a size in bytes cannot be meant"),
        ("concurrency", {"at_most": "0B"}, "a size in bytes cannot be meant"),
        ("concurrency", {"at_most": "80%"}, "`80%` cannot be meant"),
        ("memory", {"for": "5m"}, "there is no limit here"),
        ("memory", {"at_most": "9 per 5m"}, "a gauge has no `per`"),
        ("memory", {"against_stable": "0.9x"}, "a candidate as good as stable would be sent back"),
        ("memory", {"against_stable": "1.1x + 1pp"}, "this is no share, and has no points"),
        ("duration", {"average": {}}, "there is no limit here"),
        ("measures", {"q": {"is": "gauge", "at_most": "1", "periods": "2"}}, "a gauge has no periods"),
        ("measures", {"q": {"is": "count", "at_most": "1", "for": "5m"}}, "a count has no `for`"),
        ("measures", {"weight": {"is": "gauge", "at_most": "1"}}, "`weight` is a name of Penstock's own"),
        ("measures", {"q": {"is": "median", "at_most": "1"}}, "literal_error"),
    ],
)
def test_what_is_wrong_with_limits(key: str, value: Any, said: str) -> None:
    """A limit that would judge nothing, or something else than it says, is refused with its reason."""
    assert said == what(key, value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("erors > 1", "`erors` is not a sample"),
        ("stable.error > 1", "`stable.error` is not a sample"),
        ("errors", "`errors` is a number"),
        ("errors + 1", "`errors + 1` is a number"),
        ("errors > true", "`true` is a boolean, and `>` takes a number there"),
        ("errors && true", "`errors` is a number, and `&&` takes a boolean there"),
        ("!errors", "`errors` is a number, and `!` takes a boolean there"),
        ("1 < errors < 3", "`(1.0 < errors)` is a boolean, and `<` takes a number there"),
        ("errors == true", "`true` is a boolean, and `==` takes a number there"),
        ("errors >", "something is lacking at the end"),
        ("> errors", "before `>` something is lacking"),
        ("(errors > 1", "a parenthesis never ends"),
        ("errors > 1)", "`)` is one word too many"),
        ("errors > 1 requests", "`requests` is one word too many"),
        ("errors = 1", "`=` has no meaning by itself"),
        ("errors > 'a'", "`'` begins a text, a list or a map"),
        ("errors.matches('(a+)+$')", "`'` begins a text, a list or a map"),
        ("size(errors) > 1", "`size(...)` is a call"),
        ("weight > 5%", "`%` has no meaning here"),
        ("p99_ms > 500ms", "`500m` is no number"),
        ("p99_ms > 1e999", "`1e999` is too large"),
        ("(" * 99 + "true" + ")" * 99, "this expression is nested too deeply"),
        ("!" * 190 + "true", "this expression is nested too deeply"),
        ("true" + " && true" * 200, f"this expression has over {LETTERS_MAX} letters"),
        ("1" + "+1" * 150 + ">1", f"this expression has over {WORDS_MAX} words"),
    ],
)
def test_what_is_wrong_with_conditions(text: str, said: str) -> None:
    """Names, types, syntax and cost of a condition are checked before a release starts, each with its reason."""
    assert said == what("fail_if", {"if": text})


@pytest.mark.parametrize(
    ("text", "near"),
    [("erors > 1", "errors"), ("stable.error > 1", "stable.errors"), ("p99 > 1", "p99_ms"), ("errors & true", "&&")],
)
def test_the_nearest_is_offered(text: str, near: str) -> None:
    """What was probably meant is offered instead."""
    assert near == instead(text)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("errors > 3%", "errors / requests > 0.03"),
        ("errors > 3% && requests > 100", "errors / requests > 0.03 && requests > 100"),
        ("requests > 9 && (3 % <= stable.errors)", "requests > 9 && (0.03 <= stable.errors / stable.requests)"),
        ("errors / requests > 2.5%", "errors / requests > 0.025"),
        ("weight >= 50% && cpu > 80%", "weight >= 50 && cpu > 0.8"),
    ],
)
def test_a_share_is_written_as_what_it_is(text: str, written: str) -> None:
    """For a condition with % the whole expression is offered that means it, and that is one that holds when it should."""
    assert written == instead(text)
    verdict = Verdict.model_validate({"fail_if": {"if": written}})
    assert [] == list(miscounted(verdict))


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("errors > 0.03", "errors / requests > 0.03"),
        ("requests > 9 && 0.5 >= stable.errors", "stable.errors / stable.requests <= 0.5"),
        ("orders < 0.1", "orders / requests < 0.1"),
        ("errors > 2.5", "errors > 2"),
        ("errors >= 2.5", "errors >= 3"),
        ("requests < 0.5", "requests < 1"),
    ],
)
def test_a_part_of_a_count_is_refused(text: str, written: str) -> None:
    """A count is compared with no share of itself: the first error would be more than 0.03. The share is offered."""
    own = {"orders": {"is": "count", "query": "q", "at_most": "5"}}
    (found,) = miscounted(Verdict.model_validate({"measures": own, "fail_if": {"if": text}}))
    assert written == found.context["instead"]
    assert "fail_if.if" == found.context["at"]


@pytest.mark.parametrize(
    "text",
    [
        "errors > 3",
        "errors > 2.0",
        "errors > 0.03 * requests",
        "errors / requests > 0.03",
        "mean_ms > 2.5",
        "weight > 0.1",
    ],
)
def test_what_may_be_compared_with_a_part(text: str) -> None:
    """Nothing is said of quotients, of products, of times, nor of whole numbers."""
    assert [] == list(miscounted(Verdict.model_validate({"fail_if": {"if": text}})))


def test_a_specimen_is_right_at_any_weight() -> None:
    """The expression that is offered everywhere holds where errors are more frequent than stable's, at any share of traffic."""
    found = read(Condition.specimen)
    a_tenth = {"requests": 1_000.0, "stable.requests": 9_000.0}
    assert evaluated(found, {**a_tenth, "errors": 18.0, "stable.errors": 40.0})
    assert not evaluated(found, {**a_tenth, "errors": 18.0, "stable.errors": 80.0})
    half = {"requests": 9_000.0, "stable.requests": 1_000.0}
    assert not evaluated(found, {**half, "errors": 90.0, "stable.errors": 10.0})


def refused(errors: dict[str, str]) -> list[tuple[str, str]]:
    """(key, what is offered) for everything that is wrong with `errors`."""
    with pytest.raises(ValidationError) as caught:
        ErrorRules.model_validate(errors)
    return [
        (str(one["loc"][-1] if one["loc"] else one["ctx"].get("at")), one["ctx"]["instead"])
        for one in caught.value.errors()
    ]


@pytest.mark.parametrize(
    ("errors", "written"),
    [
        ({"at_most": "0.5"}, [("at_most", "at_most: 50%, or 0.5%")]),
        ({"at_most": "5"}, [("at_most", "at_most: 5%, or 5 per 5m")]),
        ({"at_most": "800"}, [("at_most", "at_most: 800 per 5m")]),
        ({"at_most": "5pp"}, [("at_most", "at_most: 5%")]),
        ({"at_most": "512MB"}, [("at_most", "at_most: 5%, or 9 per 5m")]),
        ({"against_stable": "3x", "promote_at": "2x + 0.5pp"}, [("promote_at", "promote_at: 3x + 0.5pp, or more")]),
        ({"against_stable": "4x"}, [("against_stable", "promote_at: 4x + 0.5pp, or more")]),
        ({"at_most": "0.5", "hung_after": "1"}, [("at_most", "at_most: 50%, or 0.5%"), ("hung_after", "1s, 1m or 1h")]),
    ],
)
def test_limits_of_errors_that_are_offered(errors: dict[str, str], written: list[tuple[str, str]]) -> None:
    """What is offered instead of a limit of errors is one that is accepted, and all that is wrong is said at once."""
    assert written == refused(errors)


def test_a_default_that_collides_is_named() -> None:
    """Where a margin leaves the default `promote_at` behind, that default is said."""
    with pytest.raises(ValidationError, match=r"which is 2x \+ 0.5pp where nothing is said"):
        ErrorRules.model_validate({"against_stable": "4x"})


def test_margins_of_times_that_are_offered() -> None:
    """The margin that is offered for acceptance is nowhere below what sends back."""
    with pytest.raises(ValidationError) as caught:
        QuantileRule.model_validate({"against_stable": "1.3x + 4ms", "promote_at": "1.5x + 3ms"})
    assert "promote_at: 1.5x + 4ms, or more" == caught.value.errors()[0]["ctx"]["instead"]


def test_a_gauge_of_things_is_offered_a_number() -> None:
    """A gauge of one's own is offered a number, Penstock's own what they are measured in."""
    with pytest.raises(ValidationError) as caught:
        Measures.model_validate({"measures": {"queue": {"is": "gauge", "query": "q"}}, "memory": {"for": "5m"}})
    assert {"at_most: 800", "at_most: 90%"} == {one["ctx"]["instead"] for one in caught.value.errors()}


def test_measures_of_ones_own_are_samples() -> None:
    """A measure's name may stand in a condition, with _ for -, for both arms."""
    own = {"queue-length": {"is": "gauge", "query": "q", "at_most": "5"}}
    asked = Measures.model_validate(
        {"measures": own, "fail_if": {"if": "queue_length > stable.queue_length", "over": "2m"}}
    )
    assert 120 == asked.fail_if.over_s
    assert 60 == Measures.model_validate({"fail_if": "errors > 3"}).fail_if.over_s
    assert ({"queue-length": "q"}, {}) == (asked.gauges(), asked.events())


def test_as_plain_data() -> None:
    """What was asked for is the same again after its plan was written and read."""
    asked = Measures.model_validate(
        {
            "throttles": {"at_most": "0"},
            "duration": {"average": {"at_most": "5s"}},
            "memory": {"at_most": "90%", "for": "5m", "against_stable": "1.3x"},
            "measures": {"orders": {"is": "count", "at_least": "5 per 10m"}},
            "promote_if": {"if": "orders > 3"},
        }
    )
    assert asked == data.load(Measures, data.dump(asked))
    counted = CountLimit.model_validate({"at_most": "9 per 5m", "periods": "2"})
    assert counted == data.load(CountLimit, data.dump(counted))


def test_precedence() -> None:
    """Signs bind as in CEL: or, and, comparison, sum, product; from left to right."""
    text = "errors - 1 - 2 * -requests > 3 || true && !false == (weight < 5)"
    meant = "((((errors - 1.0) - (2.0 * -(requests))) > 3.0) || (true && (!(false) == (weight < 5.0))))"
    assert meant == spoken(read(text))
    assert ("errors", "requests", "weight") == samples(read(text))


def test_known_names_are_not_wrong() -> None:
    """Nothing is said of an expression whose names have samples."""
    assert None is misnamed(read("errors > stable.errors"), {"errors", "stable.errors"})


@given(st.text(max_size=60) | st.text("errorstabl.01 ()<>=!&|+-*/%\"'[]{}", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Whatever is written, it is an expression or has something wrong with it in words; and what is read reads again."""
    found, wrong = None, None
    try:
        found = read(text)
    except ValueError as error:
        wrong = error.context
    if found is None:
        assert {"what", "why", "instead"} <= set(wrong)
    else:
        assert len(spoken(found)) > LETTERS_MAX or found == read(spoken(found))


def test_the_depth_is_as_said() -> None:
    """The deepest nesting that is read is read, and one more is not."""
    assert read("(" * DEPTH_MAX + "true" + ")" * DEPTH_MAX)
    with pytest.raises(ValueError, match="nested"):
        read("(" * (DEPTH_MAX + 1) + "true" + ")" * (DEPTH_MAX + 1))
