"""`target`: where the service runs. The section is the platform's own."""

from __future__ import annotations

from collections.abc import Mapping

from penstock.manifest.environment import TargetEntry
from penstock.manifest.node import Map, Node, Scalar
from penstock.manifest.problems import Problems, choice, nearest
from penstock.manifest.section import Section
from penstock.manifest.typed import note_all, typed

LATER_KINDS = frozenset(
    {
        *("aws_lambda", "cloudformation", "serverless", "kubernetes", "terraform", "cloudflare"),
        *("docker", "ecs", "fly", "nomad", "systemd"),
    }
)


def target(node: Node, key: Scalar, kinds: Mapping[str, type[Section]], problems: Problems) -> TargetEntry | None:
    """The platform's kind and its section, or None with a problem noted."""
    bare = isinstance(node, Scalar)
    said = node if bare else node.get("is") if isinstance(node, Map) else None
    if not isinstance(said, Scalar):
        problems.add(
            "missing-key",
            key.place,
            "`target` lacks `is`",
            "it names the platform",
            f"target: {{is: {next(iter(kinds), 'local')}, ...}}",
        )
        return None
    if said.text not in kinds:
        _no_kind(said, kinds, problems)
        return None
    rest = node.without("is") if isinstance(node, Map) else Map(place=node.place)
    section = typed(kinds[said.text], rest, key, problems)
    return TargetEntry(kind=said.text, section=section) if section else None


def fits(entry: TargetEntry, node: Node, key: Scalar, units: Mapping[str, bool], problems: Problems) -> None:
    """Note what is wrong with the section beside the environment's units (name -> takes traffic)."""
    note_all(entry.section.misfits(units), type(entry.section), node, key, problems)


def _no_kind(said: Scalar, kinds: Mapping[str, type[Section]], problems: Problems) -> None:
    if said.text in LATER_KINDS:
        problems.add(
            "not-yet",
            said.place,
            f"the target `{said.text}` is not acted on yet",
            "this version cannot release there",
            f"one of: {choice(kinds)}",
        )
        return
    problems.add(
        "unknown-kind",
        said.place,
        f"no target is called `{said.text}`",
        "`is` names the platform",
        nearest(said.text, kinds) or f"one of: {choice(kinds)}",
    )
