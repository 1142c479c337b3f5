"""Paths into JSON, and what is expected of the values there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.checks.json_path import filled, find, mismatch, parse, same, unmatchable, written

UNTIMED = settings(deadline=None)  # the machine may be busy
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)
STEPS = st.lists(st.text(max_size=6) | st.integers(0, 999_999_999), min_size=1, max_size=6)


def leaves(data: Any, steps: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Every value in nested data, with the way to it."""
    yield steps, data
    inner = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for step, one in inner:
        yield from leaves(one, (*steps, step))


@UNTIMED
@given(STEPS)
def test_what_is_written_is_parsed_again(steps: list[str | int]) -> None:
    """`parse` is the inverse of `written`, for any key."""
    assert tuple(steps) == parse(written(steps))


@UNTIMED
@given(JSON)
def test_every_value_has_a_path(data: Any) -> None:
    """Every value below the top of any JSON can be named, and is found by its name."""
    for steps, value in leaves(data):
        if steps:
            assert value is find(data, written(steps))


@UNTIMED
@given(JSON, STEPS)
def test_a_path_finds_or_says_why_not(data: Any, steps: list[str | int]) -> None:
    """A path leads to a value that is there, or is a LookupError that names it."""
    known = dict(leaves(data))
    path = written(steps)
    if tuple(steps) in known:
        assert known[tuple(steps)] is find(data, path)
    else:
        with pytest.raises(LookupError) as missed:
            find(data, path)
        assert f"no `{path}`:" in str(missed.value.args[0])


@pytest.mark.parametrize(
    ("path", "rest"),
    [
        ("a..b", "..b"),
        (".a", ".a"),
        ("$.a", "$.a"),
        ("a[x]", "[x]"),
        ("a[-1]", "[-1]"),
        ("a[01]", "[01]"),
        ("a b", " b"),
        ("a.", "."),
        ("a[0]b", "b"),
        ('a["b]', '["b]'),
    ],
)
def test_what_is_no_path_is_refused(path: str, rest: str) -> None:
    """The error says from where on it is no path."""
    with pytest.raises(ValueError, match="is no path from") as refused:
        parse(path)
    assert f"`{path}` is no path from `{rest}` on" == str(refused.value)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("items[2].price", "no `items[2].price`: items is a list of 1"),
        ("items.price", "no `items.price`: items is a list of 1"),
        ("total.net", "no `total.net`: total is 7"),
        ("name", "no `name`: the whole is a map of items, total"),
        ("[0]", "no `[0]`: the whole is a map of items, total"),
    ],
)
def test_a_missing_value_says_how_far_the_path_led(path: str, said: str) -> None:
    """The sentence shows what is there instead."""
    with pytest.raises(LookupError) as missed:
        find({"items": [{}], "total": 7}, path)
    assert said == missed.value.args[0]


@UNTIMED
@given(JSON, JSON)
def test_same_is_equality_of_json(one: Any, other: Any) -> None:
    """Every value is the same as itself; sameness has no direction; a boolean is never a number."""
    assert same(one, one)
    assert same(one, other) == same(other, one)
    assert not same([True], [1])
    assert not same({"a": 0}, {"a": False})
    assert same(1, 1.0)


@UNTIMED
@given(JSON)
def test_every_value_is_of_exactly_one_kind(value: Any) -> None:
    """`is` parts all JSON in six kinds."""
    kinds = ("number", "string", "boolean", "list", "map", "null")
    assert 1 == len([kind for kind in kinds if not mismatch({"is": kind}, value)])


@pytest.mark.parametrize(
    ("want", "good", "bad"),
    [
        (3, [3, 3.0], [4, "3", True, None]),
        (None, [None], [0, "", False]),
        ({"a": [1]}, [{"a": [1]}], [{"a": [1], "b": 2}, {"a": [True]}]),
        ({"is": "number"}, [0, 1.5], [True, "1", None]),
        ({"is": None}, [None], [0, ""]),
        ({"is": "boolean"}, [False], [0, 1]),
        ({"at_least": 2}, [2, 9.5], [1, "3", True, None]),
        ({"at_most": 2}, [2, -1], [3, "1", False]),
        ({"at_least": 1, "at_most": 2}, [1, 2], [0, 3]),
        ({"matches": "^ab?$"}, ["a", "ab"], ["abc", 1, None, ["a"]]),
        ({"contains": "b"}, ["abc", ["b"], {"b": 1}], ["ac", ["c"], {"c": "b"}, 1, None]),
        ({"contains": 1}, [[2, 1]], ["1", [True], ["1"]]),
        ({"contains": {"id": 1}}, [[{"id": 1}]], [[{"id": True}], {"id": 1}]),
    ],
)
def test_matchers(want: Any, good: list[Any], bad: list[Any]) -> None:
    """A value is as expected, or the mismatch says what was."""
    assert ["" for _ in good] == [mismatch(want, value) for value in good]
    assert [True for _ in bad] == [mismatch(want, value).startswith("expected ") for value in bad]


@pytest.mark.parametrize(
    ("want", "why"),
    [
        ({"is": "int"}, "`is` names boolean, list, map, null, number or string"),
        ({"is": []}, "`is` names"),
        ({"at_least": "3"}, "`at_least` needs a number"),
        ({"at_most": True}, "`at_most` needs a number"),
        ({"matches": "("}, "`matches` needs a pattern"),
        ({"matches": 3}, "`matches` needs a pattern"),
        ({"at_least": 1, "at_mots": 3}, "no matcher is called `at_mots`: at_most?"),
    ],
)
def test_what_nothing_could_match_is_refused(want: Any, why: str) -> None:
    """A matcher that is none is refused before anything is released."""
    assert unmatchable(want).startswith(why)


@UNTIMED
@given(JSON.filter(lambda value: not (isinstance(value, dict) and {*value} & {"is", "contains", "matches"})))
def test_a_value_stands_for_itself(value: Any) -> None:
    """Any JSON without a matcher's word is expected as it is."""
    assert "" == unmatchable(value)
    assert "" == mismatch(value, value)


def test_a_name_alone_keeps_its_type() -> None:
    """A carried 7 is sent as 7; inside a text it is text."""
    names = {"id": 7, "ok": True, "name": "ana"}
    assert {"a": 7, "b": [True, "ana"], "c": "7-ana-true"} == filled(
        {"a": "$id", "b": ["$ok", "$name"], "c": "$id-$name-$ok"}, names
    )
