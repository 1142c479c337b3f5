"""The check `reviews`, with services on the loopback that answer as the forges say they do."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from penstock.checks.reviews import ReviewsCheck, ReviewsSection, headers, judged, place
from penstock.checks.reviews_forge import Approval, CannotAsk, Change, Checked, got
from penstock.checks.reviews_github import reviewed
from penstock.core import data
from penstock.core.finding import CheckRequest, Outcome
from tests.checks.commits_repository import written

RECORDED = Path(__file__).parent / "recorded" / "reviews"
COMMIT = "e5bd3914e2e596debea16f433f57875b5b90bcd6"
HEAD = "6dcb09b5b57875f334f61aebed695e2e4193db5e"
TOKEN = "made-up-token-of-a-forge"
GROUPS = {"backend": ("Ana", "cy"), "security": ("bo",)}
Start = Callable[..., Any]

GITHUB = {
    r"/commits/\w+/pulls\b": "github-pulls", r"/pulls/1347/reviews": "github-reviews", "/check-runs": "github-check-runs",
    r"/commits/\w+/status\b": "github-status", "/rules/branches/main": "github-rules", "/branches/main$": "github-branch",
}  # fmt: skip
GITLAB = {
    r"/projects/acme%2Fshop/repository/commits/\w+/merge_requests": "gitlab-merge-requests", "/7/approvals": "gitlab-approvals",
    "/7/reviewers": "gitlab-reviewers", "/7/versions": "gitlab-versions", "/statuses": "gitlab-statuses",
}  # fmt: skip


def recorded(name: str) -> Any:
    """A forge's answer."""
    return json.loads((RECORDED / f"{name}.json").read_text())


def forge(start: Start, routes: dict[str, str], changed: dict[str, Any] | None = None) -> Any:
    """A forge that answers each path with what stands in a file, or with what is put in its place."""
    service = start()

    def answer(asked: dict[str, Any]) -> Any:
        service.asked.append(asked)
        name = next((name for path, name in routes.items() if re.search(path, asked["path"])), "")
        instead = (changed or {}).get(name)
        if isinstance(instead, dict) and {"status", "body"} & set(instead):
            return instead
        return {"json": recorded(name) if instead is None else instead} if name else {"status": 404, "json": {}}

    service.next_answer = answer
    return service


def run(service: Any, section: dict[str, Any] | None = None, name: str = "github", **more: Any) -> Outcome:
    """The outcome of a section as a manifest writes it, asked of a service."""
    whole = {"forge": name, "repository": "acme/shop", "url": service.url, "token": "$FORGE", **(section or {})}
    plain = data.dump(ReviewsSection.model_validate(whole))
    settings = {"commit": COMMIT, "groups": GROUPS, "secrets": {"FORGE": TOKEN}, "now": 1000.0, **more}
    return ReviewsCheck().run(CheckRequest("reviews", "revision", plain, "/nowhere", **settings))


@pytest.mark.parametrize(("name", "routes"), [("github", GITHUB), ("gitlab", GITLAB)])
def test_approved_by_two(name: str, routes: dict[str, str], start: Start) -> None:
    """Two approvals of what the change is now, one of each group, checks green: passed; the token goes along, masked."""
    service = forge(start, routes)
    outcome = run(service, {"by": ["backend", "security"], "checks": "required"}, name)
    number = "#1347" if name == "github" else "!7"
    assert ("passed", f"the released commit is approved by at least 2 people each: {number}") == (
        outcome.state,
        outcome.sentence,
    )
    assert {f"Bearer {TOKEN}"} == {asked["headers"]["authorization"] for asked in service.asked}
    assert {"GET"} == {asked["method"] for asked in service.asked}
    assert "failed" == run(service, {"at_least": "3"}, name).state
    assert "failed" == run(service, {"checks": "all"}, name).state
    assert "passed" == run(service, {"checks": ["build"]}, name).state
    assert "`lint` is missing on" in run(service, {"checks": ["lint"]}, name).sentence


def review(login: str, state: str, **more: Any) -> dict[str, Any]:
    """A review as GitHub lists it."""
    return {
        "user": {"login": login, "type": "User"},
        "state": state,
        "commit_id": HEAD,
        "author_association": "MEMBER",
        **more,
    }


@pytest.mark.parametrize(
    ("reviews", "said"),
    [
        ([review("ana", "APPROVED"), review("bo", "APPROVED", commit_id="0" * 40)], "bo approved an older state"),
        ([review("ana", "APPROVED"), review("bo", "DISMISSED")], "is approved by 1 of 2"),
        ([review("ana", "APPROVED"), review("octocat", "APPROVED")], "octocat wrote it"),
        ([review("ana", "APPROVED"), review("ana", "APPROVED")], "is approved by 1 of 2"),
        (
            [review("ana", "APPROVED"), review("eve", "APPROVED", author_association="NONE")],
            "eve does not belong to the",
        ),
        (
            [review("ana", "APPROVED"), review("x[bot]", "APPROVED", user={"login": "x[bot]", "type": "Bot"})],
            "by 1 of 2",
        ),
        (
            [review("ana", "APPROVED"), review("bo", "APPROVED"), review("cy", "CHANGES_REQUESTED")],
            "cy asks for changes",
        ),
        (
            [review("ana", "APPROVED"), review("bo", "APPROVED"), review("bo", "CHANGES_REQUESTED")],
            "bo asks for changes",
        ),
        ([review("ana", "APPROVED"), review("bo", "COMMENTED"), review("cy", "PENDING")], "is approved by 1 of 2"),
        ([], "is approved by 0 of 2"),
    ],
)
def test_approvals_that_do_not_count(reviews: list[dict[str, Any]], said: str, start: Start) -> None:
    """An older state's, a dismissed one, the author's, a stranger's, a bot's, or one withdrawn: failed, and said why."""
    outcome = run(forge(start, GITHUB, {"github-reviews": reviews}))
    assert ("failed", True) == (outcome.state, said in outcome.sentence), outcome.sentence


def test_a_comment_takes_nothing_back() -> None:
    """The last word of each person counts, and a comment is no word."""
    rows = [review("ana", "CHANGES_REQUESTED"), review("ana", "APPROVED"), review("ana", "COMMENTED")]
    assert ((Approval("ana"),), ()) == reviewed(rows, HEAD)


def test_an_older_push_on_gitlab(start: Start) -> None:
    """An approval before the last push was given to something else; so may be one without a time."""
    old = recorded("gitlab-approvals")
    old["approved_by"][0]["approved_at"] = "2026-03-26T18:00:00Z"
    assert (
        "ana approved an older state" in run(forge(start, GITLAB, {"gitlab-approvals": old}), None, "gitlab").sentence
    )
    del old["approved_by"][0]["approved_at"]
    assert "failed" == run(forge(start, GITLAB, {"gitlab-approvals": old}), None, "gitlab").state
    asked = recorded("gitlab-reviewers")
    asked[1]["state"] = "requested_changes"
    assert "bo asks for changes" in run(forge(start, GITLAB, {"gitlab-reviewers": asked}), None, "gitlab").sentence


@pytest.mark.parametrize(
    ("name", "routes", "key"), [("github", GITHUB, "github-pulls"), ("gitlab", GITLAB, "gitlab-merge-requests")]
)
def test_a_commit_without_a_request(name: str, routes: dict[str, str], key: str, start: Start) -> None:
    """No request, or only one that was closed without a merge: failed, and the commit is named."""
    closed = recorded(key)
    closed[0] |= {"state": "closed", "merged_at": None}
    for rows in ([], closed):
        outcome = run(forge(start, routes, {key: rows}), None, name)
        assert ("failed", True) == (
            outcome.state,
            f"{COMMIT[:12]} belongs to no pull or merge request" in outcome.sentence,
        )


def test_every_commit_since_the_last_release(start: Start, tmp_path: Path) -> None:
    """Each commit on the branch is asked about, what a merge brought in with its merge; each request once."""
    repository = written(tmp_path / "work")
    last = repository.commit("feat: one")
    repository.git("switch", "-q", "-c", "side")
    inside = repository.commit("feat: inside")
    repository.git("switch", "-q", "main")
    plain = repository.commit("feat: two")
    repository.git("merge", "-q", "--no-ff", "side", "-m", "Merge")
    tip = repository.git("rev-parse", "HEAD")
    service = forge(start, GITHUB)
    request = replace(repository.asking({}, tip, last))
    outcome = run(service, None, repository=request.repository, commit=tip, last=request.last)
    asked = [one["path"] for one in service.asked]
    assert ("passed", True) == (outcome.state, outcome.sentence.startswith("2 commits since the last release are"))
    assert [True, True, False] == [any(one in path for path in asked) for one in (plain, tip, inside)]
    assert 1 == sum("/reviews" in path for path in asked)
    assert "errored" == run(service, None, repository=str(tmp_path), commit=tip).state


def test_pages_are_followed_by_number(start: Start) -> None:
    """As long as the answer names a next page, the next number is asked for; an address in it is never followed."""
    service = forge(start, GITHUB)
    first, inner = recorded("github-reviews")[:3], service.next_answer

    def answer(asked: dict[str, Any]) -> Any:
        given = inner(asked)
        if "/reviews" in asked["path"] and "page=2" not in asked["path"].replace("per_page", ""):
            return {"json": first, "headers": {"link": '<http://127.0.0.1:9/evil>; rel="next", <x>; rel="last"'}}
        return given

    service.next_answer = answer
    assert "passed" == run(service).state
    assert 2 == sum("/reviews" in asked["path"] for asked in service.asked)


def test_endless_pages_are_an_error(start: Start) -> None:
    """A list that never ends is errored."""
    service = forge(
        start, GITHUB, {"github-pulls": {"status": 200, "body": "[]", "headers": {"link": '<x>; rel="next"'}}}
    )
    assert ("errored", 40) == (run(service).state, len(service.asked))


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"status": 401, "body": "{}"}, "does not know the token"),
        ({"status": 403, "body": "{}"}, "may not read this"),
        (
            {"status": 403, "body": "{}", "headers": {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1060"}},
            "rate limit",
        ),
        ({"status": 429, "body": "{}", "headers": {"retry-after": "60"}}, "rate limit"),
        ({"status": 404, "body": "{}"}, "knows no /repos/acme/shop/commits"),
        ({"status": 422, "body": "{}"}, "does not know the commit"),
        ({"status": 301, "body": "", "headers": {"location": "http://127.0.0.1:9/"}}, "moved (301)"),
        ({"status": 502, "body": "<html>"}, "answered with 502"),
        ({"status": 200, "body": "<html>"}, "is not JSON"),
        ({"status": 200, "body": ""}, "is not JSON"),
        ({"status": 200, "body": "[" * 100_000}, "is not JSON"),
        ({"status": 200, "body": "{}"}, "is not a list"),
        ({"status": 200, "body": "null"}, "is not a list"),
        ({"status": 200, "body": '[{"state": "open"}]'}, "has no `number`"),
        ({"status": 200, "body": '[{"state": "open", "number": 1}]'}, "has no `head.sha`"),
        ({"status": 200, "body": "[" + " " * 2_000_000 + "]"}, "larger than 1 MiB"),
    ],
)
def test_answers_that_say_nothing(answer: dict[str, Any], said: str, start: Start) -> None:
    """Refusals, errors and nonsense are errored with what to do; and the token is not shown."""
    outcome = run(forge(start, GITHUB, {"github-pulls": answer}))
    assert ("errored", True) == (outcome.state, said in outcome.sentence), outcome.sentence
    assert outcome.findings[0].remedy
    assert TOKEN not in repr(outcome)
    if "rate limit" in said:
        assert "try again in 60 s" in outcome.findings[0].remedy


def test_a_forge_that_is_silent(start: Start) -> None:
    """No answer in time, nobody there, an unknown token name, an empty group: errored."""
    service = start(lambda out, _: __import__("time").sleep(3))
    assert ("errored", True) == (
        (outcome := run(service, {"within": "300ms"})).state,
        "not in time" in outcome.sentence,
    )
    assert "errored" == run(service, {"url": "http://127.0.0.1:9"}).state
    assert "`$NOPE` is not known to this check" == run(service, {"token": "$NOPE"}).sentence
    assert "the group `nobody` has no people" == run(service, {"by": "nobody"}).sentence


def test_the_place_is_told_from_origin() -> None:
    """Forge, API and repository follow from origin's URL in each of its forms; what is written comes first."""

    def told(origin: str, **section: Any) -> tuple[str, str, str]:
        there = place(ReviewsSection.model_validate(section), origin)
        return there.forge, there.url, there.repository

    for origin in ("git@github.com:acme/shop.git", "https://github.com/acme/shop", "https://x:y@github.com/acme/shop.git/",
                   "ssh://git@github.com:22/acme/shop.git"):  # fmt: skip
        assert ("github", "https://api.github.com", "acme/shop") == told(origin)
    assert ("gitlab", "https://gitlab.com/api/v4", "acme/web/shop") == told("git@gitlab.com:acme/web/shop.git")
    assert ("gitlab", "https://git.acme.io/api/v4", "a/b") == told("git@git.acme.io:a/b.git", forge="gitlab")
    assert ("github", "https://git.acme.io/api/v3", "a/b") == told("https://git.acme.io/a/b", forge="github")
    assert ("github", "https://api.github.com", "a/b") == told("", forge="github", repository="a/b")
    for origin in ("", "/srv/git/shop.git", "git@git.acme.io:a/b", "https://github.com/../x"):
        with pytest.raises(CannotAsk):
            told(origin)


def test_without_a_token_none_is_sent() -> None:
    """A public repository needs none."""
    assert "Authorization" not in headers("github", "")


def change(**more: Any) -> Change:
    """A change that two people approved."""
    return Change("#1", "octocat", HEAD, True, (Approval("ana"), Approval("bo")), **more)


def test_the_best_of_several_requests_counts() -> None:
    """A commit may belong to several requests: one that is as agreed is enough."""
    bad = Change("#2", "octocat", HEAD)
    assert "passed" == judged(ReviewsSection(), {COMMIT: [bad, change()]}, True, {}).state
    assert "failed" == judged(ReviewsSection(), {COMMIT: [bad]}, True, {}).state


@pytest.mark.parametrize(
    ("checks", "results", "required", "said"),
    [
        ("required", [Checked("a", "good")], ("a",), ""),
        ("required", [Checked("a", "bad")], ("a",), "`a` failed"),
        ("required", [Checked("a", "running")], ("a",), "`a` is not over"),
        ("required", [Checked("a", "good"), Checked("a", "bad")], ("a",), "`a` failed"),
        ("required", [], ("a",), "`a` is missing"),
        ("required", [Checked("b", "bad")], ("a",), "`a` is missing"),
        ("all", [Checked("a", "good"), Checked("b", "bad")], (), "`b` failed"),
        ("all", [], (), "has no status checks"),
        (["b"], [Checked("a", "bad"), Checked("b", "good")], (), ""),
    ],
)
def test_status_checks(checks: Any, results: list[Checked], required: tuple[str, ...], said: str) -> None:
    """What is asked for is green, over and there."""
    section = ReviewsSection.model_validate({"checks": checks})
    outcome = judged(section, {COMMIT: [change(checks=tuple(results), required=required)]}, True, {})
    assert ("failed" if said else "passed", True) == (outcome.state, said in outcome.sentence), outcome.sentence


@given(
    st.integers(100, 599),
    st.binary(max_size=60),
    st.dictionaries(st.sampled_from(["Link", "Retry-After", "x-ratelimit-reset"]), st.text(max_size=30)),
)
@settings(max_examples=100, deadline=None)
def test_any_answer_is_read_or_refused(status: int, body: bytes, names: dict[str, str]) -> None:
    """Whatever a forge answers: data, nothing, or one error of our own."""
    try:
        got(status, names, body.decode("utf-8", "replace"), 0.0)
    except CannotAsk as error:
        refused = error
    else:
        return
    assert refused.remedy


KEYS = st.sampled_from(["user", "login", "state", "commit_id", "type", "author_association"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=8,
)


@given(
    st.lists(
        st.dictionaries(st.sampled_from(["user", "state", "commit_id"]), JSON | st.just("APPROVED"), max_size=3),
        max_size=4,
    )
)
@settings(max_examples=100, deadline=None)
def test_any_reviews_are_read_or_refused(rows: list[dict[str, Any]]) -> None:
    """Rows of any form: approvals, or one error of our own."""
    try:
        reviewed(rows, HEAD)
    except CannotAsk:
        return


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"token": "made-up"}, "`token` is not a name"),
        ({"at_least": "0"}, "greater than or equal to 1"),
        ({"repository": "acme"}, "is no repository"),
        ({"repository": "acme/../x"}, "is no repository"),
        ({"url": "http://git.acme.io/api/v4"}, "is no URL of an API"),
        ({"url": "https://x:y@git.acme.io"}, "is no URL of an API"),
        ({"url": "http://localhost@evil.io/"}, "is no URL of an API"),
        ({"checks": ["all", "build"]}, "stand alone"),
        ({"forge": "gitea"}, "'github' or 'gitlab'"),
    ],
)
def test_a_section_that_cannot_be_is_refused(section: dict[str, Any], said: str) -> None:
    """What could never be asked, or would show a token, is refused when the manifest is read."""
    with pytest.raises(ValidationError) as refused:
        ReviewsSection.model_validate(section)
    assert said in str(refused.value)
