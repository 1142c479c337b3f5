"""Where Penstock remembers: one folder, 0700, never in a checkout and never named by a manifest."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from penstock.errors import StateError


def default_root() -> Path:
    """PENSTOCK_STATE, else the system's folder for root, else the user's state folder (XDG)."""
    if said := os.environ.get("PENSTOCK_STATE"):
        return Path(said).absolute()
    if os.geteuid() == 0:
        return Path("/var/lib/penstock")
    home = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(home) / "penstock"


def runtime_root() -> Path:
    """Where sockets and port locks lie: gone after a reboot, short enough for a socket's path."""
    if said := os.environ.get("PENSTOCK_RUNTIME"):
        return Path(said).absolute()
    if said := os.environ.get("XDG_RUNTIME_DIR"):
        return Path(said) / "penstock"
    return Path("/run/penstock") if os.geteuid() == 0 else Path(f"/tmp/penstock-{os.geteuid()}")


@dataclass(frozen=True)
class State:
    """The names of everything in a state folder."""

    root: Path

    @property
    def records(self) -> Path:
        return self.root / "records.sqlite"

    @property
    def journal(self) -> Path:
        return self.root / "journal.sqlite"

    @property
    def audit_log(self) -> Path:
        return self.root / "audit.log"

    @property
    def evidence(self) -> Path:
        return self.root / "evidence"

    @property
    def artifacts(self) -> Path:
        return self.root / "artifacts"

    @property
    def worker_lock(self) -> Path:
        return self.root / "worker.lock"

    @property
    def worker_log(self) -> Path:
        return self.root / "worker.log"

    @property
    def previews_lock(self) -> Path:
        return self.root / "previews.lock"

    @property
    def previews_log(self) -> Path:
        return self.root / "previews.log"

    @property
    def previews_looked(self) -> Path:
        return self.root / "previews.looked"

    def repository(self, service: str) -> Path:
        return self.root / "repos" / f"{service}.git"

    def environment(self, service: str, environment: str) -> Path:
        return self.root / "environments" / service / environment

    def release(self, number: int) -> Path:
        return self.root / "releases" / str(number)

    def secrets(self, service: str, environment: str, number: int) -> Path:
        return self.environment(service, environment) / "secrets" / f"{number}.json"

    def make(self) -> State:
        """Make the folder, for its owner only; a folder that others own or may read is refused."""
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = self.root.stat()
            if found.st_uid != os.geteuid():
                raise StateError("state-owner", "the state folder belongs to another user", str(self.root),
                                 "one account is one person: the record would claim more", "use PENSTOCK_STATE")  # fmt: skip
            if found.st_mode & 0o077:
                self.root.chmod(0o700)
            for name in ("evidence", "artifacts", "repos", "environments", "releases"):
                (self.root / name).mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise StateError("state", f"the state folder cannot be made: {error.strerror}", str(self.root),
                             next="set PENSTOCK_STATE to a folder that you may write") from error  # fmt: skip
        return self
