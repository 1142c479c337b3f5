"""The check `ticket`: the change has a ticket, and the ticket allows it."""

from __future__ import annotations

import re
import time
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from penstock import shell
from penstock.checks import endpoint, json_path
from penstock.checks.endpoint import Bearer, Url, guarded, names_of
from penstock.checks.filling import fill
from penstock.checks.json_path import CannotTell, Path
from penstock.core.finding import CheckRequest, Finding, Outcome
from penstock.errors import PenstockError
from penstock.manifest.check import CheckSection
from penstock.manifest.groups import one_or_several
from penstock.manifest.section import Duration, wrong

_COMMITS = 5000
_TICKETS = 50
_NAMED = 8
_TEXT = 1 << 20


def _pattern(text: str) -> str:
    try:
        found = re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise wrong(f"`{text[:60]}` is no pattern: {error}", "tickets are looked for by it", r'"CHG\d+"') from error
    if found.search(""):
        raise wrong(f"`{text[:60]}` matches nothing at all", "every commit would name a ticket", r'"CHG\d+"')
    return text


class TicketSection(CheckSection):
    """`pattern` in the commit messages, or `number`; with `url`, its `field` must be one of `allow`."""

    pattern: Annotated[str, AfterValidator(_pattern)] | None = None
    number: str = ""
    url: Url | None = None
    field: Path | None = None
    allow: Annotated[tuple[str, ...], BeforeValidator(one_or_several)] = ()
    bearer: Bearer | None = None
    within_s: Duration = Field(default=60.0, alias="within", gt=0)

    def names(self) -> frozenset[str]:
        """The token."""
        return names_of(self.bearer)

    @model_validator(mode="after")
    def _whole(self) -> TicketSection:
        if (self.pattern is None) == (not self.number):
            what = "there are two ways to the ticket here" if self.number else "nothing says which ticket"
            raise wrong(what, "it is named in the commit messages, or here", r'pattern: "CHG\d+"', at="pattern")
        if self.url is None and (self.field or self.allow or self.bearer):
            raise wrong(
                "there is no `url` to ask", "the state of a ticket is asked for", "url: https://...", at="field"
            )
        if self.url is not None and not (self.field and self.allow and "$TICKET" in self.url):
            what = "`url` needs `$TICKET` in it, `field` and `allow`"
            instead = "url: https://host/api/$TICKET, with field: state and allow: [Approved]"
            raise wrong(what, "it is asked for each ticket, and its state must be one of some", instead, at="url")
        return self


class TicketCheck:
    r"""Passes when a change ticket is named, and is in a state that allows a release.

    The tickets are those that the messages of the commits since the last release name; at the first release, that of
    this commit. With `url` each of them is asked for: one that is not allowed fails, one that cannot be asked is
    *errored*. A release of nothing new (the same commit, or an older one) needs no ticket: it is skipped.

    - `pattern`: what a ticket looks like in a commit message, as a regular expression.
    - `number`: the ticket itself, where it is known; `$NAME` in it is filled in from `env`.
    - `url`: a whole URL that answers with a ticket as JSON, `$TICKET` in it standing for the ticket.
    - `field`: the path of the state in the answer.
    - `allow`: the states in which a release is allowed, one or several.
    - `bearer`: `$NAME` of the secret that is sent as a token.
    - `within`: how long asking may take in all, 60s if left out.

    Bad:   change: {is: ticket, pattern: "CHG[0-9]+"}    # a number that anybody can make up
    Good:  change: {is: ticket, pattern: "CHG[0-9]+", url: "https://tickets.example/api/$TICKET",
           field: state, allow: [Approved], bearer: $TICKET_TOKEN}
    """

    def run(self, request: CheckRequest) -> Outcome:
        """Find the tickets, and ask for each."""
        section = TicketSection.model_validate(request.section)
        return guarded(request, lambda: _judged(section, request))


def _judged(section: TicketSection, request: CheckRequest) -> Outcome:
    where = "`number`"
    if section.number:
        tickets = [fill(section.number, request.env)]
    else:
        messages = _messages(request, section.within_s)
        if not messages:
            return Outcome("skipped", "nothing is new since the last release: there is nothing to have a ticket for")
        where = f"{len(messages)} commit message{'' if len(messages) == 1 else 's'}"
        tickets = named(section.pattern or "", messages)
    if not tickets or section.url is None or len(tickets) > _TICKETS:
        return judged(section, dict.fromkeys(tickets, ""), where)
    until = time.monotonic() + section.within_s
    return judged(section, {one: _state(section, request, one, until) for one in tickets}, where)


def named(pattern: str, messages: list[str]) -> list[str]:
    """The tickets that messages name, each once, in order."""
    found = (hit[0] for message in messages for hit in re.finditer(pattern, message))
    return [ticket for ticket in dict.fromkeys(found) if ticket]


def judged(section: TicketSection, states: dict[str, str], where: str) -> Outcome:
    """What the tickets and their states say; `where` they were looked for."""
    if not states:
        said = f"no ticket: {where} name nothing like `{section.pattern}`"[:280]
        return Outcome("failed", said, (Finding(said, "nobody agreed to this change", "a ticket in a message"),))
    if len(states) > _TICKETS and section.url is not None:
        raise CannotTell(f"{len(states)} tickets in {where}: too many to ask for", f"at most {_TICKETS}, or a `number`")
    measured = {"tickets": [_shown(one) for one in list(states)[:_TICKETS]]}
    if section.url is None:
        return Outcome("passed", f"{_listed(list(states))} in {where}", measured=measured)
    refused = {ticket: state for ticket, state in states.items() if state not in section.allow}
    allowed = " or ".join(section.allow)[:80]
    if not refused:
        states_said = ", ".join(dict.fromkeys(map(_shown, states.values())))[:80]
        return Outcome("passed", f"{_listed(list(states))}: {states_said}", measured=measured)
    findings = tuple(
        Finding(f"{_shown(ticket)} is {_shown(state)}", f"a release needs it to be {allowed}", "agree, and ask again")
        for ticket, state in refused.items()
    )
    said = f"{len(refused)} of {len(states)} tickets are not {allowed}: {findings[0].condition}"
    return Outcome("failed", said, findings, measured=measured)


def _state(section: TicketSection, request: CheckRequest, ticket: str, until: float) -> str:
    """The state of one ticket, as it is written."""
    data = endpoint.get(section.url or "", request, until, bearer=section.bearer, names={"TICKET": ticket})
    found: Any
    try:
        found = json_path.find(data, section.field or "")
    except LookupError as error:
        raise CannotTell(f"{_shown(ticket)}: the answer has {error.args[0]}", "the path of the state") from error
    if isinstance(found, bool) or not isinstance(found, str | int):
        told = json_path.shown(found)[:60]
        raise CannotTell(f"{_shown(ticket)}: `{section.field}` is no word: {told}", "the path of the state")
    return str(found)


def _messages(request: CheckRequest, within_s: float) -> list[str]:
    """The messages of the commits since the last release; at the first release, of this commit."""
    if not request.repository or not request.commit:
        raise CannotTell("no repository is known to look for tickets in", "a release of a commit")
    if any(not re.fullmatch(r"[0-9a-f]{4,64}", one) for one in (request.commit, request.last.commit or "0000")):
        raise CannotTell("what is released is no commit of a repository", "a release of a commit")
    since = [f"^{request.last.commit}"] if request.last.commit else ["--max-count=1"]
    words = ["log", "--format=%B%x00", f"--max-count={_COMMITS}", *since, request.commit, "--"]
    env = {
        "PATH": request.env.get("PATH", "/usr/local/bin:/usr/bin:/bin"),
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_NO_REPLACE_OBJECTS": "1",
    }
    trusted = ["-c", f"safe.directory={request.repository}", "-c", "log.showSignature=false"]
    try:
        done = shell.run(["git", "--no-pager", "-C", request.repository, *trusted, *words], env=env, timeout_s=within_s)
    except (PenstockError, OSError, ValueError) as error:
        raise CannotTell(f"git cannot be asked: {error}", "install git") from error
    if not done.ok:
        why = (done.err.strip().splitlines() or ["it was not over in time"])[-1]
        raise CannotTell(f"git cannot tell the commits since the last release: {why}", "the commits of both releases")
    if len(done.out.encode("utf-8", "replace")) >= _TEXT - 8:  # as much as is kept of what it prints
        raise CannotTell("the messages since the last release are more than 1 MiB", "`number`, with the ticket")
    return [text for text in done.out.split("\0") if text.strip()]


def _listed(tickets: list[str]) -> str:
    more = f" and {len(tickets) - _NAMED} more" if len(tickets) > _NAMED else ""
    return ", ".join(map(_shown, tickets[:_NAMED])) + more


def _shown(text: str) -> str:
    text = " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", " ", text).split())
    return text if len(text) <= 24 else f"{text[:24]}..."
