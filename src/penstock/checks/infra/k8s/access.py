"""Who may do what in the cluster."""

from __future__ import annotations

from collections.abc import Iterator

from penstock.checks.infra.k8s.objects import Cluster, hit
from penstock.checks.infra.resource import Hit
from penstock.checks.infra.values import dig, items, table

_EVERYBODY = ("system:anonymous", "system:unauthenticated", "system:authenticated", "system:serviceaccounts")


def roles(cluster: Cluster) -> Iterator[Hit]:
    """A role that may do everything, or whatever it likes with secrets."""
    for one in cluster.of("Role", "ClusterRole"):
        for rule in map(table, items(one.body.get("rules"))):
            verbs, things = items(rule.get("verbs")), items(rule.get("resources"))
            if "*" in verbs and ("*" in things or "*" in items(rule.get("nonResourceURLs"))):
                yield hit(
                    "wildcard-role",
                    "critical" if one.kind == "ClusterRole" else "high",
                    one,
                    (
                        "may do everything to everything (*)",
                        "whoever has it has the cluster",
                        "verbs: [get, list, watch]",
                    ),
                    one.place(rule),
                )
            elif "*" in verbs or "*" in things or {"escalate", "bind", "impersonate"} & set(verbs):
                yield hit(
                    "wildcard-role",
                    "high",
                    one,
                    (
                        f"allows {', '.join(map(str, verbs))} on {', '.join(map(str, things))}",
                        "it may do more than anybody meant",
                        "the verbs and resources, by name",
                    ),
                    one.place(rule),
                )


def reach(cluster: Cluster) -> Iterator[Hit]:
    """A role of the whole cluster that reads every secret, or runs programs in every pod."""
    for one in cluster.of("ClusterRole"):
        for rule in map(table, items(one.body.get("rules"))):
            verbs, things = set(map(str, items(rule.get("verbs")))), set(map(str, items(rule.get("resources"))))
            reads = "secrets" in things and {"get", "list", "watch"} & verbs and not rule.get("resourceNames")
            runs = {"pods/exec", "pods/attach", "nodes/proxy"} & things if {"create", "get"} & verbs else set()
            if reads or runs:
                what = "reads every secret of the cluster" if reads else f"may use {sorted(runs)[0]} everywhere"
                words = (what, "whoever has it gets into everything", "a Role in one namespace, with resourceNames")
                yield hit("wide-role", "medium", one, words, one.place(rule))


def bindings(cluster: Cluster) -> Iterator[Hit]:
    """A binding that makes somebody an administrator, or is for everybody."""
    for one in cluster.of("RoleBinding", "ClusterRoleBinding"):
        if dig(one.body, "roleRef", "name") == "cluster-admin":
            yield hit(
                "cluster-admin",
                "critical",
                one,
                ("binds cluster-admin", "whoever gets into one of its subjects has the cluster", "a Role of its own"),
                one.place(one.body, "roleRef"),
            )
        names = [str(table(subject).get("name")) for subject in items(one.body.get("subjects"))]
        if everybody := [name for name in names if name in _EVERYBODY]:
            yield hit(
                "open-binding",
                "critical",
                one,
                (f"is for {everybody[0]}", "everybody who reaches the server may do it", "a ServiceAccount, by name"),
                one.place(one.body, "subjects"),
            )


RULES = (roles, reach, bindings)
