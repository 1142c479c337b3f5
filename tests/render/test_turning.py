"""A drill and a calibration are never promoted, and no picture of theirs says that they might be."""

from __future__ import annotations

import pytest

from penstock.render.checklist import items
from penstock.render.live import screen
from penstock.render.picture import Screen, text_of
from penstock.render.waits import waiting
from tests.render.paper import Paper


@pytest.mark.parametrize(
    ("kind", "does", "then"),
    [("calibrate", "held against itself", "it goes back, as planned"),
     ("drill", "rehearsing its rollback", "it goes back, as rehearsed")],
)  # fmt: skip
def test_the_last_increment_ends_on_the_way_back(kind: str, does: str, then: str) -> None:
    """The wait at the last increment ends with going back, no line of the checklist is 100 %, and the state has its own word."""
    paper = Paper().build().canary()
    paper.tell(80, "watch:1:advance", "move", "advance: 5 %: the increment ended well").shift(80, 2, 1.0).watch(81, 100)
    paper.row |= {"kind": kind, "state": "rolling_out"}
    seen = paper.seen(100)
    wait = waiting(seen)
    assert wait is not None
    assert then == wait.then
    words = "\n".join(text_of(line) for line in screen(seen, Screen(120, 40)))
    assert "50 %" == items(seen)[-1].name
    assert "if it is accepted" not in words
    assert does in words
    paper.row["kind"] = "release"
    release = waiting(paper.seen(100))
    assert release is not None
    assert "100 %, if it is accepted" == release.then
