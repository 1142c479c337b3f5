"""`read`: the text of a manifest to the manifest in force, or to everything that is wrong with it."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

from penstock.errors import ManifestError
from penstock.manifest.build import Build
from penstock.manifest.environment import Kinds, Manifest
from penstock.manifest.force import in_force
from penstock.manifest.node import Entry, Map, Node, Scalar, is_none
from penstock.manifest.parse import parse
from penstock.manifest.problems import Problems
from penstock.manifest.resolve import globs_written_out, overlay, resolve
from penstock.manifest.templates import fitting_names
from penstock.manifest.typed import refuse_braces, refuse_key, typed
from penstock.manifest.whom import known_names
from penstock.manifest.words import is_name

FORMAT = 1
OVERRIDABLE = frozenset(
    {
        *(
            "env",
            "secrets",
            "units",
            "groups",
            "checklist",
            "health",
            "prepare",
            "target",
            "rollout",
            "verdict",
            "logs",
            "report",
            "windows",
        ),
        *("bake", "rollback_within", "unattended", "keep_evidence"),
        *("approvals", "after", "hotfix", "waivers", "checks", "pace", "branches"),
    }
)
_ONCE_INSTEAD = "the line, moved to the left, outside `environments`"
_UNIT_INSTEAD = "units: {web: {run: ...}}, where `web` is the unit, or the service when there is one"
ONCE = frozenset(["penstock", "service", "build", "run", "environments"])
LATER = frozenset(
    {
        *(
            "migrations",
            "backup",
            "version",
            "notify",
        ),
        *(
            "start",
            "flags",
            "silence",
            "alarms",
            "audit",
            "data",
            "in",
        ),
        *("metrics", "needs"),
    }
)


def read(text: str, path: str = "penstock.yaml", kinds: Kinds = MappingProxyType({})) -> Manifest:
    """The manifest, every environment resolved; raises ManifestError with every problem of the file at once.

    `kinds` says which targets and checks there are: {"target": {kind: section}, "check": {kind: section}}.
    """
    problems = Problems()
    tree = parse(text, problems)
    manifest = _manifest(tree, kinds, problems) if tree else None
    if manifest is None or problems:
        assert problems, "no manifest, and no reason why"
        raise ManifestError(path, problems.all(), text)
    return manifest


def _manifest(tree: Map, kinds: Kinds, problems: Problems) -> Manifest | None:
    refuse_braces(tree, problems)
    _keys(tree, problems)
    _format(tree, problems)
    service = _service(tree, problems)
    build = _build(globs_written_out(tree, tree.get("secrets")), problems)
    common = overlay(Map(), _units(tree, service, problems).only(OVERRIDABLE), problems)
    top = Scalar("the manifest", tree.place)
    in_force(top, common, build, kinds, problems, whole=False)
    environments = {}
    named = _environments(tree, problems)
    resolved = resolve(common, named, problems)
    fitting_names(named, resolved, problems)
    for name, tree_of in resolved.items():
        known_names(name, tree_of, named.entries, problems)
    for name, entry in named.entries.items():
        whole = name in resolved and isinstance(entry.value, Map)
        environments[name] = in_force(
            entry.key, resolved.get(name) or _alone(entry), build, kinds, problems, whole=whole
        )
    if problems:
        return None
    said = _said_once(tree)
    told = {n: e.model_copy(update={"said": {**said, **e.said}}) for n, e in environments.items() if e}
    return Manifest(format=FORMAT, service=service, environments=told)


def _alone(entry: Entry) -> Map:
    """What an environment says for itself, where nothing can be known of what it is like."""
    return entry.value.without("like") if isinstance(entry.value, Map) else Map()


def _said_once(tree: Map) -> dict[str, str]:
    return {name: str(tree.entries[name].value.place) for name in ("service",) if name in tree.entries}


def _keys(tree: Map, problems: Problems) -> None:
    for entry in tree.entries.values():
        if entry.key.text not in OVERRIDABLE | ONCE:
            refuse_key(entry.key, OVERRIDABLE | ONCE, LATER, "", problems)


def _format(tree: Map, problems: Problems) -> None:
    entry = tree.entries.get("penstock")
    if entry is None:
        _lacks("penstock", "the first line says which format this is", f"penstock: {FORMAT}", tree, problems)
        return
    said = entry.value.text if isinstance(entry.value, Scalar) else ""
    if said != str(FORMAT):
        problems.add(
            "format",
            entry.value.place,
            f"this version reads format {FORMAT} only",
            "a format that is not known cannot be carried out",
            f"penstock: {FORMAT}, or a newer Penstock",
        )


def _service(tree: Map, problems: Problems) -> str:
    entry = tree.entries.get("service")
    if entry is None:
        _lacks(
            "service",
            "releases are counted and locked by service and environment",
            "service: and a name",
            tree,
            problems,
        )
    elif is_name("service", entry.value, problems) and isinstance(entry.value, Scalar):
        return entry.value.text
    return "service"


def _lacks(key: str, why: str, instead: str, tree: Map, problems: Problems) -> None:
    problems.add("missing-key", tree.place, f"the manifest lacks `{key}`", why, instead)


def _build(tree: Map, problems: Problems) -> tuple[Build | None, Node | None]:
    entry = tree.entries.get("build")
    if entry is None or is_none(entry.value):
        return None, None
    return typed(Build, entry.value, entry.key, problems), entry.value


def _units(tree: Map, service: str, problems: Problems) -> Map:
    """The tree with `run`, which is short for one unit named like the service, written out."""
    run, units = tree.entries.get("run"), tree.entries.get("units")
    if run and units:
        problems.add(
            "twice",
            run.key.place,
            "`run` and `units` are both here",
            "`run` is short for one unit that is named like the service",
            f"{service}: {{run: ...}} below `units`",
        )
    if run is None or units:
        return tree
    written = Map({"run": run}, run.value.place)
    lone = Map({service: Entry(replace(run.key, text=service), written)}, run.value.place)
    return replace(tree, entries={**tree.entries, "units": Entry(replace(run.key, text="units"), lone)})


def _environments(tree: Map, problems: Problems) -> Map:
    entry = tree.entries.get("environments")
    if entry is None:
        _lacks(
            "environments",
            "a release goes to an environment",
            "environments: {production: {}}",
            tree,
            problems,
        )
        return Map()
    if not isinstance(entry.value, Map) or not entry.value.entries:
        problems.add(
            "shape",
            entry.value.place,
            "`environments` is a map of at least one environment",
            "a release goes to an environment",
            "environments: {production: {}}",
        )
        return Map()
    for inner in entry.value.entries.values():
        is_name("environment", inner.key, problems)
        if isinstance(inner.value, Map):
            _environment_keys(inner.value, problems)
    return entry.value


def _environment_keys(tree: Map, problems: Problems) -> None:
    known = OVERRIDABLE | {"like"}
    for entry in tree.entries.values():
        if entry.key.text in ONCE:
            problems.add(
                "not-here",
                entry.key.place,
                f"`{entry.key.text}` cannot differ between environments",
                "it is said once, for all of them",
                _UNIT_INSTEAD if entry.key.text == "run" else _ONCE_INSTEAD,
            )
        elif entry.key.text not in known:
            refuse_key(entry.key, known, LATER, "environments", problems)
