"""Databases, asked with the login that will be used: PostgreSQL, MySQL and MariaDB, Redis. They are only read."""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from penstock.checks.json_path import CannotTell
from penstock.checks.reachable_net import Limits, Unreachable, bounded, unconnected

SCHEMES = {
    "postgres": re.compile(r"postgres(?:ql)?(?:\+\w+)?"),
    "mysql": re.compile(r"(?:mysql|mariadb)(?:\+\w+)?"),
    "redis": re.compile(r"rediss?|unix"),
}
_READS = re.compile(r"\s*(?:\(\s*)*(?:select|with|values|table)\b", re.IGNORECASE)
_SHOWN = 2000
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_MYSQL_LOGIN = frozenset({1044, 1045, 1698})


@dataclass(frozen=True)
class Address:
    """What a database's URL says. `folder` is that of a Unix socket."""

    host: str
    port: int | None
    user: str
    password: str
    database: str
    options: dict[str, str]


def address(kind: str, url: str) -> Address:
    """The parts of a database's URL; CannotTell repeats nothing of it."""
    try:
        parts = urlsplit(url)
        port = parts.port
        if not SCHEMES[kind].fullmatch(parts.scheme):
            raise ValueError
    except ValueError as error:
        raise CannotTell(f"filled in, it is no URL of {kind}", f"{kind}://user:password@host/database") from error
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    host = unquote(parts.hostname or options.get("host", ""))
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    return Address(host or "localhost", port, user, password, unquote(parts.path.lstrip("/")), options)


def passwords(url: str) -> tuple[str, ...]:
    """What of a URL must not be shown even by itself."""
    try:
        password = urlsplit(url).password or ""
    except ValueError:
        return ()
    return tuple({password, unquote(password)} - {""})


def only_reads(query: str) -> bool:
    """Whether it is one statement that reads: it is asked as part of another, which changes nothing."""
    return bool(_READS.match(query)) and ";" not in query.rstrip().removesuffix(";")


def rows(kind: str, url: str, query: str, limits: Limits) -> list[Any]:
    """At most two rows of a query, in a transaction that only reads; without a query it is seen whether one is answered."""
    return (postgres if kind == "postgres" else mysql)(url, query, limits)


def postgres(url: str, query: str, limits: Limits) -> list[Any]:
    """The same of PostgreSQL."""
    native = _driver("pg8000.native")
    at = address("postgres", url)
    unix = f"{at.host}/.s.PGSQL.{at.port or 5432}" if at.host.startswith("/") else None
    known: dict[str, Any] = {
        "user": at.user or "postgres",
        "password": at.password or None,
        "database": at.database or None,
    }
    known |= {"ssl_context": _ssl(at), "timeout": limits.left_s(), "application_name": "penstock"}
    where: dict[str, Any] = {"unix_sock": unix} if unix else {"host": at.host, "port": at.port or 5432}
    connection = _connected(lambda: native.Connection(**known, **where), _postgres_said, limits)
    try:
        connection.run("START TRANSACTION READ ONLY")
        connection.run(f"SET LOCAL statement_timeout = {max(1, round(limits.left_s() * 1000))}")
        rows = bounded(lambda: connection.run(_two_rows(query)), limits.until)
    except Exception as error:
        raise _not_answered(error, _postgres_said) from error
    finally:
        _quietly(connection.close)
    return list(rows)


def mysql(url: str, query: str, limits: Limits) -> list[Any]:
    """The same of MySQL or MariaDB."""
    driver = _driver("pymysql")
    at = address("mysql", url)
    known: dict[str, Any] = {"user": at.user, "password": at.password, "database": at.database or None}
    known |= {"read_timeout": limits.left_s(), "write_timeout": limits.left_s(), "connect_timeout": limits.connect_s}
    where: dict[str, Any] = (
        {"unix_socket": at.host} if at.host.startswith("/") else {"host": at.host, "port": at.port or 3306}
    )
    known["ssl"] = _ssl(at) or None
    connection = _connected(lambda: driver.connect(**known, **where), _mysql_said, limits)
    seconds = max(1, round(limits.left_s()))
    maria = "MariaDB" in str(connection.get_server_info())
    try:
        with connection.cursor() as cursor:
            limit = f"max_statement_time = {seconds}" if maria else f"MAX_EXECUTION_TIME = {seconds * 1000}"
            cursor.execute(f"SET SESSION {limit}")
            cursor.execute("START TRANSACTION READ ONLY")
            bounded(lambda: cursor.execute(_two_rows(query)), limits.until)
            rows = cursor.fetchall()
    except Exception as error:
        raise _not_answered(error, _mysql_said) from error
    finally:
        _quietly(connection.close)
    return list(rows)


def redis(url: str, limits: Limits) -> str:
    """Whether a PING is answered after the login."""
    module = _driver("redis")
    address("redis", url)
    retry = import_module("redis.retry").Retry(import_module("redis.backoff").NoBackoff(), 0)
    times = {"socket_connect_timeout": limits.connect_s, "socket_timeout": limits.connect_s}
    try:
        client = module.Redis.from_url(url, retry=retry, **times)
        try:
            bounded(client.ping, limits.connect_until())
        finally:
            _quietly(client.close)
    except Exception as error:
        raise _not_connected(error, _redis_said, limits) from error
    return "answers"


def _driver(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        what = f"the driver `{name.split('.', 1)[0]}` is not installed"
        raise CannotTell(what, "install penstock[databases]") from error


def _two_rows(query: str) -> str:
    return f"SELECT * FROM ({query.rstrip().removesuffix(';')}\n) AS asked LIMIT 2" if query else "SELECT 1"


def _ssl(at: Address) -> ssl.SSLContext | bool | None:
    """What `sslmode`, or MySQL's `ssl-mode`, asks for: False for none, None for the driver's own way."""
    mode = (at.options.get("sslmode") or at.options.get("ssl-mode") or "").lower().replace("_", "-")
    if mode in ("", "prefer", "preferred", "allow"):
        return None
    if mode in ("disable", "disabled"):
        return False
    authority = at.options.get("sslrootcert") or at.options.get("ssl-ca") or at.options.get("ssl_ca")
    try:
        context = ssl.create_default_context(cafile=None if authority == "system" else authority)
    except (OSError, ValueError) as error:
        raise CannotTell("the file that its `sslrootcert` names cannot be read", "a file of certificates") from error
    context.check_hostname = mode in ("verify-full", "verify-identity")
    if mode in ("require", "required") and not authority:
        context.verify_mode = ssl.CERT_NONE
    return context


def _connected(connect: Callable[[], Any], said: Callable[[Exception], str], limits: Limits) -> Any:
    try:
        return bounded(connect, limits.connect_until())
    except Exception as error:
        raise _not_connected(error, said, limits) from error


def _not_connected(error: Exception, said: Callable[[Exception], str], limits: Limits) -> Unreachable:
    """Why there is no connection: the system's reason where there is one, for a driver's would name host and user."""
    if words := said(error):
        return Unreachable(words, "the login that the service will use")
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return Unreachable(f"its certificate is not accepted: {cause.verify_message}", "its own authority's file")
        if isinstance(cause, OSError):
            return unconnected(cause, limits)
        cause = cause.__cause__ or cause.__context__
    return unconnected(error, limits)


def _not_answered(error: Exception, said: Callable[[Exception], str]) -> Unreachable:
    if isinstance(error, TimeoutError):
        return Unreachable("the query was not over in time", "a quicker query, or more time with `within`")
    return Unreachable(said(error) or f"the query failed: {type(error).__name__}", "a query that its user may ask")


def _postgres_said(error: Exception) -> str:
    """The server's own words; those about a login name its user, and are said by us."""
    told = error.args[0] if error.args else None
    if not isinstance(told, dict):
        return ""
    code = str(told.get("C", ""))
    if code.startswith("28"):
        return f"the login was refused ({code})"
    return f"answered {code}: {_short(told.get('M', ''))}"


def _mysql_said(error: Exception) -> str:
    code, words = (*error.args, "", "")[:2]
    if not isinstance(code, int) or not 1000 <= code < 2000:
        return ""
    return f"the login was refused ({code})" if code in _MYSQL_LOGIN else f"answered {code}: {_short(words)}"


def _redis_said(error: Exception) -> str:
    """redis-py has a class for each: a login, and anything else that the server answered."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if kinds & {"AuthenticationError", "AuthenticationWrongNumberOfArgsError", "NoPermissionError"}:
        return "the login was refused"
    return f"answered: {_short(error)}" if kinds & {"ResponseError", "BusyLoadingError"} else ""


def _short(words: object) -> str:
    return _CONTROL.sub(" ", str(words))[:_SHOWN]


def _quietly(close: Callable[[], Any]) -> None:
    """Close what has answered already; how that ends says nothing."""
    try:
        close()
    except Exception:
        return
