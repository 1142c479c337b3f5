"""The check `fresh`: data that must be recent is."""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Annotated, Any

from pydantic import AfterValidator, Field, field_validator, model_validator

from penstock.checks import inside, json_path
from penstock.checks import reachable_databases as databases
from penstock.checks import reachable_http as http
from penstock.checks.filling import Unknown, fill
from penstock.checks.json_path import NAME, CannotTell, Path
from penstock.checks.reachable import hidden_passwords
from penstock.checks.reachable_net import Limits, Unreachable
from penstock.checks.reported import a_path_inside
from penstock.core.finding import CheckRequest, Finding, Outcome
from penstock.core.masking import concealed
from penstock.core.target import Evidence
from penstock.manifest.check import CheckSection
from penstock.manifest.section import Duration, Section, wrong
from penstock.render.words import moment, span

_FILE_LIMIT = 8 << 20
_AHEAD_S = 300.0  # by so much may another machine's clock be fast
_MILLISECONDS, _MICROSECONDS = 10**11, 10**14  # the year 5138 in seconds, and in milliseconds
_NUMBER = re.compile(r"[0-9]{1,18}(?:\.[0-9]{1,9})?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_SOURCES = ("get", "file", "postgres", "mysql")


def a_query(query: str) -> str:
    """A query that only reads; raises what a manifest's problem is made of."""
    if not databases.only_reads(query):
        raise wrong("this is not one query that reads", "a check changes nothing, and asks one thing", "SELECT ...")
    return query


class Database(Section):
    """The URL of a database, by its name."""

    postgres: str | None = None
    mysql: str | None = None

    @field_validator("postgres", "mysql")
    @classmethod
    def _by_name(cls, value: str | None) -> str | None:
        if value is not None and not NAME.fullmatch(value):
            raise wrong(
                "this is not the name of a URL", "one has a login, which never stands in the manifest", "$DATABASE_URL"
            )
        return value

    def ask(self, query: str, names: Mapping[str, str], limits: Limits) -> list[Any]:
        """At most two rows."""
        kind = "postgres" if self.postgres is not None else "mysql"
        return databases.rows(kind, fill(getattr(self, kind), names), query, limits)


class FreshSection(Database, CheckSection):
    """One place with a time in it, and how old that may be."""

    get: str | None = None
    headers: dict[str, str] = Field(default_factory=dict)
    bearer: str | None = None
    file: Annotated[str, AfterValidator(a_path_inside)] | None = None
    field: Path | None = None
    query: Annotated[str, AfterValidator(a_query)] | None = None
    at_most_s: Duration = Field(alias="at_most", gt=0)
    connect_s: Duration = Field(default=5.0, alias="connect", gt=0)
    within_s: Duration = Field(default=60.0, alias="within", gt=0)

    def source(self) -> str:
        """`get`, `file`, ..."""
        return next(name for name in _SOURCES if getattr(self, name) is not None)

    def title(self) -> str:
        """What is looked at, as it is written."""
        return (
            f"{self.field or 'the time'} of {getattr(self, self.source())}" if not self.query else "the query's answer"
        )

    @model_validator(mode="after")
    def _whole(self) -> FreshSection:
        given = [name for name in _SOURCES if getattr(self, name) is not None]
        if len(given) != 1:
            what = f"there are {len(given)} places here" if given else "there is no place here"
            code = "value" if given else "missing-key"
            raise wrong(what, f"the time is in one of: {', '.join(_SOURCES)}", "get: https://...", code=code)
        if given[0] in ("postgres", "mysql") and not self.query:
            raise wrong(
                f"`{given[0]}` needs a `query`", "its answer is the time", "SELECT max(at) FROM t", code="missing-key"
            )
        if self.get is not None and not self.field:
            raise wrong(
                "`get` needs a `field`", "the time is in its answer's JSON", "field: updated_at", code="missing-key"
            )
        for key, whose in {
            "headers": ("get",),
            "bearer": ("get",),
            "field": ("get", "file"),
            "query": _SOURCES[2:],
        }.items():
            if getattr(self, key) and given[0] not in whose:
                raise wrong(
                    f"`{key}` says nothing of {given[0]}", f"it belongs to {' or '.join(whose)}", whose[0], at=key
                )
        if self.bearer is not None and not NAME.fullmatch(self.bearer):
            raise wrong("`bearer` is not a name", "a token never stands in the manifest", "bearer: $TOKEN", at="bearer")
        return self


class FreshCheck:
    """Passes when the newest of some data is no older than it may be.

    A job that stopped a week ago shows in nothing but its data. The time is a field of JSON, the text of a file, or
    the one answer of a query; ISO 8601, seconds or milliseconds since 1970, or as in HTTP. A time without a zone is
    taken for UTC, and said. No time at all, and one in the future, fail; a place that does not answer is *errored*.

    - `get`: a URL that answers with JSON, with `headers` and `bearer: $NAME`.
    - `headers`, `bearer`: belong to `get`.
    - `file`: a file of the repository, or one that a check before has made.
    - `field`: where the time is in the JSON: `items[0].updated_at`. A file without it is nothing but the time.
    - `postgres`, `mysql`: `$NAME` of a database's URL. Needs penstock[databases].
    - `query`: what is asked there, in a transaction that only reads.
    - `at_most`: how old it may be. There is no default.
    - `connect`: how long a connection may take, 5s if left out.
    - `within`: for all of it, 60s if left out.

    Bad:   data: curl -f https://api.example.com/data       # it answers with last week's
    Good:  data: {is: fresh, get: https://api.example.com/data, field: "items[0].at", at_most: 1h}
    """

    def run(self, request: CheckRequest) -> Outcome:
        """Look for the time, and at the clock."""
        section = FreshSection.model_validate(request.section)
        now, began = request.now or time.time(), time.monotonic()
        names = {**request.env, **request.secrets}
        try:
            value = _value(section, request.folder, names, Limits(section.connect_s, began + section.within_s, now))
            outcome = judged(section.title(), value, now, section.at_most_s)
        except Unknown as unknown:
            outcome = unread(f"`${unknown}` is not known to this check", "a name of `env` or `secrets`")
        except (CannotTell, Unreachable) as error:
            outcome = unread(f"{section.title()}: {error}", error.remedy)
        return concealed(outcome, {**request.secrets, **hidden_passwords(names)})


def _value(section: FreshSection, folder: str, names: Mapping[str, str], limits: Limits) -> Any:
    """What stands where the time should be; None where nothing does."""
    if section.query:
        found = section.ask(section.query, names, limits)
        if len(found) > 1:
            raise CannotTell("the query found more than one row", "a query such as SELECT max(at) FROM t")
        return found[0][0] if found else None
    if section.get is not None:
        answer = http.answered(http.asking(section.get, section.headers, section.bearer, names), limits)
        if not 200 <= answer.status < 300 or not answer.whole:
            raise CannotTell(f"answered {answer.status}{'' if answer.whole else ', over 1 MiB'}", "a URL with JSON")
        return at_field(answer.body, section.field)
    try:
        return at_field(inside.read(folder, section.file or "", _FILE_LIMIT).decode("utf-8-sig"), section.field)
    except (inside.Unreadable, UnicodeDecodeError) as error:
        raise CannotTell(
            str(error) if isinstance(error, inside.Unreadable) else "is not UTF-8", "its right path"
        ) from error


def at_field(text: str, field: str | None) -> Any:
    """The value at a path of a JSON text; the whole text without one."""
    if field is None:
        return text.strip() or None
    try:
        return json_path.find(json.loads(text), field)
    except (ValueError, RecursionError) as error:
        raise CannotTell("is no JSON", "a place with JSON") from error
    except LookupError as error:
        raise CannotTell(str(error.args[0])[:200], "the path of the time") from error


def judged(title: str, value: Any, now: float, at_most_s: float) -> Outcome:
    """Whether a time is recent."""
    if value is None:
        return _stale(f"{title}: there is no data", "data")
    at, assumed = instant(value)
    age_s = now - at
    said = f"{title} is {moment(at)}{' (its zone is not said)' if assumed else ''}"
    if age_s < -_AHEAD_S:
        return _stale(f"{said}, {span(-age_s)} from now", "a clock that is right")
    old = f"{said}, {span(max(0.0, age_s))} ago"
    if age_s > at_most_s:
        return _stale(f"{old}: at most {span(at_most_s)} is allowed", "the job that makes it")
    return Outcome("passed", old[:300], (), (Evidence("time", "text/plain", old),))


def instant(value: Any) -> tuple[float, bool]:
    """A time in seconds since the epoch, and whether its zone was assumed to be UTC."""
    try:
        if isinstance(value, str):
            value = float(value.strip()) if _NUMBER.fullmatch(value.strip()) else _parsed(value.strip())
        if isinstance(value, date) and not isinstance(value, datetime):
            value = datetime(value.year, value.month, value.day)  # noqa: DTZ001 - the zone is added below
        if isinstance(value, datetime):
            aware = value if value.tzinfo else value.replace(tzinfo=UTC)
            return (aware - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(seconds=1), value.tzinfo is None
        if isinstance(value, int | float | Decimal) and not isinstance(value, bool) and math.isfinite(value):
            number = float(value)
            scaled = number / (1e6 if number > _MICROSECONDS else 1e3 if number > _MILLISECONDS else 1)
            datetime.fromtimestamp(scaled, UTC)
            return scaled, False
    except (ValueError, OverflowError, TypeError, IndexError, OSError):
        pass
    raise CannotTell("what stands there is no time", "ISO 8601, or seconds since 1970")


def _parsed(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return parsedate_to_datetime(text[:100])


def _stale(condition: str, remedy: str) -> Outcome:
    finding = Finding(condition, "what is shown is not what is", remedy, "", "high")
    return Outcome("failed", condition[:300], (finding,), (Evidence("time", "text/plain", condition),))


def unread(condition: str, remedy: str) -> Outcome:
    """Nothing was seen of the data: that is no pass."""
    condition = _CONTROL.sub(" ", condition)  # a key of somebody's JSON may stand in it
    return Outcome("errored", condition[:300], (Finding(condition, "nothing was inspected", remedy),))
