"""TCP ports of this machine: who holds one, and one that is free."""

from __future__ import annotations

import os
import random
import socket
from contextlib import suppress
from pathlib import Path

from penstock.errors import PenstockError
from penstock.providers.local.paths import runtime, try_lock

_LOWEST = 20_000
_TRIES = 500
_LISTENING = "0A"


class PortLocks:
    """Ports that this keeper has taken for itself, against other keepers of the machine."""

    def __init__(self) -> None:
        self._held: dict[int, int] = {}

    def take(self, port: int) -> bool:
        """Lock a port; False when another keeper has it."""
        if port in self._held:
            return True
        handle = os.open(runtime() / f"port-{port}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if not try_lock(handle):
            os.close(handle)
            return False
        self._held[port] = handle
        return True

    def give_back(self, port: int) -> None:
        """Let others have a port."""
        handle = self._held.pop(port, None)
        if handle is not None:
            os.close(handle)

    def free_port(self) -> int:
        """A port that nobody listens on, locked; a PenstockError `no-port` where there is none.

        It lies below the range from which outgoing connections take theirs: in that range a client
        that asks a
        port where nobody listens yet may happen to connect to itself.
        """
        low, high = _range()
        for _ in range(_TRIES):
            port = random.randint(low, high)
            if port not in self._held and is_free("", port) and self.take(port):
                return port
        raise PenstockError("no-port", f"no free port between {low} and {high}", next="stop what holds them")


def _range() -> tuple[int, int]:
    first_outgoing = 32_768
    with suppress(OSError, ValueError, IndexError):
        first_outgoing = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    return (_LOWEST, first_outgoing - 1) if first_outgoing > _LOWEST + _TRIES else (_LOWEST, 60_000)


def is_free(bind: str, port: int) -> bool:
    """Whether a server could listen there now."""
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((bind, port))
        except OSError:
            return False
        return True


def holder(port: int) -> tuple[int, str] | None:
    """Pid and name of the process that listens on a port; None where /proc does not tell."""
    sockets = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    if not sockets:
        return None
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and _holds(entry, sockets):
            with suppress(OSError):
                return int(entry.name), (entry / "comm").read_text().strip()
    return None


def _listening_inodes(port: int) -> list[str]:
    found = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with suppress(OSError):
            rows = [line.split() for line in Path(table).read_text().splitlines()[1:]]
            found += [r[9] for r in rows if r[3] == _LISTENING and int(r[1].rpartition(":")[2], 16) == port]
    return found


def _holds(process: Path, sockets: set[str]) -> bool:
    try:
        return any(os.readlink(link) in sockets for link in (process / "fd").iterdir())
    except OSError:
        return False
