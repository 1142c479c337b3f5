"""The check `reachable`, against real servers on the loopback."""

from __future__ import annotations

import json
import re
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from penstock.checks import reachable_databases as databases
from penstock.checks.json_path import CannotTell
from penstock.checks.reachable import ReachableCheck, ReachableSection
from penstock.checks.reachable_databases import address, only_reads, passwords
from penstock.checks.reachable_net import Unreachable, host_and_port, lasting
from penstock.core import data
from penstock.core.finding import CheckRequest, Outcome
from penstock.manifest.check import CheckSection
from tests.checks.databases import postgres_server, redis_server

SECRET = "s3cr3t/t0ken"
NOW = time.time()
DAY = 86400.0
Make = Callable[..., CheckRequest]
Start = Callable[..., Any]


def run(make: Make, section: dict[str, Any], **more: Any) -> Outcome:
    """The outcome of a section as a manifest writes it."""
    plain = data.dump(ReachableSection.model_validate(section))
    return ReachableCheck().run(make(plain, **{"now": NOW, **more}))


def texts(outcome: Outcome) -> str:
    """Everything that an outcome says."""
    findings = [f"{f.condition} {f.effect} {f.remedy}" for f in outcome.findings]
    return "\n".join([outcome.sentence, *findings, *(e.text for e in outcome.evidence)])


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    """A port that takes connections, and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def closed_port() -> int:
    """A port where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_tcp(request_for: Make, listening: socket.socket) -> None:
    """A port that takes connections passes; one that does not, and a host that nobody knows, fail."""
    good = run(request_for, {"tcp": f"127.0.0.1:{listening.getsockname()[1]}"})
    assert ("passed", True) == (good.state, "takes connections" in good.sentence)
    refused = run(request_for, {"tcp": "$DB"}, env={"DB": f"127.0.0.1:{closed_port()}"})
    assert ("failed", "tcp $DB: the connection was refused") == (refused.state, refused.sentence)
    unknown = run(request_for, {"tcp": "no-such-host.invalid:1"})
    assert ("failed", True) == (unknown.state, unknown.sentence.endswith("no such host is known here"))
    for env in ({"DB": "no-port"}, {}):
        assert "errored" == run(request_for, {"tcp": "$DB"}, env=env).state


def test_there_is_one_more_try_and_no_third(request_for: Make, monkeypatch: Any) -> None:
    """After a connection that did not come about it is tried once more."""
    tried = []

    def connect(*place: Any) -> Any:
        tried.append(place)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", connect)
    assert "failed" == run(request_for, {"tcp": "127.0.0.1:1"}).state
    assert 2 == len(tried)


def test_nothing_waits_for_ever(request_for: Make, listening: socket.socket) -> None:
    """A server that says nothing fails after `connect`; what was not asked when `within` was over is errored."""
    place = f"127.0.0.1:{listening.getsockname()[1]}"
    began = time.monotonic()
    outcome = run(request_for, {"tls": place, "connect": "100ms"})
    assert ("failed", True) == (outcome.state, "no connection in time (0.1 s at most)" in outcome.sentence)
    section = {"places": [{"tls": place}, {"tcp": place}], "within": "200ms"}
    late = run(request_for, section)
    assert "failed" == late.state
    assert "`within` was over" in texts(late)
    http = run(request_for, {"get": f"http://{place}/", "within": "200ms"})
    assert ("failed", True) == (http.state, http.sentence.endswith("gave no answer in time"))
    assert 3 > time.monotonic() - began


# TLS ------------------------------------------------------------------------------------------------------------------


def certificate(folder: Path, name: str, days: float, host: str = "localhost") -> None:
    """A certificate of one's own, and its key, good for so many days."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    end = datetime.now(UTC) + timedelta(days=days)
    made = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(7).not_valid_before(end - timedelta(days=400)).not_valid_after(end)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True).sign(key, hashes.SHA256())
    )  # fmt: skip
    (folder / f"{name}.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain, pem = serialization.NoEncryption(), serialization.Encoding.PEM
    (folder / f"{name}.key").write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))


def speak_tls(folder: Path, name: str) -> tuple[socket.socket, int]:
    """A server with that certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / f"{name}.pem", folder / f"{name}.key")
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
                with connection, context.wrap_socket(connection, server_side=True) as wrapped:
                    wrapped.recv(1)
            except ssl.SSLError:
                continue
            except OSError:
                return

    threading.Thread(target=serve, daemon=True).start()
    return server, int(server.getsockname()[1])


@pytest.mark.parametrize(
    ("days", "host", "section", "state", "said"),
    [
        (60.5, "localhost", {}, "passed", "its certificate is good for 60 d 12 h more"),
        (60.5, "localhost", {"valid_for": {"at_least": "14d"}}, "passed", "60 d 12 h"),
        (
            3.5,
            "localhost",
            {"valid_for": {"at_least": "14d"}},
            "failed",
            "good for 3 d 12 h more, expected at least 14 d",
        ),
        (-1, "localhost", {}, "failed", "its certificate is not accepted: certificate has expired"),
        (60, "other.example", {}, "failed", "its certificate is not accepted: Hostname mismatch"),
        (60, "localhost", {"authority": None}, "failed", "its certificate is not accepted: self-signed certificate"),
        (60, "localhost", {"authority": "nowhere.pem"}, "errored", "`authority` cannot be read"),
    ],
)
def test_tls(days: float, host: str, section: Any, state: str, said: str, request_for: Make, tmp_path: Path) -> None:
    """Trusted, of this name, and for long enough: anything less fails."""
    certificate(tmp_path, "ours", days, host)
    server, port = speak_tls(tmp_path, "ours")
    outcome = run(request_for, {"tls": f"localhost:{port}", "authority": "ours.pem", **section})
    server.close()
    assert state == outcome.state
    assert said in outcome.sentence


def test_a_certificate_is_of_the_name_that_is_asked(request_for: Make, tmp_path: Path) -> None:
    """A certificate of another name is not accepted, be it trusted."""
    certificate(tmp_path, "ours", 60)
    server, port = speak_tls(tmp_path, "ours")
    outcome = run(request_for, {"tls": f"127.0.0.1:{port}", "authority": "ours.pem"})
    server.close()
    assert ("failed", True) == (outcome.state, "IP address mismatch" in outcome.sentence)


def test_what_speaks_no_tls_fails(request_for: Make, start: Start) -> None:
    """Plain HTTP where TLS should be is bad, not unknown."""
    outcome = run(request_for, {"tls": start().url.removeprefix("http://")})
    assert ("failed", True) == (outcome.state, "no TLS" in outcome.sentence)


def test_how_long_a_certificate_lasts() -> None:
    """The last second counts; without an end, or after it, nothing is good."""
    end = "Nov 21 00:00:00 2030 GMT"
    at = datetime(2030, 11, 21, tzinfo=UTC).timestamp()
    assert "its certificate is good for 14 d more" == lasting(end, 14 * DAY, at - 14 * DAY)
    for needed, now in ((14 * DAY, at - 14 * DAY + 1), (0.0, at), (0.0, at + 1)):
        with pytest.raises(Unreachable):
            lasting(end, needed, now)
    with pytest.raises(CannotTell):
        lasting("", 0.0, at)


# HTTP -----------------------------------------------------------------------------------------------------------------


def test_get_uses_the_credentials(start: Start, request_for: Make) -> None:
    """Status, JSON and what is left of a quota; tokens go where the section says, and are shown nowhere."""
    service = start({"json": {"models": [1]}, "headers": {"X-RateLimit-Remaining": "120"}})
    section = {
        "get": "$API/v1/models", "bearer": "$TOKEN", "headers": {"Api-Key": "$TOKEN"},
        "expect": {"status": 200, "json": {"models": {"is": "list"}}},
        "quota": {"header": "x-ratelimit-remaining", "at_least": "100"},
    }  # fmt: skip
    more: dict[str, Any] = {"env": {"API": service.url}, "secrets": {"TOKEN": SECRET}}
    outcome = run(request_for, section, **more)
    assert ("passed", "get $API/v1/models: answers 200, 120 left, says `x-ratelimit-remaining`") == (
        outcome.state,
        outcome.sentence,
    )
    assert ["/v1/models"] == [one["path"] for one in service.asked]
    headers = service.asked[0]["headers"]
    assert [f"Bearer {SECRET}", SECRET] == [headers["authorization"], headers["api-key"]]
    assert SECRET not in texts(outcome)


@pytest.mark.parametrize(
    ("answer", "section", "state", "said"),
    [
        ({"status": 500}, {}, "failed", "answered 500, expected 2xx"),
        ({"status": 302, "headers": {"location": "/login"}}, {}, "failed", "answered 302"),
        ({"json": {"a": 1}}, {"expect": {"json": {"a": 2}}}, "failed", "another `a`: expected 2, is 1"),
        ({"headers": {"left": "99"}}, {"quota": {"header": "Left", "at_least": 100}}, "failed", "99 left, says `Left`"),
        (
            {"headers": {"left": "many"}},
            {"quota": {"header": "left", "at_least": 1}},
            "errored",
            "no number in its header",
        ),
        ({}, {"quota": {"header": "left", "at_least": 1}}, "errored", "has no header `left`"),
        ({"status": 401, "body": SECRET}, {"bearer": "$TOKEN"}, "failed", "answered 401"),
        ({}, {"bearer": "$NOPE"}, "errored", "`$NOPE` is not known to this check"),
    ],
)
def test_get_that_is_not_as_expected(
    answer: Any, section: dict[str, Any], state: str, said: str, start: Start, request_for: Make
) -> None:
    """A bad answer fails; a quota that is not said is unknown. There is one request: a probe spends what it guards."""
    service = start(answer)
    outcome = run(request_for, {"get": service.url + "/", **section}, secrets={"TOKEN": SECRET})
    assert state == outcome.state
    assert said in outcome.sentence
    assert 1 >= len(service.asked)
    assert SECRET not in texts(outcome)


def test_places_are_all_asked(start: Start, request_for: Make, listening: socket.socket) -> None:
    """One that fails does not hide the next; failed weighs more than errored, and each is a finding."""
    port = listening.getsockname()[1]
    places = [{"get": "$NOPE/"}, {"tcp": f"127.0.0.1:{closed_port()}"}, {"tcp": f"127.0.0.1:{port}"}]
    outcome = run(request_for, {"places": places})
    assert "failed" == outcome.state
    assert outcome.sentence.startswith("2 of 3 places: tcp 127.0.0.1:")
    assert 2 == len(outcome.findings)
    assert ["failed", "errored", "passed"] == sorted(
        (line.split()[0] for line in outcome.evidence[0].text.splitlines()), key=["failed", "errored", "passed"].index
    )
    assert "errored" == run(request_for, {"places": [places[0], places[2]]}).state


def test_disk(request_for: Make) -> None:
    """Free space as a share or a size; a folder that is not there is unknown."""
    assert "passed" == run(request_for, {"disk": {"path": "/", "free": "0%"}}).state
    full = run(request_for, {"disk": {"path": "/", "free": "999999TB"}})
    assert ("failed", True) == (full.state, " are free, expected at least 1e+06 TB" in full.sentence)
    assert "failed" == run(request_for, {"disk": {"path": "/", "free": "100%"}}).state
    assert "errored" == run(request_for, {"disk": {"path": "/no/such", "free": "1MB"}}).state


# Databases ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "module"), [("postgres", "pg8000.native"), ("mysql", "pymysql"), ("redis", "redis")])
def test_a_driver_that_is_not_installed(kind: str, module: str, request_for: Make, monkeypatch: Any) -> None:
    """Without its driver a database was not asked: errored, with what to install."""
    monkeypatch.setitem(sys.modules, module, None)
    outcome = run(request_for, {kind: "$URL"}, secrets={"URL": f"{kind}://u:{SECRET}@127.0.0.1:1/d"})
    assert ("errored", "install penstock[databases]") == (outcome.state, outcome.findings[0].remedy)


def test_addresses() -> None:
    """A URL as people write them; what is none is not repeated."""
    at = address("postgres", "postgresql+asyncpg://shop:p%40ss@db:5433/orders?sslmode=require")
    assert ("db", 5433, "shop", "p@ss", "orders", {"sslmode": "require"}) == (
        at.host, at.port, at.user, at.password, at.database, at.options,
    )  # fmt: skip
    assert "/run/pg" == address("postgres", "postgres://shop@/orders?host=/run/pg").host
    assert {"p%40ss", "p@ss"} == set(passwords("postgres://shop:p%40ss@db/orders"))
    for text in ("host=db user=shop", "http://db/", f"postgres://u:{SECRET}@[", "postgres://h:x/", ""):
        with pytest.raises(CannotTell) as refused:
            address("postgres", text)
        assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    ("query", "reads"),
    [
        ("SELECT 1", True), (" with a as (select 1) select * from a;", True), ("(select 1)", True), ("values (1)", True),
        ("DELETE FROM a", False), ("select 1; delete from a", False), ("", False), ("selection", False), ("COMMIT", False),
    ],
)  # fmt: skip
def test_only_one_query_that_reads(query: str, reads: bool) -> None:
    """What changes something, or is more than one statement, is refused when the manifest is read."""
    assert reads == only_reads(query)


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    """The URL of a real PostgreSQL."""
    yield from postgres_server(SECRET)


@pytest.mark.parametrize(
    ("change", "section", "state", "said"),
    [
        ({}, {}, "passed", "takes the login and answers"),
        ({}, {"schema": {"table": "alembic_version", "column": "version_num", "is": "abc123"}}, "passed", "is abc123"),
        ({}, {"schema": {"table": "alembic_version", "column": "version_num", "is": "$V"}}, "passed", "is abc123"),
        ({}, {"schema": {"table": "public.alembic_version", "column": "version_num", "is": "abc124"}}, "failed",
         "`public.alembic_version.version_num` is abc123, expected abc124"),
        ({}, {"schema": {"query": "SELECT count(*) FROM people;", "is": "2"}}, "passed", "the query's answer is 2"),
        ({}, {"schema": {"query": "SELECT 1 WHERE false", "is": "2"}}, "failed", "has no row, expected 2"),
        ({}, {"schema": {"query": "SELECT * FROM nowhere", "is": "2"}}, "failed", 'relation "nowhere" does not exist'),
        ({}, {"schema": {"query": "SELECT nextval('ids')", "is": "1"}}, "failed", "read-only transaction"),
        ({}, {"schema": {"query": "WITH a AS (DELETE FROM people RETURNING 1) SELECT 1", "is": "1"}}, "failed", "answered"),
        ({}, {"schema": {"query": "SELECT 1) a; DELETE FROM people; --", "is": "1"}}, "refused", ""),
        ({}, {"schema": {"query": "SELECT pg_sleep(9)", "is": "1"}, "within": "1200ms"}, "failed", "query"),
        ({SECRET.replace("/", "%2F"): "wrong-word"}, {}, "failed", "the login was refused (28P01)"),
        ({"/shop?": "/shopp?"}, {}, "failed", 'database "shopp" does not exist'),
        ({"sslmode=prefer": "sslmode=require"}, {}, "failed", "no connection"),
        ({"sslmode=prefer": "sslmode=disable"}, {}, "passed", "takes the login"),
    ],
)  # fmt: skip
def test_postgres(
    change: dict[str, str], section: dict[str, Any], state: str, said: str, postgres: str, request_for: Make
) -> None:
    """With its login, at its version, never written to; of the URL nothing is shown."""
    url = postgres
    for old, new in change.items():
        assert old in url
        url = url.replace(old, new)
    if state == "refused":
        with pytest.raises(ValidationError):
            ReachableSection.model_validate({"postgres": "$URL", **section})
        return
    outcome = run(request_for, {"postgres": "$URL", **section}, secrets={"URL": url}, env={"V": "abc123"})
    assert state == outcome.state
    assert said in outcome.sentence
    assert [] == [part for part in (url, SECRET, "wrong-word") if part in texts(outcome)]


def test_no_connection_is_left_behind(postgres: str, request_for: Make, monkeypatch: Any) -> None:
    """After a query that failed the connection is closed too: a probe takes none of what it guards."""
    closed: list[None] = []
    monkeypatch.setattr(databases, "_quietly", lambda close: closed.append(close()))
    for query in ("SELECT * FROM nowhere", "SELECT 1/0"):
        run(request_for, {"postgres": "$URL", "schema": {"query": query, "is": "1"}}, secrets={"URL": postgres})
    assert [None, None] == closed
    others = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'penstock' AND state NOT LIKE 'active%'"
    section = {"postgres": "$URL", "schema": {"query": others, "is": "0"}}
    for _ in range(50):  # the server sees the end of a connection a little later
        outcome = run(request_for, section, secrets={"URL": postgres})
        if outcome.state == "passed":
            break
        time.sleep(0.05)
    assert "passed" == outcome.state


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: Any) -> Iterator[str]:
    """The URL of a real Redis with a password."""
    yield from redis_server(tmp_path_factory.mktemp("redis"), SECRET)


def test_redis(redis_url: str, request_for: Make) -> None:
    """A PING with the login passes; a wrong password and a closed port fail, and show nothing of the URL."""
    assert "passed" == run(request_for, {"redis": "$URL"}, secrets={"URL": redis_url}).state
    wrong = redis_url.replace(SECRET.replace("/", "%2F"), "wrong-word")
    none = re.sub(r":[^:]*@", "@", redis_url)
    closed = re.sub(r":[0-9]+/", f":{closed_port()}/", redis_url)
    for url, said in ((wrong, "the login was refused"), (none, "login"), (closed, "the connection was refused")):
        outcome = run(request_for, {"redis": "$URL"}, secrets={"URL": url})
        assert ("failed", True) == (outcome.state, said in outcome.sentence)
        assert [] == [part for part in (url, SECRET, "wrong-word") if part in texts(outcome)]


# Sections -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({}, "there is no place here"),
        ({"tcp": "a:1", "tls": "a"}, "there are 2 places here"),
        ({"tcp": "a"}, "has no port"),
        ({"tcp": "a:70000"}, "has no port that can be"),
        ({"tcp": "a:1", "bearer": "$T"}, "`bearer` says nothing of tcp"),
        ({"get": "/health"}, "is no URL"),
        ({"get": "https://h/", "bearer": "token"}, "`bearer` is not a name"),
        ({"postgres": "postgres://u:p@h/d"}, "there is a password in this URL"),
        ({"postgres": "$U", "schema": {"is": "1"}}, "either a `query`, or a `table`"),
        ({"postgres": "$U", "schema": {"table": "a; drop", "column": "b", "is": "1"}}, "no table with a column"),
        ({"postgres": "$U", "schema": {"query": "DELETE FROM a", "is": "1"}}, "not one query that reads"),
        ({"redis": "$U", "schema": {"query": "SELECT 1", "is": "1"}}, "`schema` says nothing of redis"),
        ({"disk": {"path": "tmp", "free": "1GB"}}, "no folder of this machine"),
        ({"disk": {"path": "/", "free": "much"}}, "is no size"),
        ({"places": [{"tcp": "a:1"}], "tls": "a"}, "stands beside `places`"),
        ({"tls": "a", "authority": "../ca.pem"}, "leads out of the repository"),
        ({"tcp": "a:1", "timeout": "5s"}, "Extra inputs"),
    ],
)
def test_a_section_that_cannot_be_is_refused(section: dict[str, Any], said: str) -> None:
    """What could never be asked is refused when the manifest is read."""
    with pytest.raises(ValidationError) as refused:
        ReachableSection.model_validate(section)
    assert said in str(refused.value)


def test_a_section_survives_being_plain_data() -> None:
    """What is journaled is read again as the same section."""
    for written in (
        {"tls": "a", "valid_for": {"at_least": "14d"}, "connect": "2s", "once_in": "1h"},
        {"places": [{"postgres": "$U", "schema": {"table": "a", "column": "b", "is": ["1", "2"]}}, {"get": "$A/x"}]},
        {"disk": {"path": "/", "free": "2.5GB"}},
    ):
        section = ReachableSection.model_validate(written)
        assert section == ReachableSection.model_validate(json.loads(json.dumps(data.dump(section))))


def test_hosts_and_ports() -> None:
    """Names, IPv4 and IPv6, with a port or the default one."""
    assert ("db", 5432) == host_and_port("db:5432")
    assert ("::1", 443) == host_and_port("[::1]", 443)
    assert ("::1", 8443) == host_and_port("[::1]:8443", 443)
    assert ("api.example.com", 443) == host_and_port("api.example.com", 443)
    for text in ("", ":1", "a:0", "a:x", "a b:1", "u@h:1", "a:²"):
        with pytest.raises(ValueError, match=r"is no|has no"):
            host_and_port(text)


def test_every_key_has_its_item() -> None:
    """The manual page has an item for every key of the section's own."""
    fields = ReachableSection.model_fields.items()
    own = {field.alias or name for name, field in fields if name not in CheckSection.model_fields}
    items = re.findall(r"- ((?:`\w+`(?:, )?)+)", ReachableCheck.__doc__ or "")
    assert set() == own - set(re.findall(r"`(\w+)`", " ".join(items)))
