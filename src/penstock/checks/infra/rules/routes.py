"""API routes: who may call them, how often, and for how long they may think."""

# ruff: noqa: ARG001 - all are asked alike, whether they look at everything or not

from __future__ import annotations

import re
from collections.abc import Iterator

from penstock.checks.infra.resource import Hit, Resource, Setting, Stack, in_words
from penstock.checks.infra.values import number

_API_S = 29
_HEALTH = re.compile(
    r"(?i)/?([\w/-]*/)?_?(health|healthz|health-?check|livez?|liveness|readyz?|readiness|ping|status)/?"
)


def no_authorizer(stack: Stack, setting: Setting) -> Iterator[Hit]:
    """Anybody may call a route. A preflight, a health page and a socket's later messages may be asked by anybody."""
    sockets = {one.name for one in stack.of("api") if one.facts.get("api") == "socket"}
    for route in stack.of("route"):
        about, method, path = str(route.facts.get("api")), route.facts["method"], route.facts["path"]
        socket = route.facts.get("socket") or any(f"${{{name}}}" in about for name in sockets)
        if method == "OPTIONS" or (socket and path != "$connect") or (method == "GET" and _HEALTH.fullmatch(path)):
            continue
        asked = route.facts["auth"]
        if asked is False and not (route.facts.get("api_key") and "authorizer" not in setting.require):
            said = f"{method} {path}".strip()
            yield Hit(
                "no-authorizer", "high", route.name, f"`{route.name}` ({said}) has no authorizer",
                "anybody on the internet can call it",
                in_words(route.dialect, "AuthorizationType: AWS_IAM   # in SAM: Auth: {Authorizer: AWS_IAM}",
                         'authorization = "AWS_IAM"   # HTTP API: authorization_type = "JWT"',
                         "authorizer: aws_iam"),
                route.place("AuthorizationType", "authorization", "authorization_type"),
            )  # fmt: skip


def no_throttling(stack: Stack, setting: Setting) -> Iterator[Hit]:
    """Nothing limits how often an API is called, but the limit that the whole account shares."""
    limits = [one for one in stack.of("throttle") if one.facts["limits"]]
    for stage in stack.of("stage"):
        if stage.facts["throttled"] or any(_covers(limit, stage, stack) for limit in limits):
            continue
        yield Hit(
            "no-throttling", "high" if "throttling" in setting.require else "medium", stage.name,
            f"`{stage.name}` has no throttling", "one caller can use up what the whole account may call",
            in_words(stage.dialect,
                     "MethodSettings: [{ResourcePath: '/*', HttpMethod: '*', ThrottlingRateLimit: 100, ThrottlingBurstLimit: 50}]",
                     "default_route_settings { throttling_rate_limit = 100 }   # REST: aws_api_gateway_method_settings",
                     "provider: {apiGateway: {usagePlan: {throttle: {rateLimit: 100, burstLimit: 50}}}}"),
            stage.where,
        )  # fmt: skip


def _covers(limit: Resource, stage: Resource, stack: Stack) -> bool:
    """Whether a limit is for this stage, or for its API."""
    on = limit.facts["on"]
    api = next((one for one in stack.of("api") if one.is_meant_by(stage.facts.get("api"))), None)
    named = str(stage.facts.get("api") or "")
    return not on or stage.is_meant_by(on) or bool(api and api.is_meant_by(on)) or bool(named and named in str(on))


def no_api_key(stack: Stack, setting: Setting) -> Iterator[Hit]:
    """Asked for: every route wants an API key."""
    if "api_keys" not in setting.require:
        return
    for route in stack.of("route"):
        if (
            route.facts["method"] != "OPTIONS"
            and route.facts.get("api_key") is not True
            and not route.facts.get("no_keys")
        ):
            yield Hit(
                "no-api-key", "high", route.name, f"`{route.name}` asks for no API key", "nobody can tell its callers apart",
                in_words(route.dialect, "ApiKeyRequired: true", "api_key_required = true", "private: true"), route.where,
            )  # fmt: skip


def slow_function(stack: Stack, setting: Setting) -> Iterator[Hit]:
    """A function that an API calls may run longer than the API waits."""
    routes = [one for one in stack.of("route") if one.kind == "route"]
    integrations = list(stack.of("integration", "permission"))
    for function in stack.of("function"):
        timeout = number(function.facts.get("timeout"))
        served = any(one.name.startswith(f"{function.name}.") for one in routes) or any(
            one.facts.get("for_api") and function.is_meant_by(one.facts.get("function")) for one in integrations
        )
        if served and timeout is not None and timeout > _API_S:
            yield Hit(
                "timeout-over-api", "medium", function.name,
                f"`{function.name}` may run {timeout:g} s, and its API waits {_API_S} s",
                "the caller is told 504 while the function goes on, and is paid for",
                in_words(function.dialect, f"Timeout: {_API_S}", f"timeout = {_API_S}", f"timeout: {_API_S}"),
                function.place("Timeout", "timeout"),
            )  # fmt: skip


RULES = (no_authorizer, no_throttling, no_api_key, slow_function)
