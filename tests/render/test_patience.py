"""Who waits at a terminal is told what for, and nobody else."""

from __future__ import annotations

import sys
import time

import pytest

from penstock.cli.patience import told_what_it_does


@pytest.mark.parametrize(
    ("at_a_terminal", "lasts_s", "expected"), [(True, 0.3, "looks …\n"), (True, 0.0, ""), (False, 0.3, "")]
)
def test_only_a_long_wait_at_a_terminal_is_spoken_of(
    at_a_terminal: bool,
    lasts_s: float,
    expected: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After a moment, on stderr, once."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: at_a_terminal)
    with told_what_it_does("looks", after_s=0.1):
        time.sleep(lasts_s)

    assert ("", expected) == tuple(capsys.readouterr())
