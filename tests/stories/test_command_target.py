"""A team that deploys by a script adopts Penstock with one line: `converge: make deploy`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.site import Site

MAKEFILE = """deploy:
\t@test ! -e broken
\t@cp WORD $(LIVE)
"""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A site whose production is a file that `make deploy` writes."""
    made = Site(tmp_path)
    yield made
    made.close()


def commit(site: Site, word: str, *, broken: bool = False) -> str:
    (site.repository / "WORD").write_text(word)
    (site.repository / "Makefile").write_text(MAKEFILE.replace("$(LIVE)", str(site.folder / "live")))
    marker = site.repository / "broken"
    marker.touch() if broken else marker.unlink(missing_ok=True)
    text = """penstock: 1
service: app
run: "true"
checklist: {before: {word: test -s WORD}}
environments:
  production:
    target: {is: command, converge: make deploy}
    rollout: all_at_once
"""
    return site.commit(text, word)


def test_a_script_is_released_and_rolled_back(site: Site) -> None:
    """v1 and v2 go out by `make deploy`; v3's fails, and what ran before is applied again."""
    live = site.folder / "live"
    for word in ("v1", "v2"):
        row = site.release(commit(site, word))
        assert "released" == row["state"], site.story(row["number"])
        assert word == live.read_text()
    row = site.release(commit(site, "v3", broken=True))
    assert "rolled_back" == row["state"], site.story(row["number"])
    assert "v2" == live.read_text()


def test_a_canary_that_commands_cannot_carry_is_refused(site: Site) -> None:
    """Without a split there is no canary; the error names the strategies that can be."""
    commit(site, "v1")
    text = (site.repository / "penstock.yaml").read_text().replace("all_at_once", "canary")
    row = site.release(site.commit(text, "canary"))
    assert "blocked" == row["state"], site.story(row["number"])
    assert "split" in row["sentence"]
    assert "all_at_once" in row["sentence"]
