"""Node: lock file, scripts, how it is told its port (pure)."""

from __future__ import annotations

import re

from penstock.scaffold.findings import Build, Check, Findings, Process, Seen, after, command
from penstock.scaffold.tree import Tree, table, word

_INSTALL = {
    "package-lock.json": "npm ci",
    "npm-shrinkwrap.json": "npm ci",
    "pnpm-lock.yaml": "pnpm install --frozen-lockfile",
    "yarn.lock": "yarn install --frozen-lockfile",
    "bun.lock": "bun install --frozen-lockfile",
    "bun.lockb": "bun install --frozen-lockfile",
}
_LABELS = {
    "next": "Next.js",
    "@nestjs/core": "NestJS",
    "fastify": "Fastify",
    "express": "Express",
    "koa": "Koa",
    "hono": "Hono",
}
_SCRIPTS = {  # a script's name, by the name that its check gets
    "lint": ("lint",),
    "format": ("format:check", "check:format", "prettier:check"),
    "types": ("typecheck", "type-check", "check-types", "tsc"),
    "tests": ("test:ci", "test:unit", "test"),
}
_PLAIN = re.compile(r"(?:NODE_ENV=production )?(node(?: --[\w=.-]+)* [\w./-]+)")
_PORT = re.compile(r"""process\.env\.PORT\b|process\.env\[['"]PORT['"]\]|\benv\(?['"]PORT""")
_NO_TEST = re.compile(r"no test specified|^\s*exit 1")
_DEAF = "process.env.PORT was seen nowhere: it must listen where $PORT says"


def detect(tree: Tree) -> Findings:
    """Everything about a Node service; nothing without a package.json."""
    package = tree.json("package.json")
    if not package:
        nested = [path for path in tree.matching("package.json") if "/" in path][:3]
        return Findings(notes=tuple(f"{path} was not looked into: only what lies at the root is" for path in nested))
    scripts = {name: word(line) for name, line in table(package, "scripts").items() if word(line)}
    needed = {**table(package, "dependencies"), **table(package, "devDependencies")}
    lock = tree.first(*_INSTALL)
    install = _INSTALL.get(lock, "npm install") if needed else ""
    served = _process(tree, scripts, needed)
    label = next((f" ({name})" for key, name in _LABELS.items() if key in needed), "")
    return Findings(
        languages=(Seen(f"Node{label}", "package.json"),),
        names=(Seen(word(package.get("name")).rpartition("/")[2], "package.json: name"),),
        builds=_build(tree, scripts, install, lock or "package.json"),
        processes=(served,) if served else (),
        checks=_checks(tree, scripts, needed, install),
        prepares=_migrations(tree, scripts),
    )


def runner(tree: Tree) -> str:
    """What runs a script of package.json here."""
    lock = tree.first(*_INSTALL)
    return "npm run" if lock.startswith(("package", "npm")) or not lock else f"{_INSTALL[lock].split()[0]} run"


def _build(tree: Tree, scripts: dict[str, str], install: str, where: str) -> tuple[Build, ...]:
    parts = [install, f"{runner(tree)} build" if "build" in scripts else ""]
    run = command(" && ".join(part for part in parts if part))
    seen = f"{where}; package.json: scripts.build" if "build" in scripts else where
    return (Build(seen, run),) if run else ()


def _process(tree: Tree, scripts: dict[str, str], needed: dict[str, object]) -> Process | None:
    start = scripts.get("start", "")
    reads = any(_PORT.search(text) for _, text in tree.sources(".js", ".ts", ".mjs", ".cjs"))
    doubt = "" if reads or "next" in needed else _DEAF
    if start.startswith("next start") and (run := command("next start -p $PORT")):
        return Process("web", run, "package.json: scripts.start")
    if found := _PLAIN.fullmatch(start):
        run = command(found[1])
        return Process("web", run, "package.json: scripts.start", doubt=doubt) if run else None
    if start and (run := command("npm start")):
        return Process("web", run, "package.json: scripts.start", doubt=doubt)
    path = tree.first("server.js", "index.js", "app.js", "src/server.js", "src/index.js", "server.mjs", "index.mjs")
    if path and ".listen(" in tree.text(path) and (run := command(f"node {path}")):
        return Process("web", run, path, doubt=doubt)
    return None


def _checks(tree: Tree, scripts: dict[str, str], needed: dict[str, object], install: str) -> tuple[Check, ...]:
    """The scripts that are checks, and linters that are configured and have none; each in a clean checkout."""
    found = []
    for name, known in _SCRIPTS.items():
        script = next((key for key in known if key in scripts and not _NO_TEST.search(scripts[key])), "")
        line = "npm test" if (runner(tree), script) == ("npm run", "test") else f"{runner(tree)} {script}"
        if script and (run := after(install, line)):
            found.append(Check(name, run, f"package.json: scripts.{script}"))
    names = {check.name for check in found}
    eslint = next(iter(tree.matching("eslint.config.*", ".eslintrc*")), "")
    if "lint" not in names and eslint and "eslint" in needed and (run := after(install, "npx eslint .")):
        found.append(Check("lint", run, eslint))
    if "types" not in names and "typescript" in needed and tree.first("tsconfig.json"):
        found += [Check("types", run, "tsconfig.json")] if (run := after(install, "npx tsc --noEmit")) else []
    return tuple(found)


def _migrations(tree: Tree, scripts: dict[str, str]) -> tuple[Check, ...]:
    line, where = "", ""
    if tree.below("prisma/migrations"):
        line, where = "npx prisma migrate deploy", "prisma/migrations"
    elif knex := tree.first("knexfile.js", "knexfile.ts"):
        line, where = "npx knex migrate:latest", knex
    elif "migrate" in scripts:
        line, where = f"{runner(tree)} migrate", "package.json: scripts.migrate"
    run = command(line)
    return (Check("migrate", run, where),) if run else ()
