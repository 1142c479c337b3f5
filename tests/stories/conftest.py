"""The real program, the real Envoy, real processes; a site is shared by the stories of one file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.site import Site


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site of which nothing is left running afterwards."""
    made = Site(tmp_path_factory.mktemp("site"))
    yield made
    made.close()
