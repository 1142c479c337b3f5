"""Where an artifact ran before: what the records say to `after`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from penstock.records import releases
from penstock.records.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "records.sqlite")


def released(store: Store, digest: str, **said: Any) -> int:
    """A release to staging that promoted an artifact."""
    fields: dict[str, Any] = {
        "kind": "release",
        "state": "released",
        "promoted_at": 100.0,
        "revision": f"r-{digest}",
    } | said
    number = releases.create(
        store, 1.0, service="shop", environment="staging", kind=fields.pop("kind"), asked="HEAD", commit_id="c" * 40,
        state=fields["state"], uid=0, person="ana", host="here",
    )  # fmt: skip
    releases.update(store, number, plan={"candidate": {"artifact": {"digest": digest}}}, **fields)
    return number


def test_the_very_same_artifact_counts_and_no_other(store: Store) -> None:
    """By its digest, whatever the commit; the newest that stood."""
    released(store, "a")
    newest = released(store, "a", promoted_at=200.0)
    released(store, "b")
    found = releases.promoted_with(store, "shop", "staging", "a")
    assert found
    assert newest == found["number"]
    assert releases.promoted_with(store, "shop", "staging", "c") is None
    assert releases.promoted_with(store, "shop", "production", "a") is None


@pytest.mark.parametrize(
    "said", [{"state": "rolled_back"}, {"promoted_at": None, "state": "blocked"}, {"kind": "rollback"}]
)
def test_what_did_not_stand_does_not_count(store: Store, said: dict[str, Any]) -> None:
    """Rolled back, never promoted, or only gone back to."""
    released(store, "a", **said)
    assert releases.promoted_with(store, "shop", "staging", "a") is None


def test_a_rollback_to_something_else_since_is_known(store: Store) -> None:
    """A rollback after it, to another revision, takes it away; one before it, or to itself, does not."""
    released(store, "z", kind="rollback")
    number = released(store, "a")
    assert releases.gone_back_from(store, "shop", "staging", number, "r-a") is None
    released(store, "a", kind="rollback")
    assert releases.gone_back_from(store, "shop", "staging", number, "r-a") is None
    back = released(store, "z", kind="rollback")
    assert back == releases.gone_back_from(store, "shop", "staging", number, "r-a")
