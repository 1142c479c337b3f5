"""The check `lockfile`: what is locked is what is asked for."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Annotated, ClassVar

from pydantic import BeforeValidator, field_validator

from penstock.checks import inside
from penstock.checks import lockfile_files as files
from penstock.checks import lockfile_node as node
from penstock.checks.findings_told import bounded, listed
from penstock.checks.reported import a_path_inside, unjudged
from penstock.checks.running import run
from penstock.checks.tests_reading import Unreadable, several, shown
from penstock.core.finding import CheckRequest, Finding, Outcome
from penstock.errors import PenstockError
from penstock.manifest.check import CheckSection
from penstock.manifest.groups import one_or_several
from penstock.manifest.section import Flag, wrong

_LIMIT = 50 << 20
_UV = ("uv", "lock", "--check", "--offline", "--directory")
_REMEDY = {
    "package-lock.json": "npm install --package-lock-only", "npm-shrinkwrap.json": "npm install --package-lock-only",
    "yarn.lock": "yarn install", "pnpm-lock.yaml": "pnpm install --lockfile-only", "bun.lock": "bun install --lockfile-only",
    "Pipfile.lock": "pipenv lock", "poetry.lock": "poetry lock", "Cargo.lock": "cargo update --workspace",
    "go.sum": "go mod tidy", "uv.lock": "uv lock",
}  # fmt: skip
_MADE_OF = {"package.json": ("package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml", "bun.lock",
                             "bun.lockb"),
            "Pipfile": ("Pipfile.lock",), "Cargo.toml": ("Cargo.lock",)}  # fmt: skip
_PURE = {
    "package-lock.json": files.npm, "npm-shrinkwrap.json": files.npm, "Pipfile.lock": files.pipfile,
    "yarn.lock": node.yarn, "pnpm-lock.yaml": node.pnpm, "bun.lock": node.bun,
    "poetry.lock": files.poetry, "Cargo.lock": files.cargo, "go.sum": files.go,
}  # fmt: skip


class LockfileSection(CheckSection):
    """`files` that lock, found by themselves if none is named; `hashes` for requirements.txt."""

    steady: ClassVar[bool] = True

    files: Annotated[tuple[str, ...], BeforeValidator(one_or_several)] = ()
    hashes: Flag = False

    @field_validator("files")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for path in value:
            a_path_inside(path)
            name = PurePosixPath(path).name
            if name not in _REMEDY and not is_requirements(name):
                why = "each kind of lock file is held against what it locks in its own way"
                raise wrong(
                    f"`{path[:60]}` is no lock file that is known here",
                    why,
                    f"one of: {', '.join(_REMEDY)}, requirements.txt",
                )
        return value


class LockfileCheck:
    """Passes when every lock file is in step with what it locks: what was asked for is what will be installed.

    package-lock.json (and npm-shrinkwrap.json), yarn.lock, pnpm-lock.yaml, bun.lock, Pipfile.lock, poetry.lock,
    Cargo.lock and go.sum are held against the file beside them by reading both: those of Node by every range that is
    asked for, those of pipenv and Poetry by their own hash, Cargo's by names and the package's version, Go's by a hash
    for every required module. For uv.lock `uv lock --check --offline`
    is asked; without uv it is *errored*. In requirements.txt every line must name one version.

    - `files`: the lock files, one path or several. Left out, those in the repository's first folder;
      requirements.txt only where no other lock file of Python is there.
    - `hashes`: `true` where every line of requirements.txt must have a hash too, false if left out.

    Bad:   locked: npm ci --dry-run                # asks the network, for what both files say already
    Good:  locked: {is: lockfile, files: [backend/uv.lock, web/package-lock.json]}
    """

    def run(self, request: CheckRequest) -> Outcome:
        """Find the lock files, and hold each against what it locks."""
        section = LockfileSection.model_validate(request.section)
        try:
            names = set(os.listdir(request.folder))
        except OSError as error:
            return unjudged(f"the folder cannot be read: {error.strerror}", "see why it is not there")
        found = section.files or found_in(names)
        made_of = () if section.files else unlocked(names)
        held = [_held(path, section, request) for path in found]
        held += [Held(name, (f"there is no lock file beside `{name}`",)) for name in made_of]
        return judged(held)


@dataclass(frozen=True)
class Held:
    """A lock file that was held against what it locks. `unknown`: why it could not be."""

    path: str
    differences: tuple[str, ...] = ()
    unknown: str = ""


def is_requirements(name: str) -> bool:
    """Whether a file is a list of pip's, by its name."""
    return name.startswith("requirements") and name.endswith(".txt")


def found_in(names: set[str]) -> list[str]:
    """The lock files among the names of a folder."""
    found = [name for name in _REMEDY if name in names]
    if "go.mod" in names and "go.sum" not in names:
        found.append("go.sum")
    python = {"uv.lock", "poetry.lock", "Pipfile.lock"} & names
    return found if python or "requirements.txt" not in names else [*found, "requirements.txt"]


def unlocked(names: set[str]) -> tuple[str, ...]:
    """What should be locked in a folder, and is not."""
    return tuple(name for name, locks in _MADE_OF.items() if name in names and not names & set(locks))


def _held(path: str, section: LockfileSection, request: CheckRequest) -> Held:
    name, folder = PurePosixPath(path).name, str(PurePosixPath(path).parent)

    def beside(other: str) -> bytes | None:
        try:
            return inside.read(request.folder, f"{folder}/{other}", _LIMIT)
        except inside.Unreadable as error:
            if str(error) == "is not there":
                return None
            raise Unreadable(f"has `{shown(other, 80)}` beside it, which {error}") from error

    try:
        lock = beside(name)
        if lock is None and name != "go.sum":
            return Held(path, ("it is not there",))
        if name == "uv.lock":
            return _asked_uv(path, folder, section, request)
        if is_requirements(name):
            return Held(path, tuple(files.requirements(lock or b"", beside, hashes=section.hashes)))
        return Held(path, tuple(_PURE[name](lock or b"", beside)))
    except Unreadable as error:
        return Held(path, unknown=str(error))


def _asked_uv(path: str, folder: str, section: LockfileSection, request: CheckRequest) -> Held:
    """Offline, uv can tell that a lock is in step; where it would have to resolve anew, only that it may not be."""
    try:
        ended = run((*_UV, folder), request.env, section.within_s, request)
    except (PenstockError, OSError, ValueError) as error:
        return Held(path, unknown=f"was not held against pyproject.toml: {getattr(error, 'what', error)}")
    if ended.code == 0 and not ended.timed_out:
        return Held(path)
    if "needs to be updated" in ended.output:
        return Held(path, ("pyproject.toml has changed since it was locked",))
    last = next((line for line in ended.output.splitlines() if "error" in line), "it says nothing")
    return Held(path, unknown=f"was not held against pyproject.toml by uv: {shown(last, 120)}")


def judged(held: Sequence[Held]) -> Outcome:
    """What all lock files say about the commit."""
    if not held:
        said = "no lock file is here"
        return Outcome(
            "failed", said, (Finding(said, "nobody knows what will be installed", "lock, or name it in `files`"),)
        )
    bad = [one for one in held if one.differences]
    unknown = [one for one in held if one.unknown]
    findings = [_finding(one, said) for one in bad for said in one.differences]
    findings += [
        Finding(f"`{one.path}` {one.unknown}", "it was not inspected", "see that both can be read") for one in unknown
    ]
    count = several(len(held), "lock file")
    if bad:
        named = [f"{one.path}: {one.differences[0]}" for one in bad]
        sentence = listed(
            f"{len(bad)} of {count} out of step", named, f"{len(unknown)} not inspected" if unknown else ""
        )
    elif unknown:
        sentence = f"`{unknown[0].path}` {unknown[0].unknown}"
    else:
        sentence = f"{count} in step: {', '.join(one.path for one in held)}"
    state = "failed" if bad else "errored" if unknown else "passed"
    return Outcome(state, shown(sentence, 300), bounded(findings, "findings"), (), 0.0, {"files": len(held)})  # type: ignore[arg-type]


def _finding(one: Held, said: str) -> Finding:
    name = PurePosixPath(one.path).name
    remedy = (
        f"run `{_REMEDY[name]}`, and commit `{one.path}`"
        if name in _REMEDY
        else "name one version, as `pip-compile` does"
    )
    return Finding(f"`{one.path}`: {said}", "what is installed is not what was asked for", remedy, one.path, "medium")
