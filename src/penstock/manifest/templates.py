"""Templates: an environment with `branches` and a target that `expires` is made anew for each branch that fits.

A template keeps `$ENVIRONMENT` as it was written; it is filled in where an environment is made after it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from penstock.manifest.leased import Leased
from penstock.manifest.node import Map, Scalar, is_none
from penstock.manifest.problems import Problems
from penstock.manifest.section import Section

if TYPE_CHECKING:
    from penstock.manifest.environment import Environment, TargetEntry

ENVIRONMENT = re.compile(r"\$ENVIRONMENT(?![A-Za-z0-9_])")
NAME_MAX = 24  # of a template, so that there is room for a branch behind it
_FILLED = ("env", "secrets")
_AS_IT_IS = ("json", "payload")


def environment_of(template: Environment, name: str, branch: str, ports: Mapping[str, int]) -> Environment:
    """The environment of one branch: an environment like any other, into which this branch alone is released."""
    section = template.target.section
    assert isinstance(section, Leased), "what expires says so"
    made: Environment = _filled(template, name, fill=False)
    target = template.target.model_copy(update={"section": section.taken(ports)})
    said = {key: where for key, where in template.said.items() if key not in ("target.ports", "target.expires")}
    said |= {"target.port": "the branch"} if ports else {}
    return made.model_copy(update={"name": name, "branches": (branch,), "target": target, "said": said})


def _filled(value: Any, name: str, *, fill: bool) -> Any:
    """The same with the name for $ENVIRONMENT in every `env` and `secrets`, wherever they stand."""
    if isinstance(value, Section):
        fields = type(value).model_fields.items()
        return value.model_copy(
            update={own: _below(info.alias or own, getattr(value, own), name, fill=fill) for own, info in fields}
        )
    if isinstance(value, dict):
        return {key: _below(key, one, name, fill=fill) for key, one in value.items()}
    if isinstance(value, tuple | list):
        return type(value)(_filled(one, name, fill=fill) for one in value)
    return ENVIRONMENT.sub(lambda _: name, value) if fill and isinstance(value, str) else value


def _below(key: str, value: Any, name: str, *, fill: bool) -> Any:
    """What stands under a key."""
    return value if key in _AS_IT_IS else _filled(value, name, fill=fill or key in _FILLED)


def is_template(tree: Map) -> bool:
    """Whether a resolved environment is a template."""
    branches, target = tree.get("branches"), tree.get("target")
    return branches is not None and not is_none(branches) and isinstance(target, Map) and "expires" in target.entries


def comes_and_goes(where: TargetEntry | None, tree: Map, problems: Problems) -> None:
    """Note a target that expires where no branch would ever bring it."""
    target = tree.get("target")
    if where and where.expires_s is not None and isinstance(target, Map) and not is_template(tree):
        problems.add(
            "missing-key",
            target.entries["expires"].key.place,
            "`expires` is here, and no `branches`",
            "only the environment of a branch is taken down by itself",
            'branches: ["feature/*"] beside `target`, or no `expires`',
        )


def fitting_names(environments: Map, resolved: Mapping[str, Map], problems: Problems) -> None:
    """Note a template's name that leaves no room for a branch, names that could be a branch's, and `after` a template."""
    templates = [name for name, tree in resolved.items() if is_template(tree)]
    for name in (name for name in templates if len(name) > NAME_MAX):
        problems.add(
            "name",
            environments.entries[name].key.place,
            f"`{name}` is too long for the name of a template",
            f"its environments are called {name[:8]}...-BRANCH, and a name has at most 39 letters",
            name[:NAME_MAX].rstrip("-"),
        )
    for name, entry in environments.entries.items():
        before = next((one for one in templates if name.startswith(f"{one}-")), "")
        if before:
            problems.add(
                "name",
                entry.key.place,
                f"`{name}` could be the environment of a branch",
                f"`{before}` is a template, and its environments are called {before}-BRANCH",
                f"{name.removeprefix(f'{before}-')}-{before}",
            )
    for tree in resolved.values():
        _not_after_templates(tree, templates, problems)


def _not_after_templates(tree: Map, templates: list[str], problems: Problems) -> None:
    after = tree.get("after")
    keys = [entry.key for entry in after.entries.values()] if isinstance(after, Map) else []
    for key in [*keys, *([after] if isinstance(after, Scalar) else [])]:
        if key.text in templates:
            problems.add(
                "unknown-environment",
                key.place,
                f"nothing is ever released to `{key.text}` itself",
                "it is a template: each branch has an environment of its own",
                "an environment that is no template",
            )
