"""`bake`, `rollback_within`, `unattended`, `keep_evidence`: how long is watched, how long going back may take, and alone;
how long what was found is kept."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from penstock.manifest.section import Duration, Section


def or_no_time(value: Any) -> Any:
    """`none` is no time at all."""
    return 0.0 if value == "none" else value


class Times(Section):
    """`bake_s`: how long a promoted revision is watched, with the power to go back.

    `rollback_within_s`: after it a person is asked. `unattended_s`: how long a candidate may have traffic
    with nobody watching, before the written way back is taken. `keep_evidence_s`: evidence that is older is
    removed when a release ends, and the audit log says so.
    """

    bake_s: Annotated[Duration, BeforeValidator(or_no_time)] = Field(default=0.0, alias="bake", ge=0)
    rollback_within_s: Duration = Field(default=300.0, alias="rollback_within", ge=5)
    unattended_s: Duration = Field(default=120.0, alias="unattended", ge=5)
    keep_evidence_s: Duration = Field(default=400 * 86400.0, alias="keep_evidence", ge=86400)
