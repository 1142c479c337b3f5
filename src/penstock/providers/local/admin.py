"""Envoy's admin interface, over its unix socket."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penstock.providers.local import probe
from penstock.providers.local.routes import arm_of
from penstock.providers.local.wanted import Arm

_WITHIN_S = 1.0
_LARGEST = 16 << 20


@dataclass(frozen=True)
class Host:
    """One endpoint, as Envoy sees it."""

    active_requests: int
    is_healthy: bool
    is_draining: bool


class AdminError(OSError):
    """The admin interface did not answer as it should."""


def _ask(path: Path, method: str, what: str) -> bytes:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        link.settimeout(_WITHIN_S)
        link.connect(str(path))
        link.sendall(f"{method} {what} HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n".encode())
        heard = bytearray()
        while len(heard) < _LARGEST and (data := link.recv(1 << 16)):
            heard += data
    answer = probe.parse(bytes(heard), ended=True)
    if answer is None or answer.status != 200:
        raise AdminError(f"{what}: {answer.trouble or answer.status if answer else 'no answer'}")
    return answer.body


def _configs(path: Path, resource: str) -> list[dict[str, Any]]:
    try:
        found = json.loads(_ask(path, "GET", f"/config_dump?resource={resource}")).get("configs", [])
    except ValueError as error:
        raise AdminError(f"config_dump: {error}") from error
    return list(found)


def is_live(path: Path) -> bool:
    """Whether Envoy serves."""
    try:
        return _ask(path, "GET", "/ready").strip() == b"LIVE"
    except OSError:
        return False


def routes(path: Path) -> dict[str, tuple[str, str]]:
    """Unit -> the version of the routes in force, and why the last ones were refused (else empty);
    raises OSError.
    """
    found = {}
    for config in _configs(path, "dynamic_route_configs"):
        name = config.get("route_config", {}).get("name", "")
        found[name] = (config.get("version_info", ""), _refusal(config))
    return found


def listeners(path: Path) -> dict[str, tuple[str, str]]:
    """Unit -> `address:port` listened on (empty: not yet), and why the last was refused; raises OSError."""
    found = {}
    for config in _configs(path, "dynamic_listeners"):
        address = config.get("active_state", {}).get("listener", {}).get("address", {}).get("socket_address", {})
        at = f"{address['address']}:{address['port_value']}" if address else ""
        found[config.get("name", "")] = (at, _refusal(config))
    return found


def _refusal(config: dict[str, Any]) -> str:
    return str(config.get("error_state", {}).get("details", ""))


def hosts(path: Path) -> dict[Arm, dict[int, Host]]:
    """Arm -> port -> how Envoy sees that instance; every cluster is there, also an empty one. Raises
    OSError.
    """
    try:
        statuses = json.loads(_ask(path, "GET", "/clusters?format=json")).get("cluster_statuses", [])
    except ValueError as error:
        raise AdminError(f"clusters: {error}") from error
    return {arm_of(c["name"]): dict(_host(h) for h in c.get("host_statuses", [])) for c in statuses}


def _host(status: dict[str, Any]) -> tuple[int, Host]:
    port = int(status["address"]["socket_address"]["port_value"])
    health = status.get("health_status", {})
    active = sum(int(s.get("value", 0)) for s in status.get("stats", []) if s["name"] == "rq_active")
    seen = health.get("eds_health_status", "HEALTHY")
    failing = any(health.get(name) for name in ("failed_active_health_check", "pending_active_hc"))
    return port, Host(active, not failing and seen == "HEALTHY", seen == "DRAINING")


def reopen_logs(path: Path) -> None:
    """Have Envoy open its access log anew; raises OSError."""
    _ask(path, "POST", "/reopen_logs")
