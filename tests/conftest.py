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


_WAIT = ("tests/stories/", "tests/docs/", "tests/crash/", "tests/demo/", "tests/providers/", "tests/conformance/")
_SOON = 0.8  # by then the last file that waits is begun: none is left to run by itself


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files whose tests mostly wait for processes are spread among those that reckon, so that no core is idle or fought over."""
    files: dict[str, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.nodeid.split("::")[0], []).append(item)
    waiting = [name for name in files if name.startswith(_WAIT)]
    others = [name for name in files if not name.startswith(_WAIT)]
    place = {name: _SOON * at / len(waiting) for at, name in enumerate(waiting)}
    place |= {name: at / len(others) for at, name in enumerate(others)}
    items[:] = [item for name in sorted(files, key=lambda name: place[name]) for item in files[name]]


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):  # type: ignore[no-untyped-def]
    """Where everything is installed, nothing may be skipped."""
    outcome = yield
    report = outcome.get_result()
    if report.skipped and os.environ.get("PENSTOCK_NO_SKIP") and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped where nothing may be skipped: {report.longrepr}"
