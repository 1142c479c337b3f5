"""The traffic of one environment: what is wanted, put into Envoy's files in a safe order, and believed when
confirmed.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from penstock.providers.local import routes
from penstock.providers.local.envoy import Envoy
from penstock.providers.local.instance import Instance
from penstock.providers.local.instances import Instances
from penstock.providers.local.paths import Folder
from penstock.providers.local.tcp_ports import PortLocks, holder, is_free
from penstock.providers.local.wanted import Arm, Wanted

_CHECK_PORT_EVERY_S = 1.0
_QUIET_S = 0.25  # a request that chose its host just before must have reached it
_LISTEN_WITHIN_S = 3.0

Splits = dict[str, dict[str, int]]


class Traffic:
    """Listeners, clusters, endpoints and routes. `splits` are those written, `in_force` those that Envoy
    confirmed.
    """

    def __init__(self, folder: Folder, envoy: Envoy, ports: PortLocks, log: Callable[[str], None]) -> None:
        self._folder = folder
        self._envoy = envoy
        self._ports = ports
        self._log = log
        self._clusters = _known_clusters(folder)
        self._accepted: dict[str, tuple[str, int]] = {}
        self._unheard: set[str] = set()
        self._heard_by = 0.0
        self._check_port_at = 0.0
        self.unconfirmed: dict[str, str] = {}
        self.splits: Splits = {}
        self.in_force: Splits = {}
        self.port_trouble: dict[str, str] = {}

    # -- what was there --------------------------------------------------------------------------------------

    def recall(self) -> None:
        """What an earlier keeper put in force; Envoy has still to confirm it."""
        for path in sorted((self._folder.envoy / "rds").glob("*.json")):
            split = self._envoy.written_split(path.stem)
            if split:
                self.splits[path.stem] = split
                self.unconfirmed[path.stem] = "Envoy has not confirmed it yet"
        with suppress(OSError):
            if self._envoy.process:
                self._accepted = {unit: _pair(at) for unit, (at, _) in self._envoy.listening().items() if at}
        for _, port in self._accepted.values():
            self._ports.take(port)

    def lost_envoy(self, instances: Instances) -> None:
        """Envoy has ended: everything is to be confirmed anew."""
        for instance in instances:
            instance.is_seen = False
        self._unheard, self._heard_by = set(self._accepted), time.monotonic() + _LISTEN_WITHIN_S
        self.unconfirmed = dict.fromkeys(self.splits, "Envoy has ended")

    # -- listeners -------------------------------------------------------------------------------------------

    def listen(self, wanted: Wanted) -> None:
        """Have Envoy listen where it should, on ports that nobody else holds."""
        for unit, at in list(self._accepted.items()):
            if wanted.listen.get(unit) != at:
                self._give_up(unit)
        missing = [unit for unit in wanted.listen if unit not in self._accepted]
        if missing and time.monotonic() >= self._check_port_at:
            self._check_port_at = time.monotonic() + _CHECK_PORT_EVERY_S
            for unit in missing:
                self._accept(unit, *wanted.listen[unit])
        self.port_trouble = {unit: why for unit, why in self.port_trouble.items() if unit in missing}
        self._envoy.write_listeners(self._accepted)
        if self._unheard and self._envoy.is_live:
            self._hear()

    def _accept(self, unit: str, bind: str, port: int) -> None:
        if not self._ports.take(port):
            self.port_trouble[unit] = f"port {port} belongs to another environment's keeper"
        elif not is_free(bind, port) and not self._is_ours(found := holder(port)):
            self._ports.give_back(port)
            by = f"process {found[0]} ({found[1]})" if found else "a process of somebody else"
            self.port_trouble[unit] = f"port {port} is taken by {by}"
        else:
            self._accepted[unit] = (bind, port)
            self.port_trouble.pop(unit, None)
            self._unheard.add(unit)
            self._heard_by = time.monotonic() + _LISTEN_WITHIN_S

    def _is_ours(self, found: tuple[int, str] | None) -> bool:
        return bool(found and self._envoy.process and found[0] == self._envoy.process.pid)

    def _give_up(self, unit: str) -> None:
        _, port = self._accepted.pop(unit)
        self._unheard.discard(unit)
        self._ports.give_back(port)

    def _hear(self) -> None:
        try:
            found = self._envoy.listening()
        except OSError:
            return
        for unit in sorted(self._unheard):
            at, refusal = found.get(unit, ("", ""))
            bind, port = self._accepted[unit]
            if at == f"{bind}:{port}":
                self._unheard.discard(unit)
            elif refusal and time.monotonic() > self._heard_by:
                self._give_up(unit)
                self.port_trouble[unit] = f"Envoy cannot listen on {bind}:{port}: {refusal}"

    @property
    def waits_for_listeners(self) -> bool:
        """Whether Envoy does not yet listen everywhere it was told to."""
        return bool(self._unheard)

    # -- clusters and endpoints ------------------------------------------------------------------------------

    def place(self, wanted: Wanted, instances: Instances) -> None:
        """Endpoints first, then the clusters that read them."""
        serving = {(unit, r) for unit, split in self.splits.items() for r in split if unit in wanted.listen}
        mine = {arm for arm in {*wanted.arms(), *instances.arms()} if wanted.takes_traffic(arm[0])}
        arms = mine | serving | {arm for arm in instances.arms() if arm in self._clusters}
        for arm in sorted(arms):
            self._envoy.write_endpoints(arm, _endpoints([i for i in instances if i.arm == arm]))
            if arm[1] in wanted.revisions and arm[0] in wanted.revisions[arm[1]].units:
                self._clusters[arm] = routes.cluster(arm, wanted.program(arm).health, self._folder.envoy)
            else:
                self._clusters.setdefault(arm, routes.cluster(arm, None, self._folder.envoy))
        gone = self._clusters.keys() - arms
        for arm in gone:
            del self._clusters[arm]
        self._envoy.write_clusters([self._clusters[arm] for arm in sorted(self._clusters)])
        if gone:
            self._envoy.forget(arms)

    def look(self, instances: Instances, stop_s: float) -> None:
        """Ask Envoy which instances it can reach, and stop those whose last request has ended."""
        unseen = [i for i in instances if i.is_ready and not i.is_seen and i.arm in self._clusters]
        draining = [i for i in instances if i.state == "draining"]
        if not unseen and not draining:
            return
        hosts = None
        with suppress(OSError):
            hosts = self._envoy.hosts() if self._envoy.is_live else None
        for instance in unseen:
            host = (hosts or {}).get(instance.arm, {}).get(instance.port)
            instance.is_seen = bool(host and host.is_healthy)
        for instance in draining:
            if time.monotonic() >= instance.drain_until or self._is_quiet(instance, hosts):
                instances.stop(instance, stop_s)

    def _is_quiet(self, instance: Instance, hosts: Mapping[Arm, Mapping[int, Any]] | None) -> bool:
        """Whether no request has been on its way to a draining instance for a moment."""
        if self._envoy.process is None:
            return True
        if hosts is None:
            return False
        host = hosts.get(instance.arm, {}).get(instance.port)
        if host and (host.active_requests or not host.is_draining):
            instance.drained_from = 0.0
            return False
        instance.drained_from = instance.drained_from or time.monotonic()
        return time.monotonic() - instance.drained_from >= _QUIET_S

    # -- routes ----------------------------------------------------------------------------------------------

    def changes(self, wanted: Wanted) -> bool:
        """Whether a split is wanted that is not written yet."""
        return any(dict(unit.split) != self.written(name) for name, unit in wanted.units.items())

    def written(self, unit: str) -> dict[str, int]:
        """The split that was last written for a unit."""
        return self.splits.get(unit, {})

    def route(self, wanted: Wanted, *, may_shift: bool) -> None:
        """Write the routes: the wanted split where it may be, else the one in force; and the preview."""
        for unit in sorted({*wanted.listen, *wanted.units}):
            desired = dict(wanted.units[unit].split) if unit in wanted.units else {}
            if may_shift and desired != self.written(unit):
                self._log(f"{unit}: split {desired}")
                self.splits[unit] = desired
                self.unconfirmed[unit] = "Envoy has not read it yet"
            preview = wanted.preview if wanted.preview and wanted.count((unit, wanted.preview)) else None
            if unit in wanted.listen:
                table = routes.route_table(
                    unit, self.written(unit), preview, wanted.request_timeout_ms, wanted.synthetic_token
                )
                if self._envoy.write_routes(unit, table):
                    self.unconfirmed.setdefault(unit, "Envoy has not read it yet")
            elif not desired:
                self._envoy.remove_routes(unit)
                self.splits.pop(unit, None)
                self.in_force.pop(unit, None)

    def confirm(self, wanted: Wanted) -> None:
        """Believe the routes that Envoy says it acts on."""
        for unit in list(self.unconfirmed):
            if unit not in wanted.listen:
                del self.unconfirmed[unit]
            elif self._envoy.is_live and unit in self._accepted:
                why = self._envoy.refused(unit)
                if why:
                    self.unconfirmed[unit] = why
                else:
                    del self.unconfirmed[unit]
                    self.in_force[unit] = self.splits.get(unit, {})


def _endpoints(instances: list[Instance]) -> dict[int, str]:
    """Ready ones; unhealthy ones while no other is ready; leaving ones until they have ended."""
    is_any_ready = any(i.is_ready for i in instances)
    found = {}
    for instance in instances:
        if instance.process is None:
            continue
        if instance.is_leaving and instance.is_proven:
            found[instance.port] = "DRAINING"
        elif instance.is_ready or (instance.state == "unhealthy" and not is_any_ready):
            found[instance.port] = "HEALTHY"
    return found


def _known_clusters(folder: Folder) -> dict[Arm, dict[str, Any]]:
    try:
        resources = json.loads((folder.envoy / "cds.json").read_bytes())["resources"]
        return {routes.arm_of(cluster["name"]): cluster for cluster in resources}
    except (OSError, ValueError, LookupError, TypeError):
        return {}


def _pair(at: str) -> tuple[str, int]:
    bind, _, port = at.rpartition(":")
    return bind, int(port)
