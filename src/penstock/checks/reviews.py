"""The check `reviews`: what is released was read and approved by others, on GitHub or GitLab."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, field_validator

from penstock.checks import reviews_github, reviews_gitlab
from penstock.checks.commits_git import CannotRead, Repository, bounded, plain, since, unread
from penstock.checks.filling import Unknown, fill
from penstock.checks.reviews_forge import CannotAsk, Change, Talk
from penstock.core.finding import CheckRequest, Finding, Outcome
from penstock.core.masking import concealed
from penstock.manifest.check import CheckSection
from penstock.manifest.groups import one_or_several
from penstock.manifest.section import Count, Duration, wrong

Groups = Mapping[str, tuple[str, ...]]

_COMMITS = 100
_NAME = re.compile(r"\$[A-Za-z_][A-Za-z0-9_]*")
_REPOSITORY = re.compile(r"[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)+")
_SAFE_URL = re.compile(r"https://[^\s@?#]+|http://(?:127\.0\.0\.1|localhost|\[::1\])(?::[0-9]+)?(?:/[^\s@?#]*)?")
_ORIGIN = re.compile(r"(?:[a-z+]+://(?:[^@/]*@)?|[^@/:]*@)([A-Za-z0-9.-]+)(?::[0-9]+)?[:/]/?(.+?)(?:\.git)?/?")


class ReviewsSection(CheckSection):
    """Where the reviews are, and how many must have said yes."""

    pace: ClassVar[str] = "quality"

    at_least: Count = Field(default=2, ge=1, le=50)
    by: Annotated[tuple[str, ...], BeforeValidator(one_or_several)] = ()
    checks: Annotated[tuple[str, ...], BeforeValidator(one_or_several)] = ()
    forge: Literal["github", "gitlab"] | None = None
    repository: str | None = None
    url: str | None = None
    token: str | None = None
    within_s: Duration = Field(default=120.0, alias="within", gt=0)

    @field_validator("token")
    @classmethod
    def _no_token_in_the_open(cls, value: str | None) -> str | None:
        if value is not None and not _NAME.fullmatch(value):
            raise wrong("`token` is not a name", "a token never stands in the manifest", "token: $FORGE_TOKEN")
        return value

    @field_validator("repository")
    @classmethod
    def _path(cls, value: str | None) -> str | None:
        if value is not None and not _is_repository(value):
            raise wrong(f"`{plain(value, 60)}` is no repository", "it is an owner and a name", "acme/shop")
        return value

    @field_validator("url")
    @classmethod
    def _api(cls, value: str | None) -> str | None:
        if value is not None and not _SAFE_URL.fullmatch(value):
            why = "a token goes over https, and to the API alone"
            raise wrong(f"`{plain(value, 60)}` is no URL of an API", why, "https://github.example.com/api/v3")
        return value

    @field_validator("checks")
    @classmethod
    def _words(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(value) > 1 and {"all", "required"} & set(value):
            raise wrong("`all` and `required` stand alone", "beside them a name means nothing", "checks: required")
        return value


class ReviewsCheck:
    """Passes when everything since the last release was approved by enough other people, and nobody asks for changes.

    Each commit on the branch since the last release (of a first release: the released one) must belong to a pull or merge
    request that is approved as it is now. An approval does not count that was given to an older state of it, was
    dismissed, or is of its author, of a bot, or of somebody who does not belong to the repository as far as the token can
    see. A forge that does not answer is *errored*.

    - `at_least`: how many people, 2 if left out.
    - `by`: groups of which at least one person each must be among them; people are named as the forge names them.
    - `checks`: which status checks must be green: `required` by the target branch (on GitLab: what may not fail), `all`,
      or names. None if left out.
    - `forge`: `github` or `gitlab`; if left out, told from the host of origin.
    - `repository`: its path there, such as `acme/shop`; if left out, that of origin.
    - `url`: the API's own, where it is not the public one, such as https://gitlab.example.com/api/v4.
    - `token`: the name of a secret, such as `$FORGE_TOKEN`: it needs to read the repository, its requests and its checks.
    - `within`: for all of it, 2m if left out.

    Bad:   reviews: {is: reviews, at_least: 1}       # one person, and no token: private repositories stay closed
    Good:  reviews: {is: reviews, at_least: 2, by: [backend, security], checks: required, token: $FORGE_TOKEN}
    """

    def run(self, request: CheckRequest) -> Outcome:
        """Ask the forge about every commit, and judge what it says."""
        section = ReviewsSection.model_validate(request.section)
        try:
            outcome = judged(section, *_asked(section, request), request.groups)
        except CannotRead as error:
            outcome = unread(error)
        except CannotAsk as error:
            outcome = unread(CannotRead(str(error), error.remedy))
        except Unknown as unknown:
            outcome = unread(CannotRead(f"`${unknown}` is not known to this check", "a name of `secrets`"))
        return concealed(outcome, request.secrets)


@dataclass(frozen=True)
class Place:
    """Where to ask: which forge, at which URL, about which repository."""

    forge: str
    url: str
    repository: str


def place(section: ReviewsSection, origin: str) -> Place:
    """What the section says, and what it leaves out from the URL of origin."""
    found = _ORIGIN.fullmatch(origin)
    host, path = (found[1].lower(), found[2]) if found else ("", "")
    forge = section.forge or {"github.com": "github", "gitlab.com": "gitlab"}.get(host, "")
    repository = section.repository or (path if _is_repository(path) else "")
    if not forge or not repository:
        what = "which forge, and which repository there, is not known: " + (
            f"origin is on `{host}`" if host else "no origin"
        )
        raise CannotAsk(what, "forge: github, and repository: OWNER/NAME")
    public = {"github": "https://api.github.com", "gitlab": "https://gitlab.com/api/v4"}[forge]
    own = f"https://{host}/api/v{3 if forge == 'github' else 4}"
    is_public = section.repository is not None or host in ("github.com", "gitlab.com", "")
    return Place(forge, section.url or (public if is_public else own), repository)


def _is_repository(path: str) -> bool:
    return bool(_REPOSITORY.fullmatch(path)) and not {".", ".."} & set(path.split("/"))


def headers(forge: str, token: str) -> dict[str, str]:
    """What goes with every request; the token only where there is one."""
    own = reviews_github.HEADERS if forge == "github" else {"Accept": "application/json"}
    plainly = {"Accept-Encoding": "identity", "User-Agent": "penstock", **own}
    return {**plainly, "Authorization": f"Bearer {token}"} if token else plainly


def _asked(section: ReviewsSection, request: CheckRequest) -> tuple[dict[str, list[Change]], bool]:
    """The changes of every commit of the release; and whether there was a release before."""
    until = time.monotonic() + section.within_s
    commits, origin = _commits(request, until)
    for name in section.by:
        if not request.groups.get(name):
            raise CannotAsk(f"the group `{plain(name, 60)}` has no people", "`groups` with their names on the forge")
    there = place(section, origin)
    told = headers(there.forge, fill(section.token or "", request.secrets))
    return _changes(there, told, commits, until, request.now, checks=bool(section.checks)), not request.last.commit


def _changes(
    there: Place, told: Mapping[str, str], commits: Sequence[str], until: float, now: float, *, checks: bool
) -> dict[str, list[Change]]:
    import httpx2

    changes = reviews_github.changes if there.forge == "github" else reviews_gitlab.changes
    known: dict[str, Change] = {}
    limits = httpx2.Limits(max_keepalive_connections=0)  # each request has a connection, and a cut-off, of its own
    with httpx2.Client(follow_redirects=False, trust_env=False, limits=limits) as client:
        talk = Talk(client, there.url, told, until, now)
        return {one: changes(talk, there.repository, one, checks=checks, known=known) for one in commits}


def _commits(request: CheckRequest, until: float) -> tuple[list[str], str]:
    """The commits of the branch itself since the last release (what a merge brought in belongs to it), and origin's URL."""
    if not request.repository:
        return [request.commit], ""
    repository = Repository(request.repository, until)
    repository.need(request.commit, "the released commit")
    origin = repository.ask("config", "--local", "--get", "remote.origin.url").out.strip()
    if not request.last.commit:
        return [request.commit], origin
    repository.need(request.last.commit, "the last release's commit")
    words = ("rev-list", "--first-parent", f"--max-count={_COMMITS + 1}", *since(request.commit, request.last.commit))
    found = repository.bytes(*words).decode().split()
    if len(found) > _COMMITS:
        raise CannotAsk(f"there are more than {_COMMITS} commits since the last release", "smaller releases")
    return found or [request.commit], origin


def judged(section: ReviewsSection, found: Mapping[str, Sequence[Change]], first: bool, groups: Groups) -> Outcome:
    """What the forge said, as an outcome. Of several changes that a commit belongs to, the best one counts."""
    findings: dict[Finding, None] = {}
    names: dict[str, None] = {}
    for commit, changes in found.items():
        each = [(problems(section, change, groups), change) for change in changes]
        if not each:
            findings[_without(commit)] = None
            continue
        best, change = min(each, key=lambda one: len(one[0]))
        names[change.name] = None
        findings |= dict.fromkeys(best)
    told = "the released commit" if first or len(found) == 1 else f"{len(found)} commits since the last release"
    if findings:
        conditions = "; ".join(finding.condition for finding in findings)
        sentence = plain(f"{len(findings)} problems in the reviews of {told}: {conditions}", 300)
        return Outcome("failed", sentence, bounded(list(findings)))
    sentence = (
        f"{told} {'is' if first or len(found) == 1 else 'are'} approved by at least {section.at_least} people each"
    )
    return Outcome("passed", plain(f"{sentence}: {', '.join(names)}", 300), measured={"changes": len(names)})


def _without(commit: str) -> Finding:
    what = f"{commit[:12]} belongs to no pull or merge request"
    return Finding(what, "nobody was asked to read it", "a request for it, with its reviews", severity="high")


def problems(section: ReviewsSection, change: Change, groups: Groups) -> list[Finding]:
    """What one change lacks."""
    people = {name for names in groups.values() for name in map(str.lower, names)}
    counted, not_counted = _counted(change, people)
    found = []
    if len(counted) < section.at_least:
        why = f" ({'; '.join(not_counted)})" if not_counted else ""
        what = f"{change.name} is approved by {len(counted)} of {section.at_least}{plain(why, 150)}"
        found.append(_lack(what, "fewer people read it than agreed", "a review of what it is now"))
    for name in section.by:
        if not counted & {one.lower() for one in groups.get(name, ())}:
            what = f"{change.name} is approved by nobody of `{plain(name, 60)}`"
            found.append(
                _lack(what, "those who know best did not say yes", f"a review by {_some(groups.get(name, ()))}")
            )
    for login in change.refused_by:
        what = f"{plain(login, 60)} asks for changes of {change.name}"
        found.append(_lack(what, "somebody who read it says no", f"make them, and ask {plain(login, 60)} again"))
    return found + [_lack(what, "a status check is not green", remedy) for what, remedy in _unchecked(section, change)]


def _lack(what: str, effect: str, remedy: str) -> Finding:
    return Finding(what, effect, remedy, severity="high")


def _some(names: Sequence[str]) -> str:
    return plain(" or ".join(names[:5]), 100)


def _counted(change: Change, people: set[str]) -> tuple[set[str], list[str]]:
    """Whose approval counts, and why another one's does not."""
    counted, not_counted = set(), []
    for one in change.approvals:
        login = one.login.lower()
        if login == change.author.lower():
            not_counted.append(f"{plain(one.login, 40)} wrote it")
        elif not one.current:
            not_counted.append(f"{plain(one.login, 40)} approved an older state")
        elif not one.member and login not in people:
            not_counted.append(f"{plain(one.login, 40)} does not belong to the repository")
        else:
            counted.add(login)
    return counted, not_counted


def _unchecked(section: ReviewsSection, change: Change) -> list[tuple[str, str]]:
    """Status checks that are not green, or not there."""
    if not section.checks:
        return []
    names = {"all": tuple(one.name for one in change.checks), "required": change.required}.get(section.checks[0])
    asked = dict.fromkeys(names if names is not None else section.checks)
    if not asked and section.checks == ("all",):
        return [(f"{change.name} has no status checks", "a run of them on its last commit")]
    found = []
    for name in asked:
        results = {one.result for one in change.checks if one.name == name}
        how = (
            "is missing"
            if not results
            else "failed"
            if "bad" in results
            else "is not over"
            if "running" in results
            else ""
        )
        if how:
            found.append((f"`{plain(name, 60)}` {how} on {change.name}", "a green run on its last commit"))
    return found
