"""Real databases for the tests, each on a free port of the loopback, ended with the test."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

SCHEMA = """
CREATE TABLE alembic_version (version_num text); INSERT INTO alembic_version VALUES ('abc123');
CREATE TABLE people (email text, seen timestamptz DEFAULT now()); CREATE SEQUENCE ids;
INSERT INTO people VALUES ('a@shop.invalid'), ('b@shop.invalid');
"""


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _unprivileged() -> dict[str, str | int]:
    """Who runs PostgreSQL: not root."""
    if os.getuid():
        return {}
    with suppress(KeyError):
        return {"user": "postgres", "group": pwd.getpwnam("postgres").pw_gid}
    return {"user": "nobody", "group": pwd.getpwnam("nobody").pw_gid}


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise RuntimeError(f"{process.args} does not listen")


def programs_of_postgres() -> Path:
    """Where its programs are; a test is skipped, by name, where they or the driver are not."""
    pytest.importorskip("pg8000", reason="no pg8000: tests with a real PostgreSQL are skipped")
    found = [*sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))[-1:], Path(shutil.which("initdb") or "/none")]
    if not found[0].exists():
        pytest.skip("no initdb: tests with a real PostgreSQL are skipped")
    return found[0].parent


def postgres_server(password: str) -> Iterator[str]:
    """A cluster with the database `shop` and the login `shop`."""
    programs = programs_of_postgres()
    home = Path(tempfile.mkdtemp(prefix="penstock-postgres-"))
    who = _unprivileged()
    if who:
        os.chown(home, pwd.getpwnam(str(who["user"])).pw_uid, int(who["group"]))
    port, quiet = _free_port(), subprocess.DEVNULL
    (home / "word").write_text(password)
    (home / "word").chmod(0o644)
    made = [programs / "initdb", "-D", home / "data", "-U", "shop", "-A", "scram-sha-256", "--no-sync"]
    subprocess.run([*made, f"--pwfile={home / 'word'}"], check=True, stdout=quiet, cwd="/", **who)  # type: ignore[call-overload]
    single = [programs / "postgres", "--single", "-D", home / "data", "-j", "postgres"]
    subprocess.run(single, input=b"CREATE DATABASE shop\n\n", check=True, stdout=quiet, stderr=quiet, cwd="/", **who)  # type: ignore[call-overload]
    single[-1] = "shop"
    lines = SCHEMA.replace("\n", " ").encode() + b"\n\n"
    subprocess.run(single, input=lines, check=True, stdout=quiet, stderr=quiet, cwd="/", **who)  # type: ignore[call-overload]
    serve = [programs / "postgres", "-D", home / "data", "-p", str(port), "-h", "127.0.0.1", "-k", "", "-F"]
    process = subprocess.Popen(serve, stdout=quiet, stderr=quiet, cwd="/", **who)  # type: ignore[call-overload]
    try:
        _wait_for(port, process)
        yield f"postgresql://shop:{password.replace('/', '%2F')}@127.0.0.1:{port}/shop?sslmode=prefer"
    finally:
        process.send_signal(signal.SIGINT)  # at once, whoever is connected
        process.wait(20)
        shutil.rmtree(home, ignore_errors=True)


def redis_server(folder: Path, password: str) -> Iterator[str]:
    """A Redis that asks for a password, and keeps nothing."""
    pytest.importorskip("redis", reason="no redis: tests with a real Redis are skipped")
    if not shutil.which("redis-server"):
        pytest.skip("no redis-server: tests with a real Redis are skipped")
    port = _free_port()
    words = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--requirepass", password, "--save", ""]
    process = subprocess.Popen([*words, "--dir", str(folder)], stdout=subprocess.DEVNULL)
    try:
        _wait_for(port, process)
        yield f"redis://:{password.replace('/', '%2F')}@127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait(20)
