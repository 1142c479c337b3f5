"""The artifact store: built at the final path, never moved, whole when its marker is there."""

from __future__ import annotations

import errno
import json
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from penstock import shell
from penstock.core.target import Artifact
from penstock.errors import PenstockError, StateError
from penstock.ports import Forge
from penstock.providers.artifacts import disk, log, recipe, stragglers
from penstock.providers.artifacts.digest import digest

WITHIN_S = 900.0
_EXPORT_S = 900.0  # how much longer than the commands of a build its export and digest may take


@dataclass(frozen=True)
class _Job:
    """One build: what of, by which section, with what, where to."""

    forge: Forge
    commit: str
    section: Mapping[str, Any] | None
    secrets: Mapping[str, str]
    place: Path
    log_file: Path

    @property
    def within_s(self) -> float:
        return float((self.section or {}).get("within_s") or WITHIN_S)

    @property
    def home(self) -> Path:
        return _beside(self.place, "home")

    @cached_property
    def env(self) -> dict[str, str]:
        return recipe.environment(self.place, self.home, self.section, self.secrets)

    @property
    def values(self) -> list[str]:
        """What the log must not hold."""
        return [*self.secrets.values(), *recipe.passwords(self.env)]


class Store:
    """Artifacts in a folder, by key: commit, build section, and for Python builds its version.

    Beside the folder KEY lie KEY.complete (the marker: JSON with format, digest, commit, built_at in seconds
    since the epoch, seconds), KEY.lock and, while it is built, KEY.home and KEY.tar. Without its marker a
    folder is nothing: it is removed, and built anew.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = Path(folder).absolute()

    def build(
        self,
        forge: Forge,
        commit: str,
        section: Mapping[str, Any] | None,
        secrets: Mapping[str, str],
        log_file: Path,
    ) -> Artifact:
        """The artifact, made at most once: of two builds at once the second waits, and finds the first's.

        `section` is a build section as plain data, `secrets` what it sees. The log holds what the commands
        printed, the secrets masked; it stays, whatever comes. Errors, all with nothing half-usable left:
        `build` (a command failed), `build-within` (too slow), `build-disk` (no space, no right), `build-busy`,
        `no-venv`, `no-variable`, `stragglers`, and those of the forge.
        """
        place = self._folder / recipe.key(commit, section)
        job = _Job(forge, commit, section, secrets, place, Path(log_file))
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with disk.locked(_beside(place, "lock"), job.within_s + _EXPORT_S) as is_ours:
                if not is_ours:
                    raise PenstockError("build-busy", "another build of this commit does not end", str(place))
                log.settle(job.log_file, job.values)  # of a try that was killed
                found = _known(place) or _make(job)
        except OSError as error:
            raise PenstockError(
                "build-disk",
                f"the build cannot be written: {error.strerror or error}",
                str(error.filename or place),
                next="make space, or see `penstock doctor`",
            ) from error
        return Artifact("folder", str(place), found)

    def paths(self, artifact: Artifact) -> list[str]:
        """The artifact's own folders of programs."""
        places = [Path(artifact.locator, *words) for words in ((".venv", "bin"), ("node_modules", ".bin"))]
        return [str(place) for place in places if place.is_dir()]

    def verify(self, artifact: Artifact) -> bool:
        """Whether the folder is still what was built; False when it is gone. Unreadable is a StateError."""
        place = Path(artifact.locator)
        try:
            return place.is_dir() and digest(place) == artifact.digest
        except OSError as error:
            said = f"the artifact cannot be read: {error.strerror}"
            raise StateError("artifact", said, str(place)) from error

    def prune(self, keep: Iterable[str]) -> None:
        """Remove every artifact that is not named by its locator, and what killed builds left.

        Who calls names all that is in use. What is being built right now is left alone.
        """
        kept = {Path(locator).name for locator in keep if locator}
        known = {path.name.partition(".")[0] for path in self._folder.glob("*")}
        for key in sorted(key for key in known - kept if recipe.is_key(key)):
            try:
                self._remove(self._folder / key)
            except OSError as error:
                raise StateError(
                    "artifact",
                    f"an old artifact cannot be removed: {error.strerror}",
                    str(self._folder / key),
                ) from error

    def _remove(self, place: Path) -> None:
        with disk.locked(_beside(place, "lock"), 0) as is_ours:
            if is_ours:
                stragglers.end_all(_beside(place, "home"))
                _beside(place, "complete").unlink(missing_ok=True)  # first: half a folder is never whole
                disk.remove(place)
                for path in sorted(self._folder.glob(f"{place.name}.*")):
                    disk.remove(path)


def _known(place: Path) -> str | None:
    """The digest in the marker of a whole artifact; None when there is none."""
    marker = _beside(place, "complete")
    if not (marker.exists() and place.is_dir()):
        return None
    try:
        return str(json.loads(marker.read_text())["digest"])
    except (ValueError, KeyError, TypeError) as error:
        raise StateError(
            "artifact",
            "the marker of an artifact is damaged",
            str(marker),
            "whether the folder beside it is whole is not known, and it may be running",
            "release another commit, then remove the marker",
        ) from error


def _make(job: _Job) -> str:
    """Build, mark, and return the digest; whatever happens, a folder without a marker does not stay."""
    began, built_at = time.monotonic(), time.time()
    _clear(job)
    try:
        log.note(job.log_file, f"building {job.commit} in {job.place}")
        _fill(job)
        disk.make_read_only(job.place)
        found = digest(job.place)
        disk.flush(job.place)
        facts = {"format": recipe.FORMAT, "digest": found, "commit": job.commit, "built_at": built_at}
        facts["seconds"] = round(time.monotonic() - began, 3)
        disk.write_whole(_beside(job.place, "complete"), facts)
    except BaseException:
        # The first error is the one to be told; what cannot be cleared now is cleared by the next build.
        with suppress(OSError, PenstockError):
            _clear(job)
        raise
    with suppress(OSError):  # it is built, and prune removes what lies about
        disk.remove(job.home)
    return found


def _fill(job: _Job) -> None:
    """The commit's files, then the commands; then nobody is left who would still write."""
    if lacking := recipe.missing(job.section):
        raise lacking
    job.forge.export(job.commit, str(job.place))
    job.home.mkdir(mode=0o700)
    deadline = time.monotonic() + job.within_s
    try:
        for argv in recipe.commands(job.section):
            _run(job, recipe.filled(argv, job.env), deadline - time.monotonic())
    finally:
        try:
            stragglers.end_all(job.home)
        finally:
            log.settle(job.log_file, job.values)


def _run(job: _Job, argv: list[str], left_s: float) -> None:
    shown = log.shown(argv, job.values)
    log.note(job.log_file, f"$ {shown}")
    try:
        done = shell.run(argv, cwd=job.place, env=job.env, timeout_s=max(0.0, left_s), log_file=job.log_file)
    except OSError as error:
        if error.errno != errno.ENOEXEC:
            raise
        do = "begin it with #! and a program, or name the program that runs it"
        raise PenstockError("build", f"`{argv[0]}` is no program", str(job.place), next=do) from error
    log.settle(job.log_file, job.values)
    if not done.ok:
        raise _failed(job, done, shown)


def _failed(job: _Job, done: shell.Completed, shown: str) -> PenstockError:
    place, said = str(job.place), log.last_line(job.log_file)
    if not done.timed_out:
        return PenstockError("build", f"`{shown}` ended with {done.code}", place, said, f"see {job.log_file}")
    what, do = f"the build was not over within {job.within_s:g} s", "give it longer: `within` under `build`"
    return PenstockError("build-within", what, place, f"it was at `{shown}`", f"see {job.log_file}; or {do}")


def _clear(job: _Job) -> None:
    """Nothing of an earlier try is left, nor anybody who would write into the next."""
    stragglers.end_all(job.home)
    _beside(job.place, "complete").unlink(missing_ok=True)
    for path in (job.place, job.home, _beside(job.place, "tar")):
        disk.remove(path)


def _beside(place: Path, what: str) -> Path:
    return place.with_name(f"{place.name}.{what}")
