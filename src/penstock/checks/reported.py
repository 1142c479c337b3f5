"""Checks that judge a report: `run` makes it, or a check that this one `needs` has made it."""

from __future__ import annotations

import glob
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field, field_validator

from penstock.checks import inside
from penstock.checks.filling import Unknown
from penstock.checks.running import Ended, argv, environment, run
from penstock.core.finding import CheckRequest, Finding, Outcome
from penstock.core.target import Evidence
from penstock.errors import PenstockError
from penstock.manifest.check import CheckSection
from penstock.manifest.groups import one_or_several
from penstock.manifest.section import Command, Variable, wrong

REPORT_LIMIT = 50 << 20
_FILES = 500


def a_path_inside(value: str) -> str:
    """A path, perhaps with `*`, that stays in the repository; raises what a manifest's problem is made of."""
    parts = value.split("/")
    if not value or value.startswith("/") or ".." in parts or "\0" in value:
        why = "a check reads what lies in the commit's files, or what was made beside them"
        raise wrong(f"`{value[:60]}` leads out of the repository", why, "a path without `..` and without a first /")
    return value


class Reported(CheckSection):
    """A section with `run` and `report`: at most one of them may be left out by a kind that has defaults."""

    run: Command | None = None
    report: Annotated[tuple[str, ...], BeforeValidator(one_or_several)] = ()
    env: dict[Variable, str] = Field(default_factory=dict)
    sees: tuple[str, ...] | None = ()

    @field_validator("report")
    @classmethod
    def _inside(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(a_path_inside(one) for one in value)


@dataclass(frozen=True)
class Report:
    """One report file: its path, relative to where the check runs, and what is in it."""

    path: str
    data: bytes


@dataclass(frozen=True)
class Produced:
    """What there is to judge. `ended` None: no command was run. At least one report, unless none was asked for."""

    ended: Ended | None
    reports: tuple[Report, ...]

    def evidence(self) -> tuple[Evidence, ...]:
        """The end of the command's output."""
        return self.ended.evidence() if self.ended else ()


def produce(
    section: Reported,
    request: CheckRequest,
    *,
    run_default: tuple[str, ...] = (),
    report_default: tuple[str, ...] = (),
    limit: int = REPORT_LIMIT,
) -> Produced | Outcome:
    """Run the section's command, if it has one, and read its reports; an Outcome (errored) when there is nothing to judge.

    A report that the command did not write (it lay there before, and is the same still) is none. A report is a regular
    file inside the check's folder, at most `limit` bytes: a symbolic link that leads out of it is refused.
    """
    folder = Path(request.folder)
    asked = section.report or report_default
    before = {path: _stamp(path) for path in _found(folder, asked)}
    ended: Ended | None = None
    names = environment(section.env, request)
    try:
        words = argv(section.run, names) if section.run else run_default
        if words:
            ended = run(words, names, section.within_s, request)
    except Unknown as unknown:
        return unjudged(f"`${unknown}` is not known to this check", "name it in `sees` or `env`")
    except PenstockError as error:
        return unjudged(error.what, error.next)
    except (OSError, ValueError) as error:
        return unjudged(f"the command cannot be run: {error}", "a command that the system accepts")
    if ended and ended.timed_out:
        return unjudged(f"the command was not over after {section.within_s:g} s", "more time, with `within`", ended)
    if ended and ended.stopped:
        return unjudged(f"the command {ended.how}", ended.remedy, ended)
    if not asked:
        return Produced(ended, ())
    return _read(folder, asked, before if ended else {}, ended, limit)


def unjudged(condition: str, remedy: str = "", ended: Ended | None = None) -> Outcome:
    """Nothing could be judged: that is neither good nor bad, and no pass."""
    evidence = ended.evidence() if ended else ()
    finding = Finding(condition, "nothing was judged, which is no pass", remedy)
    return Outcome("errored", condition, (finding,), evidence, ended.seconds if ended else 0.0)


def _read(
    folder: Path, asked: tuple[str, ...], before: Mapping[Path, object], ended: Ended | None, limit: int
) -> Produced | Outcome:
    how = f"; the command ended with {ended.code}{_last_words(ended)}" if ended else ""
    for pattern in asked:
        found = _found(folder, (pattern,))
        if not found:
            return unjudged(
                f"there is no report `{pattern}`{how}", "a command that writes it, or its right path", ended
            )
        if len(found) > _FILES:
            return unjudged(f"`{pattern}` are {len(found)} files", f"at most {_FILES} reports", ended)
        if all(before.get(path) == _stamp(path) for path in found):
            what = f"`{pattern}` was there before, and the command did not write it{how}"
            return unjudged(what, "a command that writes it, or its right path", ended)
    reports = []
    room = limit
    for path in dict.fromkeys(_found(folder, asked)):
        name = str(path.relative_to(folder))
        try:
            data = inside.read(str(folder), name, room)
        except inside.Unreadable as error:
            return unjudged(f"the report `{name}` {error}", "a report that is a plain file of the usual size", ended)
        room -= len(data)
        reports.append(Report(name, data))
    return Produced(ended, tuple(reports))


def _last_words(ended: Ended) -> str:
    """The last line that a command printed: most often it says why there is no report."""
    lines = [line for line in ended.output.strip().splitlines() if line.strip()]
    text = "".join(one if one.isprintable() else " " for one in lines[-1])[-150:].strip() if lines else ""
    return f": {text}" if text else ""


def _found(folder: Path, patterns: tuple[str, ...]) -> list[Path]:
    """The files of the patterns, in order; a hidden file only when it is named so."""
    found: list[Path] = []
    for pattern in patterns:
        if glob.has_magic(pattern):
            found += sorted(folder / name for name in glob.glob(pattern, root_dir=folder, recursive=True))
        elif os.path.lexists(folder / pattern):
            found.append(folder / pattern)
    return [path for path in found if not path.is_dir()]


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        seen = path.stat()
    except OSError:
        return None
    return seen.st_ino, seen.st_size, seen.st_mtime_ns
