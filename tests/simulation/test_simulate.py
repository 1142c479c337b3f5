"""`penstock simulate` as people and programs use it: what it begins with, what it refuses, and what it prints."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from jsonschema import Draft202012Validator

from penstock import shell
from penstock.cli import root
from penstock.core.history import History
from penstock.core.known import Known
from penstock.core.reading import Reading
from penstock.errors import UsageError
from penstock.manifest.verdict import Verdict
from penstock.simulating import Asked, Past, per_request, study_of
from penstock.testing.simulation import environment
from tests.cli import beside, penstock
from tests.site import Site

DOCS = Path(__file__).parents[2] / "docs/reference"
SCHEMA = json.loads((DOCS / "simulation.schema.json").read_text())
LATENCY = Verdict.model_validate({"latency": {"p99": {"against_stable": "1.3x"}}, "undecided": {"hold": "60s"}})
ORDERS = {"is": "rate", "query": "orders_total", "at_least_of_stable": "0.8x"}
RATES = Verdict.model_validate({"measures": {"orders": ORDERS}, "undecided": {"hold": "60s"}})
OWN = Verdict.model_validate({"traffic": {"get": ["/"], "rps": 5}, "undecided": {"hold": "60s"}})
PAST = Past(Known(History(40.0, 0.002, 20, 7200.0, 10_000), errors=3.0))
CANARY = '{is: canary, increments: ["10% up to 1m", "50% up to 1m"]}'


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    yield site
    site.close()


def simulate(site: Site, monkeypatch: pytest.MonkeyPatch, *words: str) -> Result:
    """Run it in the site's checkout, in this process."""
    monkeypatch.chdir(site.repository)
    return CliRunner().invoke(root, ["simulate", "--to", "production", *words])


def test_the_past_says_the_traffic() -> None:
    """Without options the traffic, the errors and their clusters are those of the past."""
    study = study_of(environment(), PAST, Asked())
    assert (40.0, 2.0) == (study.service.rps, study.cluster)
    assert 0.002 == pytest.approx(study.service.error_rate, rel=0.1)
    assert 3.0 == study.policy.dispersion
    assert "requests/s of the last 2 h, errors of the last 2 h" == study.of


def test_what_is_said_goes_before_the_past() -> None:
    """Each option takes the place of what the past says, and of nothing else."""
    study = study_of(environment(), PAST, Asked(rps=7.0))
    assert 7.0 == study.service.rps
    assert 0.002 == pytest.approx(study.service.error_rate, rel=0.1)
    study = study_of(environment(), PAST, Asked(error_rate=0.05))
    assert (40.0, pytest.approx(0.05, rel=0.01)) == (study.service.rps, study.service.error_rate)
    assert "requests/s of the last 2 h, errors as asked" == study.of


@pytest.mark.parametrize(
    ("past", "asked", "missing"),
    [
        (Past(unknown="the source is down"), Asked(), "--rps 50 --error-rate 0.1%"),
        (Past(), Asked(rps=5.0), "--error-rate 0.1%"),
        (Past(), Asked(error_rate=0.1), "--rps 50"),
        (Past(Known(History(0.0, 0.0, 0, 3600.0, 0))), Asked(), "--rps 50 --error-rate 0.1%"),
    ],
)
def test_what_is_not_known_must_be_said(past: Past, asked: Asked, missing: str) -> None:
    """Where the past says too little, the error names the options that say it, and why they are needed."""
    with pytest.raises(UsageError) as refused:
        study_of(environment(), past, asked)
    assert ("no-traffic-known", f"say it: {missing}") == (refused.value.code, refused.value.next)
    assert (past.unknown or "there were no requests") == refused.value.why


def test_what_the_past_does_not_say_of_clusters_is_said() -> None:
    """Where nothing is known of clusters, errors come one by one, and that is among what was left out."""
    study = study_of(environment(), Past(unknown="nothing yet"), Asked(rps=5.0, error_rate=0.01))
    assert 1.0 == study.cluster
    assert "errors come one by one" in study.left_out[0]


def test_only_a_canary_is_simulated() -> None:
    """A rollout that compares nothing has no verdict to try."""
    with pytest.raises(UsageError) as refused:
        study_of(environment("rolling"), PAST, Asked())
    assert "nothing-to-simulate" == refused.value.code


def test_response_times_follow_what_was_said() -> None:
    """The law goes through the quantiles that were said; the policy then judges them, and else says that it does not."""
    asked = environment().model_copy(update={"verdict": LATENCY})
    study = study_of(asked, PAST, Asked(times_ms={0.5: 20.0, 0.99: 180.0}))
    assert [20_000, 180_000] == [pytest.approx(study.service.quantile_us(share)) for share in (0.5, 0.99)]
    assert ["p99"] == [rule.name for rule in study.policy.latency]
    assert () == study.left_out
    without = study_of(asked, PAST, Asked())
    assert () == without.policy.latency
    assert "--latency" in without.left_out[0]
    timed = replace(PAST, timed=History(40.0, 0.002, 20, 7200.0, 10_000, p50_ms=10.0, p95_ms=30.0, p99_ms=float("inf")))
    assert 30_000 == pytest.approx(study_of(asked, timed, Asked()).service.quantile_us(0.95))


def test_a_long_rollout_gets_fewer_runs_and_looks() -> None:
    """So that there is an answer soon: fewer releases unless somebody says how many, and longer windows, which is said."""
    brief, long = (environment({"is": "canary", "increments": [f"10% for {hours}h"]}) for hours in (1, 72))
    study = study_of(long, PAST, Asked())
    assert 1000 > study.runs
    assert 5000 == study_of(long, PAST, Asked(runs=5000)).runs
    assert (1, 30) == (study_of(brief, PAST, Asked()).look_s, study.look_s)
    said = (
        "seconds: the evidence is looked at every 30 s for the most part, and what is found later than 30 min after its"
        " beginning is found up to seven looks late"
    )
    assert (said,) == study.left_out


def test_rates_need_a_past_that_tells_them() -> None:
    """How many events a request brings is what stable told; where it told nothing, the rate is left out, and that is said."""
    asked = environment().model_copy(update={"verdict": RATES})
    study = study_of(asked, replace(PAST, events={"orders": 0.2}), Asked())
    assert (["orders"], ()) == ([rule.name for rule in study.policy.rates], study.left_out)
    assert {"orders": 0.2} == study.service.events
    without = study_of(asked, PAST, Asked())
    assert ((), 1) == (without.policy.rates, len(without.left_out))
    assert "counts per request: orders; the past does not say how many there are" in without.left_out[0]


def test_events_are_counted_where_stable_told_them() -> None:
    """Requests whose events nobody told, and those of others or of our own, are not reckoned with."""
    one = Reading("web", "old", 0.0, 1.0, 100, 0, 1, events=(("orders", 20),))
    past = [one, replace(one, events=()), replace(one, revision="new"), replace(one, synthetic=True),
            replace(one, requests=300, events=(("orders", 20),))]  # fmt: skip
    assert {"orders": 0.1} == per_request(past, "old", ["orders", "payments"])


def test_requests_of_our_own_are_simulated() -> None:
    """`traffic:` sends its requests on paper, too."""
    asked = environment().model_copy(update={"verdict": OWN})
    study = study_of(asked, PAST, Asked())
    assert (True, 5.0, ()) == (study.policy.traffic, study.service.own_rps, study.left_out)


def test_json_is_as_its_schema_says(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it prints for programs is valid, and the schema refuses what is not."""
    Draft202012Validator.check_schema(SCHEMA)
    valid = Draft202012Validator(SCHEMA)
    (site.repository / "penstock.yaml").write_text(site.manifest(rollout=CANARY))
    words = ("--rps", "100", "--error-rate", "1%", "--runs", "20", "--json")
    done = simulate(site, monkeypatch, *words)
    assert 0 == done.exit_code, done.output
    told = json.loads(done.stdout)
    assert [] == [error.message for error in valid.iter_errors(told)]
    assert [("production", 20)] == [(told["environment"], told["good"]["runs"])]
    assert not valid.is_valid({**told, "rumour": 1})
    assert not valid.is_valid({**told, "good": {**told["good"], "at_most": 2}})
    assert done.stdout == simulate(site, monkeypatch, *words).stdout


def test_progress_is_told_beside_the_answer(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five lines for a log, on the error stream; the answer is on the other, and the page where it was asked for."""
    (site.repository / "penstock.yaml").write_text(site.manifest(rollout=CANARY))
    done = simulate(site, monkeypatch, "--rps", "100", "--error-rate", "1%", "--runs", "20", "--html", "out.html")
    assert 0 == done.exit_code, done.output
    assert ["0 %", "25 %", "50 %", "75 %", "100 %"] == [text.split(": ")[1] for text in done.stderr.splitlines()]
    assert "Good releases" in done.stdout
    assert "<svg" in (site.repository / "out.html").read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--error-rate", "0.2"], "write it with its %"),
        (["--rps", "nan"], "it is not a number of requests"),
        (["--error-rate", "2"], "no share of requests"),
        (["--error-rate", "1.2.3"], "no share of requests"),
        (["--error-rate", "0"], "no share of requests"),
        (["--latency", "p50=20ms"], "not two or three of p50"),
        (["--latency", "p50=200ms,p99=20ms"], "not two or three of p50"),
        (["--latency", "fast"], "not two or three of p50"),
        (["--rps", "0"], "--rps"),
        (["--runs", "1"], "--runs"),
    ],
)
def test_words_that_say_nothing_are_refused(
    site: Site, monkeypatch: pytest.MonkeyPatch, words: list[str], said: str
) -> None:
    """An option that cannot be is refused in a sentence, before anything is read."""
    done = simulate(site, monkeypatch, *words)
    assert 2 == done.exit_code
    assert said in done.output


def test_errors_are_said_to_people(site: Site) -> None:
    """An unknown environment, an unknown traffic and a folder that is not there: a sentence each, and exit code 2."""
    (site.repository / "penstock.yaml").write_text(site.manifest(rollout=CANARY))
    for words, code in (
        (("--to", "nowhere"), "no-environment"),
        (("--to", "production"), "no-traffic-known"),
        (("--to", "production", "--rps", "9", "--error-rate", "1%", "--html", "no/where.html"), "cannot-write"),
    ):
        done = penstock(site, "simulate", *words)
        assert (2, True) == (done.code, code in done.err), done.err
        assert "Traceback" not in done.err


def test_it_can_be_stopped(site: Site) -> None:
    """Ctrl-C ends it at once, without a traceback and without an answer."""
    (site.repository / "penstock.yaml").write_text(site.manifest(rollout=CANARY))
    going = beside(site, "simulate", "--to", "production", "--rps", "1", "--error-rate", "1%", "--runs", "20000")
    assert going.stderr is not None
    assert "0 %" in going.stderr.readline()
    going.send_signal(signal.SIGINT)
    out, err = going.communicate(timeout=8)
    assert (130, "") == (going.returncode, out)
    assert "Traceback" not in err


def test_numpy_is_loaded_by_the_simulation_alone() -> None:
    """Neither the verb's own file nor the other verbs load numpy: their start is not what it would cost."""
    code = (
        "import sys, importlib\n"
        "for name in ('simulate', 'plan', 'check', 'status', 'release'): importlib.import_module(f'penstock.cli.{name}')\n"
        "print([one for one in ('numpy', 'penstock.simulation') if one in sys.modules])"
    )
    done = shell.run([sys.executable, "-c", code])
    assert "[]" == done.out.strip(), done.err
