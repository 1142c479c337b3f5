"""Python: what is installed, how it is served on $PORT, what the tests and linters are (pure)."""

from __future__ import annotations

import re
import shlex

from penstock.scaffold import detect_ci, detect_platform
from penstock.scaffold.findings import Build, Check, Command, Findings, Seen, command
from penstock.scaffold.python_app import process
from penstock.scaffold.tree import Tree, table, word

_LISTS = ("requirements.txt", "requirements/production.txt", "requirements/prod.txt", "requirements/base.txt")
_TOOL = re.compile(r"(?<![\w./-])(pytest|ruff|flake8|black|mypy|pylint|pyright|tox|nox)(?![\w./-])")
_NAME = re.compile(r"^[ \t]*([A-Za-z0-9][A-Za-z0-9._-]*)[ \t]*(\[[^\]\n]*\])?", re.MULTILINE)
_GROUP_MAX = 200  # characters
_GROUPS = ("test", "tests", "dev", "testing", "lint")


def detect(tree: Tree) -> Findings:
    """Everything about a Python service; nothing where there is no Python."""
    files = [path for path, _ in tree.sources(".py")]
    project = tree.toml("pyproject.toml")
    if not files and not project and not _requirements(tree):
        return Findings()
    packages = _packages(tree, project)
    checks = _checks(tree, project, packages)
    by_platform = bool(detect_platform.detect(tree).builds)
    tools = _tools([*checks, *detect_ci.detect(tree).checks])
    build = None if by_platform else _build(tree, project, packages, tools)
    served = process(tree, project, packages, has_build=build is not None)
    own = _own_tools(tree, packages, tools) if by_platform else ""
    name = word(table(project, "project").get("name")) or word(table(project, "tool", "poetry").get("name"))
    return Findings(
        languages=(Seen(_label(packages), build.where if build else files[0] if files else "pyproject.toml"),),
        names=(Seen(name, "pyproject.toml: name"),) if name else (),
        builds=(build,) if build else (),
        processes=(served,) if served else (),
        checks=tuple(_where_tools_are(check, tree, own, has_build=build is not None) for check in checks),
        prepares=_migrations(tree, packages),
    )


def _label(packages: dict[str, str]) -> str:
    known = {"django": "Django", "flask": "Flask", "fastapi": "FastAPI", "starlette": "Starlette", "quart": "Quart"}
    return "Python" + next((f" ({name})" for package, name in known.items() if package in packages), "")


def _requirements(tree: Tree) -> str:
    return tree.first(*_LISTS) or next(
        (path for path in tree.matching("requirements.txt") if path.count("/") == 1 and path in tree.texts), ""
    )


def _packages(tree: Tree, project: dict[str, object]) -> dict[str, str]:
    """Every package that is named as needed, in small letters, and the file that names it."""
    found: dict[str, str] = {}
    poetry = table(project, "tool", "poetry")
    groups = [table(group, "dependencies") for group in table(poetry, "group").values()]
    for names in (table(poetry, "dependencies"), table(poetry, "dev-dependencies"), *groups):
        found |= {_plain(name): "pyproject.toml" for name in names}
    main = table(project, "project")
    lists = [
        main.get("dependencies"),
        *table(main, "optional-dependencies").values(),
        *table(project, "dependency-groups").values(),
    ]
    for needed in lists:
        for line in needed if isinstance(needed, list) else []:
            found |= _names(word(line), "pyproject.toml")
    for path in [*tree.matching("*requirements*.txt"), *tree.below("requirements"), "Pipfile"]:
        if not path.endswith(".in"):
            found |= _names(tree.text(path), path)
    return found


def _names(text: str, where: str) -> dict[str, str]:
    found = {}
    for name, extras in _NAME.findall(text):
        found[_plain(name)] = where
        if _plain(name) == "fastapi" and "standard" in extras:
            found["uvicorn"] = where
    return found


def _plain(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


# Checks: what is configured or written, by the tool that is evidently used


def _checks(tree: Tree, project: dict[str, object], packages: dict[str, str]) -> list[Check]:
    tools = table(project, "tool")
    seen: list[tuple[str, str, str]] = []
    ruff = _configured(tree, tools, packages, "ruff", "ruff.toml", ".ruff.toml")
    if ruff:
        seen.append(("lint", "ruff check .", ruff))
    elif flake8 := _configured(tree, tools, packages, "flake8", ".flake8"):
        seen.append(("lint", "flake8 .", flake8))
    if black := _configured(tree, tools, packages, "black"):
        seen.append(("format", "black --check .", black))
    if mypy := _configured(tree, tools, packages, "mypy", "mypy.ini", ".mypy.ini"):
        has_files = table(tools, "mypy").get("files") or re.search(r"^files\s*=", tree.text("mypy.ini"), re.MULTILINE)
        seen.append(("types", "mypy" if has_files else "mypy .", mypy))
    tests = _tests(tree, tools, packages)
    found = [Check(name, Command(line), where) for name, line, where in seen]
    return [*found, tests] if tests else found


def _configured(tree: Tree, tools: dict[str, object], packages: dict[str, str], name: str, *files: str) -> str:
    """Where a tool is configured or needed; empty where it is not."""
    if name in tools:
        return f"pyproject.toml: [tool.{name}]"
    if path := tree.first(*files):
        return path
    if f"[{name}" in tree.text("setup.cfg"):
        return f"setup.cfg: [{name}]"
    return packages.get(name, "")


def _tests(tree: Tree, tools: dict[str, object], packages: dict[str, str]) -> Check | None:
    files = [path for path in tree.matching("test_*.py", "*_test.py", "tests.py") if path in tree.texts]
    if not files:
        return None
    uses_pytest = any(re.search(r"^(?:import|from) pytest\b", tree.text(path), re.MULTILINE) for path in files)
    configured = "pytest" in tools or tree.first("pytest.ini") or tree.matching("conftest.py") or "pytest" in packages
    if uses_pytest or configured:
        return Check(
            "tests", Command("python -m pytest -q"), packages.get("pytest") or tree.first("pytest.ini") or files[0]
        )
    if tree.first("manage.py"):
        return Check("tests", Command("python manage.py test"), files[0])
    folder = files[0].rpartition("/")[0].partition("/")[0]
    if folder and f"{folder}/__init__.py" not in tree.paths:
        return (
            Check("tests", Command(f"python -m unittest discover -s {folder}"), files[0]) if command(folder) else None
        )
    return Check("tests", Command("python -m unittest"), files[0])


def _where_tools_are(check: Check, tree: Tree, own: str, *, has_build: bool) -> Check:
    """The check as it finds its tool: in the build's environment, in one of its own, or by the project's manager."""
    line = check.run.line
    if own:
        line = f"{own} && .venv/bin/{line}"
    elif tree.first("uv.lock"):
        line = f"uv run --frozen {line}"
    elif tree.first("poetry.lock"):
        line = f"poetry install --no-interaction && poetry run {line}"
    elif not has_build:
        line = re.sub(r"^python\b", "python3", line)
    return Check(check.name, command(line) or check.run, check.where)


# The build


def _tools(checks: list[Check]) -> list[str]:
    """What the checks run that pip installs; what a manager of environments runs brings its own."""
    lines = [
        check.run.line
        for check in checks
        if not re.match(r"uv |poetry |pipenv |hatch |make |npm |npx ", check.run.line)
    ]
    return list(dict.fromkeys(name for line in lines for name in _TOOL.findall(line)))


def _build(tree: Tree, project: dict[str, object], packages: dict[str, str], tools: list[str]) -> Build | None:
    if tree.first("uv.lock"):
        return Build("uv.lock", Command("uv sync --frozen --no-dev"))
    if tree.first("poetry.lock"):
        run = Command("poetry install --only main --no-interaction")
        return Build("poetry.lock", run, env=(("POETRY_VIRTUALENVS_IN_PROJECT", "true"),))
    if path := _requirements(tree):
        return Build(path, _pip(_beside(packages, tools, path)), is_python=True, requirements=path)
    if table(project, "project") or tree.first("setup.py"):
        extras = table(project, "project", "optional-dependencies")
        extra = next((name for name in _GROUPS if tools and name in extras), "")
        known = " ".join(word(line) for line in extras.get(extra) or [] if word(line)) if extra else ""
        missing = [] if extra and "pytest" in known else _group(project, tools)
        missing = missing or [tool for tool in tools if tool not in known.lower()]
        where = "pyproject.toml" if table(project, "project") else "setup.py"
        return Build(where, _pip([f'".[{extra}]"' if extra else ".", *missing]), is_python=True)
    return None


def _group(project: dict[str, object], tools: list[str]) -> list[str]:
    """All of the group of dependencies that holds a tool of the checks: tests need more than what runs them."""
    for items in table(project, "dependency-groups").values():
        named = [word(line) for line in items if word(line)] if isinstance(items, list) else []
        if any(_plain(line).startswith(tool) for line in named for tool in tools):
            return [shlex.quote(line) for line in named] if len(" ".join(named)) < _GROUP_MAX else []
    return []


def _beside(packages: dict[str, str], tools: list[str], path: str) -> list[str]:
    """What the checks need beside the requirements: lists of the team's own, else the tools by name."""
    lists = {packages[tool] for tool in tools if tool in packages and packages[tool].endswith(".txt")} - {path}
    alone = [tool for tool in tools if not packages.get(tool, "").endswith(".txt")]
    return [*(f"-r {shlex.quote(one)}" for one in sorted(lists)), *alone]


def _pip(words: list[str]) -> Command | None:
    """pip in the build's environment; its brackets stand in quotes, so no shell is needed."""
    return Command(f"python -m pip install {' '.join(words)}") if words and command(" ".join(words)) else None


def _own_tools(tree: Tree, packages: dict[str, str], tools: list[str]) -> str:
    """A virtual environment in the checkout, for checks beside a build that makes none."""
    path = _requirements(tree)
    words = [*([f"-r {shlex.quote(path)}"] if path else []), *_beside(packages, tools, path)]
    return f"python3 -m venv .venv && .venv/bin/pip install -q {' '.join(words)}" if words else ""


def _migrations(tree: Tree, packages: dict[str, str]) -> tuple[Check, ...]:
    """How the database is brought up to date, by the tool whose folder is there."""
    found = []
    if tree.first("alembic.ini"):
        found.append(Check("migrate", Command("alembic upgrade head"), "alembic.ini"))
    elif "flask-migrate" in packages and (path := tree.first("migrations/alembic.ini", "migrations/env.py")):
        found.append(Check("migrate", Command("flask db upgrade"), path))
    elif tree.first("manage.py") and "django" in {
        *packages,
        *(["django"] if "django" in tree.text("manage.py") else []),
    }:
        path = next((p for p in tree.matching("0001_*.py") if "/migrations/" in p), "")
        found += [Check("migrate", Command("python manage.py migrate --noinput"), path)] if path else []
    return tuple(found)
