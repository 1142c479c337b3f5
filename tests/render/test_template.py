"""A team's own form of the report: the report's names and nothing else, and no way out of the template."""

from __future__ import annotations

import pytest

from penstock.core.report import Report, tell
from penstock.errors import UserError
from penstock.render.template import NAMES, check, fill
from penstock.render.words import span
from tests.render.test_report import rolled_back


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    return tell(rolled_back(tmp_path_factory.mktemp("template")))


def test_it_is_filled_with_what_the_report_says(report: Report) -> None:
    """Names and filters give the report's own values."""
    text = (
        "{{ headline }}|{{ duration_s | span }}|{{ harmed | count }}|{% for arm in arms %}{{ arm.role }} {% endfor %}"
    )
    assert f"{report.headline}|{span(report.duration_s)}|{report.harmed}|candidate stable " == fill(
        text, report, "t.j2"
    )


def test_an_unknown_name_is_said_before_anything_starts() -> None:
    """A name that reports do not have: the nearest one, and the whole list."""
    with pytest.raises(UserError) as caught:
        check("{{ duraton_s }}", "t.j2")
    assert "template-name" == caught.value.code
    assert "duration_s" in caught.value.next
    assert all(name in caught.value.why for name in NAMES)


@pytest.mark.parametrize(
    "text",
    [
        "{% for", "{{ arms.nothing.more }}", "{{ 1 / 0 }}", "{{ headline.__class__.__mro__ }}", "{% include 'x' %}",
        "{{ ''.__class__.__base__.__subclasses__() }}", "{% for a in range(10**9) %}{{ a }}{% endfor %}",
        "{{ sentence.format_map({}) }}" * 2 + "{{ 'x' * 3000000 }}", "{% import 'os' as os %}",
    ],
)  # fmt: skip
def test_nothing_gets_out(report: Report, text: str) -> None:
    """What is broken, reaches for Python, or never ends, is an error of the template with its place."""
    with pytest.raises(UserError) as caught:
        fill(text, report, "t.j2")
    assert caught.value.code in ("template", "template-name")
    assert "t.j2" in caught.value.where
