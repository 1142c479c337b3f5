"""Repositories of many kinds: what `init` writes for each, and that what it writes reads."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from penstock import registry
from penstock.cli import root
from penstock.manifest import read
from penstock.manifest.fmt import formatted
from tests.scaffold.samples_read import MANIFEST, SAMPLES, laid_out


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda p: p.stem)
def test_a_repository_gets_the_manifest_that_is_written_down(sample: Path, tmp_path: Path) -> None:
    """`init` writes exactly the manifest at the end of the sample (UPDATE_GOLDEN=1 rewrites), and `check` reads it."""
    folder = tmp_path / "a-repository"
    folder.mkdir()
    expected = laid_out(sample, folder)
    done = CliRunner().invoke(root, ["init", str(folder)], catch_exceptions=False)
    assert 0 == done.exit_code, done.output
    written = (folder / MANIFEST).read_text()
    if os.environ.get("UPDATE_GOLDEN"):
        head, line, _ = sample.read_text().partition(f"--- {MANIFEST} ---\n")
        sample.write_text(head + line + written)
        expected = written

    assert expected == written
    assert read(written, kinds=registry.kinds()).environments
    assert written == formatted(written)
    assert 0 == CliRunner().invoke(root, ["check", str(folder / MANIFEST)]).exit_code


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda p: p.stem)
def test_every_source_that_is_named_is_there(sample: Path, tmp_path: Path) -> None:
    """A comment `from FILE` names a file, or a folder, of the repository."""
    expected = laid_out(sample, tmp_path)
    for line in expected.splitlines():
        _, found, where = line.partition("# from ") if "# from " in line else line.partition("# From ")
        if found and not where.startswith("the folder's name"):
            path = where.split(";")[0].split(": ")[0].rstrip(":/").removesuffix("/*.tf")
            assert (tmp_path / path).exists(), line
