"""What the tests of the command target share: sections, revisions, the toy."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path

from penstock.core.target import Artifact, Capabilities, Desired, Fence, Revision, Unit, UnitDesire
from penstock.manifest.section import Command
from penstock.providers.command.target import CommandTarget

TOY = Path(__file__).with_name("toy.py")
SPLIT = Capabilities(split="permille", coexist="many", place_apart=True, cancel=True, way_back="shift", stamp=True)


@dataclass
class Section:
    """A section of a manifest, as `CommandSection` has it."""

    converge: Command
    observe: Command | None = None
    shift: Command | None = None
    back: Command | None = None
    preview: Command | None = None
    testimony: Command | None = None
    sees: tuple[str, ...] | None = None
    within_s: float = 20.0
    can: Capabilities = field(default_factory=Capabilities)

    def declared(self) -> Capabilities:
        """As declared."""
        return self.can

    def instances_of(self, unit: str) -> int:
        """Two of each."""
        return 2


def words(*argv: object) -> Command:
    """A command of these words."""
    return Command(words=tuple(str(word) for word in argv))


def sh(line: str) -> Command:
    """A line for a shell."""
    return Command(sh=line)


def toy(verb: str, folder: Path) -> Command:
    """One verb of the toy, whose state lies in a folder."""
    return words(sys.executable, TOY, verb, folder / "toy.json")


def revision(name: str, secrets: str = "") -> Revision:
    """A revision of one web unit, with nothing built."""
    unit = Unit(("run",))
    return Revision(name, f"{name}-commit", Artifact("none"), "c0ffee", units={"web": unit}, secrets=secrets)


def alone(name: str, release: int = 1, epoch: int = 0, secrets: str = "") -> Desired:
    """One revision, with all the traffic."""
    unit = UnitDesire({name: 2}, {name: 1000})
    return Desired(Fence(release, epoch), {"web": unit}, {name: revision(name, secrets)})


def both(old: str, new: str, weight: int, release: int = 2) -> Desired:
    """Two revisions side by side, the way back laid."""
    split = {r: w for r, w in {old: 1000 - weight, new: weight}.items() if w}
    revisions = {name: revision(name) for name in (old, new)}
    units = {"web": UnitDesire({old: 2, new: 1}, split)}
    back = Desired(Fence(release), {"web": UnitDesire({old: 2, new: 1}, {old: 1000})}, revisions)
    return Desired(Fence(release), units, revisions, preview=new, way_back=back)


def target(section: Section, folder: Path) -> CommandTarget:
    """The target, with its own folder below."""
    return CommandTarget(section, "shop", "production", folder / "environment")
