"""The guide to checks of one's own can be followed, and shows the example as it is."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.docs.documents import Command, File, missing, steps

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "own-check"
GUIDE = (ROOT / "docs" / "guides" / "own-checks.md").read_text()


def installed(place: Path, packages: Path) -> None:
    """What `pip install ./own-check` leaves: the module, and the metadata that entry points are found by."""
    project = tomllib.loads((place / "own-check" / "pyproject.toml").read_text())["project"]
    info = packages / "penstock_titles-0.1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    groups = [
        f"[{group}]\n" + "".join(f"{name} = {where}\n" for name, where in points.items())
        for group, points in project["entry-points"].items()
    ]
    (info / "entry_points.txt").write_text("\n".join(groups))
    (packages / "penstock_titles.py").write_text((place / "own-check/src/penstock_titles.py").read_text())


@pytest.fixture
def reader(tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """A folder, and the environment of somebody who has just installed Penstock."""
    home, place = tmp_path / "home", tmp_path / "place"
    home.mkdir()
    place.mkdir()
    (tmp_path / "packages").mkdir()
    people = {f"GIT_{who}_{what}": said for who in ("AUTHOR", "COMMITTER") for what, said in
              (("NAME", "Ana"), ("EMAIL", "ana@example.org"))}  # fmt: skip
    return place, {
        "HOME": str(home), "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8",
        "PENSTOCK_STATE": str(home / "state"), "PENSTOCK_RUNTIME": str(tmp_path / "run"),
        "PYTHONPATH": str(tmp_path / "packages"), "PYTHONDONTWRITEBYTECODE": "1", **people,
    }  # fmt: skip


@pytest.mark.timeout(300)
def test_the_guide_can_be_followed(reader: tuple[Path, dict[str, str]]) -> None:
    """Every file is written, every command is run, and what the guide shows is what comes out."""
    place, env = reader
    for step in steps(GUIDE):
        if isinstance(step, File):
            (place / step.name).parent.mkdir(parents=True, exist_ok=True)
            (place / step.name).write_text(step.text)
        elif step.line == "pip install ./own-check":
            installed(place, place.parent / "packages")
        elif not step.line.startswith("pip install"):
            follow(step, place, env)


def follow(step: Command, place: Path, env: dict[str, str]) -> None:
    """Run a line as it is printed, and look for what it shows."""
    line = step.line.replace("python -m pytest", f"{sys.executable} -m pytest -p no:cacheprovider")
    done = subprocess.run(["/bin/bash", "-c", line], cwd=place, env=env, capture_output=True, timeout=120, check=False)
    text = (done.stdout + done.stderr).decode(errors="replace")
    assert 0 == done.returncode or "exit code" in step.line, f"$ {step.line}\n{text}"
    assert [] == missing(step.shown, text), f"$ {step.line}\n{text}"


def test_the_guide_shows_the_example_as_it_is() -> None:
    """The files of the guide are those of the example, letter by letter."""
    shown = {step.name.removeprefix("own-check/"): step.text for step in steps(GUIDE)
             if isinstance(step, File) and step.name.startswith("own-check/")}  # fmt: skip
    here = {
        str(path.relative_to(EXAMPLE)): path.read_text()
        for path in EXAMPLE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert here == shown


def test_a_kind_that_is_not_installed_is_no_kind(reader: tuple[Path, dict[str, str]]) -> None:
    """Without its entry points, the kind is not a word of the manifest; with them its own keys are checked."""
    place, env = reader
    for step in steps(GUIDE):
        if isinstance(step, File):
            (place / step.name).parent.mkdir(parents=True, exist_ok=True)
            (place / step.name).write_text(step.text)
    check = [sys.executable, "-m", "penstock", "check"]
    said = subprocess.run(check, cwd=place, env=env, capture_output=True, text=True, check=False)
    assert "no check is called `titles`" in said.stdout + said.stderr
    installed(place, place.parent / "packages")
    manifest = place / "penstock.yaml"
    manifest.write_text(manifest.read_text().replace("folder: site", "foldr: site"))
    said = subprocess.run(check, cwd=place, env=env, capture_output=True, text=True, check=False)
    assert "`foldr` is not a key of `titles`" in said.stdout + said.stderr
