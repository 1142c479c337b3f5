"""Secrets that stand in plain text in what everybody who has the repository reads."""

# ruff: noqa: ARG001 - all are asked alike, whether they look at everything or not

from __future__ import annotations

from collections.abc import Iterator

from penstock.checks.infra.resource import Hit, Resource, Setting, Stack, in_words
from penstock.checks.infra.secrets import is_plain_secret, is_secret_name, is_secret_value
from penstock.checks.infra.values import leaves, table

_READ = "whoever reads the repository, the template or the console has it, and it can never be taken back"
_SKIPPED = {"AssumeRolePolicyDocument", "PolicyDocument", "KeyPolicy", "Policies", "Tags"}


def plain_secret(stack: Stack, setting: Setting) -> Iterator[Hit]:
    """A variable or a property holds a secret as plain text."""
    for one in stack.of(*{resource.kind for resource in stack.resources} - {"parameter", "variable"}):
        env = table(one.facts.get("env"))
        for name, value in env.items():
            if is_plain_secret(str(name), value):
                yield _plain(one, f"the variable `{name}` of `{one.name}`", str(name), stack)
        if one.dialect != "terraform":
            yield from _properties(one, stack, set(env))


def _properties(one: Resource, stack: Stack, seen: set[str]) -> Iterator[Hit]:
    """The same in any other property, and in lists of `Name` and `Value` as containers have them."""
    for path, value in leaves(one.own):
        if _SKIPPED & set(path) or not path:
            continue
        name = path[-1]
        if name == "Value" and (named := table(_at(one.own, path[:-1])).get("Name")):
            name = str(named)
        elif name == "ParameterValue":
            name = str(table(_at(one.own, path[:-1])).get("ParameterKey", ""))
        if name in seen and len(path) > 1 and path[-2] in ("Variables", "environment"):
            continue
        if is_plain_secret(name, value) and not (isinstance(value, int) and value < 10_000):
            yield _plain(one, f"`{name}` of `{one.name}`", path[0], stack)


def _at(value: object, path: tuple[str, ...]) -> object:
    for key in path:
        if isinstance(value, list):
            value = value[int(key)]
        elif isinstance(value, dict):
            value = value.get(key)
    return value


def _plain(one: Resource, what: str, key: str, stack: Stack) -> Hit:
    env = one.facts.get("env")
    line = getattr(env, "lines", {}).get(key)
    return Hit(
        "plain-secret", "high", one.name, f"{what} holds a secret in plain text", _READ,
        in_words(one.dialect, f"{key}: '{{{{resolve:secretsmanager:shop/{key}}}}}'",
                 f"{key} = data.aws_secretsmanager_secret_version.this.secret_string", f"{key}: ${{ssm:/shop/{key}}}"),
        f"{stack.file}:{line}" if line and stack.file else one.place(key, "Environment", "environment"),
    )  # fmt: skip


def secret_parameter(stack: Stack, setting: Setting) -> Iterator[Hit]:
    """A parameter for a secret that is shown, or that has the secret as its default."""
    for one in stack.of("parameter"):
        secret = is_secret_name(one.name) and "SSM" not in one.facts["type"]
        if (is_plain_secret(one.name, one.facts["default"]) and secret) or is_secret_value(one.facts["default"]):
            yield Hit("secret-default", "high", one.name, f"the parameter `{one.name}` has a secret as its default", _READ,
                      f"{one.name}: {{Type: String, NoEcho: true}}   # without Default", one.where)  # fmt: skip
        if secret and not one.facts["no_echo"]:
            yield Hit("no-echo", "high", one.name, f"the parameter `{one.name}` is shown in the console (no NoEcho)",
                      "whoever may describe the stack reads it", "NoEcho: true", one.where)  # fmt: skip


RULES = (plain_secret, secret_parameter)
