"""Rules of the detectors, one by one: what is a command, what CI runs, which route is the health endpoint."""

from __future__ import annotations

import pytest

from penstock.scaffold import detect_health, detect_process
from penstock.scaffold.detect import detect
from penstock.scaffold.detect_ci import commands
from penstock.scaffold.findings import Command, Findings, command, together
from penstock.scaffold.tree import Tree
from penstock.scaffold.write import chosen, service_name

COMMANDS = {
    "pytest -q": Command("pytest -q"),
    "  gunicorn   app:app --bind 127.0.0.1:$PORT ": Command("gunicorn app:app --bind 127.0.0.1:$PORT"),
    "npm ci && npm test": Command("npm ci && npm test", sh=True),
    "FLAG=1 pytest": Command("FLAG=1 pytest", sh=True),
    "pytest tests/*.py": Command("pytest tests/*.py", sh=True),
    "echo $HOME": Command("echo $HOME", sh=True),
    "echo '": None,
    "": None,
    "''": None,
    "pytest ${{ matrix.os }}": None,
    "a\x1b[31m": None,
    "x" * 301: None,
}


@pytest.mark.parametrize("line", COMMANDS)
def test_a_line_is_words_where_it_can_be(line: str) -> None:
    """A line goes to a shell only where it needs one; what no manifest should hold is no command."""
    assert COMMANDS[line] == command(line)


def test_what_ci_runs_is_read_line_by_line() -> None:
    """One line, a block, a list, a line that goes on; what is no command ends a block."""
    text = """
on: [push]
jobs:
  a:
    steps:
    - run: one
    - name: x
      run: |
        two \\
          --three

        four
      env: {A: b}
job:
  script:
  - "five"
  - six
  stage: x
"""
    assert ["one", "two --three", "four", "five", "six"] == list(commands(text))


ROUTES = {
    '@app.get("/health")': "/health",
    "app.route('/healthz/')": "/healthz/",
    'path("up/", view)': "/up/",
    're_path(r"^ping/$", view)': "/ping/",
    'mux.HandleFunc("GET /readyz", ok)': "/readyz",
    'if self.path == "/health":': "/health",
    'requests.get("http://localhost/health")': None,
    'x = "/health"': None,
    'get("/wealth")': None,
    'bp = Blueprint("x", url_prefix="/v1")\n@bp.get("/health")': "/v1/health",
}


@pytest.mark.parametrize("line", ROUTES)
def test_a_route_is_where_requests_are_answered(line: str) -> None:
    """A path counts where it is served, not where it is asked for or only named."""
    found = detect_health.detect(Tree("x", ("app.py",), {"app.py": line})).health
    assert ROUTES[line] == (found[0].path if found else None)


def test_the_plain_word_is_preferred() -> None:
    """Of several routes /health is taken before /ping, and a file near the root before a deep one."""
    texts = {"a.py": '@app.get("/ping")', "b/c.py": '@app.get("/health")', "d.py": '@app.get("/health")'}
    assert "d.py" == detect_health.detect(Tree("x", tuple(texts), texts)).health[0].where


def test_an_images_command_is_taken_where_it_runs_outside_too() -> None:
    """Known programs with relative paths and a port; a shell's script in the image is not."""

    def run(cmd: str) -> str | None:
        found = detect_process.detect(Tree("x", ("Dockerfile",), {"Dockerfile": f"EXPOSE 9000\nCMD {cmd}\n"}))
        return found.processes[0].run.line if found.processes else None

    assert "gunicorn -b 127.0.0.1:$PORT a:b" == run('["gunicorn", "-b", "0.0.0.0:9000", "a:b"]')
    assert "uvicorn a:b --port $PORT" == run("uvicorn a:b --port 9000")
    for other in (
        '["/entrypoint.sh"]',
        '["python", "/app/x.py", "9000"]',
        "nginx -g x",
        "[1",
        '["gunicorn", 9000]',
        "uvicorn a:b",
    ):
        assert run(other) is None


def test_the_teams_own_command_is_preferred() -> None:
    """What CI or a Makefile runs beats what a platform's tool would be told; a service that runs beats Terraform."""
    texts = {"serverless.yml": "service: a\n", "Makefile": "deploy:\n\ttrue\n"}
    deploy = chosen(detect(Tree("x", tuple(texts), texts)))
    assert deploy
    assert "make deploy" == deploy.converge.line
    texts = {"main.tf": "", "Procfile": "web: gunicorn a:b --bind :$PORT\n"}
    assert chosen(detect(Tree("x", tuple(texts), texts))) is None


def test_nothing_is_falsy() -> None:
    """No finding at all is known for nothing, and one is known for something."""
    assert not together([Findings(), Findings()])
    assert together([Findings(), Findings(notes=("x",))])


@pytest.mark.parametrize(
    ("text", "name"), [("Tea Shop_2", "tea-shop-2"), ("9-x", "x"), ("é", ""), ("a" * 50, "a" * 39)]
)
def test_a_name_is_the_nearest_that_a_service_may_have(text: str, name: str) -> None:
    """Small letters, digits and dashes, a letter first, at most 39."""
    assert name == service_name(text)
