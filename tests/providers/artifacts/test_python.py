"""Python builds: a virtual environment at its final place, without a network."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from penstock import shell
from penstock.core.data import dump
from penstock.errors import PenstockError
from penstock.manifest.build import Build as BuildSection
from penstock.providers.artifacts import Store
from tests.providers.artifacts.conftest import Build
from tests.providers.git.made import Repository

# A package that builds itself: no build system has to be fetched for it.
BACKEND = """
import zipfile

NAME = "tea-1.0-py3-none-any.whl"
META = "Metadata-Version: 2.1\\nName: tea\\nVersion: 1.0\\n"
KIND = "Wheel-Version: 1.0\\nGenerator: own\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"


def build_wheel(folder, config_settings=None, metadata_directory=None):
    with zipfile.ZipFile(folder + "/" + NAME, "w") as wheel:
        wheel.writestr("tea.py", "def main():\\n    print('green')\\n")
        wheel.writestr("tea-1.0.dist-info/METADATA", META)
        wheel.writestr("tea-1.0.dist-info/WHEEL", KIND)
        wheel.writestr("tea-1.0.dist-info/entry_points.txt", "[console_scripts]\\ntea = tea:main\\n")
        wheel.writestr("tea-1.0.dist-info/RECORD", "")
    return NAME
"""
PROJECT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'


def python(**more: object) -> dict[str, object]:
    return dump(BuildSection.model_validate({"is": "python", **more}))


def test_requirements_are_installed_in_the_artifact(build: Build, store: Store, repository: Repository) -> None:
    """A program of a requirement runs from the artifact's own path, and `run` comes after the requirements."""
    files = {"tea/backend.py": BACKEND, "tea/pyproject.toml": PROJECT, "requirements.txt": "./tea\n"}
    repository.commit(files)
    artifact = build(python(requirements="requirements.txt", run={"sh": "tea > made; python -c 'import tea'"}))
    place = Path(artifact.locator)
    bin_folder = str(place / ".venv" / "bin")
    assert [bin_folder] == store.paths(artifact)
    assert "green\n" == (place / "made").read_text()
    done = shell.run(["tea"], cwd="/", env={"PATH": f"{bin_folder}:/usr/bin:/bin"})
    assert ("green\n", "") == (done.out, done.err)
    assert store.verify(artifact)


def test_an_environment_without_requirements_is_plain(build: Build) -> None:
    """`is: python` alone is a virtual environment of the running Python."""
    place = Path(build(python()).locator)
    done = shell.run([str(place / ".venv/bin/python"), "-c", "import sys; print(sys.prefix, sys.version)"], env={})
    assert f"{place}/.venv {sys.version}\n" == done.out


def test_a_requirement_that_cannot_be_had_is_said(build: Build, repository: Repository) -> None:
    """pip's own last line is the reason."""
    repository.commit({"requirements.txt": "./nowhere\n"})
    with pytest.raises(PenstockError) as error:
        build(python(requirements="requirements.txt"))
    assert "build" == error.value.code
    assert "nowhere" in error.value.why
