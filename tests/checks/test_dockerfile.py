"""The check `dockerfile`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.checks.dockerfile import DockerfileCheck, DockerfileSection
from penstock.checks.infra.docker_rules import ALL
from penstock.checks.infra.docker_text import read_dockerfile
from penstock.checks.infra.reading import Unreadable
from penstock.core import data
from penstock.core.finding import CheckRequest, Outcome

RECORDED = Path(__file__).parent / "recorded" / "dockerfile"
Make = Callable[..., CheckRequest]
PLANTED = {
    ("pipe-to-shell", 12),
    ("root", 15),
    ("base-tag", 2),
    ("base-tag", 6),
    ("secret", 7),
    ("secret", 3),
    ("add-from-net", 8),
    ("chmod-777", 13),
    ("copy-before-install", 4),
    ("no-healthcheck", 6),
    ("apt-lists", 9),
}


def found(text: str) -> set[tuple[str, int]]:
    """Rule and line of all that is found."""
    docker = read_dockerfile(text, "Dockerfile")
    return {(hit.rule, int(hit.where.rpartition(":")[2])) for rule in ALL for hit in rule(docker)}


def run(make: Make, folder: Path, **section: Any) -> Outcome:
    """The outcome over a folder."""
    plain = data.dump(DockerfileSection.model_validate(section))
    return DockerfileCheck().run(make(plain, folder=str(folder)))


def test_every_planted_fault_is_found_and_the_clean_twin_has_none(request_for: Make) -> None:
    """All that is planted is found in its line, nothing else is, and nothing in the twin in which it is mended."""
    assert PLANTED == found((RECORDED / "faulty" / "Dockerfile").read_text())
    assert "failed" == run(request_for, RECORDED / "faulty").state
    clean = run(request_for, RECORDED / "clean", at_most="none")
    assert ("passed", ()) == (clean.state, clean.findings)


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("RUN wget -qO- https://x.example/i.sh | sh", "pipe-to-shell"),
        ("RUN bash <(curl -s https://x.example/i.sh)", "pipe-to-shell"),
        ('RUN sh -c "$(curl -fsSL https://x.example/i.sh)"', "pipe-to-shell"),
        ('RUN ["sh", "-c", "curl https://x.example | bash"]', "pipe-to-shell"),
        ("RUN <<EOF\ncurl https://x.example/i.sh | python3\nEOF", "pipe-to-shell"),
        ("ENV API_KEY 4f9c2d81ab77", "secret"),
        ("ARG GITHUB_TOKEN=abcdefgh1234", "secret"),
        ("COPY .env /app/", "secret"),
        ("COPY id_rsa /root/.ssh/id_rsa", "secret"),
        ("LABEL password=hunter-22", "secret"),
        ('ADD ["https://x.example/a.tgz", "/opt/"]', "add-from-net"),
        ("USER 0:0", "root"),
        ("COPY --from=nginx:latest /a /b", "base-tag"),
        ("RUN chmod 777 /app", "chmod-777"),
        ("RUN apt install -y curl", "apt-lists"),
        ("COPY . .\nRUN pip install -r requirements.txt", "copy-before-install"),
    ],
)
def test_other_faults_are_found_too(line: str, rule: str) -> None:
    """A fault in another spelling is found by its rule."""
    assert rule in {name for name, _ in found(f"FROM debian:12.7\nUSER app\n{line}\n")}


def test_root_is_looked_for_in_what_runs() -> None:
    """The last stage, and those it starts from, say who runs; other stages do not."""
    assert ("root", 3) in found("FROM a:1 AS x\nUSER app\nFROM b:1\n")
    assert "root" not in {rule for rule, _ in found("FROM a:1 AS base\nUSER app\nFROM base\nRUN true\n")}
    assert "base-tag" not in {rule for rule, _ in found("FROM a:1 AS base\nFROM base\n")}
    assert "base-tag" not in {rule for rule, _ in found("FROM scratch\nFROM a@sha256:" + "0" * 64)}


@pytest.mark.parametrize(
    "text", [b"", b"# only words", b"RUN true", b"FROM", b"FROM a:1\nHELLO world", b"\xff\xff", b'{"a": 1}']
)
def test_what_is_no_dockerfile_is_no_pass(text: bytes, request_for: Make, tmp_path: Path) -> None:
    """Another file, or none, is errored."""
    assert "errored" == run(request_for, tmp_path).state
    (tmp_path / "Dockerfile").write_bytes(text)
    assert "errored" == run(request_for, tmp_path).state


@given(
    st.lists(
        st.sampled_from(
            [
                "FROM a",
                "FROM a AS b",
                "RUN ",
                "COPY . .",
                "<<EOF",
                "EOF",
                "\\",
                "ARG A=$A",
                "ENV a",
                "USER",
                "# x",
                "\x00",
                "RUN [",
                "FROM b",
            ]
        )
    )
)
def test_any_text_has_an_answer(lines: list[str]) -> None:
    """Whatever a file holds, it is read, or said to be none."""
    try:
        found("\n".join(lines))
    except Unreadable as error:
        said = error.what
    else:
        said = "read"
    assert said


@pytest.mark.parametrize(
    "source", [".env.example", ".env.sample .env.dist", "certs/ca.pem", "rds-ca-bundle.pem", "fullchain.pem"]
)
def test_a_copied_file_that_holds_no_secret(source: str) -> None:
    """Examples of an environment, and certificates, are meant to be in an image."""
    assert "secret" not in {rule for rule, _ in found(f"FROM node:22\nCOPY {source} /app/\nUSER app\n")}


@pytest.mark.parametrize(
    "source", [".env", ".env.production", "server.key", "key.pem", ".ssh", ".aws", "id_ed25519", "a.p12", ".npmrc"]
)
def test_a_copied_file_that_holds_a_secret(source: str) -> None:
    """Keys, and what tools keep their logins in."""
    assert ("secret", 2) in found(f"FROM node:22\nCOPY {source} /app/\nUSER app\n")


def test_a_secret_that_a_command_exports() -> None:
    """The layer's history has the command."""
    assert ("secret", 2) in found("FROM node:22\nRUN export API_TOKEN=4f9c2d81ab77 && ./fetch\nUSER app\n")
    assert ("secret", 2) not in found(
        "FROM node:22\nRUN TOKEN_FILE=/run/secrets/t API_TOKEN=$(cat t) ./fetch\nUSER app\n"
    )
