"""GitHub Actions and GitLab: the commands that the team already runs for every change (pure)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from penstock.scaffold.findings import Check, Deploy, Findings, Seen, after, command
from penstock.scaffold.tree import Tree

_LINES_MAX = 1000  # of a file
_RUN = re.compile(r"^(\s*)(?:-\s+)?(run|script|before_script):\s*(.*)$")
_BLOCK = re.compile(r"[|>][-+0-9]*\s*(?:#.*)?")
_BY = r"(?:(?:uv|poetry|pipenv|hatch) run (?:--?[-\w]+ )*|python3? -m )?"
_SCRIPT = r"(?:npm|pnpm|yarn|bun)(?: run)? "
_CHECKS = (  # the name of the check, and the words that it begins with
    ("tests", rf"{_BY}(?:pytest|unittest|tox|nox|python -m (?:pytest|unittest))\b|python3? manage\.py test\b"),
    ("tests", rf"{_SCRIPT}test\b|npx (?:jest|vitest|mocha)\b|go test\b|make (?:test|tests|check)\b"),
    ("lint", rf"{_BY}(?:ruff check|ruff \.|flake8|pylint)\b|npx eslint\b|{_SCRIPT}lint\b"),
    ("lint", r"golangci-lint run\b|make lint\b"),
    ("format", rf"{_BY}(?:ruff format (?:.* )?--check|black (?:.* )?--check)|npx prettier (?:.* )?--check"),
    ("types", rf"{_BY}(?:mypy|pyright)\b|npx tsc\b"),
)
_DEPLOYS = re.compile(
    r"(?:npx )?(?:sam deploy|serverless deploy|sls deploy|wrangler (?:pages )?deploy|cdk deploy)\b"
    r"|kubectl (?:apply|rollout)\b|helm upgrade\b|(?:flyctl|fly) deploy\b|gcloud (?:run|app) deploy\b|eb deploy\b"
    r"|make deploy\b|(?:npm|pnpm|yarn|bun) run deploy\b|(?:sh |bash )?\./?[\w/]*deploy[\w-]*\.sh\b"
)


def detect(tree: Tree) -> Findings:
    """The checks that run already, in the same words; and a deployment, where one stands there."""
    files = [p for p in tree.paths if p in tree.texts and (p.startswith(".github/workflows/") or p == ".gitlab-ci.yml")]
    lines = [(line.strip(), path) for path in files[:20] for line in islice(commands(tree.text(path)), _LINES_MAX)]
    checks: dict[str, Check] = {}
    for name, words in _CHECKS:
        for line, path in lines:
            if name not in checks and re.match(words, line) and (run := after(_first(line, tree), line)):
                checks[name] = Check(name, run, path)
    deploy = next(((run, path) for line, path in lines if _DEPLOYS.match(line) and (run := command(line))), None)
    hosts = {"GitHub Actions" if path.startswith(".github") else "GitLab CI": path for path in files}
    return Findings(
        languages=tuple(Seen(name, path) for name, path in hosts.items()),
        checks=tuple(checks.values()),
        deploys=(Deploy("your CI's command", deploy[0], deploy[1], "evident"),) if deploy else (),
    )


def commands(text: str) -> Iterator[str]:
    """Every line that such a file runs; it is not parsed as YAML, so nothing in it can go wrong."""
    inside = -1
    held = ""
    for line in text.split("\n"):
        indent = len(line) - len(line.lstrip(" "))
        found = _RUN.match(line) if len(line) < 1000 else None
        if found:
            inside = len(found[1]) if not found[3] or _BLOCK.fullmatch(found[3]) else -1
            if inside < 0:
                yield found[3].strip().strip("\"'")
        elif inside >= 0 and line.strip() and (indent > inside or line.lstrip().startswith("- ")):
            said = held + re.sub(r"^\s*(?:-\s+)?", "", line).strip()
            held = f"{said[:-1].rstrip()} " if said.endswith("\\") else ""
            if not held:
                yield said.strip("\"'") if said[:1] in "\"'" else said
        elif line.strip():
            inside, held = -1, ""


def _first(line: str, tree: Tree) -> str:
    """What must come first in a clean checkout, where the file that says so is there."""
    if line.startswith("poetry run"):
        return "poetry install --no-interaction"
    if re.match(r"(?:npm|npx|pnpm|yarn|bun)\b", line):
        if tree.first("pnpm-lock.yaml"):
            return "pnpm install --frozen-lockfile"
        return (
            "yarn install --frozen-lockfile"
            if tree.first("yarn.lock")
            else "npm ci"
            if tree.first("package-lock.json")
            else "npm install"
        )
    return ""
