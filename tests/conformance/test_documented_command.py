"""The example of docs/reference/command-target.md keeps the whole contract, as printed."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from penstock.core.target import Artifact, Capabilities, Revision
from penstock.ports import Target
from penstock.providers.command import contract
from penstock.testing import State
from tests.conformance.test_command import TestCommand as Commands
from tests.providers.command import made

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "command-target.md"
CAN = Capabilities("permille", "many", place_apart=True, cancel=True, way_back="shift", stamp=True)


def blocks(language: str) -> list[str]:
    """The page's code blocks in a language."""
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), re.DOTALL)


class TestDocumentedCommand(Commands):
    """The script, copied from the page."""

    @pytest.fixture(autouse=True)
    def _script(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.script = tmp_path / "penstock.py"
        (text,) = blocks("python")
        self.script.write_text(text)
        monkeypatch.setenv("ROOT", str(tmp_path / "srv"))

    def section(self) -> made.Section:
        verbs = {verb: made.words(sys.executable, self.script, verb) for verb in ("observe", "converge")}
        return made.Section(**verbs, can=CAN)

    def broken(self) -> Revision:
        """Its files are not there, so that they cannot be placed."""
        return replace(made.revision("broken"), artifact=Artifact("folder", str(self.folder / "gone")))

    def make(self) -> Target:
        return made.target(self.section(), self.folder)

    def disturb(self, target: Target) -> None:
        path = self.folder / "srv" / "units" / "web" / "old" / "copies.json"
        path.write_text(str(json.loads(path.read_text()) + 1))

    def history(self, target: Target) -> list[State]:
        return []


def test_the_documented_answers_are_read() -> None:
    """What the page shows as an answer is one, and the desire it shows has the fields that are handed over."""
    documents = [json.loads(block) for block in blocks("json")]
    (desire, reply, observed) = documents
    expected = contract.as_json(made.both("a", "b", 100), "shop", "production", "run-7")
    assert expected.keys() == desire.keys()
    assert ("working", 5.0) == (
        (told := contract.read_progress(0, json.dumps(reply), "")).state,
        told.retry_after_s,
    )
    assert {"web": {"3f9c2e1-a1b2c3": 4}} == contract.read_observed(json.dumps(observed)).placed
