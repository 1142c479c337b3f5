"""A repository, a store and a log for each test."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from penstock.core.target import Artifact
from penstock.providers.artifacts import Store
from penstock.providers.git import GitForge
from tests.providers.git.made import Repository

Build = Callable[..., Artifact]


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository(tmp_path / "repository")
    made.commit({"a": "1"})
    return made


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "work" / "build.log"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "artifacts")


@pytest.fixture
def build(repository: Repository, store: Store, log: Path) -> Build:
    """Build HEAD by a section."""

    def of(section: Mapping[str, Any] | None = None, secrets: Mapping[str, str] | None = None) -> Artifact:
        forge = GitForge(repository.folder)
        return store.build(forge, forge.resolve("HEAD"), section, secrets or {}, log)

    return of
