"""Whether names that refer to other names lead somewhere."""

from __future__ import annotations

from collections.abc import Iterator

from penstock.manifest.node import Entry, Map, Node, Scalar, Seq
from penstock.manifest.problems import Problems, choice, nearest
from penstock.manifest.secrets import seen


def references(tree: Map, build: Node | None, problems: Problems) -> None:
    """Note every `sees` that lets nothing through, and every name that is said as `env` and as secret."""
    secrets, env = _names(tree.get("secrets")), _names(tree.get("env"))
    for name, place in env.items():
        if name in secrets:
            later = max(place, secrets[name], key=lambda k: (k.place.line, k.place.column))
            problems.add(
                "twice",
                later.place,
                f"`{name}` is in `env` and in `secrets`",
                "a process gets one value under a name",
                "one of the two",
            )
    for word in _sees(tree, build):
        if not seen([word.text], secrets):
            problems.add(
                "unknown-secret",
                word.place,
                f"`{word.text}` is no secret",
                "`sees` names entries of `secrets`",
                nearest(word.text, secrets) or (f"one of: {choice(secrets)}" if secrets else "an entry in `secrets`"),
            )


def _names(node: Node | None) -> dict[str, Scalar]:
    return {name: entry.key for name, entry in node.entries.items()} if isinstance(node, Map) else {}


def _sees(tree: Map, build: Node | None) -> Iterator[Scalar]:
    """Every word of every `sees`: of the build, the units, prepare, the target and the checks."""
    nodes: list[Node | None] = [build, tree.get("prepare"), tree.get("target")]
    nodes += [entry.value for entry in _entries(tree.get("units"))]
    nodes += [entry.value for moment in _entries(tree.get("checklist")) for entry in _entries(moment.value)]
    for node in nodes:
        words = node.get("sees") if isinstance(node, Map) else None
        if isinstance(words, Seq):
            yield from (word for word in words.items if isinstance(word, Scalar))


def _entries(node: Node | None) -> list[Entry]:
    return list(node.entries.values()) if isinstance(node, Map) else []
