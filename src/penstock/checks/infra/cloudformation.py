"""CloudFormation and SAM templates, YAML or JSON, as resources."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.checks.infra.cloudformation_kinds import facts_of
from penstock.checks.infra.intrinsics import GONE, Scope
from penstock.checks.infra.reading import Map, Unreadable, document, line_of
from penstock.checks.infra.resource import Dialect, Resource, Stack
from penstock.checks.infra.sam import expanded
from penstock.checks.infra.values import items, table, truth

_CALLED = (
    "BucketName", "TableName", "FunctionName", "RoleName", "QueueName", "TopicName", "LogGroupName", "AlarmName",
    "DBInstanceIdentifier", "GroupName", "Name",
)  # fmt: skip


def is_template(found: Any) -> bool:
    """Whether a document is a CloudFormation template."""
    return isinstance(found, Mapping) and isinstance(found.get("Resources"), Mapping)


def read_template(data: bytes, file: str, given: Mapping[str, str], environment: str = "") -> Stack:
    """Every resource and parameter of a template; `given` are the parameters that it is deployed with."""
    found = document(data)
    if not is_template(found):
        raise Unreadable("it has no `Resources`: that is no CloudFormation template")
    return stack_of(found, file, given, environment)


def stack_of(
    template: Mapping[str, Any],
    file: str,
    given: Mapping[str, str],
    environment: str = "",
    dialect: Dialect = "cloudformation",
) -> Stack:
    """The resources of a template that is plain data; those whose condition does not hold are not among them."""
    scope = Scope.of(template, given, environment)
    found = [
        _parameter(name, one, template, file, given, scope) for name, one in table(template.get("Parameters")).items()
    ]
    for name, raw, where in _declared(template, file):
        if not isinstance(raw, Mapping) or not isinstance(raw.get("Type"), str):
            raise Unreadable(f"the resource `{name}` has no `Type`", line_of(template["Resources"], name))
        if raw.get("Condition") and scope.holds(str(raw["Condition"])) is False:
            continue
        found.append(resource(name, raw, where, scope, template, file, dialect))
    return Stack((*found, *expanded(found, template, file, scope)), dialect, file)


def _declared(template: Mapping[str, Any], file: str) -> list[tuple[str, Any, str]]:
    """Name, body and place of every resource; a loop's body stands for each of its rounds."""
    declared = template["Resources"]
    found = []
    for name, raw in declared.items():
        where = f"{file}:{line_of(declared, name)}"
        if name.startswith("Fn::ForEach") and isinstance(raw, list):
            found += [(one, body, where) for part in raw for one, body in table(part).items()]
        else:
            found.append((name, raw, where))
    return found


def resource(
    name: str,
    raw: Mapping[str, Any],
    where: str,
    scope: Scope,
    template: Mapping[str, Any],
    file: str,
    dialect: Dialect,
) -> Resource:
    """One resource of a template, its intrinsic functions resolved as far as they are known."""
    type_ = str(raw["Type"])
    written = scope.resolved(raw.get("Properties"))
    own = with_globals(type_, written if isinstance(written, Map) else Map(line_of(raw)), template, scope)
    kind, facts = facts_of(type_, own)
    kept = [raw.get("DeletionPolicy"), raw.get("UpdateReplacePolicy")]
    facts = {**facts, "kept": scope.resolved(kept[0]), "kept_replaced": scope.resolved(kept[1])}
    called = next((str(own[key]) for key in _CALLED if isinstance(own.get(key), str)), "")
    places = {key: f"{file}:{line}" for key, line in own.lines.items()}
    return Resource(kind, name, facts, where, type_, own, dialect, called, places)


def with_globals(type_: str, own: Map, template: Mapping[str, Any], scope: Scope) -> Map:
    """A SAM resource's properties with what `Globals` says for all of its sort."""
    sort = type_.removeprefix("AWS::Serverless::")
    everywhere = scope.resolved(table(template.get("Globals")).get(sort)) if sort != type_ else None
    if not isinstance(everywhere, Map):
        return own
    return _merged(everywhere, own)


def _merged(base: Map, over: Map) -> Map:
    found = Map(over.line)
    for key in (*base, *(key for key in over if key not in base)):
        below, above = base.get(key), over.get(key)
        if isinstance(below, Map) and isinstance(above, Map):
            found.put(key, _merged(below, above), over.lines[key])
        elif isinstance(below, list) and isinstance(above, list):
            found.put(key, [*below, *above], over.lines[key])
        else:
            source = over if key in over else base
            found.put(key, source[key], source.lines[key])
    return found


def _parameter(
    name: str, raw: Any, template: Mapping[str, Any], file: str, given: Mapping[str, str], scope: Scope
) -> Resource:
    own = table(raw)
    facts = {
        "default": own.get("Default"),
        "no_echo": truth(own.get("NoEcho")) is True,
        "type": str(own.get("Type", "String")),
        "used": name in given or scope.value_of(name) is not GONE,
        "allowed": items(own.get("AllowedValues")),
    }
    where = f"{file}:{line_of(template['Parameters'], name)}"
    return Resource("parameter", name, facts, where, "Parameter", own)
