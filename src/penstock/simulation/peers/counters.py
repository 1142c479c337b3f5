"""Thresholds with a counter: how Argo Rollouts, Flagger and CloudWatch alarms judge. By behaviour, not by their code."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from penstock.simulation.peers.traces import Bools, Ints, Traces, first, share, trailing


@dataclass(frozen=True)
class SuccessRate:
    """Argo Rollouts: measures the candidate's success rate of the last interval, and counts the measurements that failed.

    It aborts once more than `failure_limit` have failed, in a row or not. A measurement without requests is an error here, and
    `error_limit` + 1 of these in a row abort too (consecutiveErrorLimit, default 4). That is the reading that is kind to it: a
    PromQL ratio that answers NaN instead makes `result >= 0.95` false, a failed measurement (`silence_fails`).
    """

    at_least: float = 0.95
    interval_s: int = 300
    failure_limit: int = 3
    error_limit: int = 4
    silence_fails: bool = False
    source: str = "argoproj/argo-rollouts docs/features/analysis.md; analysis/analysis.go"

    @property
    def name(self) -> str:
        return f"Argo Rollouts {self.at_least:.4g}, limit {self.failure_limit}"

    @property
    def described(self) -> str:
        return (
            f"success rate of the candidate at least {100 * self.at_least:g} %, measured every {self.interval_s} s; "
            f"more than {self.failure_limit} failed measurements abort"
        )

    def rolled_back_at(self, traces: Traces) -> Ints:
        looks = traces.by(self.interval_s)
        silent = looks.n_c == 0
        failed = share(looks.n_c - looks.k_c, looks.n_c) < self.at_least
        if self.silence_fails:
            failed, silent = failed | silent, np.zeros_like(silent)
        in_a_row = trailing(silent.astype(np.int64), self.error_limit + 1)
        return first((np.cumsum(failed, axis=1) > self.failure_limit) | (in_a_row > self.error_limit), self.interval_s)


@dataclass(frozen=True)
class FailedChecks:
    """Flagger: each minute one check of the candidate's success rate and 99th percentile; a success takes no failure back.

    A minute without requests has no values and is a failed check. It rolls back at `threshold` failed checks. Where the traces
    have no latency, only the success rate is checked, which favours Flagger.
    """

    threshold: int = 10
    min_success: float = 0.99
    max_p99_ms: float = 500.0
    source: str = "fluxcd/flagger docs/gitbook/usage/how-it-works.md; pkg/controller/scheduler.go"

    @property
    def name(self) -> str:
        return f"Flagger, threshold {self.threshold}"

    @property
    def described(self) -> str:
        return (
            f"each minute at least {100 * self.min_success:g} % success and a 99th percentile of at most {self.max_p99_ms:g} ms "
            f"on the candidate; {self.threshold} failed checks roll back, no values is a failed check"
        )

    def rolled_back_at(self, traces: Traces) -> Ints:
        looks = traces.minutes
        failed: Bools = ~(share(looks.n_c - looks.k_c, looks.n_c) >= self.min_success)
        if looks.p99_c_ms is not None:
            failed |= ~(looks.p99_c_ms <= self.max_p99_ms)
        return first(np.cumsum(failed, axis=1) >= self.threshold, 60)


@dataclass(frozen=True)
class ErrorAlarm:
    """AWS CodeDeploy: stops when a CloudWatch alarm goes off; the alarm of the sample is any error in consecutive minutes."""

    more_than: int = 0
    periods: int = 2
    source: str = "aws-samples/aws-serverless-cicd-workshop workshop/content/canaries/monitor; CodeDeploy monitoring-create-alarms"

    @property
    def name(self) -> str:
        return "CodeDeploy, sample alarm"

    @property
    def described(self) -> str:
        return f"more than {self.more_than} errors of the candidate in each of {self.periods} minutes in a row"

    def rolled_back_at(self, traces: Traces) -> Ints:
        breaching = (traces.minutes.k_c > self.more_than).astype(np.int64)
        return first(trailing(breaching, self.periods) >= self.periods, 60)
