"""Changes as GitHub shows them: the requests as data, and what their answers mean."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from penstock.checks.reviews_forge import Approval, Change, Checked, Result, Talk, Wanted, paged, text

HEADERS = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
_MEMBERS = ("OWNER", "MEMBER", "COLLABORATOR")
_DECIDING = ("APPROVED", "CHANGES_REQUESTED", "DISMISSED")
_GOOD = ("success", "neutral", "skipped")


def pulls_of(repository: str, commit: str) -> Wanted:
    """The pull requests that a commit belongs to."""
    return paged(f"/repos/{repository}/commits/{commit}/pulls")


def reviews_of(repository: str, number: str) -> Wanted:
    """The reviews of a pull request, oldest first."""
    return paged(f"/repos/{repository}/pulls/{number}/reviews")


def runs_of(repository: str, commit: str) -> Wanted:
    """What GitHub's own checks said of a commit, the latest of each."""
    return paged(f"/repos/{repository}/commits/{commit}/check-runs", filter="latest")


def statuses_of(repository: str, commit: str) -> Wanted:
    """What other services said of a commit, the latest of each."""
    return paged(f"/repos/{repository}/commits/{commit}/status")


def rules_of(repository: str, branch: str) -> Wanted:
    """The rules that hold on a branch."""
    return paged(f"/repos/{repository}/rules/branches/{quote(branch, safe='')}")


def branch_of(repository: str, branch: str) -> Wanted:
    """A branch, with what protects it."""
    return Wanted(f"/repos/{repository}/branches/{quote(branch, safe='')}")


def changes(talk: Talk, repository: str, commit: str, *, checks: bool, known: dict[str, Change]) -> list[Change]:
    """The pull requests of a commit that are merged, or still open; each is asked about once."""
    found = []
    for row in talk.all(pulls_of(repository, commit)):
        number = text(row, "number")
        if row.get("state") != "open" and not row.get("merged_at"):
            continue  # it was closed, and led nowhere
        if number not in known:
            known[number] = _change(talk, repository, row, number, checks=checks)
        found.append(known[number])
    return found


def _change(talk: Talk, repository: str, row: dict[str, Any], number: str, *, checks: bool) -> Change:
    head, base = text(row, "head", "sha"), text(row, "base", "ref")
    approvals, refused_by = reviewed(talk.all(reviews_of(repository, number)), head)
    results: tuple[Checked, ...] = ()
    required: tuple[str, ...] = ()
    if checks:
        runs = talk.all(runs_of(repository, head), "check_runs")
        statuses = talk.all(statuses_of(repository, head), "statuses")
        rules = talk.all(rules_of(repository, base), perhaps=True)
        results = (*map(_run, runs), *map(_status, statuses))
        required = _required(rules, talk.one(branch_of(repository, base)))
    merged = bool(row.get("merged_at"))
    return Change(f"#{number}", text(row, "user", "login"), head, merged, approvals, refused_by, results, required)


def reviewed(reviews: Iterable[dict[str, Any]], head: str) -> tuple[tuple[Approval, ...], tuple[str, ...]]:
    """Who approves, and who asks for changes. The last word of each person counts; a comment is none."""
    words: dict[str, dict[str, Any]] = {}
    for row in reviews:
        person = row.get("user")
        if row.get("state") in _DECIDING and isinstance(person, dict) and person.get("type") != "Bot":
            words[text(person, "login")] = row
    yes = [(login, row) for login, row in words.items() if row["state"] == "APPROVED"]
    approvals = [
        Approval(login, row.get("commit_id") == head, row.get("author_association") in _MEMBERS) for login, row in yes
    ]
    return tuple(approvals), tuple(login for login, row in words.items() if row["state"] == "CHANGES_REQUESTED")


def _run(row: dict[str, Any]) -> Checked:
    if text(row, "status") != "completed":
        return Checked(text(row, "name"), "running")
    return Checked(text(row, "name"), "good" if row.get("conclusion") in _GOOD else "bad")


def _status(row: dict[str, Any]) -> Checked:
    results: dict[str, Result] = {"success": "good", "pending": "running"}
    return Checked(text(row, "context"), results.get(text(row, "state"), "bad"))


def _required(rules: Iterable[dict[str, Any]], branch: Any) -> tuple[str, ...]:
    """What a branch demands, by rulesets and by its protection."""
    names = []
    for rule in rules:
        if rule.get("type") == "required_status_checks":
            parameters = rule.get("parameters")
            asked = parameters.get("required_status_checks") if isinstance(parameters, dict) else None
            names += [text(one, "context") for one in asked or () if isinstance(one, dict)]
    protection = branch.get("protection") if isinstance(branch, dict) else None
    checks = protection.get("required_status_checks") if isinstance(protection, dict) else None
    contexts = checks.get("contexts") if isinstance(checks, dict) else None
    names += [one for one in contexts or () if isinstance(one, str)]
    return tuple(dict.fromkeys(names))
