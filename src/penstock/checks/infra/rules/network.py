"""Ports that the whole internet reaches."""

# ruff: noqa: ARG001 - all are asked alike, whether they look at everything or not

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any

from penstock.checks.infra.resource import Hit, Resource, Setting, Stack, in_words

_PUBLIC = (80, 443)
_GRAVE = {
    20, 21, 22, 23, 135, 137, 138, 139, 445, 1433, 1521, 2375, 2376, 2379, 3306, 3389, 4444, 5432, 5439, 5601, 5900, 5984,
    5985, 5986, 6379, 6443, 7001, 8020, 9042, 9092, 9200, 9300, 10250, 11211, 15672, 27017, 27018, 50070,
}  # fmt: skip
_WIDE = 16  # a network with a prefix shorter than this, and not a private one, is as good as everybody


def open_port(stack: Stack, setting: Setting) -> Iterator[Hit]:
    """Everybody may reach a port that is no web port."""
    for group in stack.of("security_group"):
        for rule in group.facts["ingress"]:
            wide = [str(one) for one in rule["cidrs"] if is_everybody(one)]
            if wide and not _is_web(rule):
                yield _hit(group, rule, wide[0], stack.file)


def is_everybody(cidr: Any) -> bool:
    """Whether a network is the whole internet, or too much of it."""
    if str(cidr).lower() in ("*", "internet", "any"):
        return True
    try:
        network = ipaddress.ip_network(str(cidr).strip(), strict=False)
    except ValueError:
        return False
    return network.prefixlen < (_WIDE if network.version == 4 else 32) and not network.is_private


def _is_web(rule: dict[str, Any]) -> bool:
    return (
        rule["from"] is not None and rule["from"] == rule["to"] and rule["from"] in _PUBLIC and rule["protocol"] != "-1"
    )


def _hit(group: Resource, rule: dict[str, Any], cidr: str, file: str) -> Hit:
    low, high = rule["from"], rule["to"]
    every = rule["protocol"] in ("-1", "all") or low is None or low <= 0
    grave = every or any(low <= port <= (high if high is not None else low) for port in _GRAVE)
    ports = "every port" if every else f"port {low:g}" if low == high or high is None else f"ports {low:g} to {high:g}"
    return Hit(
        "open-port", "critical" if grave else "high", group.name, f"`{group.name}` lets {cidr} reach {ports}",
        "anybody on the internet can knock there, and tries passwords all day",
        in_words(group.dialect, "CidrIp: 10.0.0.0/8   # or SourceSecurityGroupId: !Ref TheCaller",
                 'cidr_blocks = ["10.0.0.0/8"]   # or security_groups = [aws_security_group.caller.id]'),
        f"{file}:{rule['line']}" if rule.get("line") else group.place("SecurityGroupIngress", "CidrIp", "ingress"),
    )  # fmt: skip


RULES = (open_port,)
