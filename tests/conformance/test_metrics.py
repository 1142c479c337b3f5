"""Every source of readings keeps the contract: the fake, the local one, the real Prometheus, an endpoint, a file."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from penstock.core.target import Artifact, Desired, Fence, Revision, UnitDesire
from penstock.manifest.metrics import MetricsSource
from penstock.ports import Metrics
from penstock.providers.local.metrics import LocalMetrics
from penstock.providers.local.paths import Folder
from penstock.providers.local.readings import Readings
from penstock.providers.sources.endpoint import JsonMetrics
from penstock.providers.sources.file import FileMetrics
from penstock.providers.sources.given import Given
from penstock.providers.sources.prometheus import PrometheusMetrics
from penstock.testing import FakeClock, FakeMetrics, FakeTarget
from penstock.testing.metrics_conformance import Counts, MetricsConformance
from tests.providers.sources import rig


def one_split() -> list[tuple[float, int]]:
    """One era, from long ago."""
    return [(0.0, 1)]


class TestFake(MetricsConformance):
    """Requests are made up: the truth is what another one of the same seed makes up."""

    counts_restart = False

    def make(self) -> Metrics:
        self.clock = FakeClock()
        self.target = FakeTarget(self.clock)
        revisions = {name: Revision(name, name, Artifact("none"), "") for name in ("old", "new")}
        desired = Desired(Fence(1), {"web": UnitDesire({"old": 2, "new": 2}, {"old": 900, "new": 100})}, revisions)
        while self.target.converge(desired).state == "working":
            self.clock.sleep(0.5)
        self.clock.sleep(5)
        return self._made()

    def _made(self) -> FakeMetrics:
        return FakeMetrics(self.target, self.clock, 50.0, errors={"new": 0.2})

    def successor(self, metrics: Metrics) -> Metrics:
        return self._made()

    def serve(self, metrics: Metrics, counts: Counts) -> Counts:
        since = self._made().position()
        self.clock.sleep(2)
        return self.sums(self._made().readings(since))

    def break_down(self, metrics: Metrics) -> None:
        assert isinstance(metrics, FakeMetrics)
        metrics.down = "no route"

    def mend(self, metrics: Metrics) -> None:
        assert isinstance(metrics, FakeMetrics)
        metrics.down = ""


class TestLocal(MetricsConformance):
    """What the keeper folds from an access log; a keeper that restarts loses nothing."""

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PENSTOCK_RUNTIME", str(tmp_path / "run"))
        self.folder = Folder.of(tmp_path / "environment")
        self.folder.prepare()
        self.away = tmp_path / "away"
        self.second = 1_700_000_000

    def make(self) -> Metrics:
        self.serve(self.successor(None), {})
        return self.successor(None)

    def successor(self, metrics: Metrics | None) -> Metrics:
        return LocalMetrics(self.folder.root)

    def serve(self, metrics: Metrics, counts: Counts) -> Counts:
        with self.folder.access_log.open("a") as file:
            for arm, (requests, errors) in counts.items():
                for n in range(requests):
                    said = {"start_s": f"{self.second + n / 100:.6f}", "cluster": f"web|{arm}", "route": "split"}
                    code = 500 if n < errors else 200
                    more = {"code": code, "flags": "-", "duration_us": 9000, "duration_ms": 9, "client": f"10.0.0.{n}"}
                    file.write(json.dumps({**said, **more}) + "\n")
        with closing(Readings(self.folder)) as readings:
            readings.take_in(5_000_000, self.second + 4.5)
        self.second += 2
        return counts

    def restart(self, metrics: Metrics) -> None:
        """Each `serve` is another keeper's."""

    def break_down(self, metrics: Metrics) -> None:
        self.folder.readings.rename(self.away)
        self.folder.readings.mkdir()

    def mend(self, metrics: Metrics) -> None:
        self.folder.readings.rmdir()
        self.away.rename(self.folder.readings)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[rig.Town]:
    """A shop that a Prometheus scrapes: one for all tests, since it is slow to start."""
    with rig.town(tmp_path_factory.mktemp("prometheus")) as town:
        yield town


class TestPrometheus(MetricsConformance):
    """Two processes are scraped by the real server, and both may restart."""

    nonsense = (*rig.WIRE, *rig.SAMPLES)

    @pytest.fixture(autouse=True)
    def _town(self, town: rig.Town) -> None:
        self.town = town

    def make(self) -> Metrics:
        made = self._made()
        self.town.wait_for_scrapes(made)
        return made

    def _made(self) -> PrometheusMetrics:
        return PrometheusMetrics(self.town.section(), Given(one_split, "web"))

    def unmake(self, metrics: Metrics) -> None:
        self.town.spoiler.how = ""

    def successor(self, metrics: Metrics) -> Metrics:
        return self._made()

    def serve(self, metrics: Metrics, counts: Counts) -> Counts:
        for name, arm in (("a", "old"), ("b", "new")):
            self.town.shop.processes[name].answer(*counts[arm])
        self.town.wait_for_scrapes(self._made())
        return counts

    def restart(self, metrics: Metrics) -> None:
        for name in ("a", "b"):
            self.town.shop.processes[name].restart()

    def break_down(self, metrics: Metrics) -> None:
        self.town.spoiler.how = "down"

    def mend(self, metrics: Metrics) -> None:
        self.town.spoiler.how = ""

    def speak_nonsense(self, metrics: Metrics, how: str) -> None:
        self.town.spoiler.how = how


class TestEndpoint(MetricsConformance):
    """A team's own endpoint, on the loopback."""

    nonsense = (*rig.WIRE, *rig.TOLD)
    counts_restart = False

    @pytest.fixture(autouse=True)
    def _endpoint(self) -> Iterator[None]:
        self.ledger = rig.Ledger()
        self.spoiler = rig.Spoiler(self._honest, rig.spoil_told)
        with rig.served(self.spoiler.answer) as url:
            self.section = MetricsSource.model_validate(
                {"is": "json", "url": f"{url}/readings", "step": 1, "within": 1}
            )
            yield

    def _honest(self, path: str) -> bytes:
        since = parse_qs(urlsplit(path).query).get("since")
        return json.dumps(self.ledger.since(float(since[0]) if since else None)).encode()

    def make(self) -> Metrics:
        return JsonMetrics(self.section, Given(one_split))

    def successor(self, metrics: Metrics) -> Metrics:
        return self.make()

    def serve(self, metrics: Metrics, counts: Counts) -> Counts:
        self.ledger.serve(counts)
        return counts

    def break_down(self, metrics: Metrics) -> None:
        self.spoiler.how = "down"

    def mend(self, metrics: Metrics) -> None:
        self.spoiler.how = ""

    def speak_nonsense(self, metrics: Metrics, how: str) -> None:
        self.spoiler.how = how


class TestFile(MetricsConformance):
    """A file that somebody appends to; `restart`: it is rotated, once all of it was read."""

    nonsense = (*rig.TOLD, "no json", "a list")

    @pytest.fixture(autouse=True)
    def _file(self, tmp_path: Path) -> None:
        self.ledger = rig.Ledger()
        self.path = tmp_path / "readings.jsonl"
        self.away = tmp_path / "away"
        self.section = MetricsSource.model_validate({"is": "file", "path": str(self.path), "step": 1})
        self._append(json.dumps(self.ledger.since(None)))

    def _append(self, line: str) -> None:
        with (self.away if self.away.exists() else self.path).open("a") as file:
            file.write(line + "\n")

    def make(self) -> Metrics:
        return FileMetrics(self.section, Given(one_split))

    def successor(self, metrics: Metrics) -> Metrics:
        return self.make()

    def serve(self, metrics: Metrics, counts: Counts) -> Counts:
        self._append(json.dumps(self.ledger.serve(counts)))
        return counts

    def restart(self, metrics: Metrics) -> None:
        lines = self.path.read_text()
        self.path.unlink()
        self.path.write_text(lines)  # another file that begins as the old one did

    def break_down(self, metrics: Metrics) -> None:
        os.rename(self.path, self.away)

    def mend(self, metrics: Metrics) -> None:
        if self.away.exists():
            os.rename(self.away, self.path)
        else:
            self.path.write_text(self.honest)

    def speak_nonsense(self, metrics: Metrics, how: str) -> None:
        self.honest = self.path.read_text()
        first, served = self.honest.splitlines()
        plain = {"no json": '{"from": 1', "a list": "[]"}
        line = plain.get(how) or json.dumps(rig.spoil_told(json.loads(served), how))
        self.path.write_text(f"{first}\n{line}\n")
