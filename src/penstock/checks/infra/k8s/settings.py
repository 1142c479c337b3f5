"""Secrets in manifests."""

from __future__ import annotations

from collections.abc import Iterator

from penstock.checks.infra.k8s.objects import WORKLOADS, Cluster, hit
from penstock.checks.infra.resource import Hit
from penstock.checks.infra.secrets import in_command, in_settings, is_plain_secret
from penstock.checks.infra.values import items, table

_READ = "whoever reads the repository or may describe the object has it"
_FROM = "{name: NAME, valueFrom: {secretKeyRef: {name: shop, key: NAME}}}"


def variables(cluster: Cluster) -> Iterator[Hit]:
    """A container's variable, argument or a setting with a secret in plain text."""
    for one in cluster.of(*WORKLOADS):
        for container in one.containers(first=True):
            for variable in map(table, items(container.get("env"))):
                name = str(variable.get("name"))
                if is_plain_secret(name, variable.get("value")):
                    yield hit(
                        "plain-secret",
                        "high",
                        one,
                        (f"holds a secret in plain text in the variable `{name}`", _READ, _FROM.replace("NAME", name)),
                        one.place(variable),
                    )
            for words in (container.get("args"), container.get("command")):
                if in_command(words):
                    yield hit(
                        "plain-secret",
                        "high",
                        one,
                        ("holds a secret in plain text in a command", _READ, "a variable from a secretKeyRef"),
                        one.place(container, "args"),
                    )
    for one in cluster.of("ConfigMap"):
        for name, value in table(one.body.get("data")).items():
            if is_plain_secret(name, value) or in_settings(value):
                yield hit(
                    "plain-secret",
                    "high",
                    one,
                    (
                        f"holds a secret in plain text in `{name}`",
                        _READ,
                        "a Secret that is made outside of the repository",
                    ),
                    one.place(one.body["data"], name),
                )


def secrets(cluster: Cluster) -> Iterator[Hit]:
    """A Secret whose values stand in the manifest: base64 hides nothing."""
    for one in cluster.of("Secret"):
        held = [
            key
            for part in ("data", "stringData")
            for key, value in table(one.body.get(part)).items()
            if _is_held(value)
        ]
        if held:
            words = (
                f"holds {', '.join(held[:3])} in the manifest",
                f"base64 hides nothing: {_READ}",
                "a SealedSecret, an ExternalSecret, or one that is made outside",
            )
            yield hit("secret-in-manifest", "high", one, words)


def _is_held(value: object) -> bool:
    text = str(value or "").strip()
    return bool(text) and not text.startswith(("ENC[", "<", "${", "$(", "{{", "vault:", "ref+"))


RULES = (variables, secrets)
