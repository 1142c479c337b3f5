"""The program as a person uses it: in the checkout, with a home of its own, its words and its exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from penstock import shell
from tests.site import Site

PROGRAM = [sys.executable, "-m", "penstock"]


def environment(site: Site, **more: str) -> dict[str, str]:
    """What a shell of this site's person has set."""
    home = site.folder / "home"
    home.mkdir(exist_ok=True)
    state, runtime = str(site.folder / "state"), str(site.folder / "run")
    return {**os.environ, "HOME": str(home), "PENSTOCK_STATE": state, "PENSTOCK_RUNTIME": runtime, **more}


def penstock(site: Site, *words: str, timeout_s: float = 120, **more: str) -> shell.Completed:
    """Run it to its end."""
    return shell.run([*PROGRAM, *words], cwd=site.repository, env=environment(site, **more), timeout_s=timeout_s)


def beside(site: Site, *words: str, **more: str) -> subprocess.Popen[str]:
    """Run it while the test goes on; whoever calls waits for its end."""
    return subprocess.Popen(
        [*PROGRAM, *words], cwd=site.repository, env=environment(site, **more), text=True, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip


def lines(told: str) -> list[dict[str, Any]]:
    """Every line as the JSON that it must be."""
    return [json.loads(line) for line in told.splitlines()]
