"""How a Python service is served on $PORT: by the framework's own object, or as a plain script (pure)."""

from __future__ import annotations

import re
import shlex

from penstock.scaffold.findings import Process, command
from penstock.scaffold.tree import Tree, table, word

_WSGI = re.compile(r"^(\w+)(?:\s*:[^=\n]+)?\s*=\s*(?:flask\.)?Flask\(", re.MULTILINE)
_ASGI = re.compile(r"^(\w+)(?:\s*:[^=\n]+)?\s*=\s*(?:\w+\.)?(FastAPI|Starlette|Quart|Litestar|Sanic)\(", re.MULTILINE)
_FACTORY = re.compile(
    r"^def (create_app|make_app)\(\s*\)|^def (create_app|make_app)\(\s*\w+[^,)]*=[^,)]*\)", re.MULTILINE
)
_SERVER = re.compile(
    r"serve_forever\(|http\.server|make_server\(|run_simple\(|run_app\(|\.start_server\(|\.create_server\(|\.listen\("
)
_MAIN = re.compile(r"^if __name__ == ['\"]__main__['\"]", re.MULTILINE)
_ENV_PORT = re.compile(r"""(?:environ(?:\.get)?|getenv)\s*[\[(]\s*['"]PORT['"]""")
_FLAG = re.compile(
    r"""add_argument\(\s*(?:['"]-\w['"]\s*,\s*)?['"](--port)['"]|@click\.option\(\s*(?:['"]-\w['"]\s*,\s*)?['"](--port)['"]"""
)
_ARGUMENT = re.compile(r"int\(\s*sys\.argv\[1\]\s*\)")
_DEVELOPMENT = "a server for development: one for production, such as gunicorn, is not among the requirements"
_DEAF = "no $PORT, `--port` or argument was seen in it: it must listen where $PORT says"


def process(tree: Tree, project: dict[str, object], packages: dict[str, str], *, has_build: bool) -> Process | None:
    """The one process that serves; None where none was seen."""
    python = "python" if has_build else "python3"
    return (
        _django(tree, packages, python)
        or _by_object(tree, packages)
        or _script(tree, python)
        or _installed(tree, project)
        or _loop(tree, python)
    )


def _django(tree: Tree, packages: dict[str, str], python: str) -> Process | None:
    manage = tree.first("manage.py") or next(iter(tree.matching("manage.py")), "")
    settings = re.search(r"""DJANGO_SETTINGS_MODULE['"]\s*,\s*['"]([\w.]+)\.settings""", tree.text(manage))
    if not manage or not settings:
        return None
    folder, module = manage.rpartition("/")[0], settings[1]
    if "gunicorn" in packages:
        chdir = f"--chdir {shlex.quote(folder)} " if folder else ""
        line = f"gunicorn {chdir}{module}.wsgi --bind 127.0.0.1:$PORT"
        return _made(line, f"{manage}; {packages['gunicorn']}: gunicorn")
    if "uvicorn" in packages and not folder:
        return _made(f"uvicorn {module}.asgi:application --port $PORT", f"{manage}; {packages['uvicorn']}: uvicorn")
    return _made(f"{python} {shlex.quote(manage)} runserver --noreload 127.0.0.1:$PORT", manage, _DEVELOPMENT)


def _by_object(tree: Tree, packages: dict[str, str]) -> Process | None:
    for path, text in tree.sources(".py"):
        if found := _ASGI.search(text):
            return _asgi(tree, packages, path, found)
        if found := _WSGI.search(text):
            return _wsgi(tree, packages, path, text, found[1], f"{path}: {found[1]} = Flask(...)")
        if ("Flask(" in text or "flask" in packages) and (found := _FACTORY.search(text)):
            name = found[1] or found[2]
            return _wsgi(tree, packages, path, text, f"{name}()", f"{path}: {name}()")
    return None


def _asgi(tree: Tree, packages: dict[str, str], path: str, found: re.Match[str]) -> Process | None:
    folder, module = _module(tree, path)
    server = next((name for name in ("uvicorn", "hypercorn", "granian") if name in packages), "uvicorn")
    at = {"uvicorn": "--port $PORT", "hypercorn": "--bind 127.0.0.1:$PORT", "granian": "--interface asgi --port $PORT"}
    inside = f" --app-dir {folder}" if folder and server == "uvicorn" else ""
    doubt = "" if server in packages else "uvicorn is not among the requirements that were seen"
    where = f"{path}: {found[1]} = {found[2]}(...)"
    return _made(f"{server}{inside} {module}:{found[1]} {at[server]}", where, doubt)


def _wsgi(tree: Tree, packages: dict[str, str], path: str, text: str, name: str, where: str) -> Process | None:
    folder, module = _module(tree, path)
    target = f'"{module}:{name}"' if "(" in name else f"{module}:{name}"
    if "gunicorn" in packages:
        chdir = f"--chdir {folder} " if folder else ""
        return _made(f"gunicorn {chdir}{target} --bind 127.0.0.1:$PORT", f"{where}; {packages['gunicorn']}: gunicorn")
    if "waitress" in packages and not folder:
        call = f"--call {module}:{name[:-2]}" if "(" in name else f"{module}:{name}"
        return _made(f"waitress-serve --listen 127.0.0.1:$PORT {call}", f"{where}; {packages['waitress']}: waitress")
    if _MAIN.search(text) and (run := _with_port(text)) is not None:
        return _made(f"python {shlex.quote(path)}{run}", path, _DEVELOPMENT)
    return _made(f"flask --app {path[:-3] if folder else module} run --port $PORT", where, _DEVELOPMENT)


def _script(tree: Tree, python: str) -> Process | None:
    """A script that listens by itself; the nearest to the root that says how it is told its port is preferred."""
    scripts = [(path, text) for path, text in tree.sources(".py") if _MAIN.search(text)]
    serving = [script for script in scripts if _SERVER.search(script[1])]
    is_served = bool(serving) or any(_SERVER.search(text) for _, text in tree.sources(".py"))
    for path, text in [*serving, *(scripts if is_served else [])]:
        if (told := _with_port(text)) is not None:
            return _made(f"{python} {shlex.quote(path)}{told}", path)
    return _made(f"{python} {shlex.quote(serving[0][0])}", serving[0][0], _DEAF) if serving else None


def _with_port(text: str) -> str | None:
    """What tells a script its port, behind its name; None where nothing was seen."""
    if _FLAG.search(text):
        return " --port $PORT"
    if _ENV_PORT.search(text):
        return ""
    return " $PORT" if _ARGUMENT.search(text) else None


def _installed(tree: Tree, project: dict[str, object]) -> Process | None:
    """A program that the project installs, where something in it reads PORT."""
    scripts = table(project, "project", "scripts") or table(project, "tool", "poetry", "scripts")
    if len(scripts) == 1 and any(_ENV_PORT.search(text) for _, text in tree.sources(".py")):
        return _made(word(next(iter(scripts))), "pyproject.toml: scripts")
    return None


def _loop(tree: Tree, python: str) -> Process | None:
    """A script that goes on for ever and takes no requests."""
    for path, text in tree.sources(".py"):
        if _MAIN.search(text) and re.search(r"^[ \t]*while True:|run_forever\(\)", text, re.MULTILINE):
            made = _made(f"{python} {shlex.quote(path)}", path)
            return made and Process("worker", made.run, path, traffic=False)
    return None


def _module(tree: Tree, path: str) -> tuple[str, str]:
    """The folder to start in (empty: the root) and the module's name there."""
    parts = path.removesuffix(".py").split("/")
    package = len(parts) - 1
    while package > 0 and f"{'/'.join(parts[:package])}/__init__.py" in tree.paths:
        package -= 1
    names = parts[package:]
    if names[-1] == "__init__":
        names = names[:-1] or ["__init__"]
    return shlex.quote("/".join(parts[:package])) if package else "", ".".join(names)


def _made(line: str, where: str, doubt: str = "") -> Process | None:
    run = command(line)
    return Process("web", run, where, doubt=doubt) if run else None
