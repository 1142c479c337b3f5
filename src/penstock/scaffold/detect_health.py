"""Where the service says how it is: routes such as /health in its sources (pure)."""

from __future__ import annotations

import re

from penstock.scaffold.findings import Findings, Health, Seen
from penstock.scaffold.tree import Tree

_VERSION = re.compile(r"""["']?\bversion\b["']?\s*[:=]""")
_COMMIT = re.compile(r"PENSTOCK_|\bcommit\b|\bgit_sha\b", re.IGNORECASE)  # then it may well be the revision
_ROUTES_MAX = 20  # of a file
_WORDS = (
    "health",
    "healthz",
    "healthcheck",
    "health-check",
    "_health",
    "livez",
    "ready",
    "readyz",
    "up",
    "ping",
    "status",
)
_ROUTE = re.compile(rf"""["'`](?:GET )?(\^?/?(?:[a-z0-9_-]+/){{0,3}}(?:{"|".join(_WORDS)})/?\$?)["'`]""")
_ASKED = re.compile(
    r"\.(?:get|route|all|use|handle|handlefunc|api_route|add_url_rule|add_api_route|add_route|add_get)\s*\("
    r"|\b(?:path|re_path|url|Route|HandleFunc|Handle)\s*\(|\bcase\b|\bpath\s*==|\.path(?:name)?\s*===?|\burl\s*===?|\bGET\(",
    re.IGNORECASE,
)
_CLIENT = re.compile(
    r"\b(?:requests|httpx|axios|client|fetch|urlopen|http)\.?\w*\s*\(?.*(?:https?:|BASE|_url)", re.IGNORECASE
)
_PREFIX = re.compile(r"""(?:url_)?prefix\s*[=:]\s*["'](/[\w/-]*)["']""")
_NESTED = re.compile(r"@?\b(?:router|bp|blueprint|\w+_router|\w+_bp)\.", re.IGNORECASE)
_EXAMPLE = re.compile(r"^(?:export\s+)?([A-Z][A-Z0-9_]{1,60})=", re.MULTILINE)
_GIVEN = frozenset(["PORT", "HOME", "DATA", "PATH", "HOST"])


def detect(tree: Tree) -> Findings:
    """The likeliest route, if there is one; and the variables that an example of the environment names."""
    found = [
        health
        for path, text in tree.sources(".py", ".js", ".ts", ".mjs", ".cjs", ".go", ".tsx")
        for health in _in(path, text)
    ]
    found += [
        Health("/api/health", path)
        for path in tree.paths
        if re.search(r"(?:pages|app)/api/health(?:/route)?\.[jt]sx?$", path)
    ]
    best = min(found, key=_rank, default=None)
    example = tree.first(".env.example", ".env.sample")
    names = dict.fromkeys(name for name in _EXAMPLE.findall(tree.text(example)) if name not in _GIVEN)
    return Findings(health=(best,) if best else (), variables=tuple(Seen(name, example) for name in list(names)[:30]))


def _in(path: str, text: str) -> list[Health]:
    found: list[Health] = []
    lines = text.split("\n")
    mounted = _PREFIX.search(text)
    for number, line in enumerate(lines):
        route = _ROUTE.search(line) if len(line) < 400 else None
        if route and (_ASKED.search(line) or "GET /" in line) and not _CLIENT.search(line):
            said = "\n".join(lines[number : number + 15])
            route_path = "/" + route[1].strip("^$").lstrip("/")
            prefix = mounted if _NESTED.search(line) else None
            doubt = "it may be mounted below another path" if _NESTED.search(line) and not prefix else ""
            whole = (
                f"{prefix[1].rstrip('/')}{route_path}"
                if prefix and not route_path.startswith(prefix[1])
                else route_path
            )
            if len(found) >= _ROUTES_MAX:
                break
            found.append(Health(whole, path, bool(_VERSION.search(said)) and not _COMMIT.search(text), doubt))
    return found


def _rank(health: Health) -> tuple[int, int, int]:
    """Plain words before vague ones, near the root before deep."""
    last = health.path.rstrip("/").rpartition("/")[2]
    return _WORDS.index(last) if last in _WORDS else 99, bool(health.doubt), health.where.count("/")
