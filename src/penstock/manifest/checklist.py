"""`checklist`: what is asked at each moment. The moment decides what a failure means."""

from __future__ import annotations

from collections.abc import Mapping

from penstock.manifest.asking import AskSection
from penstock.manifest.check import CheckSection
from penstock.manifest.environment import MOMENTS, CheckEntry, Moment
from penstock.manifest.later import LATER
from penstock.manifest.node import Entry, Map, Node, Place, Scalar, Seq
from penstock.manifest.problems import Problems, choice, nearest
from penstock.manifest.typed import refuse_key, typed

ASK = "ask"
METHODS = ("get", "post", "put", "patch", "delete", "head")
LATER_KINDS = frozenset(
    {
        *(
            "lint",
            "reproducible",
        ),
        *("messages", "api", "flags"),
        *(
            "rotation",
            "dashboards",
            "logs",
            "cost",
            "drift",
            "drill",
        ),
        *("dynamodb_item", "healthy_now"),
    }
)
_LATER_KEYS = frozenset(
    {
        *(
            "in",
            "was",
            "by",
            "due",
            "invoke",
        ),
        *("payload", "beside", "for", "tell", "otherwise"),
    }
)


def checklist(
    node: Node, key: Scalar, kinds: Mapping[str, type[CheckSection]], problems: Problems
) -> dict[Moment, dict[str, CheckEntry]]:
    """Every check of every moment; what cannot be read is noted and left out. `later` has reminders, and no checks."""
    found: dict[Moment, dict[str, CheckEntry]] = {}
    if not isinstance(node, Map):
        problems.add(
            "shape",
            node.place,
            "`checklist` is a map of moments",
            "the moment decides what a failure means",
            f"a map with {choice((*MOMENTS, LATER))}",
        )
        return found
    for entry in node.entries.values():
        moment = next((known for known in MOMENTS if known == entry.key.text), None)
        if entry.key.text == LATER:
            continue
        if moment is None:
            refuse_key(entry.key, (*MOMENTS, LATER), (), key.text, problems)
        elif isinstance(entry.value, Map):
            found[moment] = _moment(moment, entry.value, kinds, problems)
        else:
            problems.add(
                "shape",
                entry.value.place,
                f"`{moment}` is a map of named checks",
                "each check has a name",
                f"{moment}: {{tests: pytest -q}}",
            )
    return {moment: found[moment] for moment in MOMENTS if found.get(moment)}


def _moment(
    moment: Moment, node: Map, kinds: Mapping[str, type[CheckSection]], problems: Problems
) -> dict[str, CheckEntry]:
    checks = {name: check(moment, entry, kinds, problems) for name, entry in node.entries.items()}
    for name, found in checks.items():
        if found:
            _needs(name, found.section.needs, node, problems)
    return {name: entry for name, entry in checks.items() if entry}


def _needs(name: str, needs: tuple[str, ...], moment: Map, problems: Problems) -> None:
    """Note a `needs` that leads nowhere, or in a circle."""
    entry = moment.entries[name].value
    said = entry.get("needs") if isinstance(entry, Map) else None
    place = said.place if said else moment.place
    for other in needs:
        if other not in moment.entries:
            near = nearest(other, [n for n in moment.entries if n != name])
            why = "`needs` names checks of the same moment, which end before this one begins"
            problems.add("unknown-check", place, f"there is no check `{other[:60]}` here", why,
                         near or f"one of: {choice([n for n in moment.entries if n != name])}")  # fmt: skip
        elif name in _reached(other, moment):
            why = "each would wait for the other, for ever"
            problems.add(
                "needs-circle", place, f"`{name}` needs itself, by way of `{other}`", why, "one of the two `needs` less"
            )


def _reached(name: str, moment: Map) -> set[str]:
    """All that a check waits for, itself included."""
    found: set[str] = set()
    ahead = [name]
    while ahead:
        one = ahead.pop()
        entry = moment.entries.get(one)
        if entry is None or one in found:
            continue
        found.add(one)
        said = entry.value.get("needs") if isinstance(entry.value, Map) else None
        words = said.items if isinstance(said, Seq) else [said]
        ahead += [word.text for word in words if isinstance(word, Scalar)]
    return found


def check(
    moment: Moment, entry: Entry, kinds: Mapping[str, type[CheckSection]], problems: Problems
) -> CheckEntry | None:
    """One line of the checklist, in its kind's own section."""
    node = _as_map(entry.value)
    kind = _kind(moment, entry, node, kinds, problems)
    if kind is None or node is None:
        return None
    rest = node.without("is")
    later = [
        e.key for name, e in rest.entries.items() if name in _LATER_KEYS and name not in _keys(_model(kind, kinds))
    ]
    for key in later:
        refuse_key(key, (), _LATER_KEYS, "", problems)
    section = typed(_model(kind, kinds), rest.without(*(key.text for key in later)), entry.key, problems)
    if section is None:
        return None
    return CheckEntry(name=entry.key.text, moment=moment, kind=kind, section=section)


def _keys(model: type[CheckSection]) -> set[str]:
    return {field.alias or name for name, field in model.model_fields.items()}


def _as_map(node: Node) -> Map | None:
    """A bare string is a command."""
    if isinstance(node, Scalar):
        key = Scalar("run", Place(node.place.line, node.place.column, node.place.origin))
        return Map({"run": Entry(key, node)}, node.place)
    return node if isinstance(node, Map) else None


def _kind(
    moment: Moment, entry: Entry, node: Map | None, kinds: Mapping[str, type[CheckSection]], problems: Problems
) -> str | None:
    name = entry.key.text
    if node is None:
        problems.add(
            "shape",
            entry.value.place,
            f"the check `{name}` is a command or a map",
            "a list says neither",
            f"{name}: a command in one line",
        )
        return None
    asked = node.entries.get(ASK)
    if asked:
        return _asked(moment, asked, problems)
    said = node.entries.get("is")
    if said and not isinstance(said.value, Scalar):
        problems.add(
            "shape",
            said.value.place,
            "`is` is a word, not a map or a list",
            "it names a kind of check",
            f"one of: {choice(kinds)}",
        )
        return None
    kind = said.value.text if said and isinstance(said.value, Scalar) else _implied(node)
    if kind in kinds:
        return kind
    place = said.value.place if said else entry.key.place
    _no_kind(name, kind, place, kinds, problems)
    return None


def _asked(moment: Moment, entry: Entry, problems: Problems) -> str | None:
    """A line that only a person can tick: before anything is changed, or after it is over."""
    if moment in ("revision", "before"):
        return ASK
    why = "while a candidate stands there, nobody is waited for: it would have traffic, or take up room, for days"
    problems.add("not-here", entry.key.place, f"nobody can be asked at the moment `{moment}`", why,
                 "the line below `before`, or below `later`")  # fmt: skip
    return None


def _model(kind: str, kinds: Mapping[str, type[CheckSection]]) -> type[CheckSection]:
    return AskSection if kind == ASK else kinds[kind]


def _implied(node: Map) -> str:
    if any(method in node.entries for method in (*METHODS, "steps")):
        return "http"
    return "command" if "run" in node.entries or "sh" in node.entries else ""


def _no_kind(name: str, kind: str, place: Place, kinds: Mapping[str, type[CheckSection]], problems: Problems) -> None:
    if not kind:
        problems.add(
            "missing-key",
            place,
            f"the check `{name}` does not say what it does",
            f"it needs `run`, one of {choice(METHODS)}, `steps`, or `is`",
            f"{name}: a command in one line",
        )
    elif kind in LATER_KINDS or kind in ("http", "command"):
        problems.add(
            "not-yet",
            place,
            f"`is: {kind}` is not acted on yet",
            "this version would ignore it, and what is written must never be ignored",
            "a command that does the same, as in `run: ...`",
        )
    else:
        near = nearest(kind, kinds)
        problems.add(
            "unknown-kind",
            place,
            f"no check is called `{kind}`",
            "`is` names a kind of check",
            near or f"one of: {choice(kinds)}",
        )
