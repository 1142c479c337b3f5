"""What every test shares: a skip is a failure where PENSTOCK_NO_SKIP says so."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

# A time is never a law here: the machine that runs the tests may be busy. Examples are the same in every run, so that a change
# is judged by what it changed; `--hypothesis-profile explore` draws others.
settings.register_profile("penstock", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None)
settings.load_profile("penstock")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):  # type: ignore[no-untyped-def]
    """Where everything is installed, nothing may be skipped."""
    outcome = yield
    report = outcome.get_result()
    if report.skipped and os.environ.get("PENSTOCK_NO_SKIP") and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped where nothing may be skipped: {report.longrepr}"
