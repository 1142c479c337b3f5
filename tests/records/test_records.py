"""What we remember survives crashes, refuses what it cannot read, and never guesses."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.errors import StateError, UserError
from penstock.records import audit, environments, events, evidence, orders, releases
from penstock.records.store import FORMAT, Store

WHO = {"uid": 0, "person": "ana", "host": "here"}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "records.sqlite")


def made(store: Store, **fields: object) -> int:
    plain = {"service": "shop", "environment": "production", "kind": "release", "asked": "v1", "commit_id": "c" * 40,
             "uid": 0, "person": "ana", "host": "here"}  # fmt: skip
    return releases.create(store, 1.0, **{**plain, **fields})


def test_the_file_is_for_its_owner_only(store: Store) -> None:
    """Records are 0600."""
    assert 0o600 == store.path.stat().st_mode & 0o777


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    """Records of a newer Penstock are named as such, never read."""
    db = sqlite3.connect(tmp_path / "r.sqlite")
    db.execute(f"PRAGMA user_version = {FORMAT + 1}")
    db.close()
    with pytest.raises(StateError) as caught:
        Store(tmp_path / "r.sqlite")
    assert "newer-records" == caught.value.code


def test_a_damaged_file_is_said_not_guessed(tmp_path: Path) -> None:
    """Records that are not a database are an error with a remedy."""
    (tmp_path / "r.sqlite").write_bytes(b"not a database at all" * 100)
    with pytest.raises(StateError) as caught:
        Store(tmp_path / "r.sqlite")
    assert "records-corrupt" == caught.value.code
    assert caught.value.next


def test_locked_records_are_said(tmp_path: Path) -> None:
    """Records that another process holds are an error that says so; nothing is guessed, nothing is changed."""
    store = Store(tmp_path / "r.sqlite", patience_s=0.1)
    other = sqlite3.connect(tmp_path / "r.sqlite", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StateError) as caught:
        made(store)
    other.execute("ROLLBACK")
    assert "records-locked" == caught.value.code
    assert [] == store.rows("SELECT * FROM releases")


def test_a_transaction_that_fails_leaves_nothing(store: Store) -> None:
    """What is written together is there together or not at all."""
    with pytest.raises(ZeroDivisionError), store.write():
        made(store)
        _ = 1 / 0
    assert [] == store.rows("SELECT * FROM releases")


def test_events_are_told_once(store: Store) -> None:
    """A step that runs again tells nothing twice."""
    assert events.tell(store, 1.0, 1, "shift:1", "stage", "5 %")
    assert not events.tell(store, 2.0, 1, "shift:1", "stage", "5 %")
    assert 1 == len(events.after(store, 1))


def test_an_order_reaches_what_runs_and_never_what_comes(store: Store) -> None:
    """An order to an environment is for the releases asked before it."""
    first = releases.get(store, made(store)) or {}
    orders.give(store, 5.0, "abort", person="ana", uid=0, service="shop", environment="production")
    later = releases.get(store, made(store, asked_at=9.0)) or {}
    assert ["abort"] == [o["verb"] for o in orders.standing(store, first)]
    assert [] == orders.standing(store, later)


def test_an_order_has_one_answer(store: Store) -> None:
    """The first answer stays."""
    row = releases.get(store, made(store)) or {}
    number = orders.give(store, 5.0, "abort", person="ana", uid=0, service="shop", release=row["number"])
    orders.answer(store, 6.0, number, "first")
    orders.answer(store, 7.0, number, "second")
    assert "first" == (store.row("SELECT answer FROM orders WHERE id = ?", number) or {})["answer"]


def test_one_release_holds_an_environment(store: Store) -> None:
    """The lock is one; taking it twice is taking it once; only its holder frees it."""
    environments.place(store, "shop", "production", "local", "/nowhere")
    assert 1 == environments.hold(store, "shop", "production", 1)
    assert 1 == environments.hold(store, "shop", "production", 1)
    assert 1 == environments.hold(store, "shop", "production", 2)
    environments.free(store, "shop", "production", 2)
    assert 1 == environments.hold(store, "shop", "production", 2)
    environments.free(store, "shop", "production", 1)
    assert 2 == environments.hold(store, "shop", "production", 2)


def test_promoting_twice_keeps_the_one_before(store: Store) -> None:
    """A promotion said again does not lose what served before."""
    environments.place(store, "shop", "production", "local", "/nowhere")
    for revision in ("a", "b", "b"):
        environments.promote(store, "shop", "production", revision, 1.0)
    row = environments.get(store, "shop", "production") or {}
    assert ("b", "a") == (row["stable"], row["previous"])


def test_another_repository_with_the_same_name_is_refused(store: Store) -> None:
    """A service is its name and its repository's first commit."""
    environments.know(store, "shop", "r1", "/one")
    environments.know(store, "shop", "r1", "/moved")
    with pytest.raises(UserError) as caught:
        environments.know(store, "shop", "r2", "/two")
    assert "another-repository" == caught.value.code


def test_evidence_is_kept_by_its_content(store: Store, tmp_path: Path) -> None:
    """Equal texts are one file, 0600, under their digest."""
    one = evidence.keep(store, tmp_path / "e", 1.0, 1, "a", "text/plain", "same")
    two = evidence.keep(store, tmp_path / "e", 2.0, 1, "b", "text/plain", "same")
    assert one == two
    assert "same" == evidence.read(tmp_path / "e", one)
    assert [0o600] == [p.stat().st_mode & 0o777 for p in (tmp_path / "e").rglob("*") if p.is_file()]


def test_the_chain_is_whole_and_a_key_is_said_once(store: Store, tmp_path: Path) -> None:
    """Every line follows from the one before; a step that runs again adds none."""
    log = tmp_path / "audit.log"
    for number in range(5):
        audit.append(log, store, 1.0, f"k{number}", "did", WHO, number=number)
        audit.append(log, store, 2.0, f"k{number}", "did", WHO, number=number)
    assert [1, 2, 3, 4, 5] == [line["line"] for line in audit.read(log)]
    assert "" == audit.verify(log)


def test_a_line_whose_key_was_lost_with_the_records_is_not_said_twice(store: Store, tmp_path: Path) -> None:
    """Killed between line and key: the log itself knows."""
    log = tmp_path / "audit.log"
    audit.append(log, store, 1.0, "k", "did", WHO)
    with store.write() as db:
        db.execute("DELETE FROM audited")
    audit.append(log, store, 1.0, "k", "did", WHO)
    assert 1 == len(list(audit.read(log)))


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 60))
def test_a_torn_last_line_is_cut_off_and_said(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    """A crash in the middle of a line costs that line only, and a line says so."""
    folder = tmp_path_factory.mktemp("torn")
    store = Store(folder / "r.sqlite")
    log = folder / "audit.log"
    for number in range(3):
        audit.append(log, store, 1.0, f"k{number}", "did", WHO)
    whole = log.read_bytes()
    log.write_bytes(whole[:-cut])
    audit.append(log, store, 1.0, "after", "did", WHO)
    assert "" == audit.verify(log)
    assert any("torn" in line["what"] for line in audit.read(log))


@pytest.mark.parametrize("harm", ["change", "remove", "reorder", "insert"])
def test_a_changed_log_is_found(store: Store, tmp_path: Path, harm: str) -> None:
    """Whoever changes, removes, inserts or reorders a line breaks the chain after it."""
    log = tmp_path / "audit.log"
    for number in range(4):
        audit.append(log, store, 1.0, f"k{number}", "did", WHO)
    lines = log.read_text().splitlines()
    if harm == "change":
        lines[1] = json.dumps({**json.loads(lines[1]), "what": "else"}, sort_keys=True, separators=(",", ":"))
    elif harm == "remove":
        del lines[1]
    elif harm == "reorder":
        lines[1], lines[2] = lines[2], lines[1]
    else:
        lines.insert(2, lines[1])
    log.write_text("\n".join(lines) + "\n")
    assert audit.verify(log)
