"""Where the things of one local environment lie, and how a file is replaced whole."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penstock.errors import NeedsPerson, PenstockError
from penstock.state import runtime_root

_SOCKET_BYTES = 107


@dataclass(frozen=True)
class Folder:
    """One environment's folder. Every path below it is named here, and nowhere else."""

    root: Path

    @classmethod
    def of(cls, path: str | os.PathLike[str]) -> Folder:
        """The folder under its real path, so that two spellings of it are one environment."""
        return cls(Path(os.path.realpath(path)))

    def __fspath__(self) -> str:
        return str(self.root)

    @property
    def desired(self) -> Path:
        return self.root / "desired.json"

    @property
    def desired_lock(self) -> Path:
        return self.root / "desired.lock"

    @property
    def fallback(self) -> Path:
        return self.root / "fallback.json"

    @property
    def taken_back(self) -> Path:
        """Why the way back was taken: a note beside the desire that it explains."""
        return self.root / "taken_back.json"

    @property
    def heartbeat(self) -> Path:
        return self.root / "heartbeat"

    @property
    def observed(self) -> Path:
        return self.root / "observed.json"

    @property
    def instances(self) -> Path:
        return self.root / "instances.json"

    @property
    def readings(self) -> Path:
        return self.root / "readings.sqlite"

    @property
    def reexec(self) -> Path:
        return self.root / "reexec"

    @property
    def reserve(self) -> Path:
        """Space set aside: given up on a full disk, so that the routes can still be turned round."""
        return self.root / "reserve"

    @property
    def keeper_lock(self) -> Path:
        return self.root / "keeper.lock"

    @property
    def keeper_log(self) -> Path:
        return self.root / "keeper.log"

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def envoy(self) -> Path:
        return self.root / "envoy"

    @property
    def envoy_log(self) -> Path:
        return self.envoy / "envoy.log"

    @property
    def synthetic_token(self) -> Path:
        return self.root / "synthetic-token"

    @property
    def access_log(self) -> Path:
        return self.envoy / "access.log"

    @property
    def rotated_log(self) -> Path:
        return self.envoy / "access.log.1"

    @property
    def copies(self) -> Path:
        """The folder that holds a folder for each instance."""
        return self.root / "instances"

    def instance(self, name: str) -> Path:
        """The folder of one instance: `home/` and `out.log`."""
        return self.copies / name

    def out_log(self, instance: str) -> Path:
        """What an instance wrote to its output."""
        return self.instance(instance) / "out.log"

    @property
    def mark(self) -> str:
        """A short hash that names this environment where paths must be short."""
        return hashlib.sha256(os.fsencode(self.root)).hexdigest()[:12]

    @property
    def admin_socket(self) -> Path:
        """Envoy's admin socket, in the runtime folder; a PenstockError where its path is too long
        for a socket.
        """
        path = runtime() / self.mark / "admin.sock"
        if len(os.fsencode(path)) > _SOCKET_BYTES:
            raise PenstockError(
                "runtime-path",
                f"the path of a socket may have {_SOCKET_BYTES} bytes",
                str(path),
                "the runtime folder's own path is too long",
                "set PENSTOCK_RUNTIME to a shorter path",
            )
        return path

    def prepare(self) -> None:
        """Make what is missing, closed to others."""
        for path in (self.root, self.envoy, self.envoy / "rds", self.envoy / "eds", self.copies, self.data):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.admin_socket.parent.mkdir(mode=0o700, parents=True, exist_ok=True)


def runtime() -> Path:
    """The folder for sockets and port locks: 0700 and ours, else a PenstockError."""
    named, path = os.environ.get("PENSTOCK_RUNTIME"), runtime_root()
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = path.lstat()
    if found.st_uid != os.getuid() or path.is_symlink() or (not named and found.st_mode & 0o077):
        raise PenstockError(
            "runtime-not-ours",
            "the runtime folder belongs to somebody else, or is open to others",
            str(path),
            "its sockets steer Envoy",
            "set PENSTOCK_RUNTIME to a folder of your own, with mode 0700",
        )
    return path


def replace(path: Path, text: str, *, durable: bool = False) -> None:
    """Put a whole file (0600) in the place of another; `durable`: it is there after a power cut. Raises
    OSError.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "w") as file:
            file.write(text)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        os.replace(beside, path)
    except OSError:
        with suppress(FileNotFoundError):
            beside.unlink()
        raise
    if durable:
        sync(path.parent)


def replace_json(path: Path, data: Any, *, durable: bool = False) -> None:
    """The same with data written as JSON."""
    replace(path, json.dumps(data, ensure_ascii=False), durable=durable)


def sync(folder: Path) -> None:
    """Make renames in a folder last."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read_json(path: Path) -> dict[str, Any] | None:
    """A file's map; None where there is no file, a NeedsPerson `unreadable` where it holds anything
    else.
    """
    try:
        data = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise NeedsPerson(
            "unreadable",
            "this file is not the JSON it should be",
            str(path),
            str(error),
            "look at it, or remove it",
        ) from error
    if not isinstance(data, dict):
        raise NeedsPerson("unreadable", "this file holds no map", str(path), next="look at it, or remove it")
    return data


@contextmanager
def locked(path: Path, within_s: float = 10.0) -> Iterator[None]:
    """Hold an exclusive lock; waits at most `within_s`, then a PenstockError `locked`."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + within_s
        while not try_lock(handle):
            if time.monotonic() > deadline:
                raise PenstockError("locked", f"somebody has held this lock for {within_s:g} s", str(path))
            time.sleep(0.01)
        yield
    finally:
        os.close(handle)


def try_lock(handle: int) -> bool:
    """Lock an open file if nobody holds it; the lock goes with the handle."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            return False
        raise
    return True
