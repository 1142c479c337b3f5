"""What people answered: yes, no, done; each with its reason, and what it was said to."""

from __future__ import annotations

from typing import Any

from penstock.records.store import Row, Store


def give(
    store: Store, now: float, release: int, line: str, verb: str, who: dict[str, Any], *, reason: str = "",
    digest: str = "", until: float | None = None, signed: str = "",
) -> int:  # fmt: skip
    """Write an answer down; nothing is ever taken back, a later one counts more. `signed`: the signed file, whole."""
    with store.write() as db:
        done = db.execute(
            "INSERT INTO answers (release, line, verb, person, uid, host, reason, at, digest, until, signed)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (release, line, verb, who["person"], who["uid"], who["host"], reason, now, digest, until, signed),
        )
        return int(done.lastrowid or 0)


def of(store: Store, release: int) -> list[Row]:
    """The answers to a release, oldest first."""
    return store.rows("SELECT * FROM answers WHERE release = ? ORDER BY id", release)


def about(store: Store, service: str, commit: str) -> list[Row]:
    """The answers to any release of a commit: what is asked of a commit is asked once for every environment."""
    return store.rows(
        "SELECT answers.* FROM answers JOIN releases ON releases.number = answers.release"
        " WHERE releases.service = ? AND releases.commit_id = ? ORDER BY answers.id", service, commit,
    )  # fmt: skip


def has(store: Store, release: int, signed: str) -> bool:
    """Whether this very signed answer was brought before."""
    return store.row("SELECT id FROM answers WHERE release = ? AND signed = ?", release, signed) is not None


def newest(store: Store) -> tuple[int, ...]:
    """A word that changes whenever somebody answers, orders, freezes or thaws: who waits for people looks at it."""
    row = store.row(
        "SELECT (SELECT coalesce(max(id), 0) FROM answers) AS a, (SELECT coalesce(max(id), 0) FROM orders) AS o,"
        " (SELECT coalesce(max(id), 0) FROM freezes) AS f, (SELECT count(thawed_at) FROM freezes) AS t"
    )
    return tuple(row.values()) if row else ()
