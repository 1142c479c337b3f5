"""A log that was put aside is left only when Envoy writes to the new one, whatever happens between the two."""

from __future__ import annotations

import os
import signal
import time

from tests.providers.local.kept import Kept


def test_envoy_that_was_not_told_yet_is_told_later(kept: Kept) -> None:
    """The keeper dies between putting the log aside and telling Envoy, which does not hear its successor at first: not one
    request is lost.
    """
    envoy = kept.settled({"r1": 1}, {"r1": 1000}, attended_s=600)["envoy"]["pid"]
    time.sleep(0.3)
    for _ in range(20):
        kept.get()
    kept.folded(time.time())
    kept.end_keeper()
    os.rename(kept.folder.access_log, kept.folder.rotated_log)
    kept.folder.access_log.touch(0o600)
    os.kill(envoy, signal.SIGSTOP)
    try:
        kept.start()
        kept.until(lambda o: o["keeper"]["pid"] == (kept.keeper and kept.keeper.pid))
        time.sleep(4)  # longer than an Envoy that was told may need
    finally:
        os.kill(envoy, signal.SIGCONT)
    kept.until(lambda o: o["envoy"]["up"])
    for _ in range(20):
        kept.get()
    kept.folded(time.time())
    for _ in range(20):
        kept.get()
    kept.folded(time.time())
    assert [(60,)] == kept.rows("SELECT sum(requests) FROM readings")
    assert not kept.folder.rotated_log.exists()
