"""Everything that the steps of one release may reach."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

from penstock.core.brought import Brought
from penstock.core.masking import longest_spelling, mask
from penstock.core.target import Artifact, Fence, Observed, Reach, Revision
from penstock.errors import PenstockError, StateError
from penstock.manifest import CheckEntry, Environment
from penstock.manifest.traffic import Traffic
from penstock.ports import Check, Clock, Metrics, Sender, Target
from penstock.records import audit, events, heads, releases
from penstock.records.store import Row, Store

T = TypeVar("T")
LOG_LIMIT = 4 << 20


MARK_BYTES = 4096


class Builds(Protocol):
    """Makes the artifact of this release's commit, once."""

    def build(self, log_file: Path) -> Artifact:
        """The artifact; made at most once, whoever asks."""
        ...

    def paths(self, artifact: Artifact) -> list[str]:
        """Its own folders of programs."""
        ...

    def checkout(self, revision: Revision) -> Path:
        """A folder with the commit's files where checks may write."""
        ...

    def workplace(self, revision: Revision, name: str, needs: tuple[str, ...]) -> Path:
        """A copy of those files of its own, with what the workplaces that it needs have made beside them."""
        ...

    def leave(self, name: str) -> None:
        """Nobody works there any more."""
        ...

    def prune(self, keep: set[str]) -> None:
        """Remove every artifact whose locator is not named."""
        ...


@dataclass
class World:
    """The ports of one release, and where it keeps what it learns. Rebuilt by every worker; nothing of it is journaled.

    Where checks are only tried out, `home` is the HOME they get, `past` holds the real releases that they are compared
    with, and `content` names what lies there, of which the commit says nothing. `sender` makes what sends requests to two
    arms (by a seed), `sending` is the one that does.
    """

    release: int
    store: Store
    audit_log: Path
    evidence: Path
    work: Path
    clock: Clock
    environment: Environment
    target: Target
    metrics: Metrics
    builds: Builds
    checks: Mapping[str, Check]
    candidate: Revision
    epoch: int = 0
    secrets: Mapping[str, str] = field(default_factory=dict)
    is_ancestor: Callable[[str, str], bool] = lambda old, new: False
    commits: Callable[[str | None, str], list[dict[str, Any]]] = lambda old, new: []
    at_boot: bool = False
    template: str = ""
    repository: str = ""
    configured: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    processors: int = 2
    brings: Callable[[str | None, str], Brought] = lambda old, new: Brought()
    proofs: Callable[[Row], tuple[str, str]] = lambda answer: ("", "")
    calendar: str = ""
    before: Callable[[str], Environment | None] = lambda commit: None
    home: Path | None = None
    past: Store | None = None
    content: Callable[[CheckEntry], str] = lambda entry: ""
    sender: Callable[[Traffic, tuple[Reach, Reach], int], Sender] | None = None
    sending: Sender | None = None

    @property
    def fence(self) -> Fence:
        return Fence(self.release, self.epoch)

    def observe(self) -> Observed | None:
        """The truth from the platform; None when it cannot be asked now, which says nothing about the release."""
        try:
            seen = self.target.observe()
        except StateError:
            raise
        except PenstockError:
            return None
        # What an instance answers to the health check is quoted, and is not ours.
        return replace(seen, instances=tuple(replace(i, note=self.masked(i.note)) for i in seen.instances))

    def beat(self) -> None:
        """Somebody still watches; a heartbeat that is lost is one of many."""
        try:
            self.target.heartbeat()
        except StateError:
            raise
        except PenstockError:
            return

    def set_mark_aside(self) -> None:
        """Space on disk for a word that can be left even when the disk is full."""
        path = self.work / "mark"
        if path.exists() and path.stat().st_size == MARK_BYTES:  # less was cut short by a full disk
            return
        try:
            with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
                file.write(b"\0" * MARK_BYTES)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise StateError("mark", f"no space can be set aside: {error.strerror}", str(path)) from error

    def marked(self) -> str:
        """Why an earlier worker broke off this release and went back; empty when none did."""
        path = self.work / "mark"
        return path.read_bytes().rstrip(b"\0").decode(errors="replace") if path.exists() else ""

    def row(self) -> Row:
        """This release's record, as it is now."""
        found = releases.get(self.store, self.release)
        assert found is not None, "a release that runs has its record"
        return found

    def tell(self, key: str, kind: str, text: str, **data: Any) -> None:
        """An event that people see; never a secret's value."""
        events.tell(self.store, self.clock.now(), self.release, key, kind, self.masked(text), self.masked(data))

    def record(self, key: str, what: str, **facts: Any) -> None:
        """A line in the audit log, on disk before this returns; once for each key, and never a secret's value."""
        who, place = self._who()
        audit.append(
            self.audit_log, self.store, self.clock.now(), f"{self.release}:{key}", what, who, release=place,
            **self.masked(facts),
        )  # fmt: skip

    def anchor(self) -> heads.Head:
        """Sign the audit log as it is now: what this release's report, record and journal repeat."""
        who, place = self._who()
        return heads.anchor(self.audit_log.parent, self.store, self.clock.now(), who, place)

    def _who(self) -> tuple[dict[str, Any], str]:
        row = self.row()
        who = {"uid": row["uid"], "person": row["person"], "host": row["host"]}
        return who, f"{row['service']}/{row['environment']}/{self.release}"

    def masked(self, said: T) -> T:
        """Text, or plain data with text in it, without the value of any secret of this release."""
        found: Any = said
        if isinstance(said, str):
            found = mask(said, self.secrets.values())
        elif isinstance(said, dict):
            found = {key: self.masked(value) for key, value in said.items()}
        elif isinstance(said, list | tuple):
            found = [self.masked(value) for value in said]
        return cast(T, found)

    def settle(self, log: Path) -> None:
        """Mask what a command wrote into its log, and keep the end of it. In place: it needs no space on a full disk."""
        if not log.exists():
            return
        with log.open("r+b") as file:
            start = max(0, file.seek(0, os.SEEK_END) - LOG_LIMIT)
            file.seek(start)
            text = self.masked(file.read().decode("utf-8", "surrogateescape"))
            if start:  # a value may have been cut in two: what may be the rest of one goes too
                text = "[earlier output was cut]\n" + text[longest_spelling(self.secrets.values()) :]
            file.seek(0)
            file.write(text.encode("utf-8", "surrogateescape"))
            file.truncate()
