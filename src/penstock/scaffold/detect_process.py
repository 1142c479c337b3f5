"""Procfile, Dockerfile and compose: how the team says that the service runs, and on which port (pure)."""

from __future__ import annotations

import json
import re
import shlex
from itertools import pairwise

from penstock.scaffold.findings import Build, Check, Command, Findings, Process, Seen, command
from penstock.scaffold.tree import Tree, is_test

_PROCESS = re.compile(r"^([A-Za-z][\w-]*):\s*(\S.*)$", re.MULTILINE)
_CMD = re.compile(r"^CMD\s+(.+)$", re.MULTILINE | re.IGNORECASE)
_EXPOSE = re.compile(r"^EXPOSE\s+([0-9]{2,5})\b", re.MULTILINE | re.IGNORECASE)
_COMPOSE = re.compile(r"""^[ \t]*-[ \t]*["']?(?:[0-9.]+:)?([0-9]{2,5}):[0-9]{2,5}\b""", re.MULTILINE)
_IMAGE = re.compile(
    r"^[ \t]*image:[ \t]*[\"']?((?:postgres|mysql|mariadb|redis|mongo|rabbitmq|kafka|elasticsearch)[^\s\"']*)",
    re.MULTILINE,
)
_SERVERS = frozenset(
    {
        *("gunicorn", "uvicorn", "hypercorn", "daphne", "waitress-serve", "granian", "flask"),
        *("python", "python3", "node", "npm", "yarn", "pnpm"),
    }
)
_DEFAULTED = re.compile(r"\$\{PORT(?::?-[0-9]+)?\}")


def detect(tree: Tree) -> Findings:
    """What is said about processes outside the program itself."""
    docker = next((path for path in tree.matching("Dockerfile") if path in tree.texts and not is_test(path)), "")
    compose = next(iter(tree.matching("compose.y*ml", "docker-compose.y*ml")), "")
    processes = _procfile(tree) or _cmd(tree, docker)
    ports = [
        *_port(_EXPOSE, tree.text(docker), f"{docker}: EXPOSE"),
        *_port(_COMPOSE, tree.text(compose), f"{compose}: ports"),
    ]
    beside = sorted({found.partition(":")[0] for found in _IMAGE.findall(tree.text(compose))})
    notes = (
        (f"{compose} starts {', '.join(beside)}: what the service needs beside itself is not released here",)
        if beside
        else ()
    )
    return Findings(
        languages=tuple(Seen("Docker", path) for path in (docker, compose) if path),
        processes=processes,
        prepares=_release(tree),
        ports=tuple(ports),
        notes=notes,
    )


def container(tree: Tree) -> Findings:
    """A service of which nothing but its Dockerfile says how it runs: as the container that was built."""
    docker = "Dockerfile"
    if docker not in tree.texts:
        return Findings()
    exposed = _EXPOSE.search(tree.text(docker))
    inside = exposed[1] if exposed else "8080"
    # The image's id lies in the build's folder, so that each revision runs the image that was made for it.
    build = Build(docker, Command("docker build --iidfile .image ."))
    line = f"exec docker run --rm --init --publish 127.0.0.1:$PORT:{inside} $(cat .image)"
    doubt = "" if exposed else "no EXPOSE was seen: 8080 is where it must listen inside"
    return Findings(builds=(build,), processes=(Process("web", Command(line, sh=True), docker, doubt=doubt),))


def _port(pattern: re.Pattern[str], text: str, where: str) -> list[Seen]:
    found = pattern.search(text)
    return [Seen(found[1], where)] if found and 1024 <= int(found[1]) <= 65535 else []


def _procfile(tree: Tree) -> tuple[Process, ...]:
    found = []
    for name, line in _PROCESS.findall(tree.text("Procfile"))[:8]:
        run = _on_port(line)
        if name != "release" and run:
            traffic = name == "web"
            told = "$PORT" in run.line or run.line.split()[0] in ("npm", "node") or _reads_port(tree, run.line)
            doubt = "" if told or not traffic else "$PORT is not in it, and nothing that it starts was seen to read it"
            found.append(Process(_name(name), run, f"Procfile: {name}", traffic, doubt))
    return tuple({process.name: process for process in found}.values())


def _reads_port(tree: Tree, line: str) -> bool:
    """Whether a file that the command names, or a module (`-m shop`), speaks of PORT itself."""
    words = [word.removeprefix("./") for word in line.split()]
    modules = [after.replace(".", "/") for before, after in pairwise(words) if before == "-m"]
    named = [*words, *(f"{module}{end}" for module in modules for end in (".py", "/__main__.py"))]
    return any(re.search(r"\bPORT\b", tree.text(path)) for path in named if path in tree.paths)


def _release(tree: Tree) -> tuple[Check, ...]:
    for name, line in _PROCESS.findall(tree.text("Procfile"))[:8]:
        if name == "release" and (run := command(line)):
            return (Check("migrate", run, "Procfile: release"),)
    return ()


def _cmd(tree: Tree, path: str) -> tuple[Process, ...]:
    """The image's own command, where it runs outside of the image too, and says how it is told its port."""
    found = _CMD.findall(tree.text(path).replace("\\\n", " "))
    words = _words(found[-1]) if found and path == "Dockerfile" else []
    if not words or words[0] not in _SERVERS or any(word.startswith("/") for word in words):
        return ()
    exposed = _EXPOSE.search(tree.text(path))
    line = " ".join(shlex.quote(word) if "$" not in word else word for word in words)
    run = _on_port(line, exposed[1] if exposed else "8000")
    return (Process("web", run, f"{path}: CMD"),) if run and "$PORT" in run.line else ()


def _words(text: str) -> list[str]:
    try:
        found = json.loads(text) if text.startswith("[") else shlex.split(text)
    except (ValueError, RecursionError):
        return []
    return found if isinstance(found, list) and all(isinstance(word, str) and word for word in found) else []


def _on_port(line: str, fixed: str = "") -> Command | None:
    """The command with $PORT where it names its port."""
    line = _DEFAULTED.sub("$PORT", line)
    if fixed:
        line = re.sub(rf"(?<=[\s=:]){fixed}(?=\s|$)", "$PORT", line)
    return command(re.sub(r"\b0\.0\.0\.0(?=:\$PORT)", "127.0.0.1", line))


def _name(text: str) -> str:
    return re.sub(r"[^a-z0-9-]+", "-", text.lower()).strip("-0123456789")[:39] or "process"
