"""`bake`, `rollback_within`, `unattended`, `keep_evidence`: how long is watched, how long going back may take, and alone;
how long what was found is kept."""

from __future__ import annotations

from pydantic import Field

from penstock.manifest.bake import Periods
from penstock.manifest.section import Duration, Section


class Times(Section):
    """`bake`: how long a promoted revision is watched, with the power to go back.

    `rollback_within_s`: after it a person is asked. `unattended_s`: how long a candidate may have traffic
    with nobody watching, before the written way back is taken. `keep_evidence_s`: evidence that is older is
    removed when a release ends, and the audit log says so.
    """

    bake: Periods = ()
    rollback_within_s: Duration = Field(default=300.0, alias="rollback_within", ge=5)
    unattended_s: Duration = Field(default=120.0, alias="unattended", ge=5)
    keep_evidence_s: Duration = Field(default=400 * 86400.0, alias="keep_evidence", ge=86400)
