"""What `terraform fmt -check` and `terraform validate -json` say, as hits; and where the blocks of a folder stand."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from penstock.checks.infra.reading import Unreadable, plain_json
from penstock.checks.infra.resource import Hit
from penstock.checks.infra.values import table

_BLOCK = re.compile(r'^\s*(resource|data|variable)\s+"?([\w-]+)"?(?:\s+"?([\w-]+)"?)?\s*\{', re.MULTILINE)
_NOT_INITIALISED = re.compile(
    r"(?i)missing required provider|module not installed|init\b|could not load plugin|no package for|schema"
)
_UNFORMATTED = 3


def unformatted(output: str, code: int, folder: str) -> list[Hit]:
    """The files that `fmt -check` names; Unreadable where it ended otherwise."""
    if code not in (0, _UNFORMATTED):
        raise Unreadable(f"terraform fmt ended with {code}: {' '.join(output.split())[-200:]}")
    names = (
        [line.strip() for line in output.splitlines() if line.strip().endswith((".tf", ".tfvars", ".hcl"))]
        if code
        else []
    )
    if code and not names:
        raise Unreadable(f"terraform fmt ended with {code} and named no file")
    return [
        Hit("format", "medium", name, f"`{name}` is not formatted", "the next one to format it hides a change among blanks",
            "terraform fmt -recursive", f"{folder}/{name}".removeprefix("./"))
        for name in names
    ]  # fmt: skip


def invalid(data: bytes, folder: str) -> list[Hit]:
    """What `validate -json` says; Unreadable where it could not tell."""
    found = table(plain_json(data))
    told = found.get("diagnostics")
    if not isinstance(found.get("valid"), bool) or not isinstance(told, list):
        raise Unreadable("terraform validate wrote no report that can be read")
    for one in map(table, told):
        if one.get("severity") == "error" and not one.get("range") and _NOT_INITIALISED.search(str(one)):
            raise Unreadable(f"terraform cannot validate: {str(one.get('summary'))[:120]} (run `terraform init` first)")
        if _is_uninitialised(one):
            raise Unreadable(f"terraform cannot validate: {str(one.get('summary'))[:120]} (run `terraform init` first)")
    if found["valid"] is False and not any(table(one).get("severity") == "error" for one in told):
        raise Unreadable("terraform says that it is not valid, and not why")
    return [_hit(one, folder) for one in map(table, told)]


def _is_uninitialised(one: Mapping[str, Any]) -> bool:
    return str(one.get("summary")) in (
        "Missing required provider",
        "Module not installed",
        "Missing or corrupted provider plugins",
    )


def _hit(one: Mapping[str, Any], folder: str) -> Hit:
    place = table(one.get("range"))
    line = table(place.get("start")).get("line", 1)
    where = f"{folder}/{place['filename']}:{line}".removeprefix("./") if place.get("filename") else folder
    severity = "high" if one.get("severity") == "error" else "low"
    summary, detail = str(one.get("summary"))[:200], str(one.get("detail") or "")[:300]
    return Hit(
        "validate",
        severity,
        str(table(one.get("snippet")).get("context") or "*"),
        summary,
        detail,
        "terraform validate",
        where,
    )


def blocks(texts: Mapping[str, str]) -> dict[str, str]:
    """Address -> path:line of every block in some files; one that stands in two files is left out."""
    found: dict[str, str] = {}
    for path, address, line in (one for name, text in texts.items() for one in _blocks(name, text)):
        found[address] = "" if address in found else f"{path}:{line}"
    return {address: where for address, where in found.items() if where}


def _blocks(path: str, text: str) -> Iterator[tuple[str, str, int]]:
    for one in _BLOCK.finditer(text):
        line = text.count("\n", 0, one.start(1)) + 1
        kind, first, second = one.groups()
        if kind == "variable":
            yield path, f"var.{first}", line
        elif second:
            yield path, f"{'data.' if kind == 'data' else ''}{first}.{second}", line
