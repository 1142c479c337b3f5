"""The artifact store: built at the final path, never moved, whole when its marker is there."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from penstock import shell
from penstock.core.target import Artifact
from penstock.errors import PenstockError
from penstock.ports import Forge
from penstock.providers.artifacts.digest import digest

FORMAT = 1
_PATH = "/usr/local/bin:/usr/bin:/bin"
_PIP = ("PIP_", "SSL_CERT_", "REQUESTS_CA_", "UV_")  # where packages come from is the machine's, not the manifest's


class Store:
    """Artifacts by key: commit, build section, and for Python builds its version. A failed build leaves its log only."""

    def __init__(self, folder: Path) -> None:
        self._folder = Path(folder)

    def build(
        self, forge: Forge, commit: str, section: Mapping[str, Any] | None, secrets: Mapping[str, str], log_file: Path
    ) -> Artifact:
        """The artifact, made at most once: of two builds at once the second waits, and finds what the first made."""
        key = _key(commit, section)
        place = self._folder / key
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with _locked(self._folder / f"{key}.lock"):
                found = self._complete(key)
                if found is None:
                    found = self._make(forge, commit, section, secrets, place, log_file)
        except OSError as error:
            shutil.rmtree(place, ignore_errors=True)
            raise PenstockError("build", f"the build cannot be written: {error.strerror}", str(place),
                                next="make space, or see `penstock doctor`") from error  # fmt: skip
        return Artifact("folder", str(place), found)

    def paths(self, artifact: Artifact) -> list[str]:
        """The artifact's own folders of programs."""
        places = [Path(artifact.locator) / ".venv" / "bin", Path(artifact.locator) / "node_modules" / ".bin"]
        return [str(place) for place in places if place.is_dir()]

    def verify(self, artifact: Artifact) -> bool:
        """Whether the folder is what was built."""
        return digest(Path(artifact.locator)) == artifact.digest

    def prune(self, keep: set[str]) -> None:
        """Remove every artifact whose path is not named. Who calls names all that is in use."""
        for marker in sorted(self._folder.glob("*.complete")):
            place = marker.with_suffix("")
            if str(place) not in keep:
                with _locked(place.with_name(f"{place.name}.lock")):
                    marker.unlink(missing_ok=True)
                    shutil.rmtree(place, ignore_errors=True)

    def _complete(self, key: str) -> str | None:
        marker = self._folder / f"{key}.complete"
        if not (marker.exists() and (self._folder / key).is_dir()):
            return None
        return str(json.loads(marker.read_text())["digest"])

    def _make(
        self, forge: Forge, commit: str, section: Mapping[str, Any] | None, secrets: Mapping[str, str], place: Path,
        log_file: Path,
    ) -> str:  # fmt: skip
        began = time.monotonic()
        shutil.rmtree(place, ignore_errors=True)  # half of an earlier one
        place.mkdir(mode=0o700)
        log_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            forge.export(commit, str(place))
            for argv in _commands(section):
                _run(argv, place, section or {}, secrets, log_file)
        except BaseException:
            shutil.rmtree(place, ignore_errors=True)
            raise
        found = digest(place)
        seconds = round(time.monotonic() - began, 3)
        beside = place.with_name(f"{place.name}.{os.getpid()}")
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump({"format": FORMAT, "digest": found, "commit": commit, "seconds": seconds}, file)
            file.flush()
            os.fsync(file.fileno())
        beside.rename(place.with_name(f"{place.name}.complete"))
        return found


def _key(commit: str, section: Mapping[str, Any] | None) -> str:
    python = sys.version.split()[0] if section and section.get("kind") == "python" else ""
    words = json.dumps([FORMAT, commit, section, python], sort_keys=True)
    return f"{commit[:12]}-{hashlib.sha256(words.encode()).hexdigest()[:12]}"


def _commands(section: Mapping[str, Any] | None) -> Iterator[list[str]]:
    if not section:
        return
    if section["kind"] == "python":
        yield [sys.executable, "-m", "venv", ".venv"]
        if section.get("requirements"):
            yield [".venv/bin/python", "-m", "pip", "install", "--quiet", "--no-input",
                   "--disable-pip-version-check", "-r", section["requirements"]]  # fmt: skip
    run = section.get("run")
    if run:
        yield ["sh", "-c", run["sh"]] if run.get("sh") is not None else list(run["words"])


def _run(
    argv: list[str], place: Path, section: Mapping[str, Any], secrets: Mapping[str, str], log_file: Path
) -> None:
    home = place.with_name(f"{place.name}.home")
    home.mkdir(mode=0o700, exist_ok=True)
    try:
        done = shell.run(
            argv, cwd=place, env=_environment(place, home, section, secrets),
            timeout_s=float(section.get("within_s") or 900), log_file=log_file,
        )  # fmt: skip
    finally:
        shutil.rmtree(home, ignore_errors=True)
    if not done.ok:
        how = f"took longer than {section.get('within_s'):.0f} s" if done.timed_out else f"ended with {done.code}"
        raise PenstockError("build", f"`{' '.join(argv)}` {how}", str(place), next=f"its output: {log_file}")


def _environment(
    place: Path, home: Path, section: Mapping[str, Any], secrets: Mapping[str, str]
) -> dict[str, str]:
    """Empty but for the paths, the language, what pip needs to find packages, `env`, and the named secrets."""
    pip = {name: value for name, value in os.environ.items() if name.startswith(_PIP)}
    own_pip = Path.home() / ".config" / "pip" / "pip.conf"
    if own_pip.exists():
        pip.setdefault("PIP_CONFIG_FILE", str(own_pip))
    path = f"{place}/.venv/bin:{Path(sys.executable).parent}:{_PATH}"
    return {**pip, "PATH": path, "HOME": str(home), "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1",
            **section.get("env", {}), **secrets}  # fmt: skip


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with open(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
