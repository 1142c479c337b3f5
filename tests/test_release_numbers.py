"""Whatever number a person types: a release that there is, or the error that says that there is none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from penstock import api
from penstock.cli import root
from penstock.errors import UsageError
from penstock.records import releases

COMMANDS = [
    ["show", "N"], ["watch", "N"], ["report", "N"], ["events", "N"], ["compare", "N", "1"], ["compare", "1", "N"],
    ["note", "N", "words"], ["due", "N"], ["due", "N", "name", "--done"], ["approve", "N"], ["reject", "N"],
    ["confirm", "N"], ["replay", "N"], ["checklist", "--release", "N"], ["logs", "--release", "N"],
    *([verb, "--release", "N", "--service", "shop"] for verb in ("hold", "abort", "promote")),
    ["audit", "evidence", "--release", "N"],
]  # fmt: skip


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[api.Desk]:
    """One release, which has ended."""
    monkeypatch.setenv("PENSTOCK_STATE", str(tmp_path / "state"))
    desk = api.open_desk()
    releases.create(desk.store, 1.0, service="shop", environment="production", kind="release", asked="v1",
                    commit_id="c" * 40, uid=0, person="ana", host="here")  # fmt: skip
    releases.update(desk.store, 1, state="released", sentence="it serves", ended_at=2.0)
    yield desk
    desk.store.close()


@pytest.mark.parametrize("number", [0, 99, 2**63 - 1, 2**63, 2**64, 10**40], ids=lambda number: f"{number:g}")
@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_number_of_no_release_is_said_to_be_none(
    desk: api.Desk, words: list[str], number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every command that takes a release's number refuses one that there is not, however large it is, and changes nothing."""
    monkeypatch.chdir(tmp_path)
    error = CliRunner().invoke(root, [str(number) if word == "N" else word for word in words]).exception
    assert isinstance(error, UsageError), error
    assert ("no-release", f"there is no release {number}") == (error.code, error.what)
    assert 2 == error.exit_code


def test_the_log_of_a_number_that_is_no_release_has_no_line(desk: api.Desk) -> None:
    """What is decided again from the log alone says that the log has no line of it."""
    error = CliRunner().invoke(root, ["audit", "replay", str(2**64)]).exception
    assert isinstance(error, UsageError | api.UserError)
    assert "not-in-the-log" == error.code
