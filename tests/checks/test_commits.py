"""The check `commits`, with real repositories."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from penstock.checks.commits import CommitsCheck, CommitsSection, judged
from penstock.checks.commits_git import Commit
from penstock.core import data
from penstock.core.finding import Outcome
from penstock.registry import pages
from tests.checks.commits_repository import Written, written


@pytest.fixture
def repository(tmp_path: Path) -> Written:
    """An empty repository."""
    return written(tmp_path / "work")


def run(repository: Written, section: dict[str, Any], commit: str, last: str = "", **more: Any) -> Outcome:
    """The outcome of a section as a manifest writes it."""
    plain = data.dump(CommitsSection.model_validate(section))
    return CommitsCheck().run(repository.asking(plain, commit, last, **more))


def of(*messages: str, parents: int = 1, email: str = "ana@example.com") -> list[Commit]:
    """Commits with these messages."""
    return [Commit(f"{n:040x}", ("0" * 40,) * parents, email, text) for n, text in enumerate(messages)]


@pytest.mark.parametrize(
    ("section", "message", "state"),
    [
        ({"style": "conventional"}, "feat: count removed items", "passed"),
        ({"style": "conventional"}, "fix(cart)!: drop prices\n\nBREAKING CHANGE: none", "passed"),
        ({"style": "conventional"}, "Fix the cart", "failed"),
        ({"style": "conventional"}, "feat:no space", "failed"),
        ({"style": "conventional"}, "feat(): no scope", "failed"),
        ({"style": "conventional"}, "feature: no such type", "failed"),
        ({"style": "conventional", "types": "feature"}, "feature: own type", "passed"),
        ({"style": "conventional"}, "fixup! feat: more", "failed"),
        ({"style": "conventional"}, "", "failed"),
        ({"style": "conventional"}, 'Revert "feat: more"', "passed"),
        ({"pattern": r"^\[[A-Z]+\] "}, "[SHOP] count", "passed"),
        ({"pattern": r"^\[[A-Z]+\] "}, "count\n\n[SHOP] too late", "failed"),
        ({"closes": r"JIRA-\d+"}, "count\n\nCloses JIRA-12", "passed"),
        ({"closes": r"JIRA-\d+"}, "count\n\nCloses JIRA", "failed"),
        ({"max_subject": "10"}, "0123456789\n\nand much more below", "passed"),
        ({"max_subject": "10"}, "0123456789a", "failed"),
        ({"authors": "example.com"}, "count", "passed"),
        ({"authors": ["example.org", "sub.example.com"]}, "count", "failed"),
    ],
)
def test_what_a_message_must_be_like(section: dict[str, Any], message: str, state: str) -> None:
    """Each rule alone passes and fails a message."""
    outcome = judged(CommitsSection.model_validate(section), of(message), first=False)
    assert state == outcome.state, outcome.sentence


def test_only_what_is_new_is_read(repository: Written) -> None:
    """Messages up to the last release are not judged again; each bad one after it is named."""
    last = repository.commit("what a mess")
    good = repository.commit("feat: one")
    bad = repository.commit("two")
    assert "passed" == run(repository, {"style": "conventional"}, good, last).state
    outcome = run(repository, {"style": "conventional"}, bad, last)
    assert ("failed", [bad[:12]]) == (outcome.state, [finding.where for finding in outcome.findings])
    assert outcome.sentence.startswith(f"1 of 2 messages are not as agreed: {bad[:12]}")


def test_a_first_release_reads_its_own_commit_alone(repository: Written) -> None:
    """There is no last release: the released commit decides, and that is said."""
    repository.commit("what a mess")
    commit = repository.commit("feat: one")
    outcome = run(repository, {"style": "conventional"}, commit)
    assert ("passed", True) == (outcome.state, "nothing was released before" in outcome.sentence)
    assert "failed" == run(repository, {"style": "conventional"}, repository.commit("two")).state


def test_nothing_new_is_skipped(repository: Written) -> None:
    """The same commit again has no new message."""
    commit = repository.commit("what a mess")
    assert "skipped" == run(repository, {"style": "conventional"}, commit, commit).state


def test_merges_are_gits_own_words(repository: Written) -> None:
    """A merge needs no style; it fails only where merges are refused."""
    last = repository.commit("feat: one")
    repository.git("switch", "-q", "-c", "side")
    repository.commit("feat: two", {"a": "1"})
    repository.git("switch", "-q", "main")
    repository.git("merge", "-q", "--no-ff", "side", "-m", "Merge branch 'side'")
    merge = repository.git("rev-parse", "HEAD")
    assert (
        "passed" == run(repository, {"style": "conventional", "closes": "feat", "max_subject": 10}, merge, last).state
    )
    outcome = run(repository, {"merge": "refused"}, merge, last)
    assert ("failed", [merge[:12]]) == (outcome.state, [finding.where for finding in outcome.findings])


def test_one_message_may_close_for_all() -> None:
    """With `closes_in: any` one message is enough, and none is not."""
    section = CommitsSection.model_validate({"closes": "JIRA-[0-9]+", "closes_in": "any"})
    assert "passed" == judged(section, of("a", "b\n\nJIRA-1"), first=False).state
    outcome = judged(section, of("a", "b"), first=False)
    assert ("failed", "none of 2 messages names what it closes") == (outcome.state, outcome.sentence)


@pytest.mark.parametrize("last", ["0" * 40, "--all", "main"])
def test_a_commit_that_is_not_there_is_an_error(last: str, repository: Written) -> None:
    """What cannot be compared is no pass; only a full id is a commit, and never an option or a branch."""
    commit = repository.commit("feat: one")
    assert "errored" == run(repository, {"style": "conventional"}, commit, last).state
    assert "errored" == run(repository, {"style": "conventional"}, last, commit).state


def test_no_repository_is_an_error(repository: Written, tmp_path: Path) -> None:
    """A folder that is no repository, or none at all, is errored."""
    commit = repository.commit()
    for folder in (tmp_path / "nothing", tmp_path / "files"):
        request = repository.asking({"style": "conventional"}, commit)
        outcome = CommitsCheck().run(type(request)(**{**vars(request), "repository": str(folder)}))
        assert "errored" == outcome.state


def test_time_that_is_over_is_an_error(repository: Written) -> None:
    """`within` holds for all of it."""
    outcome = run(repository, {"style": "conventional", "within": "1ms"}, repository.commit())
    assert ("errored", "more time, with `within`") == (outcome.state, outcome.findings[0].remedy)


def test_hostile_messages_stay_in_their_line(repository: Written) -> None:
    """Escape sequences, carriage returns and other encodings neither break the list of commits nor reach a terminal."""
    last = repository.commit("feat: zero")
    repository.commit("\x1b[31mred\r\x07 \u202eevil\n\x01\n commit 0123")
    (repository.folder / "message").write_bytes(b"\xff\xfe latin \xe9\n\nx" + b"y" * 100_000)
    repository.git("commit", "-q", "--allow-empty", "-F", "message")
    commit = repository.git("rev-parse", "HEAD")
    outcome = run(repository, {"style": "conventional"}, commit, last)
    texts = [outcome.sentence, *(finding.condition for finding in outcome.findings)]
    assert ("failed", 2) == (outcome.state, len(outcome.findings))
    assert all(text.isprintable() and "\u202e" not in text for text in texts), texts


def test_many_bad_messages_are_bounded() -> None:
    """At most a hundred findings, and a sentence of at most 300 characters."""
    outcome = judged(CommitsSection.model_validate({"style": "conventional"}), of(*["x" * 500] * 300), first=False)
    assert (100, "and 201 more") == (len(outcome.findings), outcome.findings[-1].condition)
    assert 300 >= len(outcome.sentence)


@given(st.lists(st.text(max_size=60), max_size=5), st.text(max_size=20))
def test_any_message_gets_an_answer(messages: list[str], email: str) -> None:
    """Whatever stands in a message, there is an outcome of one printable line."""
    section = {"style": "conventional", "pattern": "a", "closes": "b", "max_subject": "10", "authors": "c.d"}
    outcome = judged(CommitsSection.model_validate(section), of(*messages, email=email), first=False)
    assert outcome.state in ("passed", "failed", "skipped")
    assert 300 >= len(outcome.sentence)
    assert not any(ord(c) < 32 for c in outcome.sentence)


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({}, "nothing is asked of the messages"),
        ({"pattern": "("}, "this pattern cannot be read"),
        ({"style": "angular"}, "conventional"),
        ({"authors": "@example.com"}, "is no domain"),
        ({"max_subject": "3"}, "greater than or equal to 10"),
    ],
)
def test_a_section_that_cannot_be_is_refused(section: dict[str, Any], said: str) -> None:
    """What could never judge is refused when the manifest is read."""
    with pytest.raises(ValidationError) as refused:
        CommitsSection.model_validate(section)
    assert said in str(refused.value)


@pytest.mark.parametrize("kind", ["branch", "commits", "leaks", "reviews"])
def test_every_key_is_explained(kind: str) -> None:
    """Each key of its own has an item on the manual page."""
    from penstock.manifest.check import CheckSection
    from penstock.registry import find

    fields = find("check.section", kind).model_fields.items()
    own = {field.alias or name for name, field in fields if name not in CheckSection.model_fields}
    page = pages()[kind]
    assert [] == sorted(key for key in own if f"- `{key}`:" not in page)
