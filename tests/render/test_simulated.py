"""The page of a simulation: whole in a real browser, and what its charts say is in words, too."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from penstock.core import data
from penstock.core.simulated import Compared, Fault, Found, Good, Increment, Judge, Sighting, Spread, Traffic
from penstock.render.picture import text_of
from penstock.render.simulated import backs, table
from penstock.render.simulated_charts import COUNTS, Row, spreads
from penstock.render.simulated_page import page

GOLDEN = Path(__file__).parent / "golden/simulated.txt"
CHROMIUM = shutil.which("chromium")
NAMES = ("2x the errors, 0.1 % to 0.2 %", "10x the errors, 0.1 % to 1 %")


def found() -> Found:
    """A simulation made up by hand: a fault inside the margin, one that is found, one that never is."""
    inside = Fault(NAMES[0], 2.0, 1.0, 0.0, True, False, 200, 1, 190, 9, None, None, None, None, None)
    seen = Fault(NAMES[1], 10.0, 1.0, 0.0, False, True, 200, 190, 10, 0, Spread(160, 60, 150, 330), Spread(8, 2, 7, 15),
                 175.0, 127.0, 5.7)  # fmt: skip
    never = replace(seen, name="twice as <slow>", found=0, found_s=None, harmed=None, predicted_s=None, limit_s=None,
                    least_harmed=None)  # fmt: skip
    judges = tuple(
        Judge(name, f"the rule of {name}", "somewhere", 3, 0.02, tuple(Sighting(one, n, s, 9.0) for one in NAMES))
        for name, n, s in (("this policy", 200, 150.0), ("a peer", 0, None))
    )
    return Found(
        1, "production", 5, 0.01, "1.5x + 0.05pp", (Increment(0.05, 600, True), Increment(0.5, 600, False)), 7200.0,
        Traffic(100.0, 0.001, 20.0, 180.0, 1.5, "as asked"), Good(1000, 2, 0.008, 3, 995, Spread(150, 90, 110, 270)),
        (inside, seen, never), Compared(400, 200, 3600.0, judges), ("a fault needs about 3 min",), ("the bake",),
    )  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("needs Debian's chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        launched = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1400])
def test_nobody_is_left_out(browser: Any, tmp_path: Path, width: int, scheme: str) -> None:
    """No finding of axe-core, and the page itself never scrolls sideways, at two widths, in light and dark."""
    from axe_playwright_python.sync_playwright import Axe

    path = tmp_path / "found.html"
    path.write_text(page(found()))
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=True)
    opened = context.new_page()
    opened.goto(path.as_uri())
    assert [] == [(v["impact"], v["id"]) for v in Axe().run(opened).response["violations"]]
    assert width >= opened.evaluate("document.documentElement.scrollWidth")
    context.close()


def test_what_the_policy_allows_is_said_and_not_drawn() -> None:
    """A fault inside the margin is named as no fault by the policy, and no chart has a row for it."""
    text = page(found())
    assert "Not a fault by your policy, its margins allow it: 2x the errors" in text
    assert [] == [svg for svg in text.split("<svg")[1:] if "2x the errors" in svg.split("</svg>")[0]]


def test_words_from_outside_are_escaped() -> None:
    """Names are text, in the tables, in the charts and in what is read aloud."""
    text = page(found())
    assert "<slow>" not in text
    assert "twice as &lt;slow&gt;" in text


def test_what_was_never_found_has_no_dot() -> None:
    """A row without figures has its name and its note; a chart without any figure is none."""
    rows = [Row("a", "5", 5.0, 2.0, 9.0, 6.0, 3.0), Row("b", "never")]
    svg = spreads("harm", rows, COUNTS, str)
    for drawn in svg.split("</svg>")[:2]:  # for a page, and for a telephone
        assert (1, 1, 2) == (drawn.count("<circle"), drawn.count('class="bar"'), drawn.count('class="name"'))
    assert 'aria-label="harm. a: 5; b: never"' in svg
    assert "" == spreads("harm", rows[1:], COUNTS, str)


def test_more_stands_further_right() -> None:
    """On the axis a larger figure is never left of a smaller one, and none is outside the chart."""
    rows = [Row(str(n), "", float(n)) for n in (0, 1, 7, 90, 4000, 10**12)]
    svg, small, _ = spreads("harm", rows, COUNTS, str).split("</svg>")
    places = [float(part.split('"')[0]) for part in svg.split('cx="')[1:]]
    assert sorted(places) == places
    assert 216 <= places[0] < places[-2] < places[-1] <= 760 - 150
    places = [float(part.split('"')[0]) for part in small.split('cx="')[1:]]
    assert sorted(places) == places
    assert 0 < places[0] < places[-1] < 360


def test_the_table_is_as_it_was() -> None:
    """The whole text is the golden one, and the figures come back from JSON as they were."""
    told = "".join(f"{text_of(spans).rstrip()}\n" for spans in table(found()))
    assert GOLDEN.read_text() == told
    assert found() == data.load(Found, data.dump(found()))


@pytest.mark.parametrize("cells", [60, 80, 120])
def test_nothing_is_wider_than_the_terminal(cells: int) -> None:
    """Sentences are folded and columns cut: no line is longer than the terminal is wide."""
    assert cells >= max(len(text_of(spans)) for spans in table(found(), cells))


def test_figures_keep_their_units() -> None:
    """No line ends between a figure and its unit, whatever the width; a name that ends in a figure is told from the next."""
    seen = found()
    for cells in range(40, 121, 7):
        lines = [text_of(spans) for spans in table(seen, cells)]
        assert [] == [text for text in lines if text.lstrip().startswith(("% ", "%,", "s,", "min,"))]
        assert not any("\N{NO-BREAK SPACE}" in text for text in lines)
    assert f"by {seen.compared.judges[0].name}: " in backs(seen)
