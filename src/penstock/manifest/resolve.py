"""What is in force in one environment: what is said for all, then for what it is like, then for itself.

Maps of named entries add by name, an entry is replaced whole, `none` removes it. Any other key is replaced
whole.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import replace

from penstock.manifest.node import Entry, Map, Node, Scalar, Seq, is_none, said_by
from penstock.manifest.problems import Problems, choice, nearest
from penstock.manifest.secrets import seen
from penstock.manifest.templates import ENVIRONMENT, is_template

BY_NAME = frozenset({"env", "secrets", "units", "groups", "waivers"})
RESOLVED_MAX = 15_000


def resolve(common: Map, environments: Map, problems: Problems) -> dict[str, Map]:
    """Every environment's whole tree, by name; one whose `like` leads nowhere or in a circle is left out."""
    own = {name: _own(entry, name, problems) for name, entry in environments.entries.items()}
    resolved: dict[str, Map] = {}
    laid: dict[str, Map | None] = {}
    room = RESOLVED_MAX
    for name in own:
        tree = _laid(name, own, common, laid, problems)
        room -= _size(tree) if tree else 0
        if room < 0:
            _too_much(environments.entries[name].key, problems)
            break
        if tree:
            filled = tree if is_template(tree) else _filled_in(tree, name)
            resolved[name] = globs_written_out(filled, tree.get("secrets"))
    return resolved


def _laid(name: str, own: dict[str, Map], common: Map, laid: dict[str, Map | None], problems: Problems) -> Map | None:
    """What is said for all, and over it the chain of what this is like; `laid` keeps each, None for a way to nowhere."""
    if name not in laid:
        chain, leads = _chain(name, own, laid, problems)
        for link in reversed(chain):
            below = own[link].get("like")
            base = laid[below.text] if isinstance(below, Scalar) and leads else common
            laid[link] = overlay(base, own[link].without("like"), problems) if base and leads else None
    return laid[name]


def _size(node: Node) -> int:
    """How many values there are."""
    if isinstance(node, Scalar):
        return 1
    below = node.items if isinstance(node, Seq) else (entry.value for entry in node.entries.values())
    return 1 + sum(map(_size, below))


def _too_much(key: Scalar, problems: Problems) -> None:
    problems.add(
        "too-much",
        key.place,
        f"from `{key.text}` on this is too much for a manifest",
        f"all environments together may have {RESOLVED_MAX:,} values, what is said for all of them counted for each",
        "fewer environments, or less that holds for all of them",
    )


def overlay(base: Map, over: Map, problems: Problems) -> Map:
    """`base` with everything that `over` says instead."""
    entries = dict(base.entries)
    for name, entry in over.entries.items():
        below = base.get(name)
        if name == "checklist" and isinstance(below, Map) and isinstance(entry.value, Map):
            entries[name] = Entry(entry.key, _moments(below, entry.value, problems))
        elif name == "checklist" and isinstance(entry.value, Map):
            entries[name] = Entry(entry.key, _moments(Map(), entry.value, problems))
        elif name in BY_NAME and isinstance(entry.value, Map):
            entries[name] = Entry(entry.key, named(below if isinstance(below, Map) else Map(), entry.value, problems))
        else:
            entries[name] = entry
    return replace(base, entries=entries)


def named(base: Map, over: Map, problems: Problems) -> Map:
    """A map of named entries with others added, replaced or removed."""
    entries = dict(base.entries)
    for name, entry in over.entries.items():
        if not is_none(entry.value):
            entries[name] = entry
        elif name in base.entries:
            del entries[name]
        else:
            nothing_to_remove(entry.key, base.entries.keys(), problems)
    return Map(entries, over.place, over.flow)


def nothing_to_remove(key: Scalar, known: Iterable[str], problems: Problems) -> None:
    """Note a `none` that takes nothing away."""
    names = list(known)
    near = nearest(key.text, names)
    problems.add(
        "nothing-to-remove",
        key.place,
        f"there is no `{key.text}` to remove",
        "`none` takes away what was said for all environments, or for the one this is like",
        near or (f"one of: {choice(names)}" if names else '"none" in quotes, where the text is meant'),
    )


def _moments(base: Map, over: Map, problems: Problems) -> Map:
    entries = dict(base.entries)
    for moment, entry in over.entries.items():
        below = base.get(moment)
        if is_none(entry.value) and below is not None:
            del entries[moment]
        elif is_none(entry.value):
            nothing_to_remove(entry.key, base.entries.keys(), problems)
        elif isinstance(entry.value, Map):
            below = below if isinstance(below, Map) else Map()
            entries[moment] = Entry(entry.key, named(below, entry.value, problems))
        else:
            entries[moment] = entry
    return Map(entries, over.place, over.flow)


def _own(entry: Entry, name: str, problems: Problems) -> Map:
    if isinstance(entry.value, Map):
        return _map(said_by(entry.value, name))
    problems.add(
        "shape",
        entry.value.place,
        f"the environment `{name}` is a map of keys",
        "it says what differs from what is said for all",
        f"{name}: {{}} where nothing differs",
    )
    return Map(place=entry.key.place)


def _chain(name: str, own: dict[str, Map], laid: Container[str], problems: Problems) -> tuple[list[str], bool]:
    """The environment and all it is like, nearest first, as far as not laid yet; and whether that leads somewhere."""
    chain = [name]
    while (entry := own[chain[-1]].entries.get("like")) is not None:
        if not isinstance(entry.value, Scalar):
            problems.add(
                "shape",
                entry.value.place,
                "`like` names one environment",
                "it starts from there",
                "like: production",
            )
            return chain, False
        other = entry.value.text
        if other not in own:
            problems.add(
                "unknown-environment",
                entry.value.place,
                f"there is no environment `{other}`",
                "`like` names an environment of this file",
                nearest(other, own) or f"one of: {choice(own)}",
            )
            return chain, False
        if other in chain:
            _circle(chain, other, own, problems)
            return chain, False
        if other in laid:
            break
        chain.append(other)
    return chain, True


def _circle(chain: list[str], again: str, own: dict[str, Map], problems: Problems) -> None:
    circle = chain[chain.index(again) :]
    first = min(circle, key=lambda name: own[name].place.line)
    start = circle.index(first)
    round_trip = " -> ".join([*circle[start:], *circle[:start], first])
    entry = own[first].entries["like"]
    problems.add(
        "like-circle",
        entry.value.place,
        f"`like` runs in a circle: {round_trip}",
        "none of them would have anything to start from",
        "one environment without `like`",
    )


def _filled_in(tree: Map, name: str) -> Map:
    """$ENVIRONMENT in the values of `env` and the locators of `secrets`, wherever they stand."""

    def within(node: Node, *, fill: bool) -> Node:
        if isinstance(node, Scalar):
            return replace(node, text=ENVIRONMENT.sub(lambda _: name, node.text)) if fill else node
        if isinstance(node, Seq):
            return replace(node, items=tuple(within(item, fill=fill) for item in node.items))
        return replace(node, entries={key: _within(entry, key, fill) for key, entry in node.entries.items()})

    def _within(entry: Entry, key: str, fill: bool) -> Entry:
        if key in ("json", "payload"):
            return entry
        return replace(entry, value=within(entry.value, fill=fill or key in ("env", "secrets")))

    return _map(within(tree, fill=False))


def globs_written_out(tree: Map, secrets: Node | None) -> Map:
    """Every `sees` with the names that its globs let through; a glob that lets none through stays."""
    names = list(secrets.entries) if isinstance(secrets, Map) else []

    def within(node: Node) -> Node:
        if not isinstance(node, Map):
            return node
        return replace(node, entries={key: _within(key, entry) for key, entry in node.entries.items()})

    def _within(key: str, entry: Entry) -> Entry:
        if key in ("json", "payload"):
            return entry
        if key == "sees" and isinstance(entry.value, Seq):
            return replace(entry, value=_names_seen(entry.value, names))
        return replace(entry, value=within(entry.value))

    return _map(within(tree))


def _names_seen(sees: Seq, names: list[str]) -> Seq:
    found: dict[str, Node] = {}
    for item in sees.items:
        word = item.text if isinstance(item, Scalar) else ""
        for name in seen([word], names) or [word]:
            found.setdefault(name, replace(item, text=name) if isinstance(item, Scalar) else item)
    return replace(sees, items=tuple(found.values()))


def _map(node: Node) -> Map:
    assert isinstance(node, Map)
    return node
