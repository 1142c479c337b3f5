"""One resolved tree to the environment that is in force."""

from __future__ import annotations

from typing import Any, TypeVar

from penstock.manifest.build import Build
from penstock.manifest.checklist import checklist
from penstock.manifest.environment import CheckEntry, Environment, Kinds, Moment, TargetEntry
from penstock.manifest.gates import Gates
from penstock.manifest.groups import Group
from penstock.manifest.health import Health
from penstock.manifest.latency import too_cold
from penstock.manifest.later import reminders
from penstock.manifest.logs import Logs
from penstock.manifest.miscounted import miscounted
from penstock.manifest.node import Entry, Map, Node, Scalar, is_none
from penstock.manifest.prepare import Prepare
from penstock.manifest.problems import Problems
from penstock.manifest.references import references
from penstock.manifest.report import ReportForm
from penstock.manifest.rollout import Rollout
from penstock.manifest.said import said
from penstock.manifest.secrets import SecretReference
from penstock.manifest.section import Section
from penstock.manifest.target import fits, target
from penstock.manifest.templates import comes_and_goes
from penstock.manifest.times import Times
from penstock.manifest.told import untold
from penstock.manifest.typed import note_all, typed
from penstock.manifest.unit import Unit
from penstock.manifest.verdict import Verdict
from penstock.manifest.windows import Windows
from penstock.manifest.words import is_name, is_variable

S = TypeVar("S", bound=Section)
Built = tuple[Build | None, Node | None]
_GATES = frozenset(Gates.model_fields)
_TIMES = frozenset({"bake", "rollback_within", "unattended", "keep_evidence"})


def in_force(
    key: Scalar, tree: Map, build: Built, kinds: Kinds, problems: Problems, *, whole: bool = True
) -> Environment | None:
    """The environment of a resolved tree; None when something is wrong, which is then noted. `key` names it.

    With `whole` false the tree is only a part of one: it may lack anything, and is just looked at.
    """
    health = None if is_none(tree.get("health")) else _one("health", Health, tree, problems) or Health()
    units = _units(tree, health, problems)
    times = _said(Times, tree.only(_TIMES), key, problems)
    gates = _said(Gates, tree.only(_GATES), key, problems)
    where = _target(tree, kinds, problems)
    parts: dict[str, Any] = {
        "env": _env(tree, problems),
        "secrets": _secrets(tree, problems),
        "groups": _groups(tree, problems),
        "checklist": _checks(tree, kinds, problems),
        "later": reminders(tree, problems, whole=whole),
        "prepare": _one("prepare", Prepare, tree, problems, may_be_none=True),
        "logs": _one("logs", Logs, tree, problems, may_be_none=True) or Logs(),
        "report": _one("report", ReportForm, tree, problems, may_be_none=True) or ReportForm(),
        "windows": _one("windows", Windows, tree, problems, may_be_none=True),
        "rollout": _one("rollout", Rollout, tree, problems) or Rollout(),
        "verdict": _one("verdict", Verdict, tree, problems) or Verdict(),
    }
    if whole:
        _lacking(key, tree, problems)
        _beside_units(where, tree, units, problems)
        _beside_source(where, parts["verdict"], tree, problems)
        _beside_rollout(parts["rollout"], parts["verdict"], tree, problems)
        comes_and_goes(where, tree, problems)
        references(tree, build[1], problems)
    if not whole or problems or where is None:
        return None
    parts |= {name: getattr(part, name) for part in (times, gates) for name in type(part).model_fields}
    found = Environment(name=key.text, build=build[0], units=units, health=health, target=where, **parts)
    return found.model_copy(update={"said": said(found, (times, gates), tree, build[1])})


def _said(model: type[S], tree: Map, key: Scalar, problems: Problems) -> S:
    """What stands at the top by keys of its own; of many environments most say nothing of it."""
    return (typed(model, tree, key, problems) if tree.entries else None) or model()


def _lacking(key: Scalar, tree: Map, problems: Problems) -> None:
    """Note what no environment can do without."""
    if not tree.entries.get("units"):
        problems.add(
            "missing-key",
            key.place,
            f"there is nothing to run in `{key.text}`",
            "a service has `run`, or `units`",
            "run: and the words of a command",
        )
    if not tree.entries.get("target"):
        problems.add(
            "missing-key",
            key.place,
            f"`{key.text}` lacks `target`",
            "it says where the service runs",
            "target: {is: local, port: 8080}",
        )


def _one(name: str, model: type[S], tree: Map, problems: Problems, *, may_be_none: bool = False) -> S | None:
    entry = tree.entries.get(name)
    if entry is None or (may_be_none and is_none(entry.value)):
        return None
    return typed(model, entry.value, entry.key, problems)


def _env(tree: Map, problems: Problems) -> dict[str, str]:
    found = {}
    for entry in _named("env", tree, "env: {LOG_LEVEL: info}", problems).entries.values():
        if not isinstance(entry.value, Scalar):
            problems.add(
                "shape",
                entry.value.place,
                f"`{entry.key.text}` is text, not a map or a list",
                "a process gets its environment as text",
                f'{entry.key.text}: "the text"',
            )
        elif is_variable(entry.key, problems):
            found[entry.key.text] = entry.value.text
    return found


def _secrets(tree: Map, problems: Problems) -> dict[str, SecretReference]:
    found = {}
    for entry in _named("secrets", tree, "secrets: {TOKEN: file:/etc/shop/token}", problems).entries.values():
        reference = typed(SecretReference, entry.value, entry.key, problems)
        if is_variable(entry.key, problems) and reference:
            found[entry.key.text] = reference
    return found


def _groups(tree: Map, problems: Problems) -> dict[str, Group]:
    found = {}
    for entry in _named("groups", tree, "groups: {dev: {people: [ana, bo]}}", problems).entries.values():
        if is_name("group", entry.key, problems) and (group := typed(Group, entry.value, entry.key, problems)):
            found[entry.key.text] = group
    return found


def _units(tree: Map, health: Health | None, problems: Problems) -> dict[str, Unit]:
    """Every unit, with its own or the service's health, and what it sees when it does not say."""
    named = _named("units", tree, "units: {web: {run: ...}}", problems).entries
    found = {}
    for entry in named.values():
        if is_name("unit", entry.key, problems) and (unit := typed(Unit, entry.value, entry.key, problems)):
            own = unit.model_fields_set
            asked = unit.health if "health" in own else health if unit.traffic else None
            sees = unit.sees if "sees" in own or len(named) == 1 else ()
            found[entry.key.text] = unit.model_copy(update={"health": asked, "sees": sees})
    return found


def _checks(tree: Map, kinds: Kinds, problems: Problems) -> dict[Moment, dict[str, CheckEntry]]:
    entry = tree.entries.get("checklist")
    if entry is None or is_none(entry.value):
        return {}
    return checklist(entry.value, entry.key, kinds.get("check", {}), problems)  # type: ignore[arg-type]


def _target(tree: Map, kinds: Kinds, problems: Problems) -> TargetEntry | None:
    entry = tree.entries.get("target")
    return target(entry.value, entry.key, kinds.get("target", {}), problems) if entry else None


def _beside_units(where: TargetEntry | None, tree: Map, units: dict[str, Unit], problems: Problems) -> None:
    """Note what does not fit between the target and the units that are to run there."""
    entry = tree.entries.get("target")
    if where and entry and len(units) == len(_entries(tree.get("units"))):
        takes_traffic = {name: unit.traffic for name, unit in units.items()}
        fits(where, entry.value, entry.key, takes_traffic, problems)


def _beside_source(where: TargetEntry | None, verdict: Verdict, tree: Map, problems: Problems) -> None:
    """Note what is to be judged, and is told by nobody."""
    entry = tree.entries.get("verdict")
    if entry:
        note_all(miscounted(verdict), Verdict, entry.value, entry.key, problems)
    if where and entry:
        note_all(untold(where.section, verdict), Verdict, entry.value, entry.key, problems)


def _beside_rollout(rollout: Rollout, verdict: Verdict, tree: Map, problems: Problems) -> None:
    """Note what no increment is long enough for."""
    entry = tree.entries.get("verdict")
    if entry:
        note_all(too_cold(verdict.latency, rollout), Verdict, entry.value, entry.key, problems)


def _entries(node: Node | None) -> dict[str, Entry]:
    return node.entries if isinstance(node, Map) else {}


def _named(name: str, tree: Map, instead: str, problems: Problems) -> Map:
    """A map of named entries; empty when it is not there."""
    entry = tree.entries.get(name)
    if entry is None or (is_none(entry.value) and name != "units"):
        return Map()
    if isinstance(entry.value, Map):
        return entry.value
    problems.add("shape", entry.value.place, f"`{name}` is a map of names", "each of its entries has a name", instead)
    return Map()
