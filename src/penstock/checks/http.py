"""The check `http`: requests to the revision under test, and what must be true of their answers."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar
from urllib.parse import quote

from pydantic import Field, field_validator, model_validator

from penstock.checks import json_path
from penstock.checks.filling import Unknown
from penstock.checks.json_path import (
    Answer,
    CannotTell,
    Expectation,
    Path,
    carried,
    filled,
    filled_text,
    problems,
)
from penstock.core.finding import CheckRequest, Finding, Outcome, State
from penstock.core.masking import concealed, mask
from penstock.core.target import Evidence
from penstock.manifest.check import CheckSection
from penstock.manifest.section import Duration, Section, Variable, wrong

METHODS = ("get", "post", "put", "patch", "delete", "head")
BODY_LIMIT = 1 << 20
SHOWN = 2 << 10
_SENTENCE = 500
_PAUSE_S = 0.25
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


class Step(Section):
    """One request: exactly one method with a path (or a whole URL), and what it expects."""

    get: str | None = None
    post: str | None = None
    put: str | None = None
    patch: str | None = None
    delete: str | None = None
    head: str | None = None
    headers: dict[str, str] = Field(default={})
    bearer: str | None = None
    json_: Any = Field(default=None, alias="json")
    body: str | None = None
    expect: Expectation = Expectation()
    carry: dict[Variable, Path] = Field(default={})

    @property
    def method(self) -> str:
        """GET, POST, …"""
        return self._methods()[0].upper()

    @property
    def address(self) -> str:
        """The path, or a whole URL; its `$NAMES` not filled in."""
        return str(getattr(self, self._methods()[0]))

    def _methods(self) -> list[str]:
        return [method for method in METHODS if getattr(self, method) is not None]

    @field_validator("bearer")
    @classmethod
    def _no_token_in_the_open(cls, value: str | None) -> str | None:
        if value is not None and not json_path.NAME.fullmatch(value):
            raise wrong("`bearer` is not a name", "a token never stands in the manifest", "bearer: $TOKEN")
        return value

    @model_validator(mode="after")
    def _whole(self) -> Step:
        self._is_one_request()
        return self

    def _is_one_request(self) -> None:
        count = len(self._methods())
        if count != 1:
            what = f"there are {count} requests here" if count else "there is no request here"
            why = f"a step is one request: one of {', '.join(METHODS)}"
            raise wrong(what, why, "get: /health", code="value" if count else "missing-key")
        if not self.address.startswith(("/", "http://", "https://", "$")):
            what, why = (
                f"`{self.address}` is neither a path nor a URL",
                "the revision is asked at a path of its own",
            )
            raise wrong(what, why, f"/{self.address}", at=self.method.lower())
        if self.json_ is not None and self.body is not None:
            raise wrong("this request has two bodies", "`json` is one, `body` another", "one of them", at="body")
        if self.head is not None and (self.expect.json_ or self.carry):
            raise wrong("the answer to HEAD has no body", "so there is no JSON in it", "get:", at="head")


class HttpSection(Step, CheckSection):
    """One request, or `steps` one after the other; at most `within_s` in all, again for `retry_for_s`."""

    reads_files: ClassVar[bool] = False

    steps: Annotated[tuple[Step, ...], Field(max_length=100)] = ()
    within_s: Duration = Field(default=60.0, alias="within", gt=0)
    retry_for_s: Duration = Field(default=0.0, alias="retry_for")

    @model_validator(mode="after")
    def _whole(self) -> HttpSection:
        if self.retry_for_s > self.within_s:
            what, why = "`retry_for` is longer than `within`", f"all of it is over after {self.within_s:g}s"
            raise wrong(what, why, f"within: {self.retry_for_s:g}s, or more", at="retry_for")
        if not self.steps:
            self._is_one_request()
        for name, one in Step.model_fields.items():
            if self.steps and getattr(self, name) != one.default:
                key = one.alias or name
                raise wrong(f"`{key}` stands beside `steps`", "each step has its own", f"`{key}` in a step", at=key)
        return self

    def in_order(self) -> tuple[Step, ...]:
        """What is asked, one after the other."""
        return self.steps or (self,)


@dataclass(frozen=True)
class Asked:
    """One request as data. `ours`: it goes to the revision under test, and to nobody else."""

    method: str
    url: str
    headers: dict[str, str]
    body: str | None
    ours: bool


def asked(step: Step, request: CheckRequest, taken: Mapping[str, Any], key: str) -> Asked:
    """The request that a step is. A whole URL gets no preview header, and a secret by `bearer` alone."""
    everything = {**request.env, **request.secrets, **taken}
    ours = _url(step.address, everything).startswith("/")
    names = everything if ours else {**request.env, **taken}
    try:
        url = _url(step.address, names)
        written = {name: filled_text(value, names) for name, value in step.headers.items()}
        body = json.dumps(filled(step.json_, names)) if step.json_ is not None else None
        body = filled_text(step.body, names) if step.body is not None else body
    except Unknown as unknown:
        if unknown.args[0] not in request.secrets:
            raise
        raise CannotTell(f"`${unknown}` is a secret, and this is not the revision", "`bearer`") from unknown
    if step.bearer and not ours and _first_name(step.address) in taken:
        raise CannotTell("an answer chose this URL, and gets no token", "a path, or a URL of the manifest's own")
    if ours and request.reach is None:
        raise CannotTell("no revision can be reached", "the moment `candidate` or `promoted`, or a whole URL")
    reach = request.reach if ours else None
    implied = {"Accept-Encoding": "identity", "User-Agent": "penstock"}
    implied |= {"Content-Type": "application/json"} if step.json_ is not None else {}
    implied |= {"Idempotency-Key": key} if step.method != "GET" and key else {}
    fixed = {"Authorization": f"Bearer {filled_text(step.bearer, everything)}"} if step.bearer else {}
    headers = _layered(implied, written, fixed, reach.headers if reach else {})
    return Asked(step.method, reach.url.rstrip("/") + url if reach else url, headers, body, ours)


def _first_name(address: str) -> str:
    found = json_path.NAME.match(address)
    return found[1] if found else ""


def _layered(*layers: Mapping[str, str]) -> dict[str, str]:
    """Headers over headers: a later layer replaces an earlier one's, whatever the case of its name."""
    return dict({name.lower(): (name, value) for layer in layers for name, value in layer.items()}.values())


def _url(address: str, names: Mapping[str, Any]) -> str:
    """The address filled in: quoted, but for a name that stands first and may be a URL's beginning."""

    def value(found: re.Match[str]) -> str:
        text = filled_text(found[0], names)
        return quote(text, safe="/:", errors="surrogateescape") if found.start() else text

    url = json_path.NAME.sub(value, address)
    if not url.startswith(("/", "http://", "https://")):
        raise CannotTell("filled in, it is neither a path nor a URL", "/a/path, or a whole URL")
    return url


class HttpCheck:
    """Asks the revision under test over HTTP, by preview: not what happens to serve, not counted in its arm.

    For what only the running revision can show: that it answers, and that the answer means something. A bad
    answer of the revision, or none, is *failed*. What could not be asked (a name that nothing stands for, an
    unknown host, somebody else's silence) is *errored*: it says nothing of the revision.

    - `get`, `post`, `put`, `patch`, `delete` or `head`: a path, or a whole URL. Redirects are not followed.
    - `headers`, `bearer: $NAME`, `json` or `body`. All but GET send an `Idempotency-Key`: the same for every
      try, another one for each of several steps.
    - `expect`: `status`, one or several (2xx if left out); `headers`, a text or a `/pattern/`; `json`, paths
      such as `items[0].price` with a value, or `{is: number}`, `{at_least: 1}`, `{at_most: 9}`,
      `{matches: re}`, `{contains: x}`; `within`, from asking to the last byte.
    - `carry: {order: id}`: later steps say `$order` for the `id` of this answer.
    - `steps`: several requests, one after the other, with each other's cookies.
    - `within`: for all of it, 60s if left out. `retry_for`: so long, bad answers are asked for again.

    The preview header and the secrets go to the revision alone; a whole URL gets only what `bearer` names.

    Bad:   home: {get: /}         # a login page answers 200 to everything
    Good:  products: {get: /products, bearer: $TOKEN, expect: {json: {"items[0].price": {is: number}}}}
    """

    def run(self, request: CheckRequest) -> Outcome:
        """Ask; while the answers are bad, ask again for `retry_for`."""
        section = HttpSection.model_validate(request.section)
        began, tries = time.monotonic(), 0
        while True:
            tries += 1
            talk = _Talk(section, request, began + section.within_s)
            talk.hold()
            passed_s = time.monotonic() - began
            if talk.state != "failed" or passed_s + _PAUSE_S > section.retry_for_s:
                return concealed(talk.outcome(tries, passed_s), request.secrets)
            time.sleep(_PAUSE_S)


class _Talk:
    """One try: what was said, and how it ended."""

    def __init__(self, section: HttpSection, request: CheckRequest, until: float) -> None:
        self.section, self.request, self.until = section, request, until
        self.state: State = "passed"
        self.findings: list[Finding] = []
        self.lines: list[str] = []
        self.carried: dict[str, Any] = {}

    def hold(self) -> None:
        """Ask step after step, as long as the answers are good."""
        import httpx2

        limits = httpx2.Limits(max_keepalive_connections=0)  # each step has a connection, and a cut-off, of its own
        with httpx2.Client(follow_redirects=False, trust_env=False, limits=limits) as client:
            for number, step in enumerate(self.section.in_order(), 1):
                what = f"{step.method} {step.address}"
                try:
                    found = self._problems(step, number, client)
                    self._end("failed", [f"{what} {problem}" for problem in found], "the transcript shows all of it")
                except Unknown as unknown:
                    condition = f"{what}: `${unknown}` is not known to this check"
                    self._end("errored", [condition], "a name of `env` or `secrets`, or one to `carry`")
                except CannotTell as error:
                    self._end("errored", [f"{what}: {error}"], error.remedy)
                if self.state != "passed":
                    return

    def outcome(self, tries: int, seconds: float) -> Outcome:
        """How it ended, its sentences cut only after they were masked."""
        count = len(self.section.in_order())
        good = f"{count} answers as expected" if count > 1 else "answered as expected"
        more = f" (and {len(self.findings) - 1} more)" if len(self.findings) > 1 else ""
        sentence = self.findings[0].condition + more if self.findings else good
        lines = [*([f"try {tries}, the last one"] if tries > 1 else []), *self.lines]
        evidence = Evidence("transcript", "text/plain", "\n".join(lines))
        return Outcome(self.state, sentence, tuple(self.findings), (evidence,), seconds)

    def _problems(self, step: Step, number: int, client: Any) -> list[str]:
        key = self.request.key
        asking = asked(step, self.request, self.carried, f"{key}-{number}" if self.section.steps and key else key)
        self.lines.append(f"{asking.method} {asking.url}")
        answer = self._answer(asking, client)
        if isinstance(answer, str):
            return [answer]
        body = self._cut(_CONTROL.sub("\ufffd", answer.body), SHOWN)
        self.lines.append(f"{answer.status} in {answer.ms:.0f} ms\n{body}\n")
        secrets = self.request.secrets if asking.ours else {}
        found = problems(step.expect, answer, {**self.request.env, **secrets, **self.carried})
        try:
            self.carried |= {} if found else carried(step.carry, answer)
        except LookupError as error:
            found = [f"answered with {error.args[0]}"]
        return found

    def _answer(self, asking: Asked, client: Any) -> Answer | str:
        """The answer, or why the revision gave none."""
        import httpx2

        try:
            return exchange(client, asking, self.until)
        except (
            httpx2.InvalidURL,
            httpx2.UnsupportedProtocol,
            httpx2.LocalProtocolError,
            ValueError,
        ) as error:
            raise CannotTell(f"cannot be asked: {error}", "what HTTP can carry") from error
        except (httpx2.HTTPError, TimeoutError) as error:
            over = time.monotonic() >= self.until or isinstance(error, httpx2.TimeoutException)
            why = f"not over after {self.section.within_s:g} s" if over else str(error) or type(error).__name__
            self.lines.append(f"no answer: {why}\n")
            if not asking.ours or _is_unknown_host(error):
                raise CannotTell(f"no answer: {why}", "a host that this machine can reach") from error
            return f"was not answered: {why}"

    def _end(self, state: State, conditions: list[str], remedy: str) -> None:
        effect = "the revision is not as expected" if state == "failed" else "nothing is known of the revision"
        self.findings += [Finding(self._cut(condition, _SENTENCE), effect, remedy) for condition in conditions]
        self.state = state if conditions else self.state

    def _cut(self, text: str, limit: int) -> str:
        masked = mask(text, self.request.secrets.values())
        return masked if len(masked) <= limit else f"{masked[:limit]}..."


def exchange(client: Any, asking: Asked, until: float) -> Answer:
    """Ask, and read at most 1 MiB; TimeoutError when the monotonic clock has reached `until`.

    httpx counts its time-outs from byte to byte, and an answer that drips would never end: so the connection
    is shut when the time is over.
    """
    began = time.monotonic()
    if began >= until:
        raise TimeoutError
    sent = asking.body.encode("utf-8", "surrogateescape") if asking.body is not None else None
    body = bytearray()
    with _CutOff(until) as cut_off, client.stream(
        asking.method, asking.url, headers=asking.headers, content=sent, timeout=until - began,
        extensions={"trace": cut_off.trace},
    ) as answer:  # fmt: skip
        for chunk in answer.iter_bytes():
            body += chunk
            if len(body) > BODY_LIMIT:
                break
    if (now := time.monotonic()) >= until:
        raise TimeoutError  # a connection that was shut looks like the end of a body
    text = body[:BODY_LIMIT].decode("utf-8", "replace")
    return Answer(answer.status_code, dict(answer.headers), text, (now - began) * 1000, len(body) <= BODY_LIMIT)


class _CutOff:
    """Shuts the connections of one request when the time is over."""

    def __init__(self, until: float) -> None:
        self.until, self.sockets = until, list[socket.socket]()
        self.timer = threading.Timer(max(0.0, until - time.monotonic()), self.shut)
        self.timer.daemon = True

    def __enter__(self) -> _CutOff:
        self.timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.timer.cancel()

    def trace(self, event: str, details: dict[str, Any]) -> None:
        """What httpx calls at each event of a connection."""
        if event.endswith((".connect_tcp.complete", ".start_tls.complete")):
            self.sockets.append(details["return_value"].get_extra_info("socket"))
            if time.monotonic() >= self.until:
                self.shut()

    def shut(self) -> None:
        """Wake whoever reads; closed ones are left alone."""
        for one in self.sockets:
            with suppress(OSError):
                socket.socket.shutdown(one, socket.SHUT_RDWR)


def _is_unknown_host(error: BaseException | None) -> bool:
    while error is not None and not isinstance(error, socket.gaierror):
        error = error.__cause__ or error.__context__
    return error is not None
