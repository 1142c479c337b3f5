"""Lock files, each held against what it locks: pure, from the texts of both."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from penstock.checks.tests_reading import Unreadable, shown, tree_of

Texts = Callable[[str], bytes | None]
"""What is in a file beside the lock file, by its relative path; None where there is none."""

KINDS = ("dependencies", "devDependencies", "optionalDependencies", "peerDependencies")
_PIPFILE_OWN = {"source", "packages", "dev-packages", "requires", "scripts", "pipfile", "pipenv", "default", "develop"}
_GO_REQUIRE = re.compile(r"^\s*(?:require\s+)?([\w.~/-]+\.[\w.~/-]+)\s+(v\S+)", re.MULTILINE)
_PINNED = re.compile(r"^[A-Za-z0-9][\w.-]*(?:\[[^\]]*\])?\s*===?\s*[^\s*;,]+\s*(?:;.*)?$")
_DEEPEST = 10
_INCLUDED = re.compile(r"(?:-r|--requirement)[\s=]*(\S+)")
_EDITABLE = re.compile(r"(?:-e|--editable)\b")
_OWN = re.compile(r"(?:(?:-e|--editable)\s+)?\.{1,2}(?:/\S*)?(?:\[[^\]]*\])?")
_FIXED = re.compile(r"@\s*(?:git\+\S+@[0-9a-f]{40}|\S+#(?:\S*&)?sha256=[0-9a-f]{64})")


def npm(lock: bytes, beside: Texts) -> list[str]:
    """package-lock.json: what the project and its workspaces ask for is written down in it, and resolved."""
    tree = as_map(tree_of(lock), "a package-lock.json")
    manifest = as_map(tree_of(needed(beside, "package.json")), "a package.json")
    packages = tree.get("packages")
    if not isinstance(packages, dict):
        locked = tree.get("dependencies")
        known = locked if isinstance(locked, dict) else {}
        return [f"`{name}` is not in it" for name in _asked(manifest, KINDS[:3]) if name not in known]
    found = list(differences(as_map(packages.get("", {}), "an entry"), manifest, ""))
    for path in packages:
        own = beside(f"{path}/package.json") if path and "node_modules/" not in f"{path}/" else None
        if own is not None:
            found += differences(as_map(packages[path], "an entry"), as_map(tree_of(own), "a package.json"), path)
    found += [f"`{name}` is asked for, and not resolved" for name in _asked(manifest, KINDS[:2])
              if f"node_modules/{name}" not in packages]  # fmt: skip
    return found


def differences(locked: Mapping[str, Any], said: Mapping[str, Any], where: str) -> Iterator[str]:
    """What package.json asks for and a lock says otherwise, and the other way round."""
    at = f" in `{shown(where, 80)}`" if where else ""
    optional = as_texts(said.get("optionalDependencies"))
    for kind in KINDS:
        asked, known = as_texts(said.get(kind)), as_texts(locked.get(kind))
        for name in sorted({*asked, *known}):
            if kind == "dependencies" and name in optional:  # npm takes it for optional alone
                continue
            if asked.get(name) != known.get(name):
                yield f"`{shown(name, 80)}` is {_wanted(asked.get(name))} in {kind}{at}, and {_wanted(known.get(name))} in the lock"


def _wanted(text: str | None) -> str:
    return "not there" if text is None else f"`{shown(text, 60)}`"


def _asked(manifest: Mapping[str, Any], kinds: tuple[str, ...]) -> list[str]:
    optional = as_texts(manifest.get("optionalDependencies"))
    return sorted({name for kind in kinds for name in as_texts(manifest.get(kind))} - {*optional})


def pipfile(lock: bytes, beside: Texts) -> list[str]:
    """Pipfile.lock: the hash of the Pipfile that it was made of."""
    said = as_map(as_map(tree_of(lock), "a Pipfile.lock").get("_meta"), "a Pipfile.lock").get("hash")
    tree = _toml(needed(beside, "Pipfile"), "Pipfile")
    meta = {"sources": tree.get("source", []), "requires": tree.get("requires", {})}
    content = {"_meta": meta, "default": tree.get("packages", {}), "develop": tree.get("dev-packages", {})}
    content |= {key: value for key, value in tree.items() if key not in _PIPFILE_OWN}
    own = hashlib.sha256(_json(content, (",", ":"))).hexdigest()
    return (
        [] if as_map(said, "a Pipfile.lock").get("sha256") == own else ["the Pipfile has changed since it was locked"]
    )


def poetry(lock: bytes, beside: Texts) -> list[str]:
    """poetry.lock: the `content-hash` of pyproject.toml, as Poetry 1 and 2 make it."""
    said = as_map(_toml(lock, "poetry.lock").get("metadata"), "a poetry.lock").get("content-hash")
    if not isinstance(said, str):
        raise Unreadable("has no `content-hash`")
    tree = _toml(needed(beside, "pyproject.toml"), "pyproject.toml")
    hashes = {hashlib.sha256(_json(content, None)).hexdigest() for content in _poetry_contents(tree)}
    return [] if said in hashes else ["pyproject.toml has changed since it was locked"]


def _poetry_contents(tree: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """What the hash is of: with the dependency groups of the standard, and without, as Poetry before 2.2 had it."""
    tool = tree.get("tool")
    own = tool.get("poetry") if isinstance(tool, dict) else None
    said, project = own if isinstance(own, dict) else {}, tree.get("project")
    standard = {key: project[key] for key in ("requires-python", "dependencies", "optional-dependencies")
                if isinstance(project, dict) and project.get(key) is not None}  # fmt: skip
    for groups in ({}, tree.get("dependency-groups") or {}):
        whole = {**({"project": standard} if standard else {}), **({"dependency-groups": groups} if groups else {})}
        legacy = ("dependencies", "source", "extras", "dev-dependencies")
        kept = {key: said[key] for key in (*legacy, "group") if said.get(key) is not None}
        yield {**whole, "tool": {"poetry": kept}} if whole else {**dict.fromkeys(legacy), **kept}


def cargo(lock: bytes, beside: Texts) -> list[str]:
    """Cargo.lock: the package stands in it with its version, and with every dependency by its name."""
    locked = _toml(lock, "Cargo.lock").get("package")
    entries = [entry for entry in locked if isinstance(entry, dict)] if isinstance(locked, list) else []
    tree = _toml(needed(beside, "Cargo.toml"), "Cargo.toml")
    package = tree.get("package")
    if not isinstance(package, dict):
        raise Unreadable(
            "belongs to a workspace without a package, which is not held against it: `cargo metadata --locked` is"
        )
    own = next((entry for entry in entries if entry.get("name") == package.get("name") and "source" not in entry), None)
    if own is None:
        return [f"the package `{shown(package.get('name'), 80)}` is not in it"]
    found = []
    if isinstance(package.get("version"), str) and own.get("version") != package["version"]:
        found.append(f"the package is {shown(package['version'], 40)}, and {shown(own.get('version'), 40)} in the lock")
    known = {str(word).split(" ")[0] for word in own.get("dependencies") or []}
    asked = set(_cargo_names(tree))
    found += [f"`{shown(name, 80)}` is asked for, and not locked" for name in sorted(asked - known)]
    return found + [f"`{shown(name, 80)}` is locked, and not asked for" for name in sorted(known - asked)]


def _cargo_names(tree: Mapping[str, Any]) -> Iterator[str]:
    targets = tree.get("target")
    for place in (tree, *(targets.values() if isinstance(targets, dict) else ())):
        for kind in ("dependencies", "dev-dependencies", "build-dependencies"):
            said = place.get(kind) if isinstance(place, dict) else None
            for name, wanted in said.items() if isinstance(said, dict) else ():
                yield str(wanted.get("package", name)) if isinstance(wanted, dict) else name


def go(lock: bytes, beside: Texts) -> list[str]:
    """go.sum: of every module that go.mod requires, the hash of its go.mod at that version is there."""
    text = re.sub(r"//.*", "", needed(beside, "go.mod").decode("utf-8", "replace"))
    blocks = re.findall(r"^require\s*\(([^)]*)\)", text, re.MULTILINE)
    single = re.findall(r"^require\s+[^\s(].*$", text, re.MULTILINE)
    replaced = set(re.findall(r"^\s*(?:replace\s+)?(\S+)(?:\s+v\S+)?\s+=>", text, re.MULTILINE))
    known = {tuple(line.split()[:2]) for line in lock.decode("utf-8", "replace").splitlines()}
    asked = [module for part in (*blocks, *single) for module in _GO_REQUIRE.findall(part)]
    return [f"`{name} {version}` is required, and has no hash" for name, version in asked
            if name not in replaced and (name, f"{version}/go.mod") not in known]  # fmt: skip


def requirements(lock: bytes, beside: Texts, *, hashes: bool, depth: int = 0) -> list[str]:
    """requirements.txt: every line names one version, one commit, or a folder of its own; with `hashes`, and a hash."""
    if depth > _DEEPEST:
        raise Unreadable("includes itself")
    found = []
    for line in re.sub(r"\\\r?\n", " ", lock.decode("utf-8-sig", "replace")).splitlines():
        plain = re.sub(r"(^|\s)#.*", "", line).strip()
        wanted = re.split(r"\s--", plain)[0].strip()
        if included := _INCLUDED.fullmatch(plain):
            found += requirements(needed(beside, included[1]), beside, hashes=hashes, depth=depth + 1)
        elif not plain or _OWN.fullmatch(wanted) or (plain.startswith("-") and not _EDITABLE.match(plain)):
            continue
        elif not _PINNED.fullmatch(wanted) and not _FIXED.search(wanted):
            found.append(f"`{shown(wanted, 80)}` names no single version")
        elif hashes and "--hash=sha256:" not in plain and "sha256=" not in plain:
            found.append(f"`{shown(wanted, 80)}` has no hash")
    return found


def needed(beside: Texts, name: str) -> bytes:
    """What is in a file that has to be there."""
    found = beside(name)
    if found is None:
        raise Unreadable(f"has no `{name}` beside it")
    return found


def as_map(value: Any, what: str) -> dict[str, Any]:
    """A map; Unreadable where it is none."""
    if not isinstance(value, dict):
        raise Unreadable(f"is not what {what} is made of")
    return value


def as_texts(value: Any) -> dict[str, str]:
    """Names with what is asked for, as texts."""
    return {str(key): str(one) for key, one in value.items()} if isinstance(value, dict) else {}


def _toml(data: bytes, name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(data.decode())
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"cannot be read: `{name}` is no whole TOML ({shown(error, 80)})") from error


def _json(content: Any, separators: tuple[str, str] | None) -> bytes:
    try:
        return json.dumps(content, sort_keys=True, separators=separators).encode()
    except (TypeError, ValueError, RecursionError) as error:  # a date in TOML
        raise Unreadable("is made of something that has no hash") from error
