"""`when` and `unless` as they are written."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from penstock.core.condition import matches
from penstock.manifest.when import Conditions, EndConditions, When

BEFORE: TypeAdapter[tuple[When, ...]] = TypeAdapter(Conditions)
AFTER: TypeAdapter[tuple[When, ...]] = TypeAdapter(EndConditions)


def why(adapter: TypeAdapter[Any], value: object) -> tuple[str, str]:
    """What a person is told, and what to write instead."""
    with pytest.raises(ValidationError) as raised:
        adapter.validate_python(value)
    told = raised.value.errors()[0]["ctx"]
    return told["what"], told["instead"]


def test_a_map_is_a_list_of_one() -> None:
    """One condition needs no brackets, and one value of a key neither."""
    one = {"paths": "auth/**", "bump": "major"}

    assert BEFORE.validate_python(one) == BEFORE.validate_python([{"paths": ["auth/**"], "bump": ["major"]}])
    assert () == BEFORE.validate_python([])


def test_what_was_written_comes_back() -> None:
    """The plain data of conditions is the same conditions again."""
    found = BEFORE.validate_python([{"lines": {"at_least": "400"}, "labels": ["a", "b"]}, {"migrations": "true"}])

    assert found == BEFORE.validate_python(BEFORE.dump_python(found, mode="json"))
    assert (400, True) == (found[0].lines.at_least if found[0].lines else 0, found[1].migrations)


@pytest.mark.parametrize("ends", [["rolled_back"], ["rolled_back", "stuck"]])
def test_how_it_ended_belongs_to_reminders_alone(ends: list[str]) -> None:
    """`ended` is known after a release, and refused where it is not over."""
    assert tuple(ends) == AFTER.validate_python({"ended": ends})[0].ended
    assert ("`ended` does not belong here", "the other keys, or the line below `later`") == why(BEFORE, {"ended": ends})


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ({}, "this condition says nothing"),
        ([{"paths": ["a"]}, {}], "this condition says nothing"),
        ({"paths": []}, "a list of no paths"),
        ({"labels": [], "bump": "major"}, "a list of no labels"),
        ({"bump": []}, "a list of no bumps"),
        ({"branches": []}, "a list of no branches"),
        ({"migrations": "false"}, "this is true, or not said"),
    ],
)
def test_conditions_that_say_nothing(value: object, what: str) -> None:
    """What would always or never hold is a mistake, and is refused."""
    assert what == why(BEFORE, value)[0]


@pytest.mark.parametrize(
    ("glob", "instead"),
    [
        ("auth/", "auth/**"),
        ("/auth/x.py", "auth/x.py"),
        ("./auth/**", "auth/**"),
        ("auth//x", "auth/x"),
        ("../x", "x"),
        ("", "auth/**"),
        ("auth/**.py", "*.py, or **/ before it"),
        ("**auth", "*auth, or **/ before it"),
        ("!auth/**", "the path below `unless`"),
        ("src/*.{js,ts}", "`?` for one letter, or a glob for each of several names"),
        ("v[0-9].sql", "`?` for one letter, or a glob for each of several names"),
        ("a\\*b", "`?` for one letter, or a glob for each of several names"),
    ],
)
def test_globs_that_would_never_match(glob: str, instead: str) -> None:
    """A glob that means something elsewhere, and nothing here, would never ask anybody: it is refused, with what is meant."""
    assert instead == why(BEFORE, {"paths": [glob]})[1]


PART = st.text("ab*?.", min_size=1, max_size=4).filter(lambda part: "**" not in part and part not in (".", ".."))


@given(st.lists(PART | st.just("**"), min_size=1, max_size=4).map("/".join))
def test_a_glob_that_is_read_matches_something(glob: str) -> None:
    """Every glob that is accepted matches the path that it becomes with its wildcards filled in."""
    assert (glob,) == BEFORE.validate_python({"paths": glob})[0].paths
    assert matches(glob.replace("**", "x").replace("*", "").replace("?", "q"), glob) or "*" in glob
    assert matches(glob.replace("**", "x/y").replace("*", "x").replace("?", "q"), glob)
