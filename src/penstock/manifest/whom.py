"""Whether the groups, environments and lines that gates name are there."""

from __future__ import annotations

from collections.abc import Collection, Container, Iterator

from penstock.manifest.node import Map, Node, Scalar, Seq
from penstock.manifest.problems import Problems, choice, nearest


def known_names(name: str, tree: Map, environments: Collection[str], problems: Problems) -> None:
    """Note every name in an environment's `approvals`, `hotfix`, `after`, `waivers` and questions that leads nowhere."""
    for word in _groups_named(tree):
        _among(
            word,
            _names(tree.get("groups")),
            "unknown-group",
            "group",
            "`by` and `to` name entries of `groups`",
            problems,
        )
    for word in _keys(tree.get("after")):
        why = "`after` names other environments of this file"
        others = environments if word.text != name else [other for other in environments if other != name]
        _among(word, others, "unknown-environment", "environment", why, problems)
    lines = [name for moment in _values(tree.get("checklist")) for name in _names(moment)]
    for word in _keys(tree.get("waivers")):
        why = "a waiver is of a line of the checklist, and takes away what it is of"
        _among(word, lines, "unknown-check", "check", why, problems)


def _among(word: Scalar, known: Collection[str], code: str, of: str, why: str, problems: Problems) -> None:
    if word.text not in known:
        names = list(known)
        instead = nearest(word.text, names) or (f"one of: {choice(names)}" if names else f"a {of}, and its name")
        problems.add(code, word.place, f"there is no {of} `{word.text[:60]}`", why, instead)


def _groups_named(tree: Map) -> Iterator[Scalar]:
    hotfix = tree.get("hotfix")
    yield from _words(hotfix.get("by") if isinstance(hotfix, Map) else None)
    approvals = tree.get("approvals")
    for one in approvals.items if isinstance(approvals, Seq) else [approvals]:
        if isinstance(one, Map):
            up = one.get("escalate")
            yield from _words(one.get("by"))
            yield from _words(up.get("to") if isinstance(up, Map) else None)
    for moment in _values(tree.get("checklist"), {"revision", "before"}):
        for line in _values(moment):
            if isinstance(line, Map) and line.get("ask") is not None:
                yield from _words(line.get("by"))


def _words(node: Node | None) -> list[Scalar]:
    """One word, or the words of a list."""
    found = node.items if isinstance(node, Seq) else [node]
    return [one for one in found if isinstance(one, Scalar)]


def _names(node: Node | None) -> list[str]:
    return list(node.entries) if isinstance(node, Map) else []


def _keys(node: Node | None) -> list[Scalar]:
    return [entry.key for entry in node.entries.values()] if isinstance(node, Map) else []


def _values(node: Node | None, among: Container[str] | None = None) -> list[Node]:
    if not isinstance(node, Map):
        return []
    return [entry.value for name, entry in node.entries.items() if among is None or name in among]
