"""The check `compose`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penstock.checks.compose import ComposeCheck, ComposeSection
from penstock.core import data
from penstock.core.finding import CheckRequest, Outcome

RECORDED = Path(__file__).parent / "recorded" / "compose"
CLEAN = (RECORDED / "clean" / "compose.yaml").read_text()
Make = Callable[..., CheckRequest]
PLANTED = {
    "privileged",
    "docker-socket",
    "image-tag",
    "host",
    "plain-secret",
    "host-path",
    "no-healthcheck",
    "no-restart",
    "port-on-all",
}


def run(make: Make, folder: Path, **section: Any) -> Outcome:
    """The outcome over a folder."""
    plain = data.dump(ComposeSection.model_validate(section))
    return ComposeCheck().run(make(plain, folder=str(folder)))


def rules(outcome: Outcome) -> set[str]:
    """The rules that found something."""
    return {finding.condition.rpartition("[")[2][:-1] for finding in outcome.findings}


def test_every_planted_fault_is_found_and_the_clean_twin_has_none(request_for: Make) -> None:
    """All that is planted is found, and nothing in the twin in which it is mended."""
    outcome = run(request_for, RECORDED / "faulty", at_most="none")
    assert ("failed", PLANTED) == (outcome.state, rules(outcome))
    assert "correct-horse" not in outcome.sentence + outcome.evidence[-1].text
    clean = run(request_for, RECORDED / "clean", at_most="none")
    assert ("passed", ()) == (clean.state, clean.findings)


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ("postgres:17.2", "postgres:latest", "image-tag"),
        ("127.0.0.1:8080:80", "0.0.0.0:8080:80", "port-on-all"),
        ("127.0.0.1:8080:80", "80", "port-on-all"),
        ("${API_TOKEN:?}", "${API_TOKEN:-4f9c2d81ab77}", "plain-secret"),
        ("./pages:/pages:ro", "/run/docker.sock:/x", "docker-socket"),
        ("./pages:/pages:ro", "/:/host", "host-path"),
        ("    image: postgres", "    cap_add: [SYS_ADMIN]\n    image: postgres", "capabilities"),
        ("    image: postgres", "    pid: host\n    image: postgres", "host"),
        ("restart: unless-stopped", "init: true", "no-restart"),
        (
            "    image: postgres",
            "    build: {context: ., args: {NPM_TOKEN: abcdefgh12}}\n    image: postgres",
            "plain-secret",
        ),
    ],
)
def test_one_change_of_the_clean_one_is_found(old: str, new: str, rule: str, request_for: Make, tmp_path: Path) -> None:
    """Any single fault in an otherwise clean file is found by its rule."""
    assert old in CLEAN
    (tmp_path / "compose.yaml").write_text(CLEAN.replace(old, new, 1))
    assert rule in rules(run(request_for, tmp_path))


@pytest.mark.parametrize("text", ["", "[]", "services: []", "services: {a: 1}", "a: [", "services: {}"])
def test_what_is_no_compose_file_is_no_pass(text: str, request_for: Make, tmp_path: Path) -> None:
    """Another file, or none, is errored."""
    assert "errored" == run(request_for, tmp_path).state
    (tmp_path / "compose.yaml").write_text(text)
    assert "errored" == run(request_for, tmp_path).state


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.one_of(
        st.binary(max_size=150), st.integers(0, len(CLEAN)).map(lambda at: (CLEAN[:at] + CLEAN[at + 4 :]).encode())
    )
)
def test_any_bytes_have_an_outcome(text: bytes, request_for: Make, tmp_path: Path) -> None:
    """Whatever a file holds, there is an outcome and no exception."""
    (tmp_path / "compose.yaml").write_bytes(text)
    assert run(request_for, tmp_path).state in ("passed", "failed", "errored")


_SERVICE = "services:\n  web:\n    image: web:1.0\n    restart: always\n    healthcheck: {test: [CMD, x]}\n"


@pytest.mark.parametrize(
    ("more", "rule", "line"),
    [
        ("    volumes:\n      - data:/x\n      - ${SOCKET:-/var/run/docker.sock}:/x\n", "docker-socket", 8),
        ("    volumes: ['~/.ssh:/root/.ssh:ro']\n", "host-path", 6),
        ("    volumes:\n      - {type: bind, source: /etc/passwd, target: /x}\n", "host-path", 7),
        ("    devices: ['/dev/mem:/dev/mem']\n", "device", 6),
        ("    cgroup: host\n", "host", 6),
        ("    command: redis-server --requirepass Sommer-7-Regen\n", "plain-secret", 6),
        ("    command: [x, --password, Sommer-7-Regen]\n", "plain-secret", 6),
        ("    environment:\n      LEVEL: info\n      DB_PASSWORD: Sommer-7-Regen\n", "plain-secret", 8),
    ],
)
def test_other_ways_to_be_the_machine(more: str, rule: str, line: int, tmp_path: Path, request_for: Make) -> None:
    """Each is found in its own line, not in the line of the list that it stands in."""
    (tmp_path / "compose.yaml").write_text(_SERVICE + more)
    outcome = run(request_for, tmp_path)
    assert ({rule}, f"compose.yaml:{line}") == (rules(outcome), outcome.findings[0].where)


@pytest.mark.parametrize(
    "more",
    ["    volumes: ['/etc/localtime:/etc/localtime:ro']\n", "    command: [x, --password-file, /run/secrets/p]\n"],
)
def test_what_is_harmless_beside_it(more: str, tmp_path: Path, request_for: Make) -> None:
    """The machine's time, and the name of a file, are no secret."""
    (tmp_path / "compose.yaml").write_text(_SERVICE + more)
    assert () == run(request_for, tmp_path).findings


def test_a_default_that_stands_in_for_a_tag(tmp_path: Path, request_for: Make) -> None:
    """What is behind `:-` is what runs where nobody says otherwise."""
    (tmp_path / "compose.yaml").write_text(_SERVICE.replace("web:1.0", "web:${TAG:-latest}"))
    assert {"image-tag"} == rules(run(request_for, tmp_path))


def test_what_is_ignored_for_good_needs_no_day(request_for: Make) -> None:
    """A section with `ignore` and without `until` is itself again as plain data."""
    entry = {"rule": "*", "reason": "all of it is only a sample"}
    assert "passed" == run(request_for, RECORDED / "faulty", at_most="none", ignore=[entry]).state
