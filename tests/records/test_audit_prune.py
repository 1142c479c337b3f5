"""Old evidence goes, and nothing else: never what somebody still needs, never the record that it was there."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock.records import evidence, releases
from penstock.records.store import Store

KEEP_S = 100.0


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "records.sqlite")


def made(store: Store, state: str = "released") -> int:
    return releases.create(store, 1.0, service="shop", environment="production", kind="release", asked="v1",
                           commit_id="c" * 40, uid=0, person="ana", host="here", state=state)  # fmt: skip


def keep(store: Store, folder: Path, at: float, release: int, text: str, name: str = "a") -> Path:
    return evidence.path_of(folder, evidence.keep(store, folder, at, release, name, "text/plain", text))


def test_old_content_goes_and_its_record_stays(store: Store, tmp_path: Path) -> None:
    """Content that is too old goes, once; what went is returned; its name and digest stay known."""
    number = made(store)
    old, new = keep(store, tmp_path, 1.0, number, "old"), keep(store, tmp_path, 50.0, number, "new", "b")
    gone = evidence.prune(store, tmp_path, 120.0, KEEP_S)
    assert [(number, "a", old.name)] == [(row["release"], row["name"], row["digest"]) for row in gone]
    assert (False, True) == (old.exists(), new.exists())
    assert ["a", "b"] == [row["name"] for row in evidence.of(store, number)]
    assert [] == evidence.prune(store, tmp_path, 120.0, KEEP_S)


def test_what_a_newer_release_refers_to_stays(store: Store, tmp_path: Path) -> None:
    """The same content kept again by a newer release stays for both."""
    path = keep(store, tmp_path, 1.0, made(store), "same")
    keep(store, tmp_path, 90.0, made(store), "same")
    assert [] == evidence.prune(store, tmp_path, 120.0, KEEP_S)
    assert path.exists()


@pytest.mark.parametrize("state", ["waiting", "planned", "rolling_out", "baking"])
def test_what_is_not_over_keeps_all(store: Store, tmp_path: Path, state: str) -> None:
    """However old, what a release that is not over refers to stays, though another's time for it is up."""
    path = keep(store, tmp_path, 1.0, made(store, state), "same")
    keep(store, tmp_path, 1.0, made(store), "same")
    assert [] == evidence.prune(store, tmp_path, 1e9, KEEP_S)
    assert path.exists()


def test_what_is_said_to_be_needed_stays(store: Store, tmp_path: Path) -> None:
    """A release that the caller names keeps its evidence."""
    one, two = made(store), made(store)
    keep(store, tmp_path, 1.0, one, "one")
    keep(store, tmp_path, 1.0, two, "two")
    assert [two] == [row["release"] for row in evidence.prune(store, tmp_path, 1e9, KEEP_S, {one})]


def test_what_would_go_is_known_before(store: Store, tmp_path: Path) -> None:
    """What is prunable is said without removing it, so that it can be recorded first."""
    path = keep(store, tmp_path, 1.0, made(store), "old")
    assert 1 == len(evidence.prunable(store, tmp_path, 1e9, KEEP_S))
    assert path.exists()


def test_what_went_can_be_kept_again(store: Store, tmp_path: Path) -> None:
    """The same content kept after it went is there again."""
    keep(store, tmp_path, 1.0, made(store), "same")
    evidence.prune(store, tmp_path, 1e9, KEEP_S)
    assert keep(store, tmp_path, 1e9, made(store), "same").exists()
