"""The check `links`: dashboards, runbooks and documents are where people will look for them."""

from __future__ import annotations

import glob
import os
import re
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated
from urllib.parse import urldefrag, urljoin, urlsplit

from pydantic import BeforeValidator, Field, field_validator, model_validator

from penstock.checks import inside
from penstock.checks.filling import Unknown, fill
from penstock.checks.http import Asked
from penstock.checks.json_path import NAME, CannotTell
from penstock.checks.links_found import Link, NoLinks, in_data, in_markdown, in_the_commit, is_elsewhere
from penstock.checks.reachable_http import answered
from penstock.checks.reachable_net import Limits, Unreachable
from penstock.checks.reported import a_path_inside
from penstock.core.finding import CheckRequest, Finding, Outcome, State
from penstock.core.masking import concealed
from penstock.core.target import Evidence
from penstock.manifest.check import CheckSection
from penstock.manifest.groups import one_or_several
from penstock.manifest.section import Count, Duration, wrong

MARKDOWN = (".md", ".markdown")
_FILE_LIMIT = 2 << 20
_FILES, _LINKS = 200, 2000
_AT_ONCE = 8
_EACH_S = 15.0
_HOPS = 5
_MOST = 100
_EVIDENCE = 60 << 10  # of characters, each of which may be four bytes
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_LOGIN = re.compile(r"(?i)/(?:log-?in|sign-?in|sso|oauth2?|authorize|saml)(?:[/?.]|$)")
_TEMPLATE = re.compile(r"\{\{|\$\{|<[A-Za-z]|\$labels")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


class LinksSection(CheckSection):
    """URLs `at` hand, and those that stand in files: a `field` of YAML or JSON, or the links of Markdown."""

    at: Annotated[tuple[str, ...], BeforeValidator(one_or_several)] = ()
    file: Annotated[tuple[str, ...], BeforeValidator(one_or_several)] = ()
    field: str = ""
    allow: Annotated[tuple[Annotated[Count, Field(ge=100, le=599)], ...], BeforeValidator(
        lambda value: value if isinstance(value, list | tuple) else (value,)
    )] = ()  # fmt: skip
    bearer: str | None = None
    within_s: Duration = Field(default=120.0, alias="within", gt=0)

    @field_validator("file")
    @classmethod
    def _inside(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(a_path_inside(one) for one in value)

    @model_validator(mode="after")
    def _whole(self) -> LinksSection:
        if not self.at and not self.file:
            raise wrong(
                "there are no links here",
                "they stand `at` hand or in a `file`",
                "at: [https://...]",
                code="missing-key",
            )
        for url in self.at:
            if not url.startswith(("http://", "https://", "$")):
                raise wrong(f"`{url[:60]}` is no URL of HTTP", "nothing else is asked", "https://host/path", at="at")
        if bare := next((path for path in self.file if not self.field and not path.endswith(MARKDOWN)), ""):
            raise wrong(
                f"which values of `{bare}` are links is not said",
                "`field` is their key",
                "field: runbook_url",
                at="file",
            )
        if self.bearer is not None and not NAME.fullmatch(self.bearer):
            raise wrong("`bearer` is not a name", "a token never stands in the manifest", "bearer: $TOKEN", at="bearer")
        if self.bearer and not self.at:
            why = "the token goes to the hosts of `at` alone: a file could name any other"
            raise wrong("`bearer` has no host to go to", why, "`at` with one URL of that host", at="bearer")
        return self


@dataclass(frozen=True)
class Seen:
    """What became of a URL: a status and where it led, or why there was no answer."""

    status: int = 0
    led_to: str = ""
    why: str = ""
    unknown: bool = False


class LinksCheck:
    """Passes when every link answers with less than 400, and every relative link leads to a file of the commit.

    At night, with an alarm on, a runbook that is gone costs more than none. Each URL is asked once, eight at a time:
    HEAD, and GET where that is not answered well; redirects are followed. A link that does not answer fails; where
    none at all does, or the answer is 429, it could not be asked, and the check is *errored*. A redirect to a login
    is a pass, and is said: whether the page behind it exists was not seen.

    - `at`: one or several URLs; `$NAME` of `env` may stand in them.
    - `file`: one or several files of the repository, perhaps with `*`.
    - `field`: in YAML and JSON the key whose values are links, at any depth. A value with a template in it is not
      asked, and said. Without it the files are Markdown, and all their links are asked.
    - `allow`: statuses from 400 on that are good too, such as 401 where a login is needed.
    - `bearer`: `$NAME` of a token; it goes to the hosts of `at`, and to no other.
    - `within`: for all of it, 2m if left out.

    Bad:   runbooks: curl -f https://wiki.example.com      # the wiki is there; is the page?
    Good:  runbooks: {is: links, file: alerts.yml, field: runbook_url}
    """

    def run(self, request: CheckRequest) -> Outcome:
        """Find the links, ask for each URL once, look for each file."""
        section = LinksSection.model_validate(request.section)
        began = time.monotonic()
        try:
            links = [*_at_hand(section, request.env), *_in_files(section, request.folder)]
        except Unknown as unknown:
            return _errored(f"`${unknown}` is not known to this check", "a name of `env`")
        except NoLinks as error:
            return _errored(str(error), "the right path, and a file of its format")
        if len(links) > _LINKS:
            return _errored(f"there are {len(links)} links", f"at most {_LINKS} in one check")
        token = request.secrets.get(section.bearer[1:], request.env.get(section.bearer[1:])) if section.bearer else None
        if section.bearer and token is None:
            return _errored(f"`{section.bearer}` is not known to this check", "a name of `secrets`")
        hosts = {urlsplit(link.to).netloc for link in links[: len(section.at)]} if token else set()
        asked = [link for link in links if link.is_whole() and not _TEMPLATE.search(link.to)]
        seen = _ask_all(
            {urldefrag(link.to)[0] for link in asked}, began + section.within_s, token or "", hosts, section.allow
        )
        there = {link: _is_there(link, request.folder) for link in links if not link.is_whole()}
        outcome = judged(links, seen, there, section.allow)
        return concealed(replace(outcome, duration_s=time.monotonic() - began), request.secrets)


def _at_hand(section: LinksSection, env: Mapping[str, str]) -> list[Link]:
    return [Link(fill(url, env)) for url in section.at]


def _in_files(section: LinksSection, folder: str) -> Iterable[Link]:
    for pattern in section.file:
        names = sorted(glob.glob(pattern, root_dir=folder, recursive=True)) if glob.has_magic(pattern) else [pattern]
        names = [name for name in names if not glob.has_magic(pattern) or not (Path(folder) / name).is_dir()]
        if not names or len(names) > _FILES:
            raise NoLinks(f"`{pattern}` are {len(names)} files, expected 1 to {_FILES}")
        links = [link for name in names for link in _in_file(name, section.field, folder)]
        if section.field and not links:
            raise NoLinks(f"there is no `{section.field}` in `{pattern}`")
        yield from links


def _in_file(name: str, field: str, folder: str) -> list[Link]:
    try:
        content = inside.read(folder, name, _FILE_LIMIT)
        return in_data(name, content, field) if field else in_markdown(name, content.decode("utf-8", "replace"))
    except (inside.Unreadable, NoLinks) as error:
        raise NoLinks(f"`{name}` {error}") from error


def _is_there(link: Link, folder: str) -> bool:
    """Whether a relative link leads to something in the commit; true of what nobody asks."""
    if is_elsewhere(link):
        return True
    path = in_the_commit(link)
    try:
        return path is not None and os.path.lexists(Path(folder) / path)
    except (OSError, ValueError):
        return False


def _ask_all(urls: set[str], until: float, token: str, hosts: set[str], allow: tuple[int, ...]) -> dict[str, Seen]:
    """Each URL once, some at a time."""
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        ordered = sorted(urls)
        return dict(zip(ordered, threads.map(lambda url: _ask(url, until, token, hosts, allow), ordered), strict=True))


def _ask(url: str, until: float, token: str, hosts: set[str], allow: tuple[int, ...]) -> Seen:
    """HEAD, and GET where HEAD was not answered well: many do not know it."""
    seen = Seen()
    for method in ("HEAD", "GET"):
        if time.monotonic() >= until:
            return seen if seen.status or seen.why else Seen(why="`within` was over", unknown=True)
        seen = _follow(method, url, min(until, time.monotonic() + _EACH_S), token, hosts)
        if _is_good(seen, allow):
            break
    return seen


def _is_good(seen: Seen, allow: tuple[int, ...]) -> bool:
    return not seen.why and (0 < seen.status < 400 or seen.status in allow)


def _follow(method: str, url: str, until: float, token: str, hosts: set[str]) -> Seen:
    """Follow redirects; the token goes along to its own hosts alone."""
    at = url
    for _ in range(_HOPS + 1):
        headers = {"User-Agent": "penstock", "Accept-Encoding": "identity"}
        if token and urlsplit(at).netloc in hosts:
            headers["Authorization"] = f"Bearer {token}"
        try:
            answer = answered(Asked(method, at, headers, None, False), Limits(_EACH_S, until, 0.0))
            to = {name.lower(): value for name, value in answer.headers.items()}.get("location", "")
            ahead = urljoin(at, to) if answer.status in _REDIRECTS and to else ""
            if ahead and not ahead.startswith(("http://", "https://")):
                return Seen(why="leads to something that is no URL of HTTP")
        except Unreachable as error:
            return Seen(why=str(error))
        except (CannotTell, ValueError):
            return Seen(why="is nothing that HTTP can carry")
        if not ahead:
            return Seen(answer.status, at if at != url else "")
        at = ahead
    return Seen(why=f"has more than {_HOPS} redirects")


def judged(links: list[Link], seen: Mapping[str, Seen], there: Mapping[Link, bool], allow: tuple[int, ...]) -> Outcome:
    """What became of each link."""
    bad, unknown, noted = list[Finding](), list[Finding](), list[Finding]()
    silent = bool(seen) and all(one.why for one in seen.values())
    lines = []
    for link in links:
        one = seen.get(urldefrag(link.to)[0])
        what, kind = _became(link, one, there, allow)
        lines.append(f"{kind or 'good':8} {link.to} {what}".rstrip())
        if kind:
            into = {"bad": bad, "unknown": unknown, "noted": noted}[
                "unknown" if kind == "bad" and silent and one else kind
            ]
            effect = "" if kind == "noted" else "who follows it finds nothing"
            severity = "info" if kind == "noted" else "medium"
            into.append(Finding(f"{_short(link.to)} {what}", effect, _remedy(one), link.where, severity))
    state: State = "failed" if bad else "errored" if unknown else "passed"
    if not links:
        return _errored("there are no links to follow", "a file with links in it")
    whole = "\n".join(lines)
    evidence = (Evidence("links", "text/plain", whole if len(whole) <= _EVIDENCE else f"{whole[:_EVIDENCE]}\n(cut)"),)
    return Outcome(state, _sentence(links, bad or unknown, noted, silent), _at_most([*bad, *unknown, *noted]), evidence)


def _became(link: Link, seen: Seen | None, there: Mapping[Link, bool], allow: tuple[int, ...]) -> tuple[str, str]:
    """What became of one link, and what that is: bad, unknown, noted, or nothing to say."""
    if _TEMPLATE.search(link.to):
        return "has a template in it, and was not asked", "noted"
    if seen is None:
        return ("", "") if there.get(link, False) else ("leads to no file of the commit", "bad")
    if seen.why:
        return seen.why, "unknown" if seen.unknown else "bad"
    if not _is_good(seen, allow):
        return f"answered {seen.status}", "unknown" if seen.status == 429 else "bad"
    return ("led to a login: what is behind it was not seen", "noted") if _LOGIN.search(seen.led_to) else ("", "")


def _remedy(seen: Seen | None) -> str:
    if seen and seen.status in (401, 403):
        return "a `bearer` that may see it, or its status in `allow`"
    return "the address where it is now"


def _sentence(links: list[Link], wrong_ones: list[Finding], noted: list[Finding], silent: bool) -> str:
    some = f" ({len(noted)} of them not seen whole)" if noted else ""
    if not wrong_ones:
        return f"all {len(links)} links lead somewhere{some}" if len(links) > 1 else f"the link leads somewhere{some}"
    none = "nothing answers from here: " if silent else ""
    said = f"{none}{len(wrong_ones)} of {len(links)} links: {'; '.join(f.condition for f in wrong_ones[:10])}"
    return said if len(said) <= 300 else f"{said[:297]}..."


def _short(url: str) -> str:
    text = _CONTROL.sub("\ufffd", url)
    return text if len(text) <= 150 else f"{text[:150]}..."


def _at_most(findings: list[Finding]) -> tuple[Finding, ...]:
    more = len(findings) - _MOST
    return (*findings[:_MOST], *([Finding(f"and {more} more", "", "mend these first")] if more > 0 else []))


def _errored(condition: str, remedy: str) -> Outcome:
    condition = _CONTROL.sub(" ", condition)
    return Outcome("errored", condition[:300], (Finding(condition, "no link was asked", remedy),))
