"""A real git repository in a folder, written to as a person would."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penstock.core.finding import CheckRequest, Last

ENV = {
    "PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "Ana", "GIT_AUTHOR_EMAIL": "ana@example.com", "GIT_COMMITTER_NAME": "Ana",
    "GIT_COMMITTER_EMAIL": "ana@example.com", "GIT_AUTHOR_DATE": "1700000000 +0000",
    "GIT_COMMITTER_DATE": "1700000000 +0000",
}  # fmt: skip


@dataclass(frozen=True)
class Written:
    """A repository under a test: its commits are made with one call each."""

    folder: Path

    def git(self, *words: str, **env: str) -> str:
        """What git prints; a failure is the test's."""
        done = subprocess.run(
            ["git", "-C", str(self.folder), *words], env={**ENV, **env}, check=True, capture_output=True, timeout=60
        )
        return done.stdout.decode("utf-8", "replace").strip()

    def commit(
        self, message: str = "feat: more", files: dict[str, str | bytes | None] | None = None, **env: str
    ) -> str:
        """Write files (None removes one), commit them, and say the commit's id."""
        for name, text in (files or {}).items():
            place = self.folder / name
            if text is None:
                place.unlink()
                continue
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(text if isinstance(text, bytes) else text.encode())
        if files:
            self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "--allow-empty-message", "-m", message, **env)
        return self.git("rev-parse", "HEAD")

    def asking(self, section: dict[str, Any], commit: str, last: str = "", **more: Any) -> CheckRequest:
        """A check's request about a commit of it, in a folder that is no work tree."""
        folder = self.folder.parent / "files"
        folder.mkdir(exist_ok=True)
        settings = {"folder": str(folder), "env": {"PATH": "/nonexistent"}, **more}
        return CheckRequest(
            "line", "revision", section, repository=str(self.folder), commit=commit, last=Last(last), **settings
        )


def written(folder: Path) -> Written:
    """A repository with no commit, on the branch main."""
    folder.mkdir(parents=True)
    repository = Written(folder)
    repository.git("init", "-q", "-b", "main")
    return repository
