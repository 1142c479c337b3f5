"""Go: what is built, and how it is told its port (pure)."""

from __future__ import annotations

import re
import shlex

from penstock.scaffold.findings import Build, Check, Command, Findings, Process, Seen, command
from penstock.scaffold.tree import Tree

_MODULE = re.compile(r"^module\s+(\S+)", re.MULTILINE)
_MAIN = re.compile(r"^package main\b", re.MULTILINE)
_PORT = re.compile(r"""(?:Getenv|LookupEnv)\(\s*"PORT"\s*\)""")
_FLAG = re.compile(r"""flag\.(String|Int)(?:Var)?\([^"\n]*"(port|addr|listen|http)\"""")
_DEAF = 'os.Getenv("PORT") was seen nowhere: it must listen where $PORT says'


def detect(tree: Tree) -> Findings:
    """Everything about a Go service; nothing without a go.mod."""
    if "go.mod" not in tree.paths:
        return Findings()
    module = _MODULE.search(tree.text("go.mod"))
    name = re.sub(r"/v[0-9]+$", "", module[1]).rpartition("/")[2] if module else ""
    checks = [Check("vet", Command("go vet ./..."), "go.mod")]
    if lint := tree.first(".golangci.yml", ".golangci.yaml", ".golangci.toml"):
        checks = [Check("lint", Command("golangci-lint run"), lint)]
    if tests := tree.matching("*_test.go"):
        checks.append(Check("tests", Command("go test ./..."), tests[0]))
    build, served = _program(tree, name)
    return Findings(
        languages=(Seen("Go", "go.mod"),),
        names=(Seen(name, "go.mod: module"),) if name else (),
        builds=(build,) if build else (),
        processes=(served,) if served else (),
        checks=tuple(checks),
    )


def _program(tree: Tree, name: str) -> tuple[Build | None, Process | None]:
    """The program that serves: the one main package, or of several the one that listens."""
    mains: dict[str, str] = {}
    for path, text in tree.sources(".go"):
        if _MAIN.search(text):
            folder = path.rpartition("/")[0]
            mains[folder] = mains.get(folder, "") + text
    listening = [folder for folder, text in mains.items() if "ListenAndServe" in text or _PORT.search(text)]
    if not mains:
        return None, None
    folder = next(iter(listening or mains))
    program = f"bin/{folder.rpartition('/')[2] or name or 'service'}"
    build, run = (
        command(f"go build -o {shlex.quote(program)} {shlex.quote(f'./{folder}')}"),
        command(f"{shlex.quote(f'./{program}')}{_told(mains[folder])}"),
    )
    if build is None or run is None:
        return None, None
    reads = _FLAG.search(mains[folder]) or any(_PORT.search(text) for _, text in tree.sources(".go"))
    where = f"{folder}/: package main" if folder else "main package"
    return Build(f"go.mod; {where}", build), Process("web", run, where, doubt="" if reads else _DEAF)


def _told(text: str) -> str:
    """The flag that tells the program its port; empty where it reads PORT itself."""
    found = None if _PORT.search(text) else _FLAG.search(text)
    if not found:
        return ""
    return f" -{found[2]} " + ("$PORT" if found[1] == "Int" or found[2] == "port" else "127.0.0.1:$PORT")
