"""Lock files of Node's other package managers, each held against package.json: pure, from the texts of both."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from penstock.checks.lockfile_files import KINDS, Texts, as_map, as_texts, differences, needed
from penstock.checks.tests_reading import Unreadable, shown, tree_of

_INSTALLED = KINDS[:3]
_RANGE = re.compile(r"[~^<>=\s]*[0-9*xX]")
_PACKAGES = re.compile(r"^(?:packages|snapshots):", re.MULTILINE)
_HEAD = re.compile(r"^(?=[^\s#])(.+):\s*$", re.MULTILINE)
_COMMA = re.compile(r",(?=\s*[}\]])")


def yarn(lock: bytes, beside: Texts) -> list[str]:
    """yarn.lock, of either kind: every range that is asked for stands in it, as yarn writes it."""
    text = lock.decode("utf-8", "replace")
    if "# yarn lockfile v1" not in text and "__metadata:" not in text:
        raise Unreadable("is no yarn.lock")
    manifest = as_map(tree_of(needed(beside, "package.json")), "a package.json")
    known = {one.strip().strip('"') for head in _HEAD.findall(text) for one in head.strip('"').split(", ")}
    names = {one.rpartition("@")[0] if "@npm:" not in one else one.partition("@npm:")[0] for one in known}
    forced = as_texts(manifest.get("resolutions"))
    found = []
    for kind in _INSTALLED:
        for name, wanted in as_texts(manifest.get(kind)).items():
            exact = bool(_RANGE.match(wanted)) and name not in forced
            if name not in names and not any(one.startswith(f"{name}@") for one in known):
                found.append(f"`{shown(name, 80)}` is asked for, and not locked")
            elif exact and not {f"{name}@{wanted}", f"{name}@npm:{wanted}"} & known:
                found.append(
                    f"`{shown(name, 80)}` is `{shown(wanted, 60)}` in {kind}, and the lock has another range of it"
                )
    return found


def pnpm(lock: bytes, beside: Texts) -> list[str]:
    """pnpm-lock.yaml: what each of its importers asks for is written down in it."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    text = _PACKAGES.split(lock.decode("utf-8", "replace"))[0]  # what follows is long, and resolved
    try:
        tree = as_map(YAML(typ="safe", pure=True).load(text), "a pnpm-lock.yaml")
    except (YAMLError, ValueError, RecursionError, AttributeError, TypeError, KeyError, IndexError) as error:
        raise Unreadable("is no whole YAML") from error
    if "lockfileVersion" not in tree:
        raise Unreadable("has no `lockfileVersion`")
    importers = tree.get("importers") or {".": tree}
    found: list[str] = []
    for path, said in as_map(importers, "a pnpm-lock.yaml").items():
        own = beside("package.json" if path == "." else f"{path}/package.json")
        if own is None and path == ".":
            raise Unreadable("has no `package.json` beside it")
        if own is not None:
            manifest = as_map(tree_of(own), "a package.json")
            found += _pnpm_differences(as_map(said, "an importer"), manifest, path, as_texts(tree.get("overrides")))
    return found


def _pnpm_differences(
    locked: Mapping[str, Any], manifest: Mapping[str, Any], path: str, forced: Mapping[str, str]
) -> Iterator[str]:
    at = "" if path == "." else f" in `{shown(path, 80)}`"
    asked = {name: one for kind in _INSTALLED for name, one in as_texts(manifest.get(kind)).items()}
    known = as_texts(locked.get("specifiers")) or {
        str(name): str(one["specifier"])
        for kind in _INSTALLED
        for name, one in (locked.get(kind) or {}).items()
        if isinstance(one, dict) and "specifier" in one
    }
    for name in sorted({*asked, *known} - {*forced}):
        if asked.get(name) != known.get(name) and not (
            name in known and name in as_texts(manifest.get("peerDependencies"))
        ):
            yield f"`{shown(name, 80)}` is {_wanted(asked.get(name))}{at}, and {_wanted(known.get(name))} in the lock"


def _wanted(text: str | None) -> str:
    return "not asked for" if text is None else f"`{shown(text, 60)}`"


def bun(lock: bytes, beside: Texts) -> list[str]:
    """bun.lock: what each of its workspaces asks for is written down in it."""
    try:  # JSON with a comma too many
        tree = as_map(json.loads(_COMMA.sub("", lock.decode("utf-8", "replace"))), "a bun.lock")
    except (ValueError, RecursionError) as error:
        raise Unreadable("is no bun.lock") from error
    found: list[str] = []
    for path, said in as_map(tree.get("workspaces"), "a bun.lock").items():
        own = beside(f"{path}/package.json" if path else "package.json")
        if own is None and not path:
            raise Unreadable("has no `package.json` beside it")
        if own is not None:
            found += differences(as_map(said, "a workspace"), as_map(tree_of(own), "a package.json"), path)
    return found
