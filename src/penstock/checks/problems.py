"""The check `problems`: what users reported since the last release."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import quote

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from penstock.checks import endpoint
from penstock.checks.endpoint import Bearer, Url, guarded, names_of
from penstock.checks.json_path import CannotTell, Path
from penstock.core.finding import CheckRequest, Finding, Outcome
from penstock.manifest.check import CheckSection
from penstock.manifest.groups import one_or_several
from penstock.manifest.section import Count, Duration, wrong

_PLACES = {"github": "https://api.github.com", "gitlab": "https://gitlab.com"}


def _project(text: str) -> str:
    parts = text.split("/")
    if len(parts) < 2 or not all(part and part.strip(".") and not set(part) & set(' ?#%\\$"') for part in parts):
        raise wrong(f"`{text[:60]}` is no project", "it is an owner and a name", "owner/name")
    return text


Project = Annotated[str, AfterValidator(_project)]


class ProblemsSection(CheckSection):
    """`at_most` of what `url`, `github` or `gitlab` counts since the last release."""

    url: Url | None = None
    count: Path | None = None
    github: Project | None = None
    gitlab: Project | None = None
    labels: Annotated[tuple[str, ...], BeforeValidator(one_or_several)] = ()
    bearer: Bearer | None = None
    at_most: Count = Field(default=0, ge=0)
    within_s: Duration = Field(default=60.0, alias="within", gt=0)

    def names(self) -> frozenset[str]:
        """The token."""
        return names_of(self.bearer)

    @property
    def place(self) -> str:
        """`github`, `gitlab`, or nothing."""
        return "github" if self.github else "gitlab" if self.gitlab else ""

    @model_validator(mode="after")
    def _one_source(self) -> ProblemsSection:
        if bool(self.github) + bool(self.gitlab) > 1 or not (self.place or self.url):
            raise wrong("there is not one place to ask", "problems are counted in one", "github: owner/name", at="url")
        if not self.place and (self.count is None or "$SINCE" not in (self.url or "")):
            what = "`url` without " + ("`count`" if self.count is None else "`$SINCE` in it")
            instead = "url: https://host/tickets?since=$SINCE, with count: total"
            raise wrong(what, "what was reported since the last release is counted", instead, at="url")
        if self.place and self.count is not None:
            raise wrong(f"`count` stands beside `{self.place}`", "its answer is known", "one less", at="count")
        if self.labels and not self.place:
            raise wrong("`labels` stands beside `url`", "the URL says what is counted", "the labels in it", at="labels")
        if any('"' in one or "," in one or not one.strip() for one in self.labels):
            raise wrong(
                "a label here holds a quote or a comma, or nothing", "the search would break", "bug", at="labels"
            )
        return self


class ProblemsCheck:
    """Passes when users reported no more problems since the last release than may be.

    What the last release broke is mended before the next is built on it. At the first release nothing is to be counted
    from: it is *undecided*, and said. An answer that is not whole, or no number, is *errored*.

    - `url`: a whole URL that answers with JSON, `$SINCE` in it standing for when the last release was promoted
      (2026-11-21T13:30:00Z). With `github` or `gitlab`: the API of an installation of one's own.
    - `count`: the path of the number in the answer, or of a list whose entries are counted.
    - `github`, `gitlab`: a project, as in `owner/name`: issues opened since, open or closed by now.
    - `labels`: the labels that such an issue has, all of them.
    - `bearer`: `$NAME` of the secret that is sent as a token.
    - `at_most`: how many there may be, 0 if left out.
    - `within`: how long asking may take, 60s if left out.

    Bad:   reported: {is: problems, github: acme/shop}    # counts wishes and questions too
    Good:  reported: {is: problems, github: acme/shop, labels: [bug], at_most: 3, bearer: $GITHUB_TOKEN}
    """

    def run(self, request: CheckRequest) -> Outcome:
        """Count what was reported since the last release."""
        section = ProblemsSection.model_validate(request.section)
        if not request.last.commit or request.last.at <= 0:
            return Outcome("undecided", "there was no release before this one: nothing to count problems from")
        since = datetime.fromtimestamp(request.last.at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        until = time.monotonic() + section.within_s
        return guarded(request, lambda: judged(section, _asked(section, request, since, until), since))


def _asked(section: ProblemsSection, request: CheckRequest, since: str, until: float) -> Any:
    url, path, parameters = question(section, since)
    return endpoint.get(
        url, request, until, bearer=section.bearer, path=path, parameters=parameters, names={"SINCE": since}
    )


def question(section: ProblemsSection, since: str) -> tuple[str, str, dict[str, str]]:
    """The URL, the path behind it, and the parameters to ask with."""
    url = section.url or _PLACES.get(section.place, "")
    if section.github:
        labels = "".join(f' label:"{label}"' for label in section.labels)
        query = f"repo:{section.github} is:issue created:>={since}{labels}"
        return url, "/search/issues", {"q": query, "per_page": "1"}
    if section.gitlab:
        having = {"labels": ",".join(section.labels)} if section.labels else {}
        path = f"/api/v4/projects/{quote(section.gitlab, safe='')}/issues_statistics"
        return url, path, {"created_after": since, "scope": "all", **having}
    return url, "", {}


def judged(section: ProblemsSection, data: Any, since: str) -> Outcome:
    """How many there are: failed when there are more than may be."""
    if section.github and (not isinstance(data, dict) or data.get("incomplete_results") is not False):
        raise CannotTell("the search was not finished: there may be more problems than it says", "asking again")
    path = section.count or {"github": "total_count", "gitlab": "statistics.counts.all"}[section.place]
    count = endpoint.number(data, path)
    if count < 0 or count != int(count):
        raise CannotTell(f"`{path}` is {count:g}, and no count", "the path of a count")
    labels = f" ({', '.join(section.labels)})"[:100] if section.labels else ""
    said = f"{count:.0f} problem{'' if count == 1 else 's'}{labels} reported since {since}, at most {section.at_most} may be"
    measured = {"problems": int(count)}
    if count <= section.at_most:
        return Outcome("passed", said, measured=measured)
    finding = Finding(said, "what the last release broke is built on", "mend them first, or raise `at_most`")
    return Outcome("failed", said, (finding,), measured=measured)
