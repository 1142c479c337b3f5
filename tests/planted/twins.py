"""The twins as real git repositories, with a history of their own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from .made_up import secrets

HERE = Path(__file__).parent
NOW = 1_795_000_000.0
_MARK = re.compile(r"@@([a-z-]+)@@")
_LATER = """

def shipped(weight: int) -> int:
    \"\"\"What shipping costs.\"\"\"
    return 490 if weight < 5000 else 990
"""
_ENV = {
    "PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "Ana", "GIT_COMMITTER_NAME": "Ana", "GIT_AUTHOR_DATE": "1794000000 +0000",
    "GIT_COMMITTER_EMAIL": "release@orders.example", "GIT_COMMITTER_DATE": "1794000000 +0000",
}  # fmt: skip


@dataclass
class Twin:
    """A repository, the commit that is to be released, the last release, and the files as a check is given them."""

    name: str
    repository: Path
    files: Path
    key: Path
    marks: dict[str, str]
    commits: dict[str, str] = field(default_factory=dict)

    def git(self, *words: str, email: str = "ana@orders.example") -> str:
        """What git prints; a failure is the test's."""
        done = subprocess.run(
            ["git", "-C", str(self.repository), *words],
            env={**_ENV, "GIT_AUTHOR_EMAIL": email}, check=True, capture_output=True, timeout=60,
        )  # fmt: skip
        return done.stdout.decode("utf-8", "replace").strip()

    def write(self, path: str, text: str | None) -> None:
        """Write a file with its marks filled in; None removes it."""
        place = self.repository / path
        if text is None:
            place.unlink()
            return
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(_MARK.sub(lambda found: self.marks[found[1]], text))

    def commit(self, name: str, message: str, files: dict[str, str | None], email: str = "ana@orders.example") -> None:
        """Write files, commit them, and remember the commit under a name."""
        for path, text in files.items():
            self.write(path, text)
        self.git("add", "-A")
        signed = ["-S"] if self.name == "clean" else []
        self.git("commit", "-q", "--allow-empty", *signed, "-m", message, email=email)
        self.commits[name] = self.git("rev-parse", "HEAD")

    def line_of(self, path: str, text: str) -> str:
        """`path:line` of the one line that has a text in it."""
        lines = (HERE / self.name / path).read_text().splitlines()
        found = [number for number, line in enumerate(lines, 1) if line.strip() == text]
        found = found or [number for number, line in enumerate(lines, 1) if text in line]
        if len(found) != 1:
            raise ValueError(f"`{text}` is on {len(found)} lines of {self.name}/{path}")
        return f"{path}:{found[0]}"


def build(name: str, folder: Path, loopback: str) -> Twin:
    """A twin's repository, made in a folder. `loopback` is where the pages that its documents link to are served."""
    folder.mkdir(parents=True)
    key = folder / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(key)], check=True, timeout=60)
    now = datetime.fromtimestamp(NOW - 3600, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    signer = key.with_suffix(".pub").read_text().strip()
    marks = {**secrets(), "loopback": loopback, "now": now, "signer": signer}
    twin = Twin(name, folder / "repository", folder / "files", key, marks)
    twin.repository.mkdir()
    twin.git("init", "-q", "-b", "main")
    for setting in ("gpg.format=ssh", f"user.signingkey={key}"):
        twin.git("config", *setting.split("=", 1))
    whole = {str(path.relative_to(HERE / name)): path.read_text() for path in _files(HERE / name)}
    (_faulty if name == "faulty" else _clean)(twin, whole)
    shutil.copytree(twin.repository, twin.files, ignore=shutil.ignore_patterns(".git", "notes.txt"))
    return twin


def _files(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*")) if path.is_file() and "__pycache__" not in path.parts]


def _first(whole: dict[str, str]) -> dict[str, str | None]:
    """What was released last: orders, before discounts and receipts were written."""
    return {"shop/orders.py": whole["shop/orders.py"].partition("\n\ndef discounted")[0], "README.md": "# Orders\n"}


def _faulty(twin: Twin, whole: dict[str, str]) -> None:
    """The release branch stands beside main and beside what runs; a secret was committed and removed, another on a branch."""
    twin.commit("last", "feat: orders\n\nCHG-1", _first(whole))
    twin.git("tag", "v1.0.0")
    twin.git("checkout", "-q", "-b", "hotfix/1.0.1")
    twin.commit("runs", "fix: a price\n\nCHG-2", {"README.md": "# Orders of the shop\n"})
    twin.git("checkout", "-q", "main")
    key = 'KEY = "@@stripe-key@@"\n'
    twin.commit("stripe", "Pay by card", {"shop/billing.py": f'"""Billing."""\n\n{key}'})
    twin.commit("stripe-gone", "wip: no key in there\n\nCHG-3", {"shop/billing.py": '"""Billing."""\n'})
    twin.git("tag", "v1.1.0")
    twin.git("checkout", "-q", "-b", "feature/receipts")
    npmrc = "//registry.npmjs.org/:_authToken=@@npm-token@@\n"
    twin.commit("npm", "feat: receipts\n\nCHG-4", {"web/.npmrc": npmrc})
    twin.commit("npm-gone", "fix: without a token", {"web/.npmrc": None}, email="ana@freemail.example")
    twin.git("checkout", "-q", "main")
    twin.git("checkout", "-q", "-b", "release/1.1")
    twin.git("merge", "-q", "--no-ff", "-m", "Merge feature/receipts", "feature/receipts")
    twin.commits["merge"] = twin.git("rev-parse", "HEAD")
    subject = "feat: everything that the sample has, in one single commit whose subject has no end"
    twin.commit("released", f"{subject}\n\nCHG-204", dict(whole))
    twin.git("checkout", "-q", "main")
    text = str(_first(whole)["shop/orders.py"]) + _LATER
    twin.commit("main", "feat: shipping\n\nCHG-5", {"shop/orders.py": text})
    twin.git("checkout", "-q", "release/1.1")
    (twin.repository / "notes.txt").write_text("to be written down properly\n")


def _clean(twin: Twin, whole: dict[str, str]) -> None:
    """One line of signed commits; the release branch is where main is, and its tag as well."""
    first = {**_first(whole), ".penstock/allowed_signers": whole[".penstock/allowed_signers"]}
    twin.commit("last", "feat: orders\n\nCHG-1", first)
    twin.git("tag", "v1.0.0")
    twin.commits["runs"] = twin.commits["last"]
    twin.commit("billing", "feat(billing): pay by card\n\nCHG-101, OPS-7", {"shop/billing.py": '"""Billing."""\n'})
    twin.commit("released", "feat!: everything that the sample has\n\nCHG-102", dict(whole))
    twin.git("tag", "v1.1.0")
    twin.git("branch", "release/1.1")
