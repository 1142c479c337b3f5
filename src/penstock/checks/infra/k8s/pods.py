"""Containers: what they may use, how they are watched, and what they may do to their host."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from penstock.checks.infra.image import tag_problem
from penstock.checks.infra.k8s.objects import SERVING, WORKLOADS, Cluster, Object, hit
from penstock.checks.infra.resource import Hit
from penstock.checks.infra.values import dig, items, table, truth

_GRAVE = {"ALL", "SYS_ADMIN", "NET_ADMIN", "SYS_PTRACE", "SYS_MODULE", "DAC_READ_SEARCH", "SYS_RAWIO", "BPF", "NET_RAW"}
_SYSTEM = (
    "/",
    "/etc",
    "/root",
    "/proc",
    "/sys",
    "/dev",
    "/boot",
    "/home",
    "/var",
    "/var/run",
    "/run",
    "/var/lib",
    "/var/lib/kubelet",
)


def limits(cluster: Cluster) -> Iterator[Hit]:
    """A container that says not what it needs, or takes what it likes."""
    for one, container in _containers(cluster, first=True):
        said = table(container.get("resources"))
        lacking = [
            f"{part}.{what}"
            for part, what in (("requests", "cpu"), ("requests", "memory"), ("limits", "cpu"), ("limits", "memory"))
            if dig(said, part, what) is None and not (part == "requests" and dig(said, "limits", what) is not None)
        ]
        if lacking == ["limits.cpu"]:
            continue  # a processor is shared by weight; a limit on it only slows down
        if lacking:
            words = (
                f"container `{container.get('name')}` does not set {', '.join(lacking)}",
                "it can starve its neighbours, or is the first to be killed",
                "resources: {requests: {cpu: 100m, memory: 128Mi}, limits: {cpu: 500m, memory: 256Mi}}",
            )
            yield hit("no-limits", "medium", one, words, one.place(container))


def probes(cluster: Cluster) -> Iterator[Hit]:
    """A container that serves, and that nobody asks whether it still does."""
    for one, container in _containers(cluster):
        lacking = [probe for probe in ("readinessProbe", "livenessProbe") if not container.get(probe)]
        if lacking and one.kind in SERVING:
            words = (
                f"container `{container.get('name')}` has no {' and no '.join(lacking)}",
                "it gets requests before it can answer, or hangs for ever",
                "readinessProbe: {httpGet: {path: /health, port: 8080}}",
            )
            yield hit("no-probe", "medium", one, words, one.place(container))


def images(cluster: Cluster) -> Iterator[Hit]:
    """An image that is another one tomorrow."""
    for one, container in _containers(cluster, first=True):
        image = str(container.get("image") or "")
        if image and (problem := tag_problem(image)):
            words = (
                f"image {image} {problem}",
                "two pods of one revision may run different programs, and going back does nothing",
                f"image: {image.partition(':')[0]}:1.4.2   # or @sha256:...",
            )
            yield hit("image-tag", "high", one, words, one.place(container, "image"))


def rights(cluster: Cluster) -> Iterator[Hit]:
    """A container that is root, or more than that."""
    for one, container in _containers(cluster, first=True):
        pod, own = table(dig(one.pod(), "spec", "securityContext")), table(container.get("securityContext"))
        name, place = f"container `{container.get('name')}`", one.place(container, "securityContext")
        if truth(own.get("privileged")) is True:
            yield hit(
                "privileged",
                "critical",
                one,
                (f"{name} is privileged", "whoever gets into it has the whole node", "privileged: false"),
                place,
            )
        user = own.get("runAsUser", pod.get("runAsUser"))
        root = truth(own.get("runAsNonRoot", pod.get("runAsNonRoot"))) is not True and not (
            isinstance(user, int) and user > 0
        )
        if user == 0 or root:
            words = (
                f"{name} " + ("runs as root (runAsUser: 0)" if user == 0 else "may run as root"),
                "one hole more, and it is root on the node",
                "securityContext: {runAsNonRoot: true, runAsUser: 10001}",
            )
            yield hit("run-as-root", "high" if user == 0 else "medium", one, words, place)
        added = {str(what).upper().removeprefix("CAP_") for what in items(dig(own, "capabilities", "add"))}
        if added & _GRAVE:
            words = (
                f"{name} adds {', '.join(sorted(added & _GRAVE))}",
                "it may do to the node what root may",
                "capabilities: {drop: [ALL]}",
            )
            yield hit("capabilities", "high", one, words, place)
        profile = dig(own, "seccompProfile", "type") or dig(pod, "seccompProfile", "type")
        if profile == "Unconfined" or own.get("procMount") == "Unmasked" or _is_host_process(own, pod):
            words = (
                f"{name} is not confined",
                "the kernel's own fence is taken down",
                "seccompProfile: {type: RuntimeDefault}",
            )
            yield hit("unconfined", "high", one, words, place)
        if truth(own.get("allowPrivilegeEscalation")) is True:
            yield hit(
                "privilege-escalation",
                "medium",
                one,
                (
                    f"{name} may become more than it is",
                    "a setuid program in it makes it root",
                    "allowPrivilegeEscalation: false",
                ),
                place,
            )


def _is_host_process(own: Mapping[str, Any], pod: Mapping[str, Any]) -> bool:
    """Whether a container of Windows is a process of its node."""
    return any(truth(dig(one, "windowsOptions", "hostProcess")) is True for one in (own, pod))


def host(cluster: Cluster) -> Iterator[Hit]:
    """A pod that shares its node's network, processes or files."""
    for one in cluster.of(*WORKLOADS):
        spec = table(one.pod().get("spec"))
        for key in ("hostNetwork", "hostPID", "hostIPC"):
            if truth(spec.get(key)) is True:
                words = (f"sets {key}", "it sees what all others on the node do", f"{key}: false")
                yield hit("host", "high", one, words, one.place(spec, key))
        for volume in map(table, items(spec.get("volumes"))):
            path = str(dig(volume, "hostPath", "path") or "")
            if path:
                grave = path.rstrip("/") in [system.rstrip("/") for system in _SYSTEM] or path.endswith(".sock")
                words = (
                    f"mounts {path} of the node (hostPath)",
                    "whoever gets into it reads, and often writes, the node's files",
                    "a persistentVolumeClaim, or emptyDir: {}",
                )
                yield hit("host-path", "critical" if grave else "high", one, words, one.place(volume))
        for container in one.containers():
            if any(table(port).get("hostPort") for port in items(container.get("ports"))):
                yield hit(
                    "host",
                    "medium",
                    one,
                    (
                        "takes a port of the node (hostPort)",
                        "only one of them runs on a node, beside the policies of the network",
                        "a Service",
                    ),
                    one.place(container, "ports"),
                )


def _containers(cluster: Cluster, *, first: bool = False) -> Iterator[tuple[Object, Mapping[str, Any]]]:
    return ((one, container) for one in cluster.of(*WORKLOADS) for container in one.containers(first=first))


RULES = (limits, probes, images, rights, host)
