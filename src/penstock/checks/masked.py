"""The check `masked`: where people try things out, there are no data of real persons."""

from __future__ import annotations

import time
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, Field, model_validator

from penstock.checks.filling import Unknown
from penstock.checks.fresh import Database, a_query, unread
from penstock.checks.json_path import CannotTell
from penstock.checks.reachable import hidden_passwords
from penstock.checks.reachable_net import Limits, Unreachable
from penstock.core.finding import CheckRequest, Finding, Outcome
from penstock.core.masking import concealed
from penstock.core.target import Evidence
from penstock.manifest.check import CheckSection
from penstock.manifest.section import Duration, Name, wrong
from penstock.render.words import count


class MaskedSection(Database, CheckSection):
    """A database, and queries that each count what must not be there."""

    queries: dict[Name, Annotated[str, AfterValidator(a_query)]] = Field(min_length=1, max_length=50)
    connect_s: Duration = Field(default=5.0, alias="connect", gt=0)
    within_s: Duration = Field(default=60.0, alias="within", gt=0)

    @model_validator(mode="after")
    def _one_database(self) -> MaskedSection:
        if (self.postgres is None) == (self.mysql is None):
            raise wrong(
                "one database is asked", "it is `postgres` or `mysql`", "postgres: $DATABASE_URL", code="missing-key"
            )
        return self


class MaskedCheck:
    """Passes when every query counts 0: no real mail address, no real name, nothing that was copied unmasked.

    A copy of production's data is production's data. Each query counts what only real data have; the count is all
    that is shown of it. Asked in a transaction that only reads.

    - `postgres`, `mysql`: `$NAME` of the database's URL. Needs penstock[databases].
    - `queries`: name and query, each with one number for an answer.
    - `connect`: how long a connection may take, 5s if left out.
    - `within`: for all of it, 60s if left out.

    Bad:   personal-data: ./scripts/look-for-people.sh       # prints whom it finds
    Good:  personal-data: {is: masked, postgres: $DATABASE_URL, queries: {mail: SELECT count(*) FROM users WHERE real}}
    """

    def run(self, request: CheckRequest) -> Outcome:
        """Ask one query after the other."""
        section = MaskedSection.model_validate(request.section)
        names = {**request.env, **request.secrets}
        limits = Limits(section.connect_s, time.monotonic() + section.within_s, request.now)
        try:
            counts = {name: counted(name, section.ask(sql, names, limits)) for name, sql in section.queries.items()}
            outcome = judged(counts)
        except Unknown as unknown:
            outcome = unread(f"`${unknown}` is not known to this check", "a name of `secrets`")
        except (CannotTell, Unreachable) as error:
            outcome = unread(str(error), error.remedy)
        return concealed(outcome, {**request.secrets, **hidden_passwords(names)})


def counted(name: str, rows: list[Any]) -> int:
    """The one number of an answer. What else it may be is not shown: it could be a person's."""
    value = rows[0][0] if len(rows) == 1 and len(rows[0]) == 1 else None
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or value < 0 or value != int(value):
        raise CannotTell(f"the query `{name}` does not answer with one number", "SELECT count(*) FROM ...")
    return int(value)


def judged(counts: Mapping[str, int]) -> Outcome:
    """Whether nothing was found."""
    text = "\n".join(f"{name}: {number}" for name, number in counts.items())
    bad = {name: number for name, number in counts.items() if number}
    findings = tuple(
        Finding(f"`{name}` found {count(number)}", "they may be data of real persons", "masked data", "", "high")
        for name, number in bad.items()
    )
    sentence = "; ".join(one.condition for one in findings) or f"{len(counts)} queries found nothing"
    return Outcome("failed" if bad else "passed", sentence[:300], findings, (Evidence("counts", "text/plain", text),))
