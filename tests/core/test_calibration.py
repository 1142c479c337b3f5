"""What stable held against itself teaches: clusters are seen, margins hold, and a patch is a manifest."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from penstock.core import data
from penstock.core.calibration import MARGINS, Calibration, calibrated, reckoned_with
from penstock.core.known import NOTHING_KNOWN, Known
from penstock.core.latency import bucket_of
from penstock.core.policy import LatencyRule, Policy
from penstock.core.reading import Reading
from penstock.core.replay import Rules
from penstock.manifest.verdict import Verdict
from penstock.render.calibration import markdown, patch, text
from penstock.testing.metrics import poisson

POLICY = Policy(latency=(LatencyRule(0.95, ratio=1.1),))


def rules(policy: Policy = POLICY) -> Rules:
    """Only what a calibration asks of its plan: who the arms are."""
    plan: Any = SimpleNamespace(candidate=SimpleNamespace(id="copy"), stable=SimpleNamespace(id="stable"))
    return Rules(plan, policy, (), 0.0)


def readings(
    seconds: int = 240, *, rps: float = 500.0, share: float = 0.3, rate: float = 0.005, mean: float = 1.0, seed: int = 1,
    worse: float = 1.0, slower: float = 0.0,
) -> list[Reading]:  # fmt: skip
    """Both arms, a reading a second: errors in clusters of a geometric size; `worse` and `slower` are the copy's factors."""
    random, found = Random(f"{seed}/{mean}/{rate}"), []
    for second in range(seconds):
        for arm, part, factor, slow in (("copy", share, worse, slower), ("stable", 1 - share, 1.0, bool(slower))):
            requests = poisson(random, rps * part)
            clusters = poisson(random, requests * rate * factor / mean)
            errors = sum(_size(random, mean) for _ in range(clusters))
            latency = _times(random, requests, 20_000 * slow) if slow else ()
            found.append(Reading("web", arm, second, second + 1, requests, min(requests, errors), 1, latency=latency))
    return found


def _size(random: Random, mean: float) -> int:
    size = 1
    while random.random() > 1 / mean:
        size += 1
    return size


def _times(random: Random, requests: int, middle_us: float) -> tuple[tuple[float, int], ...]:
    counts: dict[float, int] = {}
    for _ in range(requests):
        edge = bucket_of(middle_us * random.lognormvariate(0, 0.5))
        counts[edge] = counts.get(edge, 0) + 1
    return tuple(sorted(counts.items()))


def learned(policy: Policy = POLICY, **how: Any) -> Calibration:
    found = calibrated(rules(policy), readings(**how))
    assert found, "both arms had requests"
    return found


@pytest.mark.parametrize("seed", range(3))
def test_plain_traffic_changes_nothing(seed: int) -> None:
    """Where errors come one by one and both arms are alike, there are no clusters, the margins hold, and no patch."""
    found = learned(seed=seed)
    assert (1.0, {}, True, False) == (found.errors, found.patch, found.holds, found.convicted)
    assert "" == patch(found)
    assert found.accepted_s is not None


def test_clusters_are_learned_not_allowed() -> None:
    """Clusters of four: stable is nearly or wholly convicted as if errors were single; once they are known the margin holds."""
    for seed in range(3):
        found = learned(mean=4.0, rate=0.02, seed=seed)
        assert 4 < found.errors < 11
        assert {} == found.patch, found.reasons
        assert found.by_margin < 3


@pytest.mark.parametrize("worse", [2.5, 5.0])
def test_hosts_that_differ_need_a_margin(worse: float) -> None:
    """A copy that fails more often for its host's sake: the patch allows that much, and leaves room to accept it."""
    found = learned(worse=worse, rate=0.02, seconds=120)
    assert found.convicted
    assert found.held
    assert found.by_margin > 100
    assert found.held.edge(0.02) > 0.02 * worse * 0.9
    assert found.promote_at.ratio >= found.held.ratio
    assert "against_stable" in str(found.patch)


def test_what_no_margin_allows_is_not_proposed() -> None:
    """Where none of the margins holds, nothing is proposed, and that is said."""
    found = learned(worse=30.0, rate=0.01, seconds=60)
    assert (None, {}, False) == (found.held, found.patch, found.holds)
    assert "no margin that was tried holds" in text(found)


@pytest.mark.parametrize(("slower", "least"), [(1.0, 1.05), (1.3, 1.25)])
def test_slow_hosts_need_a_factor(slower: float, least: float) -> None:
    """Arms that are equally fast hold; a host that is slower by 30 % needs a factor of about that."""
    found = learned(seconds=100, slower=slower)
    one = found.quantiles[0]
    assert one.held
    assert one.held >= least
    assert (slower > 1) == ("latency" in found.patch)
    assert one.candidate_us
    assert one.stable_us


def test_silence_teaches_nothing() -> None:
    """Without a request on both arms in the same windows, or without a stable arm, there is no calibration."""
    assert calibrated(rules(), []) is None
    assert calibrated(rules(), [one for one in readings(20) if one.revision == "stable"]) is None
    assert calibrated(rules(Policy(compared=False)), readings(20)) is None


@settings(max_examples=25, deadline=None)
@given(
    worse=st.floats(0.2, 12), rate=st.floats(0, 0.05), mean=st.sampled_from([1.0, 3.0]), seed=st.integers(0, 9),
    ratio=st.sampled_from([1.0, 1.5, 2.5]), points=st.sampled_from([0.0, 0.0005, 0.004]),
)  # fmt: skip
def test_a_patch_is_a_manifest_and_only_widens(
    worse: float, rate: float, mean: float, seed: int, ratio: float, points: float
) -> None:
    """Whatever was seen: the patch is YAML that `verdict` reads, never tighter than what it replaces, and survives storage."""
    policy = Policy(ratio=ratio, points=points)
    found = learned(policy, seconds=40, rps=200, worse=worse, rate=rate, mean=mean, seed=seed)
    assert found == data.load(Calibration, data.dump(found))
    assert (5 if found.is_enough else 2) <= len(found.reasons)
    if not found.patch:
        return
    assert found.by_margin >= 3
    written = YAML(typ="safe").load(patch(found))["verdict"]
    errors = Verdict.model_validate(written).errors
    assert errors.against_stable.ratio >= ratio
    assert errors.against_stable.points >= points
    assert f"```yaml\n{patch(found)}\n```" in markdown(found)


def test_margins_are_a_ladder() -> None:
    """Each margin that is tried is wider than the one before: the first that holds is the least."""
    assert all(a.ratio < b.ratio and a.points < b.points for a, b in pairwise(MARGINS))


def test_the_larger_number_counts() -> None:
    """History and calibration: each may have seen clusters that the other has not; that one saw none is no knowledge."""
    found = replace(learned(seconds=60, mean=4.0, rate=0.05), slow={0.95: 3.0})
    assert found.errors > 2
    assert NOTHING_KNOWN == reckoned_with(NOTHING_KNOWN, None)
    assert NOTHING_KNOWN == reckoned_with(NOTHING_KNOWN, replace(found, errors=1.0, slow={0.95: 1.0}))
    assert Known(errors=found.errors, slow={0.95: 3.0}) == reckoned_with(NOTHING_KNOWN, found)
    assert Known(errors=99.0, slow={0.99: 2.0, 0.95: 9.0}) == reckoned_with(
        Known(errors=99.0, slow={0.99: 2.0, 0.95: 9.0}), found
    )
