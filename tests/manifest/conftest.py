"""What the tests of the manifest share: the kinds that a manifest may name, and readers that know them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import Field

from penstock.manifest import Environment, Kinds, Manifest, read
from penstock.manifest.check import CheckSection
from penstock.manifest.section import Command, Duration
from penstock.providers.command.section import CommandSection
from penstock.providers.local.section import LocalSection


class CommandCheck(CheckSection):
    """A check that runs a command, as far as the reader is concerned."""

    run: Command
    env: dict[str, str] = Field(default_factory=dict)
    sees: tuple[str, ...] | None = None
    within_s: Duration = Field(default=600.0, alias="within")


class HttpCheck(CheckSection):
    """A check that sends one request, as far as the reader is concerned."""

    get: str | None = None
    post: str | None = None
    bearer: str | None = None
    body: Any = Field(default=None, alias="json")
    expect: dict[str, Any] = Field(default_factory=dict)


KINDS: Kinds = {
    "target": {"local": LocalSection, "command": CommandSection},
    "check": {"command": CommandCheck, "http": HttpCheck},
}
HEAD = "penstock: 1\nservice: shop\n"
RUN = "run: uvicorn shop:app --port $PORT\n"
PRODUCTION = "environments:\n  production:\n    target: {is: local, port: 8080}\n"


def whole(text: str) -> str:
    """A text with the lines that every manifest needs, where it lacks them."""
    keys = {line.split(":")[0] for line in text.split("\n") if line[:1].isalpha()}
    before = "" if "penstock" in keys else HEAD
    run = "" if keys & {"run", "units"} else RUN
    production = "environments: {production: {}}\n" if "target" in keys else PRODUCTION
    return before + run + text + ("" if "environments" in keys else production)


@pytest.fixture(scope="session")
def kinds() -> Kinds:
    """What a registry would know."""
    return KINDS


@pytest.fixture(scope="session")
def manifest() -> Callable[[str], Manifest]:
    """Reads a text whole; what the text lacks to be a manifest is put before and after it."""
    return lambda text: read(whole(text), kinds=KINDS)


@pytest.fixture(scope="session")
def production() -> Callable[[str], Environment]:
    """The environment `production` of a text."""
    return lambda text: read(whole(text), kinds=KINDS).environments["production"]
