"""Rules over Compose files."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from penstock.checks.infra.image import tag_problem
from penstock.checks.infra.reading import Map, Unreadable, document, line_of
from penstock.checks.infra.resource import Hit
from penstock.checks.infra.secrets import in_command, is_plain_secret
from penstock.checks.infra.values import dig, items, table, truth

_SOCKET = re.compile(r"/(docker|containerd|podman|crio)[\w./-]*\.sock\b")
_SYSTEM = re.compile(r"(/|/etc|/root|/proc|/sys|/dev|/boot|/home|/var|/var/run|/run|/var/lib|/var/lib/docker)/?")
_SECRET_PLACE = re.compile(
    r"(?:~|\$\{?HOME\}?|/root|/home/[\w.-]+)/\.(?:ssh|aws|kube|docker|gnupg|netrc|config/gcloud)(?:/.*)?|/etc/(?:passwd|shadow|sudoers|ssh)(?:/.*)?"
)
_GRAVE_DEVICE = re.compile(r"/dev/(?:mem|kmem|port|sd[a-z]\d*|nvme\w+|vd[a-z]\d*|xvd[a-z]\d*|dm-\d+|disk(?:/.*)?)")
_GRAVE = {"ALL", "SYS_ADMIN", "NET_ADMIN", "SYS_PTRACE", "SYS_MODULE", "DAC_READ_SEARCH", "SYS_RAWIO"}


@dataclass(frozen=True)
class Service:
    """One service of a Compose file."""

    name: str
    own: Mapping[str, Any]
    file: str
    line: int

    def hit(
        self, rule: str, severity: str, key: str, words: tuple[str, str, str], index: int | str | None = None
    ) -> Hit:
        """A finding about it, where its key stands, or the entry of it."""
        condition, effect, remedy = words
        line = line_of(self.own, key, self.line) or self.line
        line = line if index is None else line_of(self.own.get(key), index, line) or line
        return Hit(
            rule, severity, self.name, f"the service `{self.name}` {condition}", effect, remedy, f"{self.file}:{line}"
        )


def read_compose(data: bytes, file: str) -> list[Service]:
    """The services; Unreadable where it is no Compose file."""
    found = document(data)
    services = table(found).get("services")
    if not isinstance(services, Map) or not services:
        raise Unreadable("it has no `services`: that is no Compose file")
    bad = next((name for name, own in services.items() if not isinstance(own, Map)), None)
    if bad is not None:
        raise Unreadable(f"the service `{bad[:60]}` is no map", line_of(services, bad))
    return [Service(name, own, file, line_of(services, name)) for name, own in services.items()]


def images(one: Service) -> Iterator[Hit]:
    """An image that is another one tomorrow."""
    image = _known(str(one.own.get("image") or ""))
    if image and not one.own.get("build") and (problem := tag_problem(image)):
        words = (
            f"runs {image}, which {problem}",
            "the next start may run another program",
            f"image: {image.partition(':')[0]}:1.4.2",
        )
        yield one.hit("image-tag", "high", "image", words)


def published(one: Service) -> Iterator[Hit]:
    """A port that every network of the machine reaches."""
    for port in items(one.own.get("ports")):
        host, target = _published(port)
        if host in ("", "0.0.0.0", "::", "[::]"):
            words = (
                f"publishes {target} on every address",
                "firewalls of the machine are passed by: everybody who reaches it reaches the port",
                f'ports: ["127.0.0.1:{target}"]',
            )
            yield one.hit("port-on-all", "info", "ports", words)


def _published(port: Any) -> tuple[str, str]:
    """The host's address of a port ("" for every one, "-" for none), and how it is written without it."""
    if isinstance(port, Mapping):
        if port.get("published") is None:
            return "-", ""
        return str(port.get("host_ip") or ""), f"{port['published']}:{port.get('target')}"
    parts = re.split(r":(?![^\[]*\])", re.sub(r"\$\{[^}]*\}", "0", str(port)))
    return (":".join(parts[:-2]), ":".join(parts[-2:])) if len(parts) > 2 else ("", str(port))


def rights(one: Service) -> Iterator[Hit]:
    """A container that is its host."""
    if truth(one.own.get("privileged")) is True:
        yield one.hit(
            "privileged",
            "critical",
            "privileged",
            ("is privileged", "whoever gets into it has the machine", "privileged: false"),
        )
    for key, bad in (
        ("network_mode", "host"),
        ("pid", "host"),
        ("ipc", "host"),
        ("userns_mode", "host"),
        ("uts", "host"),
        ("cgroup", "host"),
    ):
        if one.own.get(key) == bad:
            yield one.hit(
                "host",
                "high",
                key,
                (f"sets {key}: host", "it sees what all others on the machine do", f"without {key}"),
            )
    added = {str(what).upper().removeprefix("CAP_") for what in items(one.own.get("cap_add"))} & _GRAVE
    if added:
        yield one.hit(
            "capabilities",
            "high",
            "cap_add",
            (f"adds {', '.join(sorted(added))}", "it may do to the machine what root may", "cap_drop: [ALL]"),
        )
    if str(one.own.get("user", "")).partition(":")[0] in ("root", "0"):
        yield one.hit(
            "root", "medium", "user", ("runs as root", "one hole more, and it is root on the machine", 'user: "10001"')
        )
    if any("unconfined" in str(option) for option in items(one.own.get("security_opt"))):
        yield one.hit(
            "unconfined",
            "high",
            "security_opt",
            ("is not confined", "the kernel's own fence is taken down", "security_opt: [no-new-privileges:true]"),
        )


def mounts(one: Service) -> Iterator[Hit]:
    """The host's files in a container: the socket of Docker is the machine itself."""
    for index, volume in enumerate(items(one.own.get("volumes"))):
        long = isinstance(volume, Mapping)
        source = _known(str(volume.get("source") or "") if long else str(volume)).partition(":")[0]
        if _SOCKET.search(source):
            yield one.hit(
                "docker-socket",
                "critical",
                "volumes",
                (
                    f"mounts {source}",
                    "whoever gets into it starts what it likes, as root, on the machine",
                    "a proxy that allows the few calls that are needed",
                ),
                index,
            )
        elif _SYSTEM.fullmatch(source) or _SECRET_PLACE.fullmatch(source):
            yield one.hit(
                "host-path",
                "high",
                "volumes",
                (
                    f"mounts {source} of the machine",
                    "it reads, and often writes, the machine's own files",
                    "a named volume",
                ),
                index,
            )
    for index, device in enumerate(items(one.own.get("devices"))):
        source = str(device.get("source") if isinstance(device, Mapping) else device).partition(":")[0]
        if _GRAVE_DEVICE.fullmatch(source):
            words = (f"gets {source} of the machine", "it reads and writes what belongs to all others", "without it")
            yield one.hit("device", "critical", "devices", words, index)


def _known(text: str) -> str:
    """With what stands behind `:-` in the place of a variable: that is what it is where nobody sets it."""
    return re.sub(r"\$\{\w+:?-([^}]*)\}", r"\1", text)


def secrets(one: Service) -> Iterator[Hit]:
    """A secret in plain text: a variable, a build argument, a label or a command."""
    remedy = "${NAME:?}, from the environment; or `secrets:` with a file outside of the repository"
    for key, said in (
        ("environment", one.own.get("environment")),
        ("build", dig(one.own, "build", "args")),
        ("labels", one.own.get("labels")),
    ):
        listed = said.items() if isinstance(said, Mapping) else (str(each).partition("=")[::2] for each in items(said))
        for index, (name, value) in enumerate(listed):
            if is_plain_secret(str(name), _known(value) if isinstance(value, str) else value):
                words = (
                    f"holds a secret in plain text in `{name}`",
                    "whoever reads the repository has it",
                    f"{name}: {remedy}".replace("NAME", str(name)),
                )
                at = None if key == "build" else index if isinstance(said, list) else str(name)
                yield one.hit("plain-secret", "high", key, words, at)
    if any(in_command(one.own.get(key)) for key in ("command", "entrypoint")):
        yield one.hit(
            "plain-secret",
            "high",
            "command",
            ("holds a secret in plain text in its command", "whoever reads the repository has it", remedy),
        )


def care(one: Service) -> Iterator[Hit]:
    """A service that nobody starts again, or asks how it is."""
    jobs = one.own.get("profiles") or dig(one.own, "deploy", "mode") in ("replicated-job", "global-job")
    if not one.own.get("restart") and not dig(one.own, "deploy", "restart_policy") and not jobs:
        yield one.hit(
            "no-restart", "low", "image", ("is not restarted", "after a crash it stays away", "restart: unless-stopped")
        )
    if not one.own.get("healthcheck") and not jobs:
        words = (
            "has no healthcheck",
            "a program that hangs looks alive",
            'healthcheck: {test: ["CMD", "curl", "-fs", "http://localhost:8080/health"]}',
        )
        yield one.hit("no-healthcheck", "low", "image", words)


ALL: tuple[Callable[[Service], Iterator[Hit]], ...] = (images, published, rights, mounts, secrets, care)
