"""The report's page in a real browser: accessible, and whole at every width."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from penstock.core.report import Known, tell
from penstock.render.page import page
from tests.render.careful import careful
from tests.render.test_report import rolled_back
from tests.render.timed import timed

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        found = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


def at(folder: Path, known: Known) -> str:
    path = folder / "report.html"
    path.write_text(page(tell(known)))
    return path.as_uri()


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("page")
    return at(folder, rolled_back(folder))


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A hotfix with people, twelve lines, waivers and findings."""
    folder = tmp_path_factory.mktemp("page")
    return at(folder, careful(folder))


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Six channels of the verdict."""
    folder = tmp_path_factory.mktemp("page")
    return at(folder, timed(folder))


def opened(browser: Any, uri: str, width: int, scheme: str = "light", **options: Any) -> Any:
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, **options)
    found = context.new_page()
    found.goto(uri)
    return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 820, 1400])
def test_nobody_is_left_out(browser: Any, written: str, full: str, slow: str, width: int, scheme: str) -> None:
    """No finding of axe-core, at three widths, in light and dark."""
    from axe_playwright_python.sync_playwright import Axe

    for uri in (written, full, slow):
        found = Axe().run(opened(browser, uri, width, scheme, bypass_csp=True))
        assert [] == [(v["impact"], v["id"]) for v in found.response["violations"]]


@pytest.mark.parametrize("width", [390, 820, 1400])
def test_nothing_sticks_out(browser: Any, written: str, full: str, slow: str, width: int) -> None:
    """The page itself never scrolls sideways."""
    for uri in (written, full, slow):
        assert width >= opened(browser, uri, width).evaluate("document.documentElement.scrollWidth")


def test_the_checklist_leads_to_its_evidence(browser: Any, full: str) -> None:
    """Every link is one within the page, and there is something at its end."""
    found = opened(browser, full, 1400)
    ends = [link.get_attribute("href") for link in found.locator("a").all()]
    assert 12 == len(ends)
    assert [1] * 12 == [found.locator(end).count() for end in ends]


def test_it_says_all_without_javascript(browser: Any, written: str) -> None:
    """With scripts off the charts and the sentence are there, and nothing was asked of the network."""
    context = browser.new_context(java_script_enabled=False)
    asked: list[str] = []
    found = context.new_page()
    found.on("request", lambda request: asked.append(request.url))
    found.goto(written)
    assert 4 == found.locator("svg:visible").count()
    assert "odds against a healthy candidate" in found.locator(".lead").inner_text()
    assert [written] == asked
