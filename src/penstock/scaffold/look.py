"""Looking at a repository: a bounded number of names and of bytes, no link followed, nothing run, nothing written."""

from __future__ import annotations

import os
import stat
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path

from penstock.scaffold.tree import Tree, is_test

PATHS_MAX = 4000
FOLDERS_MAX = 2000
FOLDER_MAX = 2000  # of which a folder's names are looked at
DEPTH_MAX = 6
FILE_MAX = 128 << 10  # a larger file is not read
SOURCES_MAX = 250
BYTES_MAX = 4 << 20

_SKIPPED = frozenset(
    {
        *("node_modules", "bower_components", "vendor", "third_party", "venv", "env", "virtualenv", "site-packages"),
        *("__pycache__", "build", "dist", "out", "target", "coverage", "htmlcov", "obj", "tmp", "log", "logs"),
    }
)
_SHOWN = frozenset([".github", ".gitlab", ".circleci"])  # of the folders whose names begin with a dot
_TELLING = (  # files that say how something is built, tested, run or deployed: read before any source
    *("pyproject.toml", "setup.py", "setup.cfg", "*requirements*.txt", "Pipfile", "*.ini", ".flake8", "manage.py"),
    *("package.json", "deno.json", "go.mod", "Procfile", "Makefile", "makefile", "justfile", "Dockerfile"),
    *("compose.y*ml", "docker-compose*.y*ml", "template.y*ml", "samconfig.toml", "serverless.y*ml", "wrangler.*"),
    *("*.tf", "*.tfvars", ".env.example", ".env.sample", ".gitlab-ci.yml", "tox.ini", "schema.prisma", "cdk.json"),
    *("deploy*.sh", "fly.toml", "*.template.y*ml", "cloudformation*.y*ml", ".pre-commit-config.yaml"),
)
_SOURCES = (".py", ".js", ".ts", ".mjs", ".cjs", ".go", ".tsx", ".sh")


def look(folder: Path) -> Tree:
    """What lies in a folder, within the bounds. What cannot be read is passed over."""
    found = list(islice(_walk(folder), PATHS_MAX + 1))
    paths = [path for path, _ in found[:PATHS_MAX]]
    small = [path for path, size in found[:PATHS_MAX] if size <= FILE_MAX]
    texts: dict[str, str] = {}
    left = BYTES_MAX
    telling = [path for path in small if _is_telling(path)]
    sources = sorted((p for p in small if p.endswith(_SOURCES) and not _is_telling(p)), key=is_test)
    for path in [*telling[:SOURCES_MAX], *sources[:SOURCES_MAX]]:
        text = read(folder / path, min(left, FILE_MAX))
        if text is not None:
            texts[path] = text
            left -= len(text)
    return Tree(folder.resolve().name, tuple(paths), texts, len(found) > PATHS_MAX)


def _is_telling(path: str) -> bool:
    name = path.rpartition("/")[2]
    is_ci = path.startswith(".github/workflows/") and name.endswith((".yml", ".yaml"))
    return is_ci or any(fnmatchcase(name, glob) for glob in _TELLING)


def _walk(root: Path) -> Iterator[tuple[str, int]]:
    """(path, size) of every regular file, folder by folder, those near the root first. Bounded in folders."""
    waiting: deque[tuple[str, int]] = deque([("", 0)])
    for _ in range(FOLDERS_MAX):
        if not waiting:
            return
        here, depth = waiting.popleft()
        for entry in _entries(root / here):
            path = f"{here}/{entry.name}" if here else entry.name
            with suppress(OSError):
                found = entry.stat(follow_symlinks=False)
                if stat.S_ISREG(found.st_mode) and entry.name.isprintable():
                    yield path, found.st_size
                elif stat.S_ISDIR(found.st_mode) and depth < DEPTH_MAX and _is_entered(root / path, entry.name):
                    waiting.append((path, depth + 1))


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(islice(entries, FOLDER_MAX), key=lambda entry: entry.name)
    except OSError:
        return []


def _is_entered(folder: Path, name: str) -> bool:
    if name in _SKIPPED or (name.startswith(".") and name not in _SHOWN) or not name.isprintable():
        return False
    return not (folder / "pyvenv.cfg").exists()


def read(path: Path, limit: int) -> str | None:
    """A regular file's text; None for what is no text, too large, a link by now, or not ours to read."""
    try:
        number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(number, "rb") as file:
            if not stat.S_ISREG(os.fstat(number).st_mode):
                return None
            data = file.read(limit + 1)
    except OSError:
        return None
    if len(data) > limit or b"\0" in data:
        return None
    return data.decode("utf-8", "replace").removeprefix("\ufeff").replace("\r\n", "\n")
