"""The charts of a release: what cannot be drawn is marked, and is never left out."""

from __future__ import annotations

import re
from math import inf

from hypothesis import given
from hypothesis import strategies as st

from penstock.core.latency import Latency
from penstock.core.reading import Reading
from penstock.core.report_series import Mark, Series, series_of
from penstock.render.charts import charts

QUICK: Latency = ((10_000.0, 20),)
HANGS: Latency = ((10_000.0, 19), (inf, 1))


def series(candidate: list[Latency]) -> Series:
    """Seconds in which stable is quick, and the candidate took so long."""
    made = [Reading("web", name, float(n), n + 1.0, 20, 0, latency=times, duration_us=1)
            for n, one in enumerate(candidate) for name, times in (("c", one), ("s", QUICK))]  # fmt: skip
    return series_of(made, [], [Mark(0.0, "shift", "10 %", 100)], "c", 100.0, 20.0)


def chart(found: Series, title: str) -> tuple[str, str]:
    """The words under a chart, and the chart as it is drawn for a page."""
    words, svg = next((words, svg) for name, words, svg in charts(found) if name == title)
    return words, svg.split("</svg>")[0]


@given(st.lists(st.sampled_from([QUICK, HANGS]), min_size=1, max_size=30))
def test_every_second_that_hangs_is_marked(times: list[Latency]) -> None:
    """No second is lost: each has its time or is said to have none, in the data and as a cross at the chart's top."""
    found = series(times)
    hung = times.count(HANGS)
    assert len(times) == len(found.p99_ms.candidate) + len(found.unanswered.candidate)
    assert [0.05] * hung == [share for _, share in found.unanswered.candidate]
    words, svg = chart(found, "Response time, 99 of 100")
    assert hung == svg.count("cross candidate")
    assert (hung > 0) == ("not answered in time" in words)


def test_no_line_is_drawn_across_a_hang() -> None:
    """Three quick seconds around a hanging one are two lines, not one."""
    _, svg = chart(series([QUICK, QUICK, HANGS, QUICK]), "Response time, 99 of 100")
    drawn = re.search(r'class="line candidate" d="([^"]+)"', svg)
    assert drawn
    assert 2 == drawn[1].count("M")
    _, svg = chart(series([QUICK, QUICK, QUICK]), "Response time, 99 of 100")
    assert "cross" not in svg


def test_dotted_lines_are_explained() -> None:
    """What the lines through all charts are stands under the first one."""
    words, _ = chart(series([QUICK]), "Traffic to the candidate")
    assert words.endswith("Dotted lines, here and below: the traffic was moved.")
