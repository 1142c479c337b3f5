"""What others may import: these names, and no others, each with its promise."""

from __future__ import annotations

import subprocess
import sys

from penstock import api

NAMES = [
    "Desk", "calibrate", "drill", "due", "get", "latest", "note", "onward", "open_desk", "order", "release", "report",
    "restart", "rollback", "show", "status", "tick", "wake",
]  # fmt: skip


def test_the_names_are_pinned() -> None:
    """A name that is added or taken away is decided here."""
    assert NAMES == api.__all__


def test_every_name_keeps_a_promise() -> None:
    """Each is there, and says what it promises."""
    for name in NAMES:
        assert getattr(api, name).__doc__, name


def test_importing_costs_nothing() -> None:
    """`import penstock` loads no part of it."""
    code = "import sys, penstock; print([m for m in sys.modules if m.startswith('penstock.')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "[]" == done.stdout.strip()
