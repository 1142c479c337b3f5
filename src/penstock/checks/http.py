"""The check `http`: requests to the revision under test, and what must be true of their answers."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from penstock.checks.expecting import at, is_there, problems
from penstock.checks.filling import Unknown, fill, fill_all
from penstock.core.finding import CheckRequest, Finding, Outcome
from penstock.core.masking import mask
from penstock.core.target import Evidence
from penstock.manifest.section import Duration, Section, wrong

METHODS = ("get", "post", "put", "patch", "delete", "head")
BODY_LIMIT = 1 << 20
SHOWN = 2048
_PAUSE_S = 0.25


class Expectation(Section):
    """What an answer must be: `status` (one or several; 2xx if left out), `headers`, values in the `json`, `within`."""

    status: int | tuple[int, ...] | None = None
    headers: dict[str, str] = {}
    json_: dict[str, Any] = Field(default={}, alias="json")
    within: Duration | None = None

    @field_validator("status", mode="before")
    @classmethod
    def _several(cls, value: Any) -> Any:
        return tuple(value) if isinstance(value, list) else value


class Request(Section):
    """The keys of one request."""

    get: str | None = None
    post: str | None = None
    put: str | None = None
    patch: str | None = None
    delete: str | None = None
    head: str | None = None
    headers: dict[str, str] = {}
    bearer: str | None = None
    json_: Any = Field(default=None, alias="json")
    body: str | None = None
    expect: Expectation = Expectation()
    carry: dict[str, str] = {}

    @property
    def methods(self) -> list[str]:
        """The methods that are named; a step names one."""
        return [method for method in METHODS if getattr(self, method) is not None]

    @property
    def method(self) -> str:
        """GET, POST, …"""
        return self.methods[0].upper()

    @property
    def address(self) -> str:
        """The path, or a whole URL."""
        return str(getattr(self, self.methods[0]))


class Step(Request):
    """One request: exactly one method with a path (or a whole URL), and what it expects."""

    @model_validator(mode="after")
    def _one_method(self) -> Step:
        _one(self.methods)
        return self


class HttpSection(Request):
    """One request, or `steps` one after the other; at most `within_s` in all, tried again for `retry_for_s`."""

    steps: tuple[Step, ...] = ()
    within_s: Duration = Field(default=60.0, alias="within")
    retry_for_s: Duration = Field(default=0.0, alias="retry_for")

    @model_validator(mode="after")
    def _inline_or_steps(self) -> HttpSection:
        if self.steps and self.methods:
            raise wrong("this check has a request and `steps`", "the one is short for the other",
                        "the request as one more of the steps", at="steps")  # fmt: skip
        if not self.steps:
            _one(self.methods)
        return self

    def in_order(self) -> tuple[Request, ...]:
        """What is asked, one after the other."""
        return self.steps or (self,)


def _one(methods: list[str]) -> None:
    if len(methods) != 1:
        raise wrong("there is no request here" if not methods else f"there are {len(methods)} requests here",
                    f"a step is one request: one of {', '.join(METHODS)}", "get: /health")  # fmt: skip


@dataclass
class _Talk:
    """What was said: a transcript, and how it ended."""

    lines: list[str] = field(default_factory=list)
    state: Literal["passed", "failed", "errored"] = "passed"
    findings: list[Finding] = field(default_factory=list)

    def end(self, state: Literal["failed", "errored"], condition: str, remedy: str = "") -> None:
        self.state = state
        self.findings.append(Finding(condition, remedy=remedy))


class HttpCheck:
    """Asks the revision under test over HTTP, by preview: never what happens to serve, and never counted in its arm.

    `get: /path` (or post, put, patch, delete, head) with `headers`, `bearer: $NAME`, `json` or `body`; `expect` says
    `status`, `headers` (a text or /a pattern/), `json` (paths such as `items[0].price`, a value or `{is: number}`,
    `{at_least: 1}`, `{at_most: 9}`, `{matches: re}`, `{contains: x}`) and `within`. `steps` asks several times in a row;
    `carry: {order: id}` makes `$order` of an answer's `id`. Redirects are not followed.

    Bad:   home: {get: /}                                    # a login page answers 200 to everything
    Good:  products: {get: /products, bearer: $TOKEN, expect: {status: 200, json: {"items[0].price": {is: number}}}}
    """

    def run(self, request: CheckRequest) -> Outcome:
        """Ask; while the answers are bad, ask again for `retry_for`."""
        section = HttpSection.model_validate(request.section)
        began = time.monotonic()
        while True:
            talk = _talk(section, request, began)
            waited = time.monotonic() - began
            if talk.state != "failed" or waited + _PAUSE_S > min(section.retry_for_s, section.within_s):
                break
            time.sleep(_PAUSE_S)
        secrets = request.secrets.values()
        findings = tuple(Finding(mask(f.condition, secrets), f.effect, f.remedy) for f in talk.findings)
        sentence = findings[0].condition if findings else f"{len(section.in_order())} answered as expected"
        transcript = Evidence("transcript", "text/plain", mask("\n".join(talk.lines), secrets))
        return Outcome(talk.state, sentence, findings, (transcript,), waited)


def _talk(section: HttpSection, request: CheckRequest, began: float) -> _Talk:
    import httpx2

    talk = _Talk()
    names = {**request.env, **request.secrets}
    with httpx2.Client(follow_redirects=False, trust_env=False) as client:
        for step in section.in_order():
            left = section.within_s - (time.monotonic() - began)
            if left <= 0:
                talk.end("failed", f"not over after {section.within_s:g} s")
            else:
                _ask(client, step, request, names, left, talk)
            if talk.state != "passed":
                break
    return talk


def _ask(client: Any, step: Request, request: CheckRequest, names: dict[str, str], left_s: float, talk: _Talk) -> None:
    import httpx2

    try:
        url, headers = _address(step, request, names)
        body = fill_all(step.json_, names) if step.json_ is not None else None
        text = fill(step.body, names) if step.body is not None else None
    except Unknown as unknown:
        talk.end("errored", f"`${unknown}` is not known to this check", "name a secret of the manifest, or carry it")
        return
    what = f"{step.method} {step.address}"
    sent = {"json": body} if body is not None else {"content": text} if text is not None else {}
    asked = time.monotonic()
    try:
        with client.stream(step.method, url, headers=headers, timeout=left_s, **sent) as answer:
            answered = _limited(answer)
    except (httpx2.InvalidURL, httpx2.UnsupportedProtocol) as error:
        talk.end("errored", f"{what}: {error}", "a path such as /health, or a whole URL")
    except httpx2.HTTPError as error:
        talk.end("failed", f"{what}: {error or type(error).__name__}")
    else:
        ms = (time.monotonic() - asked) * 1000
        talk.lines.append(f"{what} → {answer.status_code} in {ms:.0f} ms\n{answered[:SHOWN]}\n")
        _judge(step, answer, answered, ms, names, talk, what)


def _judge(step: Request, answer: Any, body: str, ms: float, names: dict[str, str], talk: _Talk, what: str) -> None:
    import json

    for problem in problems(step.expect.model_dump(by_alias=True), answer.status_code, answer.headers, body, ms):
        talk.end("failed", f"{what} {problem}")
    if talk.state != "passed" or not step.carry:
        return
    try:
        data = json.loads(body)
    except ValueError:
        data = None
    for name, path in step.carry.items():
        value = at(data, path)
        if not is_there(value):
            talk.end("failed", f"{what}: there is no {path} to carry in the body")
            return
        names[name] = value if isinstance(value, str) else json.dumps(value)


def _address(step: Request, request: CheckRequest, names: dict[str, str]) -> tuple[str, dict[str, str]]:
    """Where it goes, and with which headers: the preview header only to the revision itself."""
    address = fill(step.address, names)
    headers = {name: fill(value, names) for name, value in step.headers.items()}
    if step.bearer:
        headers["Authorization"] = f"Bearer {fill(step.bearer, names)}"
    if step.method not in ("GET", "HEAD"):
        headers.setdefault("Idempotency-Key", request.key)
    if address.startswith("/"):
        if request.reach is None:
            raise Unknown("PENSTOCK_URL")
        return request.reach.url + address, {**request.reach.headers, **headers}
    return address, headers


def _limited(answer: Any) -> str:
    data = b""
    for chunk in answer.iter_bytes():
        data += chunk
        if len(data) > BODY_LIMIT:
            break
    return data[:BODY_LIMIT].decode("utf-8", "replace")

