"""Which service is meant: the one whose repository this folder belongs to, unless it is named."""

from __future__ import annotations

from pathlib import Path

from penstock.api import Desk
from penstock.errors import UsageError


def repository() -> Path:
    """The checkout that this folder belongs to; git itself says what is wrong when there is none."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / ".git").exists():
            return folder
    return here


def service_here(desk: Desk, named: str | None) -> str:
    """The service: named, or known for this checkout, or the only one there is. Parses no manifest."""
    if named:
        return named
    known = desk.store.rows("SELECT * FROM services ORDER BY name")
    mine = [row["name"] for row in known if Path(row["repository"]) == repository()]
    if len(mine) == 1:
        return str(mine[0])
    if not mine and len(known) == 1:
        return str(known[0]["name"])
    names = ", ".join(row["name"] for row in known) or "none yet: `penstock release --to ENVIRONMENT` makes the first"
    raise UsageError("which-service", "it is not clear which service is meant", str(Path.cwd()),
                     "this folder belongs to no service that was ever released", f"--service NAME; known: {names}")  # fmt: skip


def environment_here(desk: Desk, service: str, named: str | None) -> str:
    """The environment: named, or the only one the service has."""
    if named:
        return named
    rows = desk.store.rows("SELECT environment FROM environments WHERE service = ?", service)
    if len(rows) == 1:
        return str(rows[0]["environment"])
    names = ", ".join(row["environment"] for row in rows) or "none yet"
    raise UsageError("which-environment", "it is not clear which environment is meant", service,
                     next=f"name one: {names}")  # fmt: skip
