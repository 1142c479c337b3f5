"""`target: {is: local}`: processes on this machine, behind an Envoy of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field, model_validator

from penstock.manifest.leased import Leased, Ports
from penstock.manifest.section import Count, Duration, count, wrong

_TEMPLATES_PORTS = (18_000, 18_999)  # below those that instances take for themselves


def _each(least: int, most: int, noun: str, instead: str) -> Any:
    """One number for all units, or a map of unit -> number, from `least` to `most`."""

    def one(value: Any) -> int:
        number = count(value)
        if not least <= number <= most:
            raise wrong(f"`{number}` is not {noun}", f"it is a number from {least} to {most}", instead)
        return number

    def read(value: Any) -> Any:
        return {name: one(n) for name, n in value.items()} if isinstance(value, dict) else one(value)

    return BeforeValidator(read)


_Port = Annotated[int | dict[str, int], _each(1, 65535, "a port", "8080")]
_Instances = Annotated[int | dict[str, int], _each(1, 100, "a number of instances", "2")]


class LocalSection(Leased):
    """Where clients connect (`bind`, `port`), and how many instances of each unit run.

    `port` and `instances` are one number, or a map of unit -> number. The newest `keep_revisions` stay on
    disk. A request may take `request_timeout_s`; a retired instance gets `drain_s` to finish its requests,
    and after SIGTERM `stop_s` to end. A template has no `port`: each of its environments takes its own from `ports`.
    """

    not_yet: ClassVar[frozenset[str]] = frozenset({"tls", "user", "memory", "cpu", "hosts", "domain"})
    one_of: ClassVar[tuple[str, ...]] = ("port", "expires")
    tells: ClassVar[frozenset[str]] = frozenset({"duration", "memory", "cpu"})

    port: _Port | None = None
    ports: Ports | None = None
    bind: str = Field(default="127.0.0.1", pattern=r"^[0-9A-Fa-f.:]{2,45}$")
    instances: _Instances = 1
    keep_revisions: Count = Field(default=3, ge=2, le=100)
    request_timeout_s: Duration = Field(default=60.0, alias="request_timeout", gt=0)
    drain_s: Duration = Field(default=30.0, alias="drain")
    stop_s: Duration = Field(default=15.0, alias="stop")

    @model_validator(mode="after")
    def _a_port_or_several(self) -> LocalSection:
        if self.expires_s is None and self.ports is not None:
            raise wrong("`ports` is for environments of branches", "an environment of its own has one port and keeps it",
                        "port: 8080, or `expires` beside it", at="ports")  # fmt: skip
        if self.expires_s is None and self.port is None:
            raise wrong("`target` lacks `port`", "there is no default that would be safe", "port: 8080",
                        code="missing-key", at="port")  # fmt: skip
        if self.expires_s is not None and self.port is not None:
            raise wrong("the environments of all branches would have one port", "each of them listens on a port of its own",
                        "ports: 20000-20099, or neither of the two", at="port")  # fmt: skip
        return self

    def ports_to_take(self) -> tuple[int, int] | None:
        """Where a template's environments take their ports from."""
        return (self.ports or _TEMPLATES_PORTS) if self.expires_s is not None else None

    def taken(self, ports: Mapping[str, int]) -> LocalSection:
        """The section of one environment, with its own ports."""
        return self.model_copy(update={"port": dict(ports), "ports": None, "expires_s": None})

    def port_of(self, unit: str) -> int | None:
        """The port where clients reach a unit; None when it has none."""
        return self.port.get(unit) if isinstance(self.port, dict) else self.port

    def instances_of(self, unit: str) -> int:
        """How many instances of a unit run."""
        return self.instances.get(unit, 1) if isinstance(self.instances, dict) else self.instances

    def misfits(self, units: Mapping[str, bool]) -> list[ValueError]:
        """Every unit with traffic has a port of its own, no other has one, and every name is a unit's."""
        serving = [name for name, traffic in units.items() if traffic]
        if self.port is None:
            found = []
        elif isinstance(self.port, int):
            found = [_shared(self.port, serving)] if len(serving) > 1 else []
        else:
            found = self._ports(self.port, units, serving)
        if isinstance(self.instances, dict):
            found += [_no_unit(name, "instances") for name in self.instances if name not in units]
        return found

    def _ports(self, ports: Mapping[str, int], units: Mapping[str, bool], serving: list[str]) -> list[ValueError]:
        found = [_no_unit(name, "port") for name in ports if name not in units]
        found += [_no_port(name) for name in serving if name not in ports]
        found += [_no_traffic(name) for name in ports if name in units and name not in serving]
        if len(set(ports.values())) < len(ports):
            found.append(wrong("two units have one port", "a port leads to one unit", "a port each", at="port"))
        return found


def _shared(port: int, serving: list[str]) -> ValueError:
    each = ", ".join(f"{name}: {port + number}" for number, name in enumerate(serving))
    return wrong(
        f"one port for {len(serving)} units that take traffic",
        "a port leads to one unit",
        f"{{{each}}}",
        at="port",
    )


def _no_unit(name: str, at: str) -> ValueError:
    return wrong(f"there is no unit `{name}`", f"`{at}` names the units of this environment", "a unit's name", at=at)


def _no_port(name: str) -> ValueError:
    return wrong(
        f"the unit `{name}` has no port",
        "it takes traffic, and clients must find it",
        f"{name}: 8080",
        at="port",
    )


def _no_traffic(name: str) -> ValueError:
    return wrong(f"the unit `{name}` takes no traffic", "it says `traffic: none`", "the other units only", at="port")
