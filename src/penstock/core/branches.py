"""Branches: whether one may be released somewhere, which template it fits, and how its environment is called. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from penstock.core.condition import matches
from penstock.manifest import Environment, Manifest

NAME_MAX = 39
_WILD = re.compile(r"[*?]")


def fits(branch: str, globs: Iterable[str]) -> bool:
    """Whether a branch is one of those that globs name; no branch is none of them."""
    return bool(branch) and any(matches(branch, glob) for glob in globs)


def template_for(manifest: Manifest, branch: str) -> Environment | None:
    """The first template of a manifest that a branch fits; None where it fits none."""
    return next((one for one in templates(manifest) if fits(branch, one.branches)), None)


def templates(manifest: Manifest) -> list[Environment]:
    """The templates of a manifest, in the order of the file."""
    return [one for one in manifest.environments.values() if one.is_template]


def name_for(template: str, globs: Sequence[str], branch: str, taken: Mapping[str, str]) -> str:
    """What the environment of a branch is called: `preview-login-page` for `feature/login-page` by `feature/*`.

    `taken`: names that are given away, and to which branch. A name that is another's, and one that is too long, ends with a
    few digits of the branch's own hash, so that every branch has one name, and no two have the same.
    """
    slug = _slug(branch, globs)
    digest = hashlib.sha256(branch.encode()).hexdigest()
    plain = [f"{template}-{slug}"] if slug else []
    hashed = (_with_hash(template, slug, digest[:length]) for length in range(6, len(digest) // 4))
    for name in (*plain, *hashed):
        if len(name) <= NAME_MAX and taken.get(name, branch) == branch:
            return name
    raise AssertionError("eleven hashes of one branch are not all taken")


def ports_for(
    first_last: tuple[int, int], units: Iterable[str], had: Mapping[str, int], taken: Iterable[int],
    is_free: Callable[[int], bool],
) -> dict[str, int] | None:  # fmt: skip
    """A port for each unit: the one it had, else the first free one of the range; None where there are not enough."""
    first, last = first_last
    units = list(units)
    given = {unit: had[unit] for unit in units if first <= had.get(unit, 0) <= last}
    used = {*taken, *given.values()}
    free = (port for port in range(first, last + 1) if port not in used and is_free(port))
    for unit in units:
        if unit not in given:
            port = next(free, None)
            if port is None:
                return None
            given[unit] = port
    return given


def _slug(branch: str, globs: Sequence[str]) -> str:
    """What sets a branch apart from others of its glob, in letters that a name may have."""
    glob = next((one for one in globs if matches(branch, one)), "")
    head = _WILD.split(glob, maxsplit=1)[0]
    own = branch.removeprefix(head[: head.rfind("/") + 1])
    return re.sub(r"[^a-z0-9]+", "-", own.lower()).strip("-")


def _with_hash(template: str, slug: str, digest: str) -> str:
    room = NAME_MAX - len(template) - len(digest) - 2
    return "-".join(part for part in (template, slug[: max(0, room)].strip("-"), digest) if part)
