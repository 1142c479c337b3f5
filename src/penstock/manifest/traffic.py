"""`verdict.traffic`: requests that Penstock itself sends to both arms, where users alone send too few."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field, field_validator, model_validator

from penstock.manifest.groups import one_or_several
from penstock.manifest.health import request_path
from penstock.manifest.section import Count, Duration, Section, not_acted_on, wrong

FASTEST = 100
MOST_PATHS = 50
_MOST_HEADERS = 20
_NAME = re.compile(r"\$[A-Za-z_{]")
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_OURS = ("x-penstock-", "content-")
_THE_WIRES = frozenset({"host", "connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "expect"})


def _path(text: Any) -> Any:
    """A path on the service itself, as it is sent: no other host, no fragment, nothing to be filled in."""
    if not isinstance(request_path(text), str):
        return text
    if _NAME.search(text):
        raise not_acted_on(f"a `$NAME` in `{text[:60]}`", "the path as it is sent")
    if text.startswith("//"):
        raise wrong(f"`{text[:60]}` names a host", "only the release's own two arms are asked", f"/{text.lstrip('/')}")
    if not text.isascii() or set(text) & set('#\\"<>'):
        raise wrong(
            f"`{text[:60]}` cannot be sent as it is",
            "a path on the wire is ASCII, without a fragment",
            "the path percent-encoded, as in /caf%C3%A9",
        )
    return text


Path = Annotated[str, BeforeValidator(_path), Field(max_length=2000)]
Paths = Annotated[tuple[Path, ...], BeforeValidator(one_or_several)]


class Traffic(Section):
    """While an increment is watched, `rps` requests a second, half of them to each arm, over all the paths in turn.

    One that is not answered `within_s` is left; only what the access log says of it is judged, apart from users' requests.
    """

    not_yet: ClassVar[frozenset[str]] = frozenset({"post", "put", "patch", "delete", "bearer", "json", "body", "sees"})
    one_of: ClassVar[tuple[str, ...]] = ("get", "head")
    specimen: ClassVar[str] = "{get: [/], rps: 5}"

    get: Paths = ()
    head: Paths = ()
    rps: Count = Field(ge=1, le=FASTEST)
    headers: dict[str, str] = Field(default={}, max_length=_MOST_HEADERS)
    within_s: Duration = Field(default=10.0, alias="within", ge=0.1, le=60)

    def asks(self) -> tuple[tuple[str, str], ...]:
        """(method, path) of every request that is sent, in turn."""
        return tuple([("GET", path) for path in self.get] + [("HEAD", path) for path in self.head])

    @field_validator("headers")
    @classmethod
    def _headers(cls, value: dict[str, str]) -> dict[str, str]:
        for name, text in value.items():
            if not _TOKEN.fullmatch(name) or not (text.isascii() and text.isprintable()) or len(text) > 1000:
                raise wrong(f"`{name[:40]}` is no header", "it cannot be sent as it is", "accept: application/json")
            if name.lower() in _THE_WIRES or name.lower().startswith(_OURS):
                raise wrong(f"`{name[:40]}` is not yours to set", "it leads the request to its arm", "another header")
            if _NAME.search(text):
                raise not_acted_on(f"a `$NAME` in `{name[:40]}`", "paths that need no secret")
        return value

    @model_validator(mode="after")
    def _some(self) -> Traffic:
        count = len(self.asks())
        if not count:
            raise wrong("there is no path to ask", "`traffic` is requests", "get: [/]", code="missing-key")
        if count > MOST_PATHS:
            raise wrong(f"these are {count} paths", f"{MOST_PATHS} are asked in turn at most", "the paths that matter")
        return self
