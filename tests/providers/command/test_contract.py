"""What commands may say, and what they are told."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.target import Fence, Instance, Progress
from penstock.errors import PenstockError
from penstock.providers.command import contract
from tests.providers.command.made import alone, both

UNITS = '{"units": {"web": {"placed": {"a": 2}, "split": {"a": 1000}}}'

WRONG = [
    # output of observe, the field that is named, a word of what is wrong
    ("", "", "nothing"),
    ("web is up", "", "not JSON"),
    ("[]", "", "not a JSON object"),
    ("{}", "`units`", "missing"),
    ('{"units": []}', "`units`", "not an object"),
    ('{"units": {"web": 3}}', "`units.web`", "not an object"),
    ('{"units": {"web": {"placed": {"a": "2"}}}}', "`units.web.placed.a`", "whole number"),
    ('{"units": {"web": {"placed": {"a": -1}}}}', "`units.web.placed.a`", "whole number"),
    ('{"units": {"web": {"placed": {"a": true}}}}', "`units.web.placed.a`", "whole number"),
    ('{"units": {"web": {"placed": {"a": 1}, "split": {"a": 100}}}}', "`units.web.split`", "adds up to 100"),
    ('{"units": {"web": {"split": {"a": 1000}}}}', "`units.web.split`", "no capacity"),
    ('{"units": {"web": {"placde": {}}}}', "`units.web.placde`", "no such field"),
    (UNITS + ', "setled": true}', "`setled`", "no such field"),
    (UNITS + ', "settled": "yes"}', "`settled`", "neither true nor false"),
    (UNITS + ', "format": 2}', "`format`", "not known"),
    (UNITS + ', "token": 7}', "`token`", "not a text"),
    (UNITS + ', "stamp": [1]}', "`stamp`", "not a fence"),
    (UNITS + ', "revision": "a"}', "`units`", "`revision` is there too"),
    (UNITS + ', "instances": {}}', "`instances`", "not a list"),
    (UNITS + ', "instances": [{"id": "1", "unit": "web"}]}', "`instances[0].revision`", "missing"),
    (
        UNITS + ', "instances": [{"id": "1", "unit": "web", "revision": "a", "state": "up"}]}',
        "`instances[0].state`",
        "one of its words",
    ),
    ('{"revision": 7}', "`revision`", "not a text"),
]


@pytest.mark.parametrize(("text", "field", "what"), WRONG)
def test_a_wrong_field_is_named(text: str, field: str, what: str) -> None:
    """What `observe` gets wrong is `command-contract`, names the field, and says what to print instead."""
    with pytest.raises(PenstockError) as caught:
        contract.read_observed(text)
    assert "command-contract" == caught.value.code
    assert caught.value.what.startswith(field)
    assert what in caught.value.what
    assert caught.value.next.startswith("print ")


def test_everything_observe_may_say_is_read() -> None:
    """A whole answer comes out as it went in; zeros and empty units are left out."""
    said = contract.read_observed(
        json.dumps(
            {
                "format": 1,
                "units": {
                    "web": {"placed": {"a": 2, "b": 0}, "split": {"a": 1000, "b": 0}},
                    "jobs": {"placed": {}},
                },
                "settled": False,
                "token": "x",
                "stamp": [4, 2],
                "instances": [{"id": "1", "unit": "web", "revision": "a", "state": "crashed", "crash_loop": True}],
            }
        )
    )
    instance = Instance("1", "web", "a", "crashed", crash_loop=True)
    expected = contract.Said({"web": {"a": 1000}}, {"web": {"a": 2}}, None, False, "x", Fence(4, 2), (instance,))
    assert expected == said


def test_the_short_answer() -> None:
    """`revision` alone says what runs; null and an empty text say that nothing does."""
    assert "a" == contract.read_observed('{"revision": "a"}').revision
    assert "" == contract.read_observed('{"revision": null}').revision


@pytest.mark.parametrize(
    ("code", "out", "err", "expected"),
    [
        (0, "", "", Progress("done")),
        (0, "built\n{not json}\n", "", Progress("done")),
        (0, '{"name": "x"}', "", Progress("done")),
        (0, 'deploying\n{"state": "done"}\n', "", Progress("done", retry_after_s=1.0)),
        (0, '{"state": "working", "reason": "2 of 4", "retry_after_s": 5}', "",
         Progress("working", "2 of 4", 5.0)),
        (0, '{\n"state": "refused",\n"reason": "frozen"}', "", Progress("refused", "frozen", 1.0)),
        (75, "", "not yet", Progress("working", "not yet", 1.0)),
        (2, "a\nb", "", Progress("failed", "exit 2: a\nb")),
        (2, "out", "1\n2\n3\n4\n5\n6", Progress("failed", "exit 2: 2\n3\n4\n5\n6")),
        (1, '{"state": "done"}', "", Progress("failed", 'exit 1: {"state": "done"}')),
        (1, "", "", Progress("failed", "exit 1: it said nothing")),
    ],
)  # fmt: skip
def test_how_a_converge_ends(code: int, out: str, err: str, expected: Progress) -> None:
    """0 is done, 75 is working, anything else failed with its last lines; a reply on the last line says more."""
    assert (expected.state, expected.reason) == (
        (told := contract.read_progress(code, out, err)).state,
        told.reason,
    )
    if "retry_after_s" in out:
        assert expected.retry_after_s == told.retry_after_s


@pytest.mark.parametrize(
    ("reply", "field"),
    [
        ('{"state": "ready"}', "`state`"),
        ('{"state": "working"}', "`reason`"),
        ('{"state": "done", "reson": ""}', "`reson`"),
        ('{"state": "working", "reason": "x", "retry_after_s": -1}', "`retry_after_s`"),
        ('{"state": "working", "reason": "x", "retry_after_s": NaN}', "`retry_after_s`"),
        ('{"state": "done", "units": []}', "`units`"),
    ],
)
def test_a_wrong_reply_is_named(reply: str, field: str) -> None:
    """A reply that is one, and is wrong, is `command-contract` with the field."""
    with pytest.raises(PenstockError) as caught:
        contract.read_progress(0, reply, "")
    assert "command-contract" == caught.value.code
    assert caught.value.what.startswith(field)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["units", "web", "placed", "split", "a", "state", "reason", "revision", "instances", "stamp"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(json_values, st.integers(0, 255))
def test_nothing_else_is_ever_raised(value: object, code: int) -> None:
    """Whatever a command prints, it is read, or refused by a PenstockError `command-contract`."""
    text, codes = json.dumps(value), set()
    for read in (
        contract.read_observed,
        contract.read_preview,
        lambda out: contract.read_progress(code, out, ""),
    ):
        try:
            read(text)
        except PenstockError as error:
            codes.add(error.code)
    assert codes <= {"command-contract"}


@given(st.dictionaries(st.sampled_from("abc"), st.integers(1, 9), min_size=1), st.sampled_from(["web", "jobs"]))
def test_what_is_printed_is_what_is_seen(placed: dict[str, int], unit: str) -> None:
    """Capacity and traffic come out as they went in, and equal answers have equal marks."""
    split = {min(placed): 1000}
    text = json.dumps({"units": {unit: {"placed": placed, "split": split}}})
    said = contract.read_observed(text)
    assert ({unit: split}, {unit: placed}) == (said.serving, said.placed)
    assert contract.read_observed(text).mark == said.mark


def test_the_desire_as_it_is_handed_over() -> None:
    """The whole document, as the reference page shows it."""
    told = contract.as_json(both("a", "b", 100), "shop", "production", "run-3")
    revision = {
        "commit": "b-commit",
        "version": "",
        "configuration": "c0ffee",
        "artifact": {"kind": "none", "locator": "", "digest": ""},
        "units": {"web": {"argv": ["run"], "env": {}, "traffic": True}},
    }
    assert revision == told["revisions"].pop("b")
    assert {
        "format": 1,
        "service": "shop",
        "environment": "production",
        "revision": "b",
        "weight_permille": 100,
        "units": {"web": {"placed": {"a": 2, "b": 1}, "split": {"a": 900, "b": 100}}},
        "revisions": {"a": {**revision, "commit": "a-commit"}},
        "fence": [2, 0],
        "expecting": None,
        "reason": "",
        "handle": "run-3",
        "min_ready_s": 0.0,
        "start_within_s": 600.0,
        "way_back": {"web": {"placed": {"a": 2, "b": 1}, "split": {"a": 1000}}},
    } == told


def test_what_a_script_without_json_is_told() -> None:
    """Service, environment, the revision under release with its weight in permille, fence and key."""
    assert {
        "PENSTOCK_SERVICE": "shop",
        "PENSTOCK_ENVIRONMENT": "production",
        "PENSTOCK_REVISION": "a",
        "PENSTOCK_COMMIT": "a-commit",
        "PENSTOCK_ARTIFACT": "",
        "PENSTOCK_WEIGHT": "1000",
        "PENSTOCK_FENCE": "4.1",
        "PENSTOCK_IDEMPOTENCY_KEY": "key",
    } == contract.variables(alone("a", 4, 1), "shop", "production", "key")
