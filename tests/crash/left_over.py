"""What must not be left when a release is over: processes, folders, half-written files, broken chains."""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from pathlib import Path

from penstock.records import audit
from penstock.state import State
from tests.site import Site


def left_over(site: Site, *, live: bool = True) -> list[str]:
    """In sentences; no worker lives when this is asked, and without `live` no keeper."""
    state = site.desk.state
    return [
        *(_processes(site) if live else []),
        *_half_written(state),
        *_evidence(state.evidence),
        *_artifacts(state.artifacts),
        *_releases(state),
        *_chain(state.audit_log),
    ]


def _processes(site: Site) -> list[str]:
    """Whatever runs for this site and is neither its keeper, nor its Envoy, nor an instance that is told of."""
    seen = site.observed()
    known = {site.keeper_pid(), seen["envoy"]["pid"], *(i["pid"] for i in seen["instances"])}
    return [f"process {p.pid}: {words_of(p.pid)}" for p in site._processes() if p.pid not in known and words_of(p.pid)]


def words_of(pid: int) -> str:
    """What a process was started with; empty when it is gone, or a zombie."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def _half_written(state: State) -> list[str]:
    """Files that somebody who is dead meant to rename into place; the living may be about to."""
    found = []
    for folder, _, names in os.walk(state.root):
        for name in names:
            writer = re.fullmatch(r"\..+\.(\d+)\.new", name)
            if writer and not Path(f"/proc/{writer[1]}").exists():
                found.append(f"half-written: {folder}/{name}")
    return found


def _evidence(folder: Path) -> list[str]:
    """What bears a digest for its name is whole."""
    whole = [path for path in folder.rglob("*") if path.is_file() and re.fullmatch("[0-9a-f]{64}", path.name)]
    return [f"evidence is not what its name says: {path.name}" for path in whole if _digest(path) != path.name]


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _artifacts(folder: Path) -> list[str]:
    """Folders without their marker, and what a build needs only while it builds."""
    names = {path.name for path in folder.iterdir()}
    places = {name for name in names if "." not in name}
    return [
        *(f"half an artifact: {name}" for name in places if f"{name}.complete" not in names),
        *(f"a marker without its artifact: {n}" for n in names if n.endswith(".complete") and n[:-9] not in places),
        *(f"left of a build: {name}" for name in names if name.endswith((".home", ".tar"))),
    ]


def _releases(state: State) -> list[str]:
    root = state.root / "releases"
    halves = [p for p in root.glob("*/checkout-*") if p.is_dir() and not p.with_suffix(".complete").exists()]
    return [f"left: {path.relative_to(root)}" for path in [*root.glob("*/mark"), *halves]]


def _chain(log: Path) -> list[str]:
    if broken := audit.verify(log):
        return [f"the chain: {broken}"]
    keys = Counter(line["key"] for line in audit.read(log))
    return [f"said {count} times in the audit log: {key}" for key, count in keys.items() if count > 1]
