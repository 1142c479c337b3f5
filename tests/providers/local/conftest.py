"""Environments under real keepers, ended whatever happens."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.providers.local.kept import Kept


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kept]:
    """An environment of its own, with a runtime folder of its own."""
    monkeypatch.setenv("PENSTOCK_RUNTIME", str(tmp_path / "run"))
    site = Kept(tmp_path / "e")
    yield site
    site.close()
