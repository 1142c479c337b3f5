"""Rules over Kubernetes manifests."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from penstock.checks.infra.k8s import access, pods, settings, shape, sites
from penstock.checks.infra.k8s.objects import Cluster
from penstock.checks.infra.resource import Hit

ALL: tuple[Callable[[Cluster], Iterable[Hit]], ...] = (
    *shape.RULES, *pods.RULES, *settings.RULES, *sites.RULES, *access.RULES,
)  # fmt: skip
