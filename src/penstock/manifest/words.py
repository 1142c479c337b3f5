"""Names of services, environments, units and checks."""

from __future__ import annotations

import re

from penstock.manifest.node import Node, Scalar
from penstock.manifest.problems import Problems

_NAME = re.compile(r"[a-z][a-z0-9-]{0,38}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_OURS = re.compile(r"PORT|DATA|HOME|PENSTOCK_.*")


def is_name(of: str, node: Node, problems: Problems) -> bool:
    """Whether a node is a name; a problem is noted when not."""
    if isinstance(node, Scalar) and _NAME.fullmatch(node.text):
        return True
    said = f"`{node.text[:60]}`" if isinstance(node, Scalar) else "this"
    shown = node.text if isinstance(node, Scalar) else ""
    problems.add(
        "name",
        node.place,
        f"{said} cannot be the name of {'an' if of[0] in 'aeio' else 'a'} {of}",
        "a name is small letters, digits and -, starts with a letter, and has at most 39 of them",
        re.sub(r"[^a-z0-9-]+", "-", shown.lower()).strip("-0123456789")[:39] or f"a-{of}",
    )
    return False


def is_variable(key: Scalar, problems: Problems) -> bool:
    """Whether a key may name a variable of a process; a problem is noted when not."""
    if _OURS.fullmatch(key.text):
        problems.add(
            "reserved-name",
            key.place,
            f"`{key.text}` is given by Penstock",
            "every instance gets PORT, DATA and HOME of its own",
            "another name",
        )
        return False
    if _VARIABLE.fullmatch(key.text):
        return True
    problems.add(
        "name",
        key.place,
        f"`{key.text[:60]}` is not the name of a variable",
        "such a name is letters, digits and _, and does not start with a digit",
        re.sub(r"[^A-Za-z0-9_]+|^(?=[0-9])", "_", key.text[:60]) or "A_NAME",
    )
    return False
