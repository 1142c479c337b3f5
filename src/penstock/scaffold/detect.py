"""All detectors, in the order of what they know: who names a command beats who concludes one (pure)."""

from __future__ import annotations

from dataclasses import replace

from penstock.scaffold import (
    detect_ci,
    detect_go,
    detect_health,
    detect_node,
    detect_platform,
    detect_process,
    detect_python,
)
from penstock.scaffold.findings import Findings, together
from penstock.scaffold.tree import Tree

_ORDER = (detect_process, detect_ci, detect_platform, detect_python, detect_node, detect_go, detect_health)


def detect(tree: Tree) -> Findings:
    """Everything that can be seen of a repository; empty where nothing is known of what lies there."""
    found = together([*(one.detect(tree) for one in _ORDER), detect_platform.own_commands(tree)])
    is_ours = {deploy.reach for deploy in found.deploys} & {"platform", "evident"}
    if not found.processes and not is_ours:
        container = detect_process.container(tree)
        found = replace(together([found, container]), builds=(*container.builds, *found.builds))
    cut = ("the repository has more files than were looked at",) if tree.cut else ()
    return replace(found, notes=(*found.notes, *cut))
