"""Serverless Framework files as resources: functions, events, the provider's role, and the CloudFormation in them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from penstock.checks.infra.cloudformation import stack_of
from penstock.checks.infra.cloudformation_kinds import cors
from penstock.checks.infra.reading import Items, Map, line_of
from penstock.checks.infra.resource import Resource, Stack
from penstock.checks.infra.values import dig, items, number, table, truth

_VARIABLE = re.compile(r"\$\{([^${}]*)\}")
_DEFAULT_TIMEOUT_S = 6


def is_serverless(found: Any) -> bool:
    """Whether a document is a Serverless file."""
    return isinstance(found, Mapping) and "provider" in found and ("functions" in found or "service" in found)


def serverless_stack(found: Map, file: str, given: Mapping[str, str], environment: str = "") -> Stack:
    """All that a Serverless file declares; its own variables filled in, others left for later."""
    filled = _Variables(found, given, environment).all(found, 0)
    provider = table(filled.get("provider"))
    functions = [
        one for part in items(filled.get("functions")) for one in table(part).items() if isinstance(one[1], Mapping)
    ]
    lines = {name: line_of(part, name) for part in items(filled.get("functions")) for name in table(part)}
    resources: list[Resource] = []
    for name, own in functions:
        resources += _function(name, own, provider, f"{file}:{lines[name]}", file)
    resources += _provider(provider, filled, file, resources)
    resources += _of_resources(filled, file, given, environment)
    return Stack(tuple(resources), "serverless", file)


class _Variables:
    """`${self:...}`, `${opt:stage}` and `${sls:stage}` by what is known; secrets and what is elsewhere stay as they are."""

    def __init__(self, found: Map, given: Mapping[str, str], environment: str) -> None:
        self.found = found
        self.stage = given.get("stage") or environment or str(dig(found, "provider", "stage") or "dev")

    def all(self, value: Any, depth: int) -> Any:
        if depth > 80:
            return value
        if isinstance(value, Map):
            filled = Map(value.line)
            for key, one in value.items():
                filled.put(key, self.all(one, depth + 1), value.lines.get(key, value.line))
            return filled
        if isinstance(value, list):
            many = Items(line_of(value))
            for index, one in enumerate(value):
                many.append(self.all(one, depth + 1))
                many.lines.append(line_of(value, index))
            return many
        return self.text(value, 0) if isinstance(value, str) and "${" in value else value

    def text(self, text: str, depth: int) -> Any:
        """A text with its variables; where it is one variable alone, that variable's value."""
        whole = _VARIABLE.fullmatch(text)
        if whole:
            found = self.value(whole[1], depth)
            return text if found is None else found
        return _VARIABLE.sub(lambda one: _said(self.value(one[1], depth), one[0]), text)[:20_000]

    def value(self, inside: str, depth: int) -> Any:
        for part in (one.strip() for one in inside.split(",")):
            if part in ("opt:stage", "sls:stage", "self:provider.stage"):
                return self.stage
            if part.startswith("self:"):
                found = self._self(part[5:])
                if isinstance(found, str) and "${" in found and depth < 8:
                    found = self.text(found, depth + 1)
                if found is not None:
                    return found
            elif len(part) > 1 and part[0] == part[-1] and part[0] in "'\"":
                return part[1:-1]
            elif number(part) is not None or truth(part) is not None:
                return part
            elif part.startswith(("env:", "opt:", "param:")) and "," in inside:
                continue
            else:
                return None
        return None

    def _self(self, path: str) -> Any:
        found: Any = self.found
        for key in path.split("."):
            found = table(found).get(key)
        return found


def _said(value: Any, otherwise: str) -> str:
    return str(value) if isinstance(value, str | int) else otherwise


def _function(
    name: str, own: Mapping[str, Any], provider: Mapping[str, Any], where: str, file: str
) -> Iterator[Resource]:
    places = {key: f"{file}:{line}" for key, line in getattr(own, "lines", {}).items()}
    role = (
        own.get("role") or dig(provider, "iam", "role")
        if not isinstance(dig(provider, "iam", "role"), Mapping)
        else own.get("role")
    )
    statements = items(own.get("iamRoleStatements")) or items(dig(own, "iam", "role", "statements"))
    shared = "provider.iam.role" if not statements and role is None else None
    url = own.get("url")
    facts = {
        "runtime": own.get("runtime", provider.get("runtime")),
        "timeout": own.get("timeout", provider.get("timeout", _DEFAULT_TIMEOUT_S)),
        "env": {**_env(provider), **_env(own)},
        "role": role or shared or name,
        "logs_kept": _retention(own.get("logRetentionInDays", provider.get("logRetentionInDays")))
        or truth(own.get("disableLogs")),
        "inline": [{"Statement": statements}] if statements else [],
        "managed": [],
        "log_group": None,
    }
    own_env = own.get("environment")
    facts["env"] = _with_lines(facts["env"], own_env, provider.get("environment"))
    full = str(own.get("name") or name)
    written = {key: value for key, value in own.items() if key not in ("environment", "iamRoleStatements")}
    yield Resource("function", name, facts, where, "function", written, "serverless", full, places)
    for event in items(own.get("events")):
        yield from _event(name, table(event), file, where)
    if url:
        asked = str(table(url).get("authorizer", "none"))
        said = {"auth": "AWS_IAM" if asked.lower() == "aws_iam" else "NONE", "cors": cors(table(url).get("cors"))}
        yield Resource("function_url", name, said, places.get("url", where), "url", {}, "serverless")


def _env(own: Mapping[str, Any]) -> Mapping[str, Any]:
    return table(own.get("environment"))


def _with_lines(env: Mapping[str, Any], *sources: Any) -> Map:
    found = Map()
    for key, value in env.items():
        line = next((source.lines[key] for source in sources if isinstance(source, Map) and key in source.lines), 0)
        found.put(str(key), value, line)
    return found


def _retention(said: Any) -> bool:
    return said is not None and (number(said) is None or number(said) != 0)


def _event(function: str, event: Mapping[str, Any], file: str, where: str) -> Iterator[Resource]:
    """An event of HTTP as a route."""
    for sort in ("http", "httpApi", "websocket"):
        if sort not in event:
            continue
        said = event[sort]
        own = table(said)
        words = str(said).split(None, 1) if not own else []
        if sort == "websocket":
            method, path = "ANY", str(own.get("route", said))
        else:
            method = str(own.get("method", words[0] if words else "ANY")).upper().replace("*", "ANY")
            path = str(own.get("path", words[1] if len(words) > 1 else words[0] if words else "/"))
        asked = own.get("authorizer")
        facts = {
            "method": method,
            "path": path,
            "auth": asked is not None and asked is not False and str(asked).upper() != "NONE",
            "api_key": truth(own.get("private")) is True,
            "api": f"${{{sort}}}",
            "cors": cors(own.get("cors")) if own.get("cors") else None,
            "socket": sort == "websocket",
            "no_keys": sort == "httpApi",
        }
        place = f"{file}:{line_of(event, sort)}" if isinstance(event, Map) else where
        yield Resource("route", f"{function}.{sort} {method} {path}", facts, place, sort, {}, "serverless")


def _provider(
    provider: Mapping[str, Any], whole: Mapping[str, Any], file: str, functions: list[Resource]
) -> Iterator[Resource]:
    """What the provider section makes: the shared role, and the front of each API."""
    where = f"{file}:{line_of(whole, 'provider')}"
    role = dig(provider, "iam", "role")
    statements = items(table(role).get("statements")) + items(provider.get("iamRoleStatements"))
    managed = items(table(role).get("managedPolicies")) + items(provider.get("iamManagedPolicies"))
    if statements or managed:
        inline = [("", {"Statement": statements or Items()})]
        facts = {"trust": None, "inline": inline, "managed": managed}
        places = {"inline": f"{file}:{line_of(role, 'statements') or line_of(provider, 'iamRoleStatements')}"}
        yield Resource("role", "provider.iam.role", facts, where, "role", {}, "serverless", "", places)
    sorts = {one.type for one in functions if one.kind == "route"}
    for sort in sorted(sorts):
        front = table(provider.get("apiGateway" if sort == "http" else sort))
        throttled = (
            dig(front, "usagePlan", "throttle") is not None
            or any(
                dig(one, "throttle") is not None
                for plan in items(dig(front, "usagePlan"))
                if isinstance(plan, Mapping)
                for one in plan.values()
            )
            or _by_plugin(whole)
        )
        yield Resource(
            "stage", f"provider.{sort}", {"throttled": throttled, "api": f"${{{sort}}}"}, where, sort, {}, "serverless"
        )
        said = front.get("cors")
        api = "socket" if sort == "websocket" else "rest" if sort == "http" else "http"
        yield Resource(
            "api", f"provider.{sort}", {"api": api, "cors": cors(said) if said else None}, where, sort, {}, "serverless"
        )


def _by_plugin(whole: Mapping[str, Any]) -> bool:
    return dig(whole, "custom", "apiGatewayThrottling") is not None


def _of_resources(
    filled: Mapping[str, Any], file: str, given: Mapping[str, str], environment: str
) -> Iterator[Resource]:
    """`resources`: one template, or a list of them; `extensions` change what the framework makes."""
    for part in items(filled.get("resources")):
        own = table(part)
        if isinstance(own.get("Resources"), Mapping):
            yield from stack_of(own, file, given, environment, "serverless").resources
        for name, one in table(own.get("extensions")).items():
            properties = table(table(one).get("Properties"))
            limits = any(dig(properties, key) is not None for key in ("DefaultRouteSettings", "MethodSettings"))
            if limits:
                yield Resource(
                    "throttle",
                    str(name),
                    {"limits": True, "on": []},
                    f"{file}:{line_of(part, 'extensions')}",
                    "extension",
                    {},
                )
