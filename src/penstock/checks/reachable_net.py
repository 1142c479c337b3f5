"""Places on the network and on this machine: TCP, TLS, a disk. Every wait ends."""

from __future__ import annotations

import queue
import shutil
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from penstock.checks.json_path import CannotTell
from penstock.render.words import span

T = TypeVar("T")


@dataclass(frozen=True)
class Limits:
    """How long a connection may take, when all is over (monotonic clock), and the wall clock's now."""

    connect_s: float
    until: float
    now: float

    def left_s(self) -> float:
        """The seconds that are left, at least a few milliseconds: 0 would mean for ever to some."""
        return max(0.005, self.until - time.monotonic())

    def connect_until(self) -> float:
        """When a connection that is begun now must stand."""
        return min(self.until, time.monotonic() + self.connect_s)


class Unreachable(Exception):
    """The place was asked, and is not as it should be. `again`: no connection came about, and one more try is fair."""

    def __init__(self, condition: str, remedy: str = "", *, again: bool = False) -> None:
        super().__init__(condition)
        self.remedy, self.again = remedy, again


def bounded(work: Callable[[], T], until: float) -> T:
    """What the work returns; TimeoutError when it is not done in time. Then its thread is left to its own time-outs."""
    done: queue.SimpleQueue[tuple[bool, Any]] = queue.SimpleQueue()

    def go() -> None:
        try:
            done.put((True, work()))
        except BaseException as error:  # it is raised where it is waited for
            done.put((False, error))

    threading.Thread(target=go, daemon=True).start()
    try:
        good, found = done.get(timeout=max(0.0, until - time.monotonic()))
    except queue.Empty:
        raise TimeoutError from None
    if not good:
        raise found
    return found  # type: ignore[no-any-return]


def unconnected(error: BaseException, limits: Limits) -> Unreachable:
    """Why there is no connection, without the addresses that a library would name."""
    if isinstance(error, TimeoutError):
        return Unreachable(
            f"no connection in time ({limits.connect_s:g} s at most)", "a host and port that answer", again=True
        )
    if isinstance(error, ConnectionRefusedError):
        return Unreachable("the connection was refused", "a service that listens there", again=True)
    if isinstance(error, socket.gaierror):
        return Unreachable("no such host is known here", "a name that this machine can resolve", again=True)
    words = getattr(error, "strerror", None) or type(error).__name__
    return Unreachable(f"no connection: {words}", "a host and port that answer", again=True)


def host_and_port(text: str, default: int | None = None) -> tuple[str, int]:
    """`host:port`, `[::1]:443`; ValueError says what is wrong."""
    host, colon, port = text.rpartition(":")
    if not colon or (text.startswith("[") and text.endswith("]")) or (text.count(":") > 1 and "]" not in text):
        host, port = text, ""
    if not port and default is None:
        raise ValueError("has no port")
    if port and not (port.isascii() and port.isdigit() and 0 < int(port[:9]) < 65536):
        raise ValueError("has no port that can be")
    host = host.removeprefix("[").removesuffix("]")
    if not host or any(sign in host for sign in "/@ \0"):
        raise ValueError("is no host with a port")
    return host, int(port or default or 0)


def _connection(place: str, default: int | None, limits: Limits) -> tuple[socket.socket, str]:
    try:
        host, port = host_and_port(place, default)
    except ValueError as error:
        raise CannotTell(f"filled in, it {error}", "host:port") from error
    try:
        return bounded(lambda: socket.create_connection((host, port), limits.connect_s), limits.connect_until()), host
    except (OSError, UnicodeError) as error:
        raise unconnected(error, limits) from error


def tcp(place: str, limits: Limits) -> str:
    """Whether something takes connections there."""
    began = time.monotonic()
    _connection(place, None, limits)[0].close()
    return f"takes connections ({(time.monotonic() - began) * 1000:.0f} ms)"


def tls(place: str, authority: str | None, at_least_s: float, limits: Limits) -> str:
    """Whether its certificate is trusted, carries its name, and does not expire too soon."""
    try:
        context = ssl.create_default_context(cafile=authority)
    except (OSError, ValueError) as error:
        raise CannotTell(f"`authority` cannot be read: {error}", "a file of certificates in PEM") from error
    connection, host = _connection(place, 443, limits)
    with connection:
        connection.settimeout(min(limits.connect_s, limits.left_s()))
        try:
            wrapped = bounded(lambda: context.wrap_socket(connection, server_hostname=host), limits.connect_until())
        except ssl.SSLCertVerificationError as error:
            why = f"its certificate is not accepted: {error.verify_message}"
            raise Unreachable(why, "a certificate of this name, in its time, by a known authority") from error
        except ssl.SSLError as error:
            raise Unreachable(f"no TLS: {error.reason or error}", "a port that speaks TLS 1.2 or newer") from error
        except (OSError, ValueError) as error:
            raise unconnected(error, limits) from error
        with wrapped:
            found = wrapped.getpeercert() or {}
    return lasting(str(found.get("notAfter", "")), at_least_s, limits.now)


def lasting(not_after: str, at_least_s: float, now: float) -> str:
    """How long a certificate is still good; Unreachable when that is too short."""
    try:
        left_s = ssl.cert_time_to_seconds(not_after) - now
    except ValueError as error:
        raise CannotTell("its certificate does not say when it expires", "a usual certificate") from error
    said = f"its certificate is good for {span(left_s)} more" if left_s > 0 else "its certificate has expired"
    if left_s < max(at_least_s, 0.001):
        raise Unreachable(f"{said}, expected at least {span(at_least_s)}", "a new certificate")
    return said


def disk(path: str, share: float | None, size: int | None, limits: Limits) -> str:
    """Whether so much of a disk is free as must be."""
    try:
        found = bounded(lambda: shutil.disk_usage(path), limits.until)
    except TimeoutError as error:
        raise CannotTell("the disk did not answer in time", "a disk that answers") from error
    except OSError as error:
        raise CannotTell(f"cannot be looked at: {error.strerror}", "a folder of this machine") from error
    said = f"{sized(found.free)} of {sized(found.total)} are free"
    wanted = round(found.total * share) if share is not None else size or 0
    if found.free < wanted:
        raise Unreachable(f"{said}, expected at least {sized(wanted)}", "less on it, or a larger one")
    return said


def sized(count: int) -> str:
    """`4.2 GB`, in thousands."""
    for unit, size in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count} B"
