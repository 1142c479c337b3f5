"""Variables between environments, and between this release and the last one. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from penstock.checks.configuration_values import shown
from penstock.core.finding import CheckRequest, Finding

_OWN = re.compile(
    r"(?:^|_)(?:HOST|HOSTNAME|URL|URI|ENDPOINT|DOMAIN|TABLE|BUCKET|QUEUE|TOPIC|DATABASE|DSN|STAGE)(?:_|$)"
)
_NAMED = 5


@dataclass
class Between:
    """What is wrong between environments, what is only to be noticed, and what cannot be known."""

    wrong: list[Finding] = field(default_factory=list)
    noticed: list[Finding] = field(default_factory=list)
    unknown: list[Finding] = field(default_factory=list)


@dataclass(frozen=True)
class Changed:
    """What changed since the last release: for a sentence, and whole."""

    said: str = ""
    text: str = ""


def differences(
    same: tuple[str, ...], differ: tuple[str, ...], like: str, request: CheckRequest, plain: Mapping[str, str]
) -> Between:
    """Compare the environments: what is asserted of them, and what their names suggest."""
    found = Between()
    here = {*plain, *request.references, *request.secrets}
    others = {name: env for name, env in request.configured.items() if name != request.environment}
    for name in (*same, *differ):
        _asserted(name, name in same, request, others, plain, found)
    if like and like not in request.configured:
        said = f"there is no environment `{like}` to compare with"
        found.unknown.append(Finding(said, "its names are not known", "`same_names_as` with an environment's name"))
    for name in sorted({name for env in others.values() for name in env} - here):
        having = [other for other, env in others.items() if name in env]
        into = found.wrong if like in having else found.noticed
        said = f"`{name}` is in {_listed(having)} and not here"
        into.append(Finding(said, "", f"`{name}` here too", "", "high" if like in having else "info"))
    for name in sorted(plain.keys() - {*same, *differ}):
        if others and _OWN.search(name) and all(env.get(name) == plain[name] for env in others.values()):
            said = f"`{name}` is the same in every environment: `{shown(plain[name])}`"
            found.noticed.append(Finding(said, "one may be using what is another's", f"`same: [{name}]`", "", "info"))
    return found


def _asserted(
    name: str,
    same: bool,
    request: CheckRequest,
    others: Mapping[str, Mapping[str, str]],
    plain: Mapping[str, str],
    found: Between,
) -> None:
    if name not in plain:
        known = name in request.references or name in request.secrets
        said = f"`{name}` is a secret, and is not compared" if known else f"`{name}` is not here to be compared"
        finding = Finding(said, "its values are not known", "a name of `env`", "", "" if known else "high")
        (found.unknown if known else found.wrong).append(finding)
        return
    unlike = [other for other, env in others.items() if (env.get(name) == plain[name]) is not same]
    if not same:
        unlike = [other for other in unlike if name in others[other]]
    if unlike:
        said = f"`{name}` is {'not ' if same else ''}the same as in {_listed(unlike)}: `{shown(plain[name])}`"
        remedy = "one value for all of them" if same else "a value of its own"
        found.wrong.append(Finding(said, f"it must {'be the same' if same else 'differ'}", remedy, "", "high"))


def changed(plain: Mapping[str, str], last: Mapping[str, str] | None, secret: set[str]) -> Changed:
    """What is not as it was released last. Of a name that is a secret by now, no value of then is shown."""
    if last is None:
        return Changed()
    lines: dict[str, str] = {}
    for name in sorted(plain.keys() | last.keys()):
        if name in secret:
            lines |= {name: f"{name}: was plain, is a secret"} if name in last else {}
        elif name not in last:
            lines[name] = f"{name}: new, {shown(plain[name])}"
        elif name not in plain:
            lines[name] = f"{name}: gone, was {shown(last[name])}"
        elif last[name] != plain[name]:
            lines[name] = f"{name}: {shown(last[name])} -> {shown(plain[name])}"
    if not lines:
        return Changed("; none changed since the last release")
    return Changed(f"; {len(lines)} changed since the last release: {_listed(list(lines))}", "\n".join(lines.values()))


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
