"""`checks` and `pace`: how the lines of a moment are run, and how long work should take."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from penstock.manifest.check import PACES
from penstock.manifest.section import Count, Duration, Flag, Section


class Checks(Section):
    """How many checks run side by side (0: as many as the machine has processors), how long a moment's may take in all,
    and whether the first failure ends the others (None: not before the candidate is placed, but from then on).
    """

    at_once: Count = Field(default=0, le=64)
    within_s: Duration = Field(default=3600.0, alias="within", gt=0)
    first_failure: Literal["stop", "go_on"] | None = None

    def stops(self, moment: str) -> bool:
        """Whether the first failure of a moment ends its other checks: what has to go back goes back at once."""
        if self.first_failure is None:
            return moment in ("candidate", "promoted")
        return self.first_failure == "stop"


class Pace(Section):
    """How long each sort of work should take; passing it is reported, and blocks only where `blocks` says so."""

    quality_s: Duration = Field(default=PACES["quality"], alias="quality", gt=0)
    build_s: Duration = Field(default=PACES["build"], alias="build", gt=0)
    tests_s: Duration = Field(default=PACES["tests"], alias="tests", gt=0)
    artifact_s: Duration = Field(default=PACES["artifact"], alias="artifact", gt=0)
    deploy_s: Duration = Field(default=PACES["deploy"], alias="deploy", gt=0)
    all_s: Duration = Field(default=PACES["all"], alias="all", gt=0)
    blocks: Flag = False

    def of(self, work: str) -> float:
        """The pace of a sort of work, in seconds."""
        return float(getattr(self, f"{work}_s"))
