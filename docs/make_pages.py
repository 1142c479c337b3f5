"""The report's page as a reader sees it, in a real browser (Debian's chromium) at three widths, light and dark."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from penstock.core.report import tell
from penstock.render.page import page
from tests.render.test_report import rolled_back

PICTURES = Path(__file__).parent / "pictures"
SIZES = ((390, 1400, "light"), (820, 1500, "light"), (1400, 1600, "light"), (1400, 1600, "dark"))


def main() -> None:
    """A release that the verdict sent back, on paper: the same at every run."""
    folder = Path(tempfile.mkdtemp())
    path = folder / "report.html"
    path.write_text(page(tell(rolled_back(folder))))
    chromium = shutil.which("chromium")
    assert chromium, "Debian's chromium draws the pages: apt-get install chromium"
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for width, height, scheme in SIZES:
            context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
            shown = context.new_page()
            shown.goto(path.as_uri())
            shown.screenshot(path=PICTURES / f"report-{width}-{scheme}.jpg", type="jpeg", quality=72)
            context.close()
        browser.close()


if __name__ == "__main__":
    main()
