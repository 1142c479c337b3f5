"""`status` and `history` as a person reads them: aligned, filtered, cut at the terminal's width, whole elsewhere."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from penstock import api, shell
from penstock.cli import root
from penstock.records import environments, orders, releases
from penstock.render.cells import cut, fill, width, wrap
from penstock.render.columns import columns
from penstock.render.picture import text_of

MINUTE, DAY = 60.0, 86400.0


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[api.Desk]:
    """A shop with two environments, and releases of several ages, people and ends."""
    monkeypatch.setenv("PENSTOCK_STATE", str(tmp_path / "state"))
    desk = api.open_desk(tmp_path / "state")
    environments.know(desk.store, "shop", "r" * 40, str(tmp_path))
    for name in ("production", "staging"):
        environments.place(desk.store, "shop", name, "local", str(tmp_path))
    now = time.time()
    environments.promote(desk.store, "shop", "production", "1c22de0-5d6e7f", now - 3 * DAY)
    made = [("ana", 9 * DAY, "released", "fine"), ("bo", 2 * DAY, "rolled_back", "14 of 66 requests failed"),
            ("ana", 90 * MINUTE, "blocked", "the tests failed")]  # fmt: skip
    for person, ago, state, sentence in made:
        _release(desk, now - ago, person=person, state=state, sentence=sentence, ended_at=now - ago + 75)
    _release(desk, now - MINUTE, person="ana", state="rolling_out", waiting="bo asked to hold; `penstock promote` ends it",
             facts={"weight_permille": 50})  # fmt: skip
    _release(desk, now, person="bo", state="waiting", waiting="for release 4 to end")
    orders.give(desk.store, now, "hold", person="bo", uid=1, service="shop", release=4)
    yield desk
    desk.store.close()


def _release(desk: api.Desk, asked_at: float, **fields: Any) -> None:
    fields = {"service": "shop", "environment": "production", "kind": "release", "asked": "HEAD", "uid": 1,
              "commit_id": "c" * 40, "host": "here", "revision": "9a1b2c3-5d6e7f", **fields}  # fmt: skip
    facts = fields.pop("facts", {})
    number = releases.create(desk.store, asked_at, **fields)
    releases.update(desk.store, number, facts=facts)


def run(*words: str) -> Result:
    result = CliRunner().invoke(root, [*words, "--service", "shop"])
    assert 0 == result.exit_code, result.output
    return result


def numbers(*words: str) -> list[int]:
    return [row["number"] for row in json.loads(run("history", *words, "--json").output)]


def test_status_says_who_holds_what_and_what_waits(desk: api.Desk) -> None:
    """A line an environment: what runs, since when, good or not yet, what is under way, who holds it, who is behind."""
    lines = run("status").output.splitlines()
    production = next(line for line in lines if line.startswith("production"))
    for words in ("1c22de0-5d6e7f", "3 d", "not yet good", "release 4 is held by bo, 5 %", "1 behind it"):
        assert words in production
    assert any("release 4: bo asked to hold" in line and "penstock watch 4" in line for line in lines)
    assert any("release 5: waits: for release 4 to end" in line for line in lines)
    assert any(line.startswith("staging") and "nothing" in line for line in lines)


def test_columns_stand_under_each_other(desk: api.Desk) -> None:
    """Every column begins in the same cell in every line."""
    header, *rows = run("history").output.splitlines()
    for title in ("ORDERED", "ENVIRONMENT", "REVISION", "BY", "TOOK", "OUTCOME"):
        at = header.index(title)
        assert {" "} == {row[at - 1] for row in rows}
        assert " " not in {row[at] for row in rows}


def test_history_is_filtered(desk: api.Desk) -> None:
    """By environment, state, person, age and number; newest first; filters add up."""
    assert [5, 4, 3, 2, 1] == numbers()
    assert [] == numbers("staging")
    assert [3, 2] == numbers("--state", "blocked", "--state", "rolled_back")
    assert [4, 3, 1] == numbers("--person", "ana")
    assert [5, 4, 3] == numbers("--since", "2h")
    assert [3] == numbers("--since", "1d", "--person", "ana", "--state", "blocked")
    assert [5] == numbers("--limit", "1")
    assert [5, 4, 3, 2] == numbers("--since", time.strftime("%Y-%m-%d", time.localtime(time.time() - 4 * DAY)))
    assert "no release of shop fits" in run("history", "--person", "nobody").output
    wrong = CliRunner().invoke(root, ["history", "--since", "yesterday-ish"])
    assert "write 90m, 2d" in wrong.output


def test_columns_are_cut_at_the_width_and_nowhere_else() -> None:
    """On a terminal no line is wider than it, wide characters included; without one nothing is cut."""
    rows = [[("店" * 9, ""), ("one", ""), ("a long sentence " * 9, "")], [("b", ""), ("two", ""), ("x", "")]]
    for cells in (1, 10, 30, 79, 200):
        assert all(width(text_of(spans)) <= cells for spans in columns(["A", "B", "C"], rows, cells))
    whole = [text_of(spans) for spans in columns(["A", "B", "C"], rows, None)]
    assert 18 + 2 + 3 + 2 + 144 == width(whole[1])


def test_words_are_wrapped_between_them() -> None:
    """Lines are never wider than asked for; no word is lost but at the cut, which is seen."""
    assert ["one two", "three", "four"] == wrap("one two three four", 7, 3)
    assert ["one two", "three…"] == wrap("one two three four", 7, 2)
    assert ["abcdefg", "hij"] == wrap("abcdefghij", 7, 2)
    assert [] == wrap("", 7, 2)
    assert "店…" == cut("店店店", 4)
    assert ("ab   ", "   ab") == (fill("ab", 5), fill("ab", 5, right=True))


def test_looking_reaches_nothing_heavy(desk: api.Desk) -> None:
    """`status`, `history` and `events` import neither rich nor pydantic nor ruamel, nor the engine."""
    code = (
        "import sys; from click.testing import CliRunner; from penstock.cli import root\n"
        "for words in (['status'], ['history', '--service', 'shop'], ['events', '1']):\n"
        "    assert CliRunner().invoke(root, words).exit_code == 0\n"
        "print([m for m in ('rich', 'pydantic', 'ruamel', 'penstock.durable', 'httpx2') if m in sys.modules])"
    )
    import sys

    done = shell.run([sys.executable, "-c", code], env={"PENSTOCK_STATE": str(desk.state.root), "PATH": "/usr/bin"})
    assert "[]" == done.out.strip(), done.err
