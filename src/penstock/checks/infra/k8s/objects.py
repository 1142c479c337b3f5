"""Manifests as objects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from penstock.checks.infra.reading import Map, documents, line_of
from penstock.checks.infra.resource import Hit
from penstock.checks.infra.values import dig, items, table

WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob", "Pod", "ReplicationController")
SERVING = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet")
CLUSTER_WIDE = frozenset(
    [
        "Namespace",
        "ClusterRole",
        "ClusterRoleBinding",
        "CustomResourceDefinition",
        "PersistentVolume",
        "StorageClass",
        "PriorityClass",
        "IngressClass",
        "ValidatingWebhookConfiguration",
        "MutatingWebhookConfiguration",
        "APIService",
        "RuntimeClass",
        "CSIDriver",
        "GatewayClass",
        "ClusterIssuer",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        "Kustomization",
        "Node",
        "ClusterPolicy",
        "VolumeSnapshotClass",
    ]
)


@dataclass(frozen=True)
class Object:
    """One object of a manifest."""

    kind: str
    api: str
    name: str
    namespace: str
    body: Map
    file: str

    @property
    def label(self) -> str:
        return f"{self.kind}/{self.name or '?'}"

    def place(self, value: Any = None, key: str | None = None) -> str:
        """Where something in it stands; the object itself, if left out."""
        line = line_of(value, key) if value is not None else 0
        return f"{self.file}:{line or self.body.line}"

    def pod(self) -> Mapping[str, Any]:
        """The template of its pods: metadata and spec."""
        if self.kind == "Pod":
            return self.body
        path = ("spec", "jobTemplate", "spec", "template") if self.kind == "CronJob" else ("spec", "template")
        return table(dig(self.body, *path))

    def containers(self, *, first: bool = False) -> list[Mapping[str, Any]]:
        """Its containers; with `first`, those that run before them as well."""
        spec = table(self.pod().get("spec"))
        more = ("initContainers", "ephemeralContainers") if first else ()
        each = [one for key in ("containers", *more) for one in items(spec.get(key))]
        return [one for one in each if isinstance(one, Mapping)]

    def labels(self) -> Mapping[str, Any]:
        """The labels of its pods."""
        return table(dig(self.pod(), "metadata", "labels"))


@dataclass(frozen=True)
class Cluster:
    """All objects of some manifests."""

    objects: tuple[Object, ...]
    production: bool = False

    def of(self, *kinds: str) -> Iterator[Object]:
        """Those of these kinds."""
        return (one for one in self.objects if one.kind in kinds)


def read_manifests(data: bytes, file: str) -> list[Object]:
    """The objects of one file; a list of objects is those in it."""
    return [one for found in documents(data) for one in _objects(found, file, 0)]


def _objects(found: Any, file: str, depth: int) -> Iterator[Object]:
    if found is None or found == {}:
        return
    if (
        isinstance(found, Map)
        and str(found.get("kind", "")).endswith("List")
        and isinstance(found.get("items"), list)
        and depth < 5
    ):
        for one in found["items"]:
            yield from _objects(one, file, depth + 1)
        return
    body = found if isinstance(found, Map) else Map(line_of(found, otherwise=1))
    meta = table(body.get("metadata"))
    name = meta.get("name", f"{meta['generateName']}*" if meta.get("generateName") else "")
    yield Object(
        str(body.get("kind") or ""),
        str(body.get("apiVersion") or ""),
        str(name or ""),
        str(meta.get("namespace") or ""),
        body,
        file,
    )


def hit(rule: str, severity: str, one: Object, words: tuple[str, str, str], where: str = "") -> Hit:
    """A finding about an object."""
    condition, effect, remedy = words
    return Hit(rule, severity, one.label, f"{one.label} {condition}", effect, remedy, where or one.place())


def matches(selector: Mapping[str, Any], labels: Mapping[str, Any]) -> bool:
    """Whether labels have all that a selector wants."""
    return all(str(labels.get(key)) == str(value) for key, value in selector.items())
