"""Reminders are written once, ticked once, and listed by when they are due; older records get their table."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from penstock.records import due, notes, releases
from penstock.records.store import FORMAT, MIGRATIONS, Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "records.sqlite")
    for environment in ("production", "staging"):
        releases.create(
            store, 1.0, service="shop", environment=environment, kind="release", asked="v1", commit_id="c" * 40, uid=0,
            person="ana", host="here",
        )  # fmt: skip
    return store


def test_what_is_written_again_stays_as_it_was(store: Store) -> None:
    """A step that runs again moves no date and opens nothing that was ticked; what is missing is added."""
    due.remind(store, 1, [("review", "Done?", "dev", 10.0)])
    assert due.tick(store, 5.0, 1, "review", "ana", "yes")
    due.remind(store, 1, [("review", "Done?", "dev", 99.0), ("more", "More?", "", 20.0)])
    assert [("review", 10.0, 5.0), ("more", 20.0, None)] == [
        (row["name"], row["due_at"], row["done_at"]) for row in due.of(store, 1)
    ]


def test_one_tick_counts(store: Store) -> None:
    """The first tick stays, with who and what; the second changes nothing, nor does one of what is not there."""
    due.remind(store, 1, [("review", "Done?", "dev", 10.0)])
    told = [due.tick(store, at, 1, name, who, "x") for at, name, who in
            ((5.0, "review", "ana"), (6.0, "review", "bo"), (7.0, "other", "bo"))]  # fmt: skip
    assert [True, False, False] == told
    assert [("ana", 5.0)] == [(row["person"], row["done_at"]) for row in due.of(store, 1)]


def test_the_oldest_due_comes_first(store: Store) -> None:
    """Of all releases or of one; the open ones, or with those that were ticked; each with its environment."""
    due.remind(store, 1, [("a", "A?", "", 30.0), ("b", "B?", "", 10.0)])
    due.remind(store, 2, [("c", "C?", "", 20.0)])
    due.tick(store, 1.0, 1, "b", "ana", "")
    assert [("c", "staging"), ("a", "production")] == [(r["name"], r["environment"]) for r in due.listed(store)]
    assert ["b", "c", "a"] == [row["name"] for row in due.listed(store, ticked=True)]
    assert ["b", "a"] == [row["name"] for row in due.listed(store, ticked=True, release=1)]


def test_older_records_get_the_table(tmp_path: Path) -> None:
    """Records of the format before are taken further, and keep what they held."""
    before = next(n for n, text in enumerate(MIGRATIONS) if "CREATE TABLE due" in text)
    db = sqlite3.connect(tmp_path / "old.sqlite")
    for text in MIGRATIONS[:before]:
        db.executescript(text)
    db.execute(f"PRAGMA user_version = {before}")
    db.execute(
        "INSERT INTO notes (release, at, kind, text, uid, person, host) VALUES (1, 1, 'note', 'kept', 0, 'a', 'h')"
    )
    db.commit()
    db.close()
    store = Store(tmp_path / "old.sqlite")
    assert (FORMAT, []) == (store.rows("PRAGMA user_version")[0]["user_version"], due.listed(store, ticked=True))
    assert ["kept"] == [row["text"] for row in notes.of(store, 1)]
