"""Desires, read and checked; the environment and words of an instance."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.errors import PenstockError
from penstock.providers.local.environment import environment, filled
from penstock.providers.local.wanted import NewerFormat, parse

WEB = {"argv": ["x", "$PORT"], "env": {"A": "1"}, "sees": ["DSN"], "health": {"path": "/health"}}
GOOD: dict[str, Any] = {
    "format": 1, "generation": 3, "listen": {"web": {"bind": "127.0.0.1", "port": 80}},
    "units": {"web": {"placed": {"r1": 1}, "split": {"r1": 1000}}},
    "revisions": {"r1": {"version": "v", "folder": "/a", "path": ["/a/bin"], "units": {"web": WEB}}},
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"units": {"web": {"placed": {"r1": 1}, "split": {"r1": 999}}}}, "adds up to 1000"),
        ({"units": {"web": {"placed": {"r1": 0}, "split": {"r1": 1000}}}}, "no traffic without capacity"),
        ({"units": {"web": {"placed": {"r2": 1}, "split": {}}}}, "'r2' is missing"),
        ({"units": {"../x": {"placed": {}, "split": {}}}}, "cannot name"),
        ({"revisions": {"r1": {"folder": "/a", "units": {}}}}, "has no unit web"),
        ({"units": 3}, "items"),
    ],
)
def test_what_cannot_be_carried_out_is_said(change: dict[str, Any], why: str) -> None:
    """A desire that makes no sense is an error that says why."""
    with pytest.raises(PenstockError) as error:
        parse({**GOOD, **change})
    assert why in error.value.why


def test_a_later_format_is_known_by_its_number_alone() -> None:
    """Nothing else of it is read."""
    with pytest.raises(NewerFormat):
        parse({"format": 2, "units": "unheard of"})


def test_an_instance_sees_what_it_may() -> None:
    """Its own environment, the secrets it sees, and what Penstock adds, which nothing overrides."""
    env = environment(
        parse(GOOD),
        ("web", "r1"),
        {"DSN": "d", "PORT": "1", "OTHER": "o"},
        port=8000,
        home="/h",
        data="/d",
        mark="m",
    )
    assert {"A", "DSN", "PORT", "DATA", "HOME", "PATH"} == {name for name in env if not name.startswith("PENSTOCK_")}
    assert ("8000", "d", "/a/bin") == (env["PORT"], env["DSN"], env["PATH"].split(":")[0])


def test_a_missing_secret_is_said_by_name() -> None:
    """Its value is nowhere to be had, and the instance is not started without it."""
    with pytest.raises(PenstockError, match="DSN") as error:
        environment(parse(GOOD), ("web", "r1"), {}, port=1, home="", data="", mark="")
    assert "no-secret" == error.value.code


def test_words_are_filled_in() -> None:
    """Each `$NAME`, anywhere in a word; a line for a shell is left to the shell; an unknown name is an
    error.
    """
    env = {"PORT": "8000", "A_B": "x y"}
    assert ["run", "--port=8000", "x y/1"] == filled(["run", "--port=$PORT", "$A_B/1"], env)
    assert ["sh", "-c", "run $PORT $1"] == filled(["sh", "-c", "run $PORT $1"], env)
    with pytest.raises(PenstockError, match="NOT_THERE"):
        filled(["run", "$NOT_THERE"], env)
