"""What takes traffic: encrypted on its way, and more than one of it in production."""

from __future__ import annotations

from collections.abc import Iterator

from penstock.checks.infra.k8s.objects import Cluster, Object, hit, matches
from penstock.checks.infra.resource import Hit
from penstock.checks.infra.values import dig, items, number, table


def tls(cluster: Cluster) -> Iterator[Hit]:
    """An ingress without TLS, or a host of it that no certificate is for."""
    for one in cluster.of("Ingress"):
        said = [table(entry) for entry in items(dig(one.body, "spec", "tls"))]
        hosts = [
            str(table(rule).get("host")) for rule in items(dig(one.body, "spec", "rules")) if table(rule).get("host")
        ]
        covered = {str(host) for entry in said for host in items(entry.get("hosts"))}
        paste = f"tls: [{{hosts: [{hosts[0] if hosts else 'shop.example'}], secretName: shop-tls}}]"
        if not said:
            yield hit(
                "no-tls",
                "high",
                one,
                ("has no TLS", "passwords and cookies can be read on their way", paste),
                one.place(one.body, "spec"),
            )
        elif covered and (bare := [host for host in hosts if not any(_is_for(name, host) for name in covered)]):
            yield hit(
                "no-tls",
                "high",
                one,
                (f"has no TLS for {', '.join(bare[:3])}", "a browser warns, or it is not encrypted", paste),
                one.place(one.body, "spec"),
            )


def _is_for(name: str, host: str) -> bool:
    return name == host or (name.startswith("*.") and host.partition(".")[2] == name[2:])


def replicas(cluster: Cluster) -> Iterator[Hit]:
    """In production: one pod alone, or several that may all be taken away at once."""
    for one in cluster.of("Deployment", "StatefulSet") if cluster.production else ():
        count = _replicas(one, cluster)
        if count is not None and count < 2:
            yield hit(
                "one-replica",
                "high",
                one,
                (
                    f"has {count:g} replica" + ("s" if count == 0 else ""),
                    "while its node is drained nobody answers",
                    "replicas: 2",
                ),
                one.place(dig(one.body, "spec"), "replicas"),
            )
        budgets = (
            table(dig(b.body, "spec", "selector", "matchLabels"))
            for b in cluster.of("PodDisruptionBudget")
            if b.namespace == one.namespace
        )
        if not any(matches(wanted, one.labels()) for wanted in budgets):
            paste = f"kind: PodDisruptionBudget, spec: {{minAvailable: 1, selector: {{matchLabels: {_labels(one)}}}}}"
            yield hit(
                "no-disruption-budget",
                "medium",
                one,
                ("has no PodDisruptionBudget", "an upgrade of the nodes may take all of its pods at once", paste),
            )


def _labels(one: Object) -> str:
    return (
        "{"
        + ", ".join(f"{key}: {value}" for key, value in table(dig(one.body, "spec", "selector", "matchLabels")).items())
        + "}"
    )


def _replicas(one: Object, cluster: Cluster) -> float | None:
    for scaler in cluster.of("HorizontalPodAutoscaler", "ScaledObject"):
        if dig(scaler.body, "spec", "scaleTargetRef", "name") == one.name:
            least = dig(scaler.body, "spec", "minReplicas") or dig(scaler.body, "spec", "minReplicaCount")
            return number(least if least is not None else 1)
    said = dig(one.body, "spec", "replicas")
    return number(1 if said is None else said)


RULES = (tls, replicas)
