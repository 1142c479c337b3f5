"""Changes as GitLab shows them: the requests as data, and what their answers mean."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from urllib.parse import quote

from penstock.checks.reviews_forge import (
    Approval,
    CannotAsk,
    Change,
    Checked,
    Result,
    Talk,
    Wanted,
    paged,
    rows_of,
    text,
)

_RESULTS: dict[str, Result] = {
    "success": "good", "skipped": "good", "manual": "running", "created": "running", "pending": "running",
    "running": "running", "waiting_for_resource": "running", "preparing": "running", "scheduled": "running",
}  # fmt: skip


def project(repository: str) -> str:
    """A project's path as the API names it."""
    return f"/projects/{quote(repository, safe='')}"


def merge_requests_of(repository: str, commit: str) -> Wanted:
    """The merge requests that brought a commit in."""
    return paged(f"{project(repository)}/repository/commits/{commit}/merge_requests")


def approvals_of(repository: str, number: str) -> Wanted:
    """Who approved a merge request."""
    return Wanted(f"{project(repository)}/merge_requests/{number}/approvals")


def reviewers_of(repository: str, number: str) -> Wanted:
    """Who was asked to review it, and what they said."""
    return paged(f"{project(repository)}/merge_requests/{number}/reviewers")


def versions_of(repository: str, number: str) -> Wanted:
    """Every push to it, the newest first."""
    return paged(f"{project(repository)}/merge_requests/{number}/versions")


def statuses_of(repository: str, commit: str) -> Wanted:
    """What the jobs and other services said of a commit, the latest of each."""
    return paged(f"{project(repository)}/repository/commits/{commit}/statuses")


def changes(talk: Talk, repository: str, commit: str, *, checks: bool, known: dict[str, Change]) -> list[Change]:
    """The merge requests of a commit that are merged, or still open; each is asked about once."""
    found = []
    for row in talk.all(merge_requests_of(repository, commit)):
        number = text(row, "iid")
        if row.get("state") not in ("opened", "merged", "locked"):
            continue
        if number not in known:
            known[number] = _change(talk, repository, row, number, checks=checks)
        found.append(known[number])
    return found


def _change(talk: Talk, repository: str, row: dict[str, Any], number: str, *, checks: bool) -> Change:
    approved = talk.one(approvals_of(repository, number))
    if not isinstance(approved, dict):
        raise CannotAsk(f"GitLab shows no approvals of !{number}", "a token with the scope read_api")
    pushed = [text(one, "created_at") for one in talk.all(versions_of(repository, number))]
    approvals = given(rows_of(approved.get("approved_by"), "approved_by"), max(map(moment, pushed), default=0.0))
    refused = [one for one in talk.all(reviewers_of(repository, number)) if one.get("state") == "requested_changes"]
    head = text(row, "sha")
    rows = list(talk.all(statuses_of(repository, head))) if checks else []
    results = tuple(Checked(text(one, "name"), _RESULTS.get(text(one, "status"), "bad")) for one in rows)
    required = tuple(text(one, "name") for one in rows if one.get("allow_failure") is not True)
    names = tuple(text(one, "user", "username") for one in refused)
    author = text(row, "author", "username")
    return Change(f"!{number}", author, head, row.get("state") == "merged", approvals, names, results, required)


def given(rows: Iterable[dict[str, Any]], pushed: float) -> tuple[Approval, ...]:
    """The approvals; one that is older than the last push was given to something else.

    GitLab before 17 does not say when one was given: it is then taken for old, for nobody can know.
    """
    found = []
    for row in rows:
        at = row.get("approved_at")
        found.append(Approval(text(row, "user", "username"), isinstance(at, str) and moment(at) >= pushed))
    return tuple(found)


def moment(said: str) -> float:
    """A time as GitLab writes it, in seconds since the epoch."""
    try:
        return datetime.fromisoformat(said).timestamp()
    except (ValueError, OverflowError) as error:
        raise CannotAsk("GitLab names a time that is none", "the right `url`: that of its API") from error
