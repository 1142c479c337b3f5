"""The files of a check, read: as they lie in the commit, or as a command has just made them."""

from __future__ import annotations

import glob

from penstock.checks.infra.section import Judged
from penstock.checks.reported import Produced, Reported, produce, unjudged
from penstock.core.finding import CheckRequest, Outcome

ALL_FILES = 48 << 20


def gather(
    section: Judged, request: CheckRequest, default: tuple[str, ...] = (), limit: int = ALL_FILES
) -> Produced | Outcome:
    """The section's files; an Outcome (errored) where there are none, or they cannot be read."""
    asked = section.file or default
    if section.run is None and not _any(request.folder, asked):
        return unjudged(f"there is no file `{'`, `'.join(asked)}` in the commit", "its right path, in `file`")
    if not section.file:
        asked = tuple(one for one in asked if section.run is None and _any(request.folder, (one,)))
    reported = Reported(run=section.run, report=asked, env=section.env, sees=section.sees, within=section.within_s)
    found = produce(reported, request, limit=limit)
    if isinstance(found, Produced) and found.ended is not None and found.ended.code != 0:
        return unjudged(
            f"the command ended with {found.ended.code}", "a command that succeeds, run by hand first", found.ended
        )
    return found


def _any(folder: str, patterns: tuple[str, ...]) -> bool:
    return any(next(glob.iglob(one, root_dir=folder, recursive=True), None) for one in patterns)
