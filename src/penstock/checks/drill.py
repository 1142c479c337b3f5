"""The check `drill`: a rollback that was rehearsed, not hoped for."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from penstock.core.finding import CheckRequest, Finding, Outcome
from penstock.manifest.check import CheckSection
from penstock.manifest.section import Duration
from penstock.render.words import span


class DrillSection(CheckSection):
    """`at_most`: how long ago the last drill may be."""

    reads_files: ClassVar[bool] = False

    at_most_s: Duration = Field(default=30 * 86400.0, alias="at_most", gt=0)


class DrillCheck:
    """Passes when `penstock drill` took this environment's rollback through its paces not too long ago.

    A rollback that was never tried is a hope. The first release to an environment has nothing to rehearse: it is
    skipped, and said.

    - `at_most`: how long ago the last drill may be, 30d if left out.

    Bad:   rollback-rehearsed: ./ask-somebody.sh
    Good:  rollback-rehearsed: {is: drill, at_most: 30d}
    """

    def run(self, request: CheckRequest) -> Outcome:
        """Compare the age of the last drill with the limit; it measures nothing by itself."""
        limit_s = float(request.section["at_most_s"])
        how = f"penstock drill --to {request.env.get('PENSTOCK_ENVIRONMENT', 'ENVIRONMENT')}"
        if not request.history.served:
            return Outcome("skipped", "nothing served here yet: there is no rollback to rehearse")
        age_s = request.history.drilled_ago_s
        if age_s is None:
            never = Finding("the rollback was never rehearsed", "nobody knows whether it works", f"run `{how}`")
            return Outcome("failed", f"the rollback was never rehearsed; `{how}` does", (never,))
        said = f"the rollback was rehearsed {span(age_s)} ago, in {span(request.history.drill_took_s)}"
        if age_s <= limit_s:
            return Outcome("passed", said)
        late = Finding(said, f"older than {span(limit_s)}", f"run `{how}`")
        return Outcome("failed", f"{said}, which is more than {span(limit_s)} ago; `{how}` does it again", (late,))
