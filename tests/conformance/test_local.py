"""The local target keeps the contract, with the real keeper, the real Envoy and real processes."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from penstock.core.target import Artifact, Desired, Fence, Revision, Unit, UnitDesire
from penstock.ports import Target
from penstock.providers.local import desire, lock
from penstock.providers.local.section import LocalSection
from penstock.providers.local.target import LocalTarget
from penstock.testing.conformance import TargetConformance
from tests.site import free_port

HEALTH = {"get": "/health", "every_s": 0.2, "within_s": 1.0, "unhealthy_after": 2, "healthy_after": 1, "version": True}


class TestLocal(TargetConformance):
    """Processes on this machine: a unit that takes traffic, and one that takes none."""

    units = {"web": True, "jobs": False}  # noqa: RUF012
    deadline_s = 40.0
    start_within_s = 4.0
    attended_s = 3

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PENSTOCK_RUNTIME", str(tmp_path / "run"))
        self.folder = tmp_path / "environment"
        self.code = tmp_path / "code"
        self.code.mkdir()
        self.section = LocalSection(port=free_port(), drain_s=2.0, stop_s=2.0, request_timeout_s=5.0)

    def made(self, service: str = "shop") -> LocalTarget:
        return LocalTarget(self.section, service, "production", self.folder, lambda artifact: [])

    def make(self) -> Target:
        return self.made()

    def successor(self, target: Target) -> Target:
        return self.made()

    def unmake(self, target: Target) -> None:
        there = desire.read(self.folder)
        if there:
            units = {name: UnitDesire({}) for name in there["units"]}
            with suppress(AssertionError):
                self.settle(self.made(there["service"]), Desired(Fence(1000), units), 20)
        if lock.is_kept(self.folder):
            with suppress(OSError, ValueError):
                os.kill(int((self.folder / "keeper.lock").read_text()), signal.SIGKILL)

    def revision(self, name: str) -> Revision:
        web = (sys.executable, "-m", "penstock.testing.app", "--port", "$PORT")
        jobs = (sys.executable, "-m", "penstock.testing.worker")
        units = {"web": Unit(web, {"NAME": name}, health=HEALTH), "jobs": Unit(jobs, traffic=False)}
        return Revision(name, name, Artifact("folder", str(self.code)), name, units=units)

    def broken(self) -> Revision:
        whole = self.revision("broken")
        sleeper = Unit((sys.executable, "-c", "import time; time.sleep(60)"), health=HEALTH)
        return Revision("broken", "broken", whole.artifact, "broken", units={**whole.units, "web": sleeper})

    def disturb(self, target: Target) -> None:
        there = desire.read(self.folder)
        assert there
        units = {**there["units"], "web": {"placed": {"old": 1}, "split": {"old": 1000}}}
        desire.write(self.folder, {**there, "units": units, "origin": "person"}, fence=there["fence"], expecting=None)

    def foreign(self) -> tuple[Target, Desired]:
        self._seen = []
        assert self.settle(self.made(), self.alone(self.revision("old"), 1)).state == "done"
        return self.made("another"), self.alone(self.revision("new"), 9)

    @pytest.fixture(autouse=True)
    def _nothing_left(self, _folder: None):  # type: ignore[no-untyped-def]
        """Also where a law makes targets of its own."""
        yield
        self.unmake(self.made())
