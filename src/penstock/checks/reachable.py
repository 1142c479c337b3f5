"""The check `reachable`: what the service will need answers, with the login that it will use."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from penstock.checks import reachable_databases as databases
from penstock.checks import reachable_http as http
from penstock.checks import reachable_net as net
from penstock.checks.filling import Unknown, fill
from penstock.checks.json_path import NAME, CannotTell, Expectation
from penstock.checks.reachable_net import Limits, Unreachable
from penstock.checks.reported import a_path_inside
from penstock.core.finding import CheckRequest, Finding, Outcome, State
from penstock.core.masking import SHORTEST, concealed
from penstock.core.target import Evidence
from penstock.manifest.check import CheckSection
from penstock.manifest.groups import one_or_several
from penstock.manifest.section import Count, Duration, Section, fraction, wrong

PLACES = ("get", "tcp", "tls", "postgres", "mysql", "redis", "disk")
_BELONGS = {
    "headers": ("get",), "bearer": ("get",), "expect": ("get",), "quota": ("get",),
    "valid_for": ("tls",), "authority": ("tls",), "schema": ("postgres", "mysql"),
}  # fmt: skip
_PAUSE_S = 0.2
_COLUMN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TABLE = re.compile(rf"{_COLUMN.pattern}(?:\.{_COLUMN.pattern})?")
_SIZES = {"MB": 10**6, "GB": 10**9, "TB": 10**12}


class Quota(Section):
    """A header that says how much is left, and how much must be."""

    header: str
    at_least: Count


class Lasting(Section):
    """How long a certificate must be good."""

    at_least_s: Duration = Field(alias="at_least")


class Schema(Section):
    """What a column of a table, or a query, must answer: one or several values."""

    table: str = ""
    column: str = ""
    query: str = ""
    is_: Annotated[tuple[str, ...], BeforeValidator(one_or_several), Field(min_length=1)] = Field(alias="is")

    @model_validator(mode="after")
    def _whole(self) -> Schema:
        if bool(self.query) == bool(self.table or self.column):
            what = "`schema` is either a `query`, or a `table` and its `column`"
            raise wrong(
                what, "its answer is compared with `is`", "{table: alembic_version, column: version_num, is: ...}"
            )
        if self.query:
            _reading(self.query)
        elif not (_TABLE.fullmatch(self.table) and _COLUMN.fullmatch(self.column)):
            raise wrong("this is no table with a column", "their names are letters, digits and _", "a `query`")
        return self

    def sql(self) -> str:
        """What is asked; every row of the table, each value once."""
        return self.query or f"SELECT DISTINCT {self.column} FROM {self.table}"


def _reading(query: str) -> str:
    if not databases.only_reads(query):
        what = "this is not one query that reads"
        raise wrong(
            what, "a check changes nothing, and asks one thing", "SELECT max(version) FROM migrations", at="query"
        )
    return query


class Room(Section):
    """A folder, and how much of its disk must be free: a share, or a size."""

    path: str
    free: str

    @model_validator(mode="after")
    def _sizes(self) -> Room:
        if not self.path.startswith("/"):
            raise wrong(f"`{self.path[:60]}` is no folder of this machine", "it begins with /", "/", at="path")
        self.wanted()
        return self

    def wanted(self) -> tuple[float | None, int | None]:
        """The share or the bytes that must be free."""
        if self.free.endswith("%"):
            return fraction(self.free), None
        found = re.fullmatch(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)\s*(MB|GB|TB)", self.free)
        if not found:
            raise wrong(
                f"`{self.free[:60]}` is no size", "a number and MB, GB or TB, or a share", "10% or 5GB", at="free"
            )
        return None, round(float(found[1]) * _SIZES[found[2]])


def _host_and_port(text: str) -> str:
    if "$" not in text:
        try:
            net.host_and_port(text, None)
        except ValueError as error:
            raise wrong(f"`{text[:60]}` {error}", "a connection is made to a port", "db.internal:5432") from error
    return text


class Place(Section):
    """One place: exactly one of the ways to ask, and what is expected of it."""

    get: str | None = None
    headers: dict[str, str] = Field(default_factory=dict)
    bearer: str | None = None
    expect: Expectation | None = None
    quota: Quota | None = None
    tcp: Annotated[str, AfterValidator(_host_and_port)] | None = None
    tls: str | None = None
    valid_for: Lasting | None = None
    authority: Annotated[str, AfterValidator(a_path_inside)] | None = None
    postgres: str | None = None
    mysql: str | None = None
    schema_: Schema | None = Field(default=None, alias="schema")
    redis: str | None = None
    disk: Room | None = None

    def way(self) -> str:
        """`tcp`, `postgres`, ..."""
        return next(name for name in PLACES if getattr(self, name) is not None)

    def title(self) -> str:
        """What is asked, as it is written: a secret by its name."""
        asked = getattr(self, self.way())
        return f"{self.way()} {asked.path if isinstance(asked, Room) else asked}"

    @field_validator("bearer")
    @classmethod
    def _a_name(cls, value: str | None) -> str | None:
        if value is not None and not NAME.fullmatch(value):
            raise wrong("`bearer` is not a name", "a token never stands in the manifest", "bearer: $TOKEN")
        return value

    @field_validator("postgres", "mysql", "redis")
    @classmethod
    def _no_password(cls, value: str | None) -> str | None:
        if value and any("$" not in one for one in databases.passwords(value)):
            raise wrong("there is a password in this URL", "one never stands in the manifest", "$DATABASE_URL")
        return value

    @field_validator("get")
    @classmethod
    def _elsewhere(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("http://", "https://", "$")):
            why = "this check asks what the service needs; the revision itself is asked by a check with `get` alone"
            raise wrong(f"`{value[:60]}` is no URL", why, "https://api.example.com/status")
        return value

    @model_validator(mode="after")
    def _whole(self) -> Place:
        self._is_one_place()
        return self

    def _is_one_place(self) -> None:
        ways = [name for name in PLACES if getattr(self, name) is not None]
        if len(ways) != 1:
            what = f"there are {len(ways)} places here" if ways else "there is no place here"
            code = "value" if ways else "missing-key"
            raise wrong(what, f"it is one of {', '.join(PLACES)}; several stand in `places`", "tcp: db:5432", code=code)
        for key, whose in _BELONGS.items():
            if getattr(self, "schema_" if key == "schema" else key) and ways[0] not in whose:
                raise wrong(
                    f"`{key}` says nothing of {ways[0]}", f"it belongs to {' or '.join(whose)}", whose[0], at=key
                )


class ReachableSection(Place, CheckSection):
    """One place, or several `places`; `within_s` for all of them, `connect_s` for each connection."""

    pace: ClassVar[str] = "deploy"

    places: Annotated[tuple[Place, ...], Field(max_length=50)] = ()
    connect_s: Duration = Field(default=5.0, alias="connect", gt=0)
    within_s: Duration = Field(default=60.0, alias="within", gt=0)

    @model_validator(mode="after")
    def _whole(self) -> ReachableSection:
        if not self.places:
            self._is_one_place()
        for name, field in Place.model_fields.items():
            if self.places and getattr(self, name):
                key = field.alias or name
                raise wrong(f"`{key}` stands beside `places`", "each place has its own", f"`{key}` in a place", at=key)
        return self


@dataclass(frozen=True)
class Found:
    """How one place was found: passed, failed or errored, and why."""

    title: str
    state: State
    said: str
    remedy: str = ""


class ReachableCheck:
    """Passes when every place that the service needs answers from here, with the login that it will use.

    A release that finds its database locked or its quota spent has already begun. Ask before, with what the service
    will use. A place that refuses, does not answer, or is not as expected is *failed*; one that could not be asked
    (no driver, a `$NAME` that is not there) is *errored*. After a connection that did not come about there is one
    more try, after anything else none. Use `once_in` for what counts its callers.

    - `get`: a URL, with `headers`, `bearer: $NAME` and `expect` as in the check http. Redirects are not followed.
    - `quota`: `{header: x-ratelimit-remaining, at_least: 100}`, the header of the answer that says how much is left.
    - `tcp`: `host:port` takes connections.
    - `tls`: `host` or `host:port` has a certificate that is trusted, carries this name and has not expired.
    - `valid_for`: `{at_least: 14d}`, how long the certificate must still be good.
    - `authority`: a file of the repository with the certificates that are trusted, in place of the system's.
    - `postgres`, `mysql`, `redis`: `$NAME` of a URL with its login. Needs penstock[databases].
    - `schema`: `{table: alembic_version, column: version_num, is: abc123}`, or `{query: SELECT ..., is: 42}`. It is
      asked in a transaction that only reads, and all its answers are those in `is`.
    - `disk`: `{path: /, free: 10%}` or `5GB`, on the machine where the release runs.
    - `headers`, `bearer`, `expect`: belong to `get`.
    - `places`: several of these, each a map of its own.
    - `connect`: how long a connection may take, 5s if left out; `get` has `within` alone.
    - `within`: for all of it, 60s if left out.

    Bad:   database: nc -z db.internal 5432      # a port that is open says nothing of the login
    Good:  database: {is: reachable, postgres: $DATABASE_URL, schema: {query: SELECT max(id) FROM versions, is: 42}}
    """

    def run(self, request: CheckRequest) -> Outcome:
        """Ask one place after the other, all of them."""
        section = ReachableSection.model_validate(request.section)
        names = {**request.env, **request.secrets}
        began = time.monotonic()
        limits = Limits(section.connect_s, began + section.within_s, request.now or time.time())
        found = [looked_at(place, names, limits, request.folder) for place in section.places or (section,)]
        outcome = judged(found, time.monotonic() - began)
        masked = concealed(outcome, {**request.secrets, **hidden_passwords(names)})
        return replace(masked, sentence=_short(masked.sentence))  # cut only now: half a secret would not be known


def hidden_passwords(names: Mapping[str, str]) -> dict[str, str]:
    """The passwords inside of URLs: a driver may show one without the rest."""
    found = {f"{name} {n}": p for name, url in names.items() for n, p in enumerate(databases.passwords(url))}
    return {name: password for name, password in found.items() if len(password) >= SHORTEST}


def looked_at(place: Place, names: Mapping[str, str], limits: Limits, folder: str) -> Found:
    """One place, asked once more where no connection came about."""
    title = place.title()
    bad: Unreachable | None = None
    while bad is None or (bad.again and time.monotonic() < limits.until):
        if time.monotonic() >= limits.until:
            return Found(title, "errored", "was not asked: `within` was over", "more time, with `within`")
        try:
            return Found(title, "passed", _ask(place, names, limits, folder))
        except Unknown as unknown:
            return Found(title, "errored", f"`${unknown}` is not known to this check", "a name of `env` or `secrets`")
        except CannotTell as error:
            return Found(title, "errored", str(error), error.remedy)
        except Unreachable as error:
            error.again = error.again and bad is None
            bad = error
            time.sleep(min(_PAUSE_S, limits.left_s()) if bad.again else 0)
    return Found(title, "failed", str(bad), bad.remedy)


def _ask(place: Place, names: Mapping[str, str], limits: Limits, folder: str) -> str:
    if place.get is not None:
        asked = http.asking(place.get, place.headers, place.bearer, names)
        quota = (place.quota.header, place.quota.at_least) if place.quota else None
        return http.judged(http.answered(asked, limits), place.expect or Expectation(), quota, names)
    if place.disk is not None:
        return net.disk(place.disk.path, *place.disk.wanted(), limits)
    where = fill(getattr(place, place.way()), names)
    if place.tcp is not None:
        return net.tcp(where, limits)
    if place.tls is not None:
        authority = f"{folder}/{place.authority}" if place.authority else None
        return net.tls(where, authority, place.valid_for.at_least_s if place.valid_for else 0.0, limits)
    if place.redis is not None:
        return databases.redis(where, limits)
    if place.schema_ is None:
        databases.rows(place.way(), where, "", limits)
        return "takes the login and answers"
    wanted = tuple(fill(one, names) for one in place.schema_.is_)
    return at_version(place.schema_, wanted, databases.rows(place.way(), where, place.schema_.sql(), limits))


def at_version(schema: Schema, wanted: tuple[str, ...], rows: list[Any]) -> str:
    """What is good about a schema's answer: every row is one of those that are wanted, and there is one."""
    have = [str(row[0])[:100] if row else "" for row in rows]
    what = f"`{schema.table}.{schema.column}`" if schema.table else "the query's answer"
    if not have:
        raise Unreachable(f"{what} has no row, expected {' or '.join(wanted)}", "the migrations that it needs")
    if unlike := [one for one in have if one not in wanted]:
        raise Unreachable(f"{what} is {unlike[0]}, expected {' or '.join(wanted)}", "the migrations that it needs")
    return f"{what} is {', '.join(have)}"


def judged(found: list[Found], seconds: float) -> Outcome:
    """What all the places together say."""
    bad = [one for one in found if one.state == "failed"]
    unknown = [one for one in found if one.state == "errored"]
    state: State = "failed" if bad else "errored" if unknown else "passed"
    lines = [f"{one.title}: {one.said}" for one in bad + unknown or found]
    head = f"{len(bad + unknown)} of {len(found)} places: " if bad or unknown else f"{len(found)} places: "
    sentence = (head if len(found) > 1 else "") + "; ".join(lines)
    findings = tuple(Finding(f"{f.title}: {f.said}", "the service needs it", f.remedy) for f in bad + unknown)
    text = "\n".join(f"{one.state}  {one.title}: {one.said}" for one in found)
    return Outcome(state, sentence, findings, (Evidence("places", "text/plain", text),), seconds)


def _short(text: str) -> str:
    line = re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+", " ", text)
    return line if len(line) <= 300 else f"{line[:297]}..."
