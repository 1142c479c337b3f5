"""What the verdict judged, as the report shows it: every channel with its counts, on the page and in Markdown."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path

import pytest

from penstock.core.eprocess import NOTHING, Counts
from penstock.core.latency import bucket_of
from penstock.core.policy import Policy
from penstock.core.report import Known, tell
from penstock.core.report_evidence import Channel, channels_of, slow_beyond
from penstock.core.verdict import judge, start
from penstock.manifest.bake import BakePeriod
from penstock.records.known import known
from penstock.render.judged import TITLE, rows, standing_out, weighed
from penstock.render.page import page
from penstock.render.page_parts import inline, table
from penstock.render.report import markdown
from penstock.render.words import figure, milliseconds, share, unbroken
from penstock.testing.simulation import Simulation, environment
from tests.render.careful import careful
from tests.render.test_report import HOSTILE
from tests.render.timed import timed


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Known:
    return timed(tmp_path_factory.mktemp("slow"))


def test_every_channel_stands_there_with_its_counts(slow: Known) -> None:
    """Errors, quantiles, limits and rates: what was counted on both arms, and what it came to, in both forms."""
    report = tell(slow)
    assert ["errors", "errors limit", "p50", "p99", "p99 limit", "orders"] == [one.name for one in report.judged]
    by_name = {row[0]: row for row in rows(report.judged)}
    quantile = next(one for one in report.judged if one.name == "p50")
    assert quantile.candidate.errors / quantile.candidate.requests == pytest.approx(0.2, abs=0.01)
    assert by_name["`p50`"][2].endswith("(20 %)")
    assert by_name["`p50`"][1].startswith("slower than stable's p50 (candidate: 1.1x + 5 ms); ")
    assert by_name["`p99 limit`"][1].startswith("slower than 800 ms; ")
    assert "–" == by_name["`p99 limit`"][5]
    for row in rows(report.judged):
        assert f"| {' | '.join(row)} |" in markdown(report)
        assert f'<td class="n" data-head="candidate"><span>{unbroken(row[2])}</span></td>' in page(report)


def test_a_quantile_has_its_three_times(slow: Known) -> None:
    """Stable's, the limit that follows from the margin, and the candidate's own: an acceptance can be checked."""
    report = tell(slow)
    by_name = {one.name: one for one in report.judged}
    times = by_name["p50"].times
    assert times is not None
    assert times.stable_us == times.candidate_us == bucket_of(20_000.0)
    assert times.limit_us == pytest.approx(1.1 * bucket_of(20_000.0) + 5000)
    assert rows(report.judged)[2][1].endswith("; stable's was 20.5 ms, the limit 27.6 ms, the candidate's own 20.5 ms")
    assert by_name["p99 limit"].times == replace(by_name["p99"].times, limit_us=None)  # type: ignore[type-var]
    assert by_name["errors"].times is None


def test_a_quantile_that_was_not_answered_in_time_is_said(slow: Known) -> None:
    """A candidate whose slowest hang has no p99, and no time of its own is made up."""
    hung = [
        replace(one, latency=((math.inf, one.requests),)) if one.revision == slow.row["revision"] else one
        for one in slow.readings
    ]
    told = rows(tell(replace(slow, readings=hung)).judged)[2][1]
    assert told.endswith("the candidate's own not answered in time")


def test_the_weights_of_the_channels_are_said(slow: Known) -> None:
    """How each channel's odds make up those of the headline, in both forms."""
    report = tell(slow)
    assert 1.0 == pytest.approx(sum(one.share or 0 for one in report.judged))
    odds = sum((one.share or 0) * one.odds for one in report.judged)
    assert odds == pytest.approx(slow.row["facts"]["live"]["odds"])
    assert "8/15 `errors`" in weighed(report.judged)
    assert weighed(report.judged) in markdown(report)


def test_nothing_judged_has_no_section(slow: Known) -> None:
    """No heading stands over nothing, and the limit counts what it judged without stable."""
    report = tell(slow)
    empty = tuple(replace(one, candidate=NOTHING) for one in report.judged)
    assert TITLE not in markdown(replace(report, judged=empty))
    assert TITLE in markdown(report)


def test_the_limit_counts_what_it_judged_without_stable() -> None:
    """Requests with none of stable's beside them are held against the limit, and compared with nothing."""
    policy = Policy()
    said = judge(policy, start(policy))
    told = {one.name: one.candidate for one in channels_of(policy, said, alone=Counts(40, 3))}
    assert {"errors": NOTHING, "errors limit": Counts(40, 3)} == told


@pytest.mark.parametrize(
    ("mean_ms", "odds", "said"), [(108.0, 1.0, True), (15.0, 1.0, False), (108.0, 50.0, False), (None, 1.0, False)]
)
def test_a_mean_that_no_quantile_heard_is_an_issue(mean_ms: float | None, odds: float, said: bool) -> None:
    """More than twice stable's mean is said where the judged quantiles did not object, and only there."""
    p95 = Channel("p95", "slower", Counts(116, 5), Counts(1166, 47), odds, 1.0, quantile=0.95, ratio=1.3)
    told = slow_beyond(mean_ms, 7.66, [p95])
    assert said == (told != "")
    assert not said or "108 ms on the candidate and 7.66 ms on stable" in told
    assert "" == slow_beyond(mean_ms, 7.66, [replace(p95, quantile=None)])


def test_what_stands_out_is_one_sentence_that_decides_nothing(slow: Known) -> None:
    """The channels at a false discovery rate of 5 %, in the report alone."""
    report = tell(slow)
    told = "Of 6 channels, `p50` stands out (e-BH, 5 % false discoveries); this decides nothing."
    assert told == standing_out(report.judged)
    assert told in markdown(report)
    assert "Of 6 channels, <code>p50</code> stands out" in page(report)
    assert "" == standing_out(report.judged[:1])
    assert "e-BH" not in report.sentence


def test_the_bake_is_told_apart(tmp_path: Path) -> None:
    """What judged the rollout stays there when the bake has judged as well, which has no stable arm."""
    from penstock.core import data
    from penstock.core.plan import Plan
    from penstock.release import bake
    from penstock.steps import Steps
    from penstock.testing.simulation import MemoryJournal

    sim = Simulation(tmp_path, asked=environment(bake=(BakePeriod.model_validate({"for": "60s"}),)))
    sim.release()
    before = known(sim.store, tmp_path / "evidence", 1, sim.clock.now())
    assert before
    assert not tell(before).judged_baking
    plan = {name: value for name, value in before.row["plan"].items() if name != "digest"}
    bake(Steps(sim.world(1), MemoryJournal().run), data.load(Plan, plan))
    after = known(sim.store, tmp_path / "evidence", 1, sim.clock.now())
    assert after
    report = tell(after)
    assert tell(before).judged == report.judged
    assert ["errors limit"] == [one.name for one in report.judged_baking]
    assert "### In the bake" in markdown(report)
    assert "<h3>In the bake</h3>" in page(report)


@pytest.mark.parametrize("make", [timed, careful], ids=lambda make: str(make.__name__))
def test_no_backtick_is_printed_on_the_page(make: object, tmp_path: Path) -> None:
    """What is code in the words is code on the page, and nothing else is markup."""
    made = page(tell(make(tmp_path)))  # type: ignore[operator]
    assert "`" not in made
    assert "`" not in inline(f"say `{HOSTILE}` and `penstock show`".replace("\n", " "))
    assert "<script" not in inline(f"say `{HOSTILE}`")
    assert "`&lt;" not in table(["a"], [["`<b>`"]])
    assert "<td><code>&lt;b&gt;</code></td>" in table(["a"], [["`<b>`"]])


@pytest.mark.parametrize(
    ("value", "figures", "said"),
    [(1234.5, 3, "1,230"), (12_345_678, 3, "12,300,000"), (0.0849, 2, "0.085"), (20, 3, "20"), (0, 3, "0"),
     (2.1e-82, 4, "0"), (0.00001, 3, "0.00001"), (100, 2, "100")],
)  # fmt: skip
def test_numbers_have_one_form(value: float, figures: int, said: str) -> None:
    """Thousands stand apart, and nobody is shown a power of ten."""
    assert said == figure(value, figures)


def test_shares_and_times_are_said_as_people_say_them() -> None:
    """All of something is 100 %, and a second and more are said in seconds."""
    assert ["100 %", "0.012 %", "–"] == [share(5, 5), share(12, 100_000), share(0, 0)]
    assert ["20 ms", "0.45 ms", "1.23 s"] == [milliseconds(value) for value in (20.0, 0.45, 1234.0)]


def test_one_count_has_one_form(slow: Known) -> None:
    """A number of requests is written alike wherever the page has it: with thousands apart."""
    report = tell(slow)
    words = re.sub(r"<svg.*?</svg>|<[^>]*>|[0-9a-f]{12,}|\d{4}-\d\d-\d\d", " ", page(report).partition("<body>")[2])
    assert not re.search(r"\d{4,}|\de[+-]\d", words)
    for arm in report.arms:
        assert f"{arm.requests:,}" in words
