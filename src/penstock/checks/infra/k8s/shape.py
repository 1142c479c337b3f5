"""What an object must have, by its kind; and that no two are the same."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from penstock.checks.infra.k8s.objects import CLUSTER_WIDE, WORKLOADS, Cluster, hit, matches
from penstock.checks.infra.resource import Hit
from penstock.checks.infra.values import dig, items, table

_NEEDED: dict[str, tuple[str, ...]] = {
    "Deployment": ("spec.selector", "spec.template.spec.containers"),
    "StatefulSet": ("spec.selector", "spec.serviceName", "spec.template.spec.containers"),
    "DaemonSet": ("spec.selector", "spec.template.spec.containers"),
    "ReplicaSet": ("spec.selector", "spec.template.spec.containers"),
    "Job": ("spec.template.spec.containers",),
    "CronJob": ("spec.schedule", "spec.jobTemplate.spec.template.spec.containers"),
    "Pod": ("spec.containers",),
    "HorizontalPodAutoscaler": ("spec.scaleTargetRef", "spec.maxReplicas"),
    "PersistentVolumeClaim": ("spec.accessModes", "spec.resources"),
    "PodDisruptionBudget": ("spec.selector",),
    "RoleBinding": ("roleRef",),
    "ClusterRoleBinding": ("roleRef",),
    "NetworkPolicy": ("spec.podSelector",),
}
_GONE = re.compile(
    r"extensions/v1beta1|apps/v1beta[12]|batch/v2alpha1|(batch|policy|discovery\.k8s\.io|events\.k8s\.io)/v1beta1|"
    r"autoscaling/v2beta[12]|networking\.k8s\.io/v1beta1|rbac\.authorization\.k8s\.io/v1(alpha|beta)1|"
    r"(apiextensions|admissionregistration|apiregistration|storage|scheduling|coordination|certificates)\.k8s\.io/v1beta1|"
    r"flowcontrol\.apiserver\.k8s\.io/v1(alpha1|beta[123])"
)
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.:]{0,251}[a-z0-9*])?", re.IGNORECASE)


def needed(cluster: Cluster) -> Iterator[Hit]:
    """A field without which the server refuses the object."""
    effect = "the server refuses it, when half of the others are there already"
    for one in cluster.objects:
        lacking = [
            key
            for key, value in (("apiVersion", one.api), ("kind", one.kind), ("metadata.name", one.name))
            if not value
        ]
        if one.kind == "Kustomization" and "kustomize" in one.api:
            continue
        lacking += [path for path in _NEEDED.get(one.kind, ()) if dig(one.body, *path.split(".")) in (None, [], "")]
        if (
            one.kind == "Service"
            and dig(one.body, "spec", "type") != "ExternalName"
            and not dig(one.body, "spec", "ports")
            and dig(one.body, "spec", "clusterIP") != "None"
        ):
            lacking.append("spec.ports")
        if one.kind == "Ingress" and not (dig(one.body, "spec", "rules") or dig(one.body, "spec", "defaultBackend")):
            lacking.append("spec.rules")
        for container in one.containers(first=True) if one.kind in WORKLOADS else ():
            lacking += [f"containers.{key}" for key in ("name", "image") if not container.get(key)]
        if lacking:
            yield hit(
                "shape", "high", one, (f"lacks {', '.join(lacking)}", effect, f"{lacking[0].rpartition('.')[2]}: ...")
            )
        if one.name and not _NAME.fullmatch(one.name) and "{{" not in one.name:
            yield hit(
                "shape", "high", one, ("has a name that cannot be", effect, "a name of small letters, digits and -")
            )
        if _GONE.fullmatch(one.api):
            yield hit(
                "old-api",
                "high",
                one,
                (
                    f"uses {one.api}, which is no longer served",
                    effect,
                    "apiVersion: apps/v1   # as `kubectl api-versions` says",
                ),
            )


def twice(cluster: Cluster) -> Iterator[Hit]:
    """Two objects of one kind, namespace and name: the second overwrites the first."""
    seen = Counter[tuple[str, str, str, str]]()
    for one in cluster.objects:
        key = (one.api.partition("/")[0], one.kind, one.namespace, one.name)
        seen[key] += 1
        if one.name and not one.name.endswith("*") and seen[key] == 2:
            yield hit(
                "duplicate",
                "high",
                one,
                ("is there twice", "the second silently overwrites the first", "another name for one of the two"),
            )


def selectors(cluster: Cluster) -> Iterator[Hit]:
    """A selector that selects nothing."""
    for one in cluster.of("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"):
        wanted = table(dig(one.body, "spec", "selector", "matchLabels"))
        if wanted and not matches(wanted, one.labels()):
            words = (
                "selects labels that its own pods do not have",
                "the server refuses it",
                "template: {metadata: {labels: {app: web}}}   # as in selector.matchLabels",
            )
            yield hit("selector", "high", one, words, one.place(dig(one.body, "spec"), "selector"))
    workloads = list(cluster.of(*WORKLOADS))
    for one in cluster.of("Service", "PodDisruptionBudget"):
        said = dig(one.body, "spec", "selector")
        wanted = table(said) if one.kind == "Service" else table(dig(said, "matchLabels"))
        near = [other for other in workloads if other.namespace in ("", one.namespace) or not one.namespace]
        if wanted and near and not any(matches(wanted, other.labels()) for other in near):
            words = (
                "selects no pod of these manifests",
                "it stands in front of nothing",
                "selector: {app: web}   # the labels of the pods",
            )
            yield hit("selector", "high", one, words, one.place(dig(one.body, "spec"), "selector"))


def ports(cluster: Cluster) -> Iterator[Hit]:
    """An ingress that leads to a service, or a service to a named port, that is not there."""
    services = {one.name for one in cluster.of("Service")}
    for one in cluster.of("Ingress"):
        paths = [path for rule in items(dig(one.body, "spec", "rules")) for path in items(dig(rule, "http", "paths"))]
        for path in paths if services else ():
            name = dig(path, "backend", "service", "name") or dig(path, "backend", "serviceName")
            if name and name not in services:
                yield hit(
                    "backend",
                    "medium",
                    one,
                    (
                        f"leads to the service {name}, which is not in these manifests",
                        "it answers 503",
                        "the name of a Service",
                    ),
                )
    for one in cluster.of("Service"):
        wanted = table(dig(one.body, "spec", "selector"))
        behind = [other for other in cluster.of(*WORKLOADS) if wanted and matches(wanted, other.labels())]
        named = {
            str(port.get("name"))
            for other in behind
            for c in other.containers()
            for port in map(table, items(c.get("ports")))
        }
        for port in map(table, items(dig(one.body, "spec", "ports"))):
            target = port.get("targetPort")
            if behind and isinstance(target, str) and not target.isdecimal() and target not in named:
                yield hit(
                    "backend",
                    "medium",
                    one,
                    (
                        f"leads to the port `{target}`, which no container names",
                        "nothing answers",
                        f"ports: [{{name: {target}, containerPort: 8080}}]",
                    ),
                )


def namespaces(cluster: Cluster) -> Iterator[Hit]:
    """An object in the default namespace, or in whichever is the current one."""
    for one in cluster.objects:
        if one.kind in CLUSTER_WIDE or not one.kind or one.namespace not in ("", "default"):
            continue
        said = "is in the namespace default" if one.namespace else "says no namespace"
        severity = "medium" if one.namespace else "low"
        yield hit(
            "default-namespace",
            severity,
            one,
            (said, "it lands beside everything else, under nobody's quota and policy", "metadata: {namespace: shop}"),
        )


RULES = (needed, twice, selectors, ports, namespaces)
