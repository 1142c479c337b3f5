"""CloudFormation's intrinsic functions, resolved as far as parameters and mappings tell; the rest becomes `${...}`."""

# ruff: noqa: ARG001 - all are asked alike, whether they look at everything or not

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from penstock.checks.infra.reading import Items, Map, line_of
from penstock.checks.infra.secrets import is_secret_name
from penstock.checks.infra.values import is_later, items, table, truth

_IN_TEXT = re.compile(r"\$\{([^{}!$]+)\}")
_STAGE = re.compile(r"(?i)(deployment)?_?(stage|env|environment)_?(name|type)?")
_LONGEST = 20_000  # a joined text grows no further


class _Gone:
    """AWS::NoValue: as if the key were not written."""


GONE = _Gone()


@dataclass(frozen=True)
class Scope:
    """What names stand for in one template."""

    known: Mapping[str, Any]
    mappings: Mapping[str, Any]
    conditions: Mapping[str, Any]

    @classmethod
    def of(cls, template: Mapping[str, Any], given: Mapping[str, str], environment: str) -> Scope:
        """The scope of a template: given parameters first, then the environment's stage, then defaults."""
        known: dict[str, Any] = {}
        for name, raw in table(template.get("Parameters")).items():
            value = given.get(name, _stage(name, table(raw), environment))
            value = table(raw).get("Default") if value is None else value
            hidden = truth(table(raw).get("NoEcho")) is True or is_secret_name(name)
            if value is not None and not hidden and "SSM" not in str(table(raw).get("Type")):
                known[name] = value
        return cls(known, table(template.get("Mappings")), table(template.get("Conditions")))

    def value_of(self, name: str) -> Any:
        """What a name stands for; `${name}` where that is known later, GONE where it is nothing."""
        if name == "AWS::NoValue":
            return GONE
        return self.known.get(name, f"${{{name}}}")

    def resolved(self, value: Any, depth: int = 0) -> Any:
        """The value with every intrinsic function in it resolved."""
        if depth > 100:
            return "${nested}"
        if isinstance(value, Map):
            if len(value) == 1 and (name := next(iter(value))) in _FUNCTIONS:
                return _FUNCTIONS[name](self, value[name], depth + 1)
            if len(value) == 1 and next(iter(value)).startswith("Fn::"):
                return _later(next(iter(value)), value)
            return self._map(value, depth)
        if isinstance(value, list):
            found = Items(line_of(value))
            for index, one in enumerate(value):
                inner = self.resolved(one, depth + 1)
                if inner is not GONE:
                    found.append(inner)
                    found.lines.append(line_of(value, index))
            return found
        return value

    def _map(self, value: Map, depth: int) -> Map:
        found = Map(value.line)
        for key, one in value.items():
            inner = self.resolved(one, depth + 1)
            if inner is not GONE:
                found.put(key, inner, value.lines.get(key, value.line))
        return found

    def holds(self, name: str, depth: int = 0) -> bool | None:
        """Whether a named condition holds; None where that is not known."""
        return self.judged(self.conditions.get(name), depth + 1)

    def judged(self, condition: Any, depth: int) -> bool | None:
        """Whether a condition holds; None where that is not known."""
        if depth > 30 or not isinstance(condition, Mapping) or len(condition) != 1:
            return None
        name, inner = next(iter(condition.items()))
        if name == "Condition":
            return self.holds(str(inner), depth)
        if name == "Fn::Equals":
            two = [self.resolved(one) for one in items(inner)]
            return None if len(two) != 2 or is_later(two) else str(two[0]) == str(two[1])
        each = [self.judged(one, depth + 1) for one in items(inner)]
        if name == "Fn::Not":
            return None if each[:1] in ([None], []) else not each[0]
        if name == "Fn::And":
            return False if False in each else None if None in each else True
        if name == "Fn::Or":
            return True if True in each else None if None in each else False
        return None


def _stage(name: str, raw: Mapping[str, Any], environment: str) -> Any:
    """A parameter that names the stage is deployed as this environment, in the template's own spelling of it."""
    if not environment or not _STAGE.fullmatch(name):
        return None
    allowed = [str(one) for one in items(raw.get("AllowedValues"))]
    alike = [
        one for one in allowed if environment.lower().startswith(one.lower()) or one.lower() == environment.lower()
    ]
    return alike[0] if alike else None if allowed else environment


def _ref(scope: Scope, value: Any, depth: int) -> Any:
    return scope.value_of(str(value))


def _get_att(scope: Scope, value: Any, depth: int) -> Any:
    return f"${{{'.'.join(str(one) for one in items(value))}}}"


def _sub(scope: Scope, value: Any, depth: int) -> Any:
    parts = items(value)
    text = str(parts[0]) if parts else ""
    own = {name: scope.resolved(one, depth) for name, one in table(parts[1] if len(parts) > 1 else None).items()}

    def filled(found: re.Match[str]) -> str:
        known = own.get(found[1], scope.known.get(found[1], found[0]))
        return str(known) if isinstance(known, str | int) else found[0]

    return _IN_TEXT.sub(filled, text)[:_LONGEST]


def _join(scope: Scope, value: Any, depth: int) -> Any:
    parts = scope.resolved(value, depth)
    if not isinstance(parts, list) or len(parts) != 2 or not isinstance(parts[1], list):
        return _later("Fn::Join", value)
    return str(parts[0]).join(str(one) for one in parts[1])[:_LONGEST]


def _split(scope: Scope, value: Any, depth: int) -> Any:
    parts = scope.resolved(value, depth)
    if not isinstance(parts, list) or len(parts) != 2 or is_later(parts) or not parts[0]:
        return _later("Fn::Split", value)
    return str(parts[1]).split(str(parts[0]))[:1000]


def _select(scope: Scope, value: Any, depth: int) -> Any:
    parts = scope.resolved(value, depth)
    if isinstance(parts, list) and len(parts) == 2 and isinstance(parts[1], list) and str(parts[0]).isdecimal():
        index = int(str(parts[0])[:6])
        return parts[1][index] if index < len(parts[1]) else _later("Fn::Select", value)
    return _later("Fn::Select", value)


def _if(scope: Scope, value: Any, depth: int) -> Any:
    parts = items(value)
    if len(parts) != 3:
        return _later("Fn::If", value)
    holds = scope.holds(str(parts[0]))
    return _later("Fn::If", value) if holds is None else scope.resolved(parts[1] if holds else parts[2], depth)


def _find_in_map(scope: Scope, value: Any, depth: int) -> Any:
    keys = [scope.resolved(one, depth) for one in items(value)[:3]]
    found: Any = scope.mappings
    for key in keys:
        found = table(found).get(str(key)) if not is_later(key) else None
    return _later("Fn::FindInMap", value) if found is None else found


def _base64(scope: Scope, value: Any, depth: int) -> Any:
    return scope.resolved(value, depth)


def _later(name: str, value: Any) -> str:
    """What a function comes to is known later; what it refers to is kept, to be looked for."""
    inside = [one for one in _names(value, 0) if one != "AWS::NoValue"][:20]
    return "".join(f"${{{one}}}" for one in (*inside, name))


def _names(value: Any, depth: int) -> list[str]:
    if depth > 50:
        return []
    if isinstance(value, Mapping):
        named = [
            str(one) if key == "Ref" else ".".join(map(str, items(one)))
            for key, one in value.items() if key in ("Ref", "Fn::GetAtt")
        ]  # fmt: skip
        return named + [name for one in value.values() for name in _names(one, depth + 1)]
    if isinstance(value, list):
        return [name for one in value for name in _names(one, depth + 1)]
    return _IN_TEXT.findall(value) if isinstance(value, str) else []


_FUNCTIONS = {
    "Ref": _ref, "Fn::GetAtt": _get_att, "Fn::Sub": _sub, "Fn::Join": _join, "Fn::Split": _split, "Fn::Select": _select,
    "Fn::If": _if, "Fn::FindInMap": _find_in_map, "Fn::Base64": _base64,
}  # fmt: skip
