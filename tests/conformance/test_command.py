"""The command target keeps the contract: with commands that observe and split, and with one command alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from penstock.core.target import Desired, Revision
from penstock.ports import Target
from penstock.providers.command.target import CommandTarget
from penstock.testing import State
from penstock.testing.conformance import TargetConformance
from tests.providers.command import made


class TestCommand(TargetConformance):
    """A toy deployer that observes and splits."""

    units = {"web": True, "jobs": False}  # noqa: RUF012

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path

    def section(self) -> made.Section:
        toy = {verb: made.toy(verb, self.folder) for verb in ("observe", "converge", "shift")}
        return made.Section(**toy, can=made.SPLIT)

    def make(self) -> Target:
        return made.target(self.section(), self.folder)

    def revision(self, name: str) -> Revision:
        return made.revision(name)

    def broken(self) -> Revision:
        return made.revision("broken")

    def successor(self, target: Target) -> Target:
        return self.make()

    def disturb(self, target: Target) -> None:
        units = {"web": {"placed": {"elsewhere": 2}, "split": {"elsewhere": 1000}}}
        (self.folder / "toy.json").write_text(json.dumps({"units": units}))

    def foreign(self) -> tuple[Target, Desired]:
        mine = self.alone(self.revision("old"), 1)
        self.settle_quietly(made.target(self.section(), self.folder), mine)
        other = CommandTarget(self.section(), "another", "production", self.folder / "environment")
        return other, self.alone(self.revision("new"), 9)

    def settle_quietly(self, target: Target, desired: Desired) -> None:
        self._seen = []
        assert self.settle(target, desired).state == "done"

    def history(self, target: Target) -> list[State]:
        path = self.folder / "history.log"
        lines = path.read_text().splitlines() if path.exists() else []
        return [_state(json.loads(line)) for line in lines]


class TestCommandAlone(TestCommand):
    """`converge` and nothing else: as a team has it that only has `make deploy`."""

    can_see_foreign_changes = False

    def section(self) -> made.Section:
        return made.Section(converge=made.toy("converge", self.folder))

    def history(self, target: Target) -> list[State]:
        return []


def _state(units: dict[str, dict[str, dict[str, int]]]) -> State:
    serving = {name: unit["split"] for name, unit in units.items() if unit["split"]}
    return State(0.0, serving, {name: unit["placed"] for name, unit in units.items() if unit["placed"]})
