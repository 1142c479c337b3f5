"""A user's commands as they are run: which words, where, with which environment."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from penstock import shell
from penstock.core.target import Artifact, Desired, Revision
from penstock.errors import PenstockError
from penstock.providers.command import contract
from penstock.providers.command.memory import Place

LOOK_S = 7.0  # how long a command that only looks may take: every call of the port ends within ten seconds
_VARIABLE = re.compile(r"\$(PENSTOCK_[A-Z_]+)")


@dataclass(frozen=True)
class Commands:
    """The commands of one section (`observe`, `converge`, …), by their names."""

    section: Any
    place: Place
    paths: Callable[[Artifact], list[str]]
    checkout: Path | None

    def ask(self, name: str, desired: Desired, key: str, about: Revision | None = None) -> str:
        """The output of a command that only looks; a PenstockError `command` when it fails or takes too long."""
        main = contract.main_revision(desired) or about
        said = self.variables(desired, key)
        document = contract.as_json(desired, self.place.service, self.place.environment, "")
        done = shell.run(
            self.argv(name, said), cwd=self.cwd(main), env=self.env(main, said),
            timeout_s=min(LOOK_S, self.section.within_s), stdin=json.dumps(document),
        )  # fmt: skip
        if done.ok:
            return done.out
        how = f"took longer than {LOOK_S:g} s" if done.timed_out else f"ended with exit code {done.code}"
        last = "\n".join((done.err or done.out).strip().splitlines()[-5:])
        raise PenstockError("command", f"`{name}` {how}", " ".join(done.argv), last, "run it yourself, and mend it")

    def argv(self, name: str, said: Mapping[str, str]) -> list[str]:
        """The words, $PENSTOCK_… filled in; never a secret, for everybody on the machine may read them."""
        command = getattr(self.section, name)
        if getattr(command, "sh", None) is not None:
            return list(command.argv())
        return [_VARIABLE.sub(lambda found: said.get(found[1], found[0]), word) for word in command.argv()]

    def variables(self, desired: Desired, key: str) -> dict[str, str]:
        """What a command is told in its environment."""
        return contract.variables(desired, self.place.service, self.place.environment, key)

    def env(self, main: Revision | None, said: Mapping[str, str]) -> dict[str, str]:
        """Our own environment without what is Penstock's, the secrets that are seen, and what is said."""
        ours = {name: value for name, value in os.environ.items() if not name.startswith("PENSTOCK_")}
        path = [*(self.paths(main.artifact) if main else []), ours.get("PATH", os.defpath)]
        return {**ours, "PATH": ":".join(path), **self._secrets(main), **said}

    def cwd(self, main: Revision | None) -> Path:
        """The artifact's folder, else the checkout, else the environment's own."""
        folder = Path(main.artifact.locator) if main and main.artifact.kind == "folder" else None
        for place in (folder, self.checkout):
            if place and place.is_dir():
                return place
        self.place.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self.place.root

    def _secrets(self, main: Revision | None) -> dict[str, str]:
        if not main or not main.secrets:
            return {}
        try:
            values = dict(json.loads(Path(main.secrets).read_text()))
        except (OSError, ValueError) as error:
            what = "the revision's secrets cannot be read"
            raise PenstockError("secrets", what, main.secrets, str(error)) from error
        sees = self.section.sees
        return {n: v for n, v in values.items() if sees is None or any(fnmatchcase(n, glob) for glob in sees)}
