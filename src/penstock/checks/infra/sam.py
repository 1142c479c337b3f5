"""What SAM makes of a function beside the function: routes, URLs, and the front of an implicit API."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from penstock.checks.infra.cloudformation_kinds import facts_of
from penstock.checks.infra.intrinsics import Scope
from penstock.checks.infra.reading import Map, line_of
from penstock.checks.infra.resource import Resource
from penstock.checks.infra.values import dig, first, table, truth

_EVENTS = {"Api": "AWS::Serverless::Api", "HttpApi": "AWS::Serverless::HttpApi"}
_IMPLICIT = {"Api": "ServerlessRestApi", "HttpApi": "ServerlessHttpApi"}
_METHODS = ("get", "put", "post", "delete", "patch", "head", "x-amazon-apigateway-any-method")


def expanded(found: list[Resource], template: Mapping[str, Any], file: str, scope: Scope) -> list[Resource]:
    """The resources beside those that stand in the template."""
    more: list[Resource] = []
    for one in found:
        if one.type == "AWS::Serverless::Function":
            more += _routes(one, found, template, file, scope)
            if one.facts.get("url_auth") is not None:
                facts = {"auth": one.facts["url_auth"], "cors": one.facts.get("url_cors")}
                more.append(Resource("function_url", one.name, facts, one.place("FunctionUrlConfig"), one.type, {}))
        if one.kind in ("api", "sam_api"):
            more += _described(one, file)
        if one.kind == "sam_api":
            more.append(replace(one, kind="api", own={}))
            more.append(Resource("stage", one.name, one.facts, one.where, one.type, {}))
    return more + list(_implicit(more, template, scope))


def _routes(
    function: Resource, found: list[Resource], template: Mapping[str, Any], file: str, scope: Scope
) -> Iterator[Resource]:
    """The routes of a function's events, with the API's own authorizer where they name no other."""
    events = table(function.facts.get("events"))
    for name, event in events.items():
        sort = table(event).get("Type")
        if sort not in _EVENTS:
            continue
        own = table(table(event).get("Properties"))
        named = str(own.get("RestApiId", own.get("ApiId", "")))
        api = next((one for one in found if one.type == _EVENTS[sort] and one.is_meant_by(named)), None)
        everywhere = scope.resolved(table(template.get("Globals")).get(sort))
        auth = table(api.facts.get("auth")) if api else table(dig(everywhere, "Auth"))
        facts = {
            "method": str(own.get("Method", "ANY")).upper(), "path": str(own.get("Path", "/")), "auth": _asked(own, auth),
            "api_key": truth(dig(own, "Auth", "ApiKeyRequired") or auth.get("ApiKeyRequired")),
            "api": named or _IMPLICIT[str(sort)],
        }  # fmt: skip
        where = f"{file}:{line_of(events, name)}" if isinstance(events, Map) else function.where
        yield Resource("route", f"{function.name}.{name}", facts, where, str(sort), {})


def _asked(own: Mapping[str, Any], api: Mapping[str, Any]) -> bool:
    """Whether a route asks who it is."""
    auth = first(own.get("Auth"))
    said = auth.get("Authorizer", api.get("DefaultAuthorizer"))
    if truth(auth.get("ApiKeyRequired")) or truth(api.get("ApiKeyRequired")) or auth.get("ResourcePolicy"):
        return True
    return said is not None and str(said).upper() != "NONE"


def _described(api: Resource, file: str) -> Iterator[Resource]:
    """The routes of an OpenAPI document that stands in the template."""
    body = table(api.facts.get("body"))
    paths = table(body.get("paths"))
    for path, operations in paths.items():
        for method, one in table(operations).items():
            if method.lower() not in _METHODS:
                continue
            own = table(one)
            kind = str(dig(own, "x-amazon-apigateway-auth", "type") or "NONE").upper()
            default = dig(api.facts, "auth", "DefaultAuthorizer")
            asked = bool(own.get("security", body.get("security"))) or kind != "NONE" or default is not None
            facts = {"method": method.upper(), "path": path, "auth": asked, "api": f"${{{api.name}}}", "api_key": None}
            where = f"{file}:{line_of(operations, method)}" if isinstance(operations, Map) else api.where
            yield Resource("route", f"{api.name} {method.upper()} {path}", facts, where, api.type, {})


def _implicit(more: list[Resource], template: Mapping[str, Any], scope: Scope) -> Iterator[Resource]:
    """The front of an API that nobody declared, and that `Globals` describes."""
    for sort, name in _IMPLICIT.items():
        route = next((one for one in more if one.kind == "route" and one.facts.get("api") == name), None)
        if route:
            everywhere = scope.resolved(table(template.get("Globals")).get(sort))
            facts = facts_of(_EVENTS[sort], everywhere if isinstance(everywhere, Map) else {})[1]
            yield Resource("api", name, facts, route.where, _EVENTS[sort], {})
            yield Resource("stage", name, facts, route.where, _EVENTS[sort], {})
