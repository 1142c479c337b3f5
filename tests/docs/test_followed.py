"""What the documents tell a reader to do works as it is printed, in an empty folder with an empty home."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.documents import Command, File, missing, only_looks, steps
from tests.site import free_port

DOCS = Path(__file__).parents[2] / "docs"
FOLLOWED = [
    "tutorial.md", "guides/deploy-script.md", "guides/configuration.md", "guides/when-it-goes-wrong.md", "guides/proof.md",
    "guides/people.md",
    "guides/checks.md", "guides/previews.md",
]  # fmt: skip
WITHIN_S = 120
LOOKS_FOR_S = 30  # who has waited in vain, as the document said, looks again


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """A folder, and the environment of somebody who has just installed Penstock."""
    home, place = tmp_path / "home", tmp_path / "place"
    home.mkdir()
    place.mkdir()
    env = {
        "HOME": str(home), "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8",
        "PENSTOCK_STATE": str(home / "state"), "PENSTOCK_RUNTIME": str(tmp_path / "run"),
        "GIT_AUTHOR_NAME": "Ana", "GIT_AUTHOR_EMAIL": "ana@example.org", "GIT_COMMITTER_NAME": "Ana",
        "GIT_COMMITTER_EMAIL": "ana@example.org",
    }  # fmt: skip
    yield place, env
    for where in ("production", "staging"):
        subprocess.run(["penstock", "down", where, "--yes"], cwd=place, env=env, capture_output=True, check=False)
    for line in Path("/proc").glob("[0-9]*/environ"):
        _end(line, str(tmp_path))


def _end(environ: Path, mark: str) -> None:
    """What a document started in the background ends with it."""
    try:
        if mark.encode() in environ.read_bytes() and int(environ.parent.name) != os.getpid():
            os.kill(int(environ.parent.name), signal.SIGTERM)
    except (OSError, ValueError):
        return


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", FOLLOWED)
def test_a_document_can_be_followed(name: str, reader: tuple[Path, dict[str, str]]) -> None:
    """Every file is written, every command is run, and what the document shows is what comes out."""
    place, env = reader
    text = (DOCS / name).read_text()
    for port in ("8080", "8081"):
        text = text.replace(port, str(free_port()))
    looks_for_s = 0
    for step in steps(text):
        if isinstance(step, File):
            (place / step.name).parent.mkdir(parents=True, exist_ok=True)
            (place / step.name).write_text(step.text)
        else:
            has_waited = step.line.startswith("sleep ") or (looks_for_s > 0 and only_looks(step.line))
            _follow(step, place, env, looks_for_s if only_looks(step.line) else 0)
            looks_for_s = LOOKS_FOR_S if has_waited else 0


LOOKING = (
    "penstock status", "penstock show 3", "penstock events 4 --json", "ls site", "cat ~/www/revision.json",
    "curl -s http://127.0.0.1:8080/",
)  # fmt: skip
DOING = (
    "penstock confirm 2", "penstock release --to staging", "penstock thaw", "penstock status; penstock thaw", "cat a > b",
    "penstock approve 3 --line approval", "curl -s -X POST http://127.0.0.1:8080/", "ls $(penstock thaw)",
)  # fmt: skip


@pytest.mark.parametrize(("line", "is_so"), [*((one, True) for one in LOOKING), *((one, False) for one in DOING)])
def test_only_what_changes_nothing_is_typed_again(line: str, is_so: bool) -> None:
    """A line that only looks may be tried again; one that does something, or hides it behind a look, never."""
    assert is_so == only_looks(line)


def _follow(step: Command, place: Path, env: dict[str, str], looks_for_s: float) -> None:
    """Run a line; one that only looks, and does not see yet what is shown, is run again for some seconds."""
    if step.line.startswith("pip install"):
        return  # the reader of a test has it already
    until = time.monotonic() + looks_for_s
    wrong = _wrong(step, place, env)
    while wrong and time.monotonic() < until:
        time.sleep(0.5)
        wrong = _wrong(step, place, env)
    assert not wrong, wrong


def _wrong(step: Command, place: Path, env: dict[str, str]) -> str:
    """What a line printed, where it failed, or where something that the document shows is missing; else nothing."""
    said = place.parent / "said.txt"
    with said.open("wb") as output:
        done = subprocess.run(
            ["/bin/bash", "-c", step.line], cwd=place, env=env, stdout=output, stderr=subprocess.STDOUT, timeout=WITHIN_S,
            check=False,
        )  # fmt: skip
    text = said.read_text(errors="replace")
    is_well = done.returncode == 0 or "exit code" in step.line
    absent = missing(step.shown, text)
    return "" if is_well and not absent else f"$ {step.line}\nexit code {done.returncode}, missing {absent} in\n{text}"
