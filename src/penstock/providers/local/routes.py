"""What Envoy is told, as data (pure): listeners, routes, clusters and endpoints of one environment."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from penstock.providers.local.wanted import Arm, Health

PREVIEW_HEADER = "x-penstock-preview"
ARM_HEADER, SYNTHETIC_HEADER = "x-penstock-arm", "x-penstock-synthetic"
SPLIT, PREVIEW, SYNTHETIC, NOWHERE = "split", "preview", "synthetic", "nowhere"

_TYPES = "type.googleapis.com/"
_MANAGER = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
_PROTOCOL = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_PLENTY = 10_000
# Shorter than the keep-alive of the usual servers (uvicorn and node close after 5 s, gunicorn after 2 s),
# so that
# Envoy is the one who closes an idle connection and never sends into one that is just being closed.
_UPSTREAM_IDLE_S = 1.5


def cluster_name(arm: Arm) -> str:
    """`web|r7`: one cluster per unit and revision."""
    return "|".join(arm)


def arm_of(cluster: str) -> Arm:
    """The unit and revision of a cluster's name."""
    unit, _, revision = cluster.partition("|")
    return unit, revision


def bootstrap(folder: Path, admin_socket: Path) -> dict[str, Any]:
    """Envoy's own configuration: everything else comes from files that are renamed into place."""
    kept = [{"prefix": "listener_manager."}, {"prefix": "cluster_manager."}, {"suffix": ".update_rejected"}]
    return {
        "node": {"id": "penstock", "cluster": "penstock"},
        "admin": {"address": {"pipe": {"path": str(admin_socket), "mode": 0o600}}},
        "dynamic_resources": {
            "lds_config": _file(folder / "lds.json"),
            "cds_config": _file(folder / "cds.json"),
        },
        "stats_config": {"stats_matcher": {"inclusion_list": {"patterns": kept}}},
    }


def listener(unit: str, bind: str, port: int, folder: Path) -> dict[str, Any]:
    """Where the clients of a unit connect."""
    manager = {
        "@type": _TYPES + _MANAGER,
        "stat_prefix": unit,
        "use_remote_address": True,
        "server_header_transformation": "PASS_THROUGH",
        "stream_idle_timeout": "3600s",
        "upgrade_configs": [{"upgrade_type": "websocket"}],
        "rds": {"route_config_name": unit, "config_source": _file(folder / "rds" / f"{unit}.json")},
        "access_log": [_access_log(unit, folder / "access.log")],
        "http_filters": [_named("envoy.filters.http.router", "envoy.extensions.filters.http.router.v3.Router")],
    }
    return {
        "@type": _TYPES + "envoy.config.listener.v3.Listener",
        "name": unit,
        "address": _address(bind, port),
        "enable_reuse_port": False,
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }


def _access_log(unit: str, path: Path) -> dict[str, Any]:
    line = {
        "start_s": "%START_TIME(%s.%6f)%",
        "unit": unit,
        "cluster": "%UPSTREAM_CLUSTER%",
        "code": "%RESPONSE_CODE%",
        "flags": "%RESPONSE_FLAGS%",
        "duration_us": "%COMMON_DURATION(DS_RX_BEG:DS_TX_END:us)%",
        "duration_ms": "%DURATION%",
        "route": "%ROUTE_NAME%",
        "client": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
    }
    written = {"path": str(path), "log_format": {"json_format": line}}
    return _named("envoy.access_loggers.file", "envoy.extensions.access_loggers.file.v3.FileAccessLog", written)


def cluster(arm: Arm, health: Health | None, folder: Path) -> dict[str, Any]:
    """One revision of a unit, whose endpoints lie in a file of their own."""
    name = cluster_name(arm)
    kind = _PROTOCOL
    options = {
        "@type": _TYPES + kind,
        "common_http_protocol_options": {"idle_timeout": _seconds(_UPSTREAM_IDLE_S)},
        "explicit_http_config": {"http_protocol_options": {}},
    }
    limits = ("max_connections", "max_pending_requests", "max_requests", "max_retries")
    return {
        "@type": _TYPES + "envoy.config.cluster.v3.Cluster",
        "name": name,
        "type": "EDS",
        "connect_timeout": "1s",
        "eds_cluster_config": {"eds_config": _file(folder / "eds" / f"{name}.json")},
        "ignore_health_on_host_removal": True,
        "common_lb_config": {
            "healthy_panic_threshold": {"value": 0},
            # By default Envoy merges changes of health and tells its serving threads up to a
            # second later, while its
            # admin interface says `healthy` at once: a split moved in that second answers 503.
            "update_merge_window": "0s",
        },
        "circuit_breakers": {"thresholds": [dict.fromkeys(limits, _PLENTY)]},
        "typed_extension_protocol_options": {kind: options},
        "health_checks": [_health_check(health)],
    }


def _health_check(health: Health | None) -> dict[str, Any]:
    rhythm = _seconds(health.every_s if health else 1.0)
    check: dict[str, Any] = {
        "timeout": _seconds(health.within_s if health else 1.0),
        "interval": rhythm,
        "no_traffic_interval": rhythm,
        "no_traffic_healthy_interval": rhythm,
        "unhealthy_threshold": health.unhealthy_after if health else 3,
        "healthy_threshold": 1,
    }
    if health is None:
        return {**check, "tcp_health_check": {}}
    # Without this range one answer of 503 would end a lone instance's traffic, whatever the threshold.
    again = [{"start": "400", "end": "600"}]
    return {**check, "http_health_check": {"path": health.path, "retriable_statuses": again}}


def endpoints(arm: Arm, ports: Mapping[int, str]) -> dict[str, Any]:
    """The instances of an arm: port -> HEALTHY or DRAINING."""
    hosts = [
        {"health_status": state, "endpoint": {"address": _address("127.0.0.1", port)}}
        for port, state in sorted(ports.items())
    ]
    return {
        "@type": _TYPES + "envoy.config.endpoint.v3.ClusterLoadAssignment",
        "cluster_name": cluster_name(arm),
        "endpoints": [{"lb_endpoints": hosts}] if hosts else [],
    }


def route_table(
    unit: str, split: Mapping[str, int], preview: str | None, timeout_ms: int, token: str = ""
) -> dict[str, Any]:
    """Where a unit's requests go: by the preview header first, else by the split; 503 while there is none.

    Requests with the token are synthetic: they reach the revision of the split that they name, whatever its weight; without
    such a revision they get 421, and are never taken for a user's. Only Penstock knows the token; without one there is no way
    in, and a user who sends that header is a user.
    """
    routes = []
    if preview:
        routes.append(
            {"name": PREVIEW, "match": _match({PREVIEW_HEADER: preview}), "route": _only(preview, unit, timeout_ms)}
        )
    if token:
        for revision in sorted(revision for revision, weight in split.items() if weight):
            match = _match({SYNTHETIC_HEADER: token, ARM_HEADER: revision})
            routes.append({"name": SYNTHETIC, "match": match, "route": _only(revision, unit, timeout_ms)})
        routes.append(_nowhere({SYNTHETIC_HEADER: token}, 421, "this revision takes no traffic here"))
    if split:
        routes.append({"name": SPLIT, "match": _match({}), "route": _route(split, unit, timeout_ms)})
    else:
        routes.append(_nowhere({}, 503, "nothing is released here yet"))
    return {
        "@type": _TYPES + "envoy.config.route.v3.RouteConfiguration",
        "name": unit,
        "virtual_hosts": [{"name": unit, "domains": ["*"], "routes": routes}],
        "validate_clusters": False,
    }


def _match(headers: Mapping[str, str]) -> dict[str, Any]:
    said = [{"name": name, "string_match": {"exact": value}} for name, value in headers.items()]
    return {"prefix": "/", "headers": said} if said else {"prefix": "/"}


def _nowhere(headers: Mapping[str, str], status: int, sentence: str) -> dict[str, Any]:
    answer = {"status": status, "body": {"inline_string": f"{sentence}\n"}}
    return {"name": NOWHERE, "match": _match(headers), "direct_response": answer}


def _only(revision: str, unit: str, timeout_ms: int) -> dict[str, Any]:
    return _route({revision: 1000}, unit, timeout_ms)


def _route(split: Mapping[str, int], unit: str, timeout_ms: int) -> dict[str, Any]:
    clusters = [{"name": cluster_name((unit, r)), "weight": weight} for r, weight in sorted(split.items()) if weight]
    return {
        "weighted_clusters": {"clusters": clusters},
        "timeout": _seconds(timeout_ms / 1000),
        "retry_policy": {
            "retry_on": "connect-failure,refused-stream,reset-before-request",
            "num_retries": 3,
            "retry_host_predicate": [
                _named(
                    "envoy.retry_host_predicates.previous_hosts",
                    "envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate",
                )
            ],
            "host_selection_retry_max_attempts": 3,
        },
    }


def split_of(table: Mapping[str, Any]) -> dict[str, int]:
    """The split that a route table holds; empty where it holds none."""
    for route in table["virtual_hosts"][0]["routes"]:
        if route["name"] == SPLIT:
            return {arm_of(c["name"])[1]: c["weight"] for c in route["route"]["weighted_clusters"]["clusters"]}
    return {}


def response(resources: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    """The text of a file for Envoy, and its version: a hash, which Envoy repeats once it acts on it."""
    version = hashlib.sha256(json.dumps(resources, sort_keys=True).encode()).hexdigest()[:16]
    return json.dumps({"version_info": version, "resources": list(resources)}), version


def _file(path: Path) -> dict[str, Any]:
    watched = {"path": str(path), "watched_directory": {"path": str(path.parent)}}
    return {"path_config_source": watched, "resource_api_version": "V3"}


def _address(host: str, port: int) -> dict[str, Any]:
    return {"socket_address": {"address": host, "port_value": port}}


def _named(name: str, kind: str, fields: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return {"name": name, "typed_config": {"@type": _TYPES + kind, **(fields or {})}}


def _seconds(seconds: float) -> str:
    return f"{seconds:.3f}s"
