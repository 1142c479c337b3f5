"""`health`: how an instance is asked whether it is well, and how often it must say so."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field

from penstock.manifest.section import Count, Duration, Flag, Section, wrong


def request_path(text: Any) -> Any:
    """A path on the service itself."""
    if isinstance(text, str) and not (text.startswith("/") and text.isprintable() and " " not in text):
        raise wrong(f"`{text}` is not a path", "the service itself is asked, at a path of its own", "/health")
    return text


class Health(Section):
    """GET `get` every `every_s`; an answer within `within_s` with status 200 is healthy.

    `unhealthy_after` bad answers in a row make it unhealthy, `healthy_after` good ones healthy again. When
    `version` is true, an answer that names a version must name this revision's.
    """

    not_yet: ClassVar[frozenset[str]] = frozenset({"invoke", "expect", "headers", "bearer", "run", "port"})
    specimen: ClassVar[str] = "{get: /health}"

    get: Annotated[str, BeforeValidator(request_path)] = "/health"
    every_s: Duration = Field(default=1.0, alias="every", ge=0.1, le=300)
    within_s: Duration = Field(default=2.0, alias="within", ge=0.05, le=300)
    unhealthy_after: Count = Field(default=3, ge=1, le=100)
    healthy_after: Count = Field(default=1, ge=1, le=100)
    version: Flag = True
