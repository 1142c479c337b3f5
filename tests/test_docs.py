"""Documents cannot lie: what they name is there, and what is there is named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from penstock import registry
from penstock.cli import VERBS, root
from penstock.manifest import read

ROOT = Path(__file__).parents[1]
DOCUMENTS = [
    p for p in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")] if ".venv" not in str(p)
]


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_its_help(verb: str) -> None:
    """Each verb's file loads, is named as the table says, and explains itself."""
    result = CliRunner().invoke(root, [verb, "--help"])
    assert 0 == result.exit_code, result.output
    assert f"{verb}" in result.output
    assert 60 < len(result.output)


def test_every_file_of_the_command_line_is_a_verb_or_a_part() -> None:
    """No verb is missing in the table."""
    parts = {"patience", "__init__", "place", "view", "live", "audit_replay", "answer", "words", "checked"}
    files = {path.stem for path in (ROOT / "src/penstock/cli").glob("*.py")} - parts
    assert {verb.replace("-", "_") for verb in VERBS} == files


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_commands_in_documents_exist(document: Path) -> None:
    """Every `penstock VERB` that a document shows is a verb."""
    said = re.findall(r"(?:^|`|\$ )penstock ([a-z][a-z-]*)", document.read_text(), re.MULTILINE)
    assert [] == [verb for verb in said if verb not in VERBS]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_in_documents_lead_somewhere(document: Path) -> None:
    """A relative link names a file that is there."""
    for link in re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text()):
        if not link.startswith("http"):
            assert (document.parent / link).exists(), link


def test_manifests_in_the_readme_read() -> None:
    """What the README shows as a manifest is one."""
    shown = re.findall(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert shown
    for text in shown:
        read(text, "README.md", registry.kinds())


@pytest.mark.parametrize("manifest", sorted((ROOT / "examples").rglob("penstock.yaml")), ids=lambda p: p.parent.name)
def test_every_example_reads(manifest: Path) -> None:
    """The examples are manifests."""
    read(manifest.read_text(), str(manifest), registry.kinds())


def test_looking_loads_no_engine() -> None:
    """`status`, `history`, `abort` and `--help` reach neither the engine nor what reads manifests."""
    import sys

    from penstock import shell

    code = (
        "import sys; from click.testing import CliRunner; from penstock.cli import root\n"
        "for words in (['--help'], ['status'], ['abort', '--service', 'x'], ['history', '--service', 'x']):\n"
        "    CliRunner().invoke(root, words)\n"
        "print([m for m in ('penstock.durable', 'pydantic', 'ruamel', 'ruamel.yaml', 'httpx2') if m in sys.modules])"
    )
    done = shell.run(
        [sys.executable, "-c", code], env={"PENSTOCK_STATE": "/tmp/penstock-test-empty", "PATH": "/usr/bin"}
    )
    assert "[]" == done.out.strip(), done.err


def test_planning_loads_no_engine() -> None:
    """`plan`, `check` and `release` write and read records: the engine is the worker's alone."""
    import sys

    from penstock import shell

    code = (
        "import sys, importlib\n"
        "for name in ('plan', 'check', 'release', 'rollback'): importlib.import_module(f'penstock.cli.{name}')\n"
        "import penstock.planning, penstock.orders\n"
        "print('penstock.durable' in sys.modules)"
    )
    done = shell.run([sys.executable, "-c", code])
    assert "False" == done.out.strip(), done.err


def test_the_exit_code_is_the_one_that_is_meant(tmp_path: Path) -> None:
    """A verb that ends with a code hands it to the shell; a usage error is 2, what needs a person 5."""
    import os
    import sys

    from penstock import shell

    def code(*words: str, **env: str) -> int:
        done = shell.run(
            [sys.executable, "-m", "penstock", *words], env={**os.environ, "PENSTOCK_STATE": str(tmp_path), **env}
        )
        return done.code

    assert 0 == code("status")
    assert 2 == code("watch", "7")
    assert 2 == code("nonsense")
    assert 5 == code("doctor", PENSTOCK_STATE="/proc/x")
