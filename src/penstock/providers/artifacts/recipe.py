"""What a build section says is run, and the environment that it is run in."""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from penstock.errors import PenstockError

FORMAT = 2
_PATH = "/usr/local/bin:/usr/bin:/bin"
_KEY = re.compile(r"[0-9a-f]{12}-[0-9a-f]{12}")
_NAME = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)")
_SHELLS = frozenset(["sh", "bash", "dash", "/bin/sh", "/bin/bash", "/bin/dash"])
_PASSWORD = re.compile(r"://[^/@\s]*:([^/@\s]+)@")
# Where packages come from, and how they are reached, is the machine's affair and never the manifest's.
_NETWORK = re.compile(
    r"(?:PIP|UV)_\w+|SSL_CERT_(?:FILE|DIR)|(?:REQUESTS|CURL)_CA_BUNDLE|NODE_EXTRA_CA_CERTS"
    r"|(?:https?|all|no)_proxy|(?:HTTPS?|ALL|NO)_PROXY"
)


def key(commit: str, section: Mapping[str, Any] | None) -> str:
    """The name of what is made of a commit by a section, for Python builds by a version of Python."""
    python = sys.version.split()[0] if _is_python(section) else ""
    words = json.dumps([FORMAT, commit, section, python], sort_keys=True)
    return f"{commit[:12]}-{hashlib.sha256(words.encode()).hexdigest()[:12]}"


def is_key(name: str) -> bool:
    """Whether a name is one that `key` gives."""
    return _KEY.fullmatch(name) is not None


def commands(section: Mapping[str, Any] | None) -> list[list[str]]:
    """The commands of a build in their order, `$NAMES` still to be filled in; none for a plain export."""
    found: list[list[str]] = []
    if section and _is_python(section):
        found.append([sys.executable, "-m", "venv", ".venv"])
        if section.get("requirements"):
            install = [
                ".venv/bin/python",
                "-m",
                "pip",
                "install",
                "--no-input",
                "--disable-pip-version-check",
            ]
            found.append([*install, "--requirement", str(section["requirements"])])
    if section and (run := section.get("run")):
        found.append(["sh", "-c", run["sh"]] if run.get("sh") is not None else list(run["words"]))
    return found


def missing(section: Mapping[str, Any] | None) -> PenstockError | None:
    """What this machine lacks for the build, before anything is tried."""
    if _is_python(section) and find_spec("ensurepip") is None:
        return PenstockError(
            "no-venv",
            "this Python cannot make virtual environments",
            sys.executable,
            "its module ensurepip is not there; Debian keeps it in a package of its own",
            "apt-get install python3-venv",
        )
    return None


def environment(
    place: Path, home: Path, section: Mapping[str, Any] | None, secrets: Mapping[str, str]
) -> dict[str, str]:
    """Empty but for PATH, HOME, LANG, what leads to packages, the section's `env`, and the secrets."""
    path = f"{place}/.venv/bin:{Path(sys.executable).parent}:{_PATH}"
    own = {"PATH": path, "HOME": str(home), "LANG": "C.UTF-8", "TMPDIR": str(home)}
    return {**_network(), **own, **((section or {}).get("env") or {}), **secrets}


def passwords(env: Mapping[str, str]) -> list[str]:
    """Passwords inside the addresses of package indexes and proxies, which an output may repeat."""
    return [found for value in env.values() for found in _PASSWORD.findall(value)]


def filled(argv: Sequence[str], env: Mapping[str, str]) -> list[str]:
    """The words with each `$NAME` replaced; those after `sh -c` are left to the shell.

    A name that the build does not see is a PenstockError `no-variable`.
    """
    if len(argv) > 1 and argv[0] in _SHELLS and argv[1] == "-c":
        return list(argv)

    def value(found: re.Match[str]) -> str:
        if found[1] not in env:
            do = f"give {found[1]} under `env` of `build`, or name it in its `sees`"
            raise PenstockError("no-variable", f"`{found[0]}` is not seen by the build", argv[0], next=do)
        return env[found[1]]

    return [_NAME.sub(value, word) for word in argv]


def _network() -> dict[str, str]:
    """What leads to packages. pip finds the user's configuration and cache by HOME, which is another here."""
    config, cache = _folder("XDG_CONFIG_HOME", ".config"), _folder("XDG_CACHE_HOME", ".cache")
    files = (config / "pip" / "pip.conf", Path.home() / ".pip" / "pip.conf")
    own = [("PIP_CONFIG_FILE", str(file)) for file in files if file.is_file()]
    said = {name: value for name, value in os.environ.items() if _NETWORK.fullmatch(name)}
    return {"PIP_CACHE_DIR": str(cache / "pip"), **dict(own[:1]), **said}


def _folder(variable: str, beside_home: str) -> Path:
    said = os.environ.get(variable)
    return Path(said) if said else Path.home() / beside_home


def _is_python(section: Mapping[str, Any] | None) -> bool:
    return bool(section) and section.get("kind") == "python"  # type: ignore[union-attr]
