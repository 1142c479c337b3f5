"""IAM policy documents as statements."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from penstock.checks.infra.values import is_later, items, table

_FRIENDLY = (
    "aws:sourcearn",
    "aws:sourceaccount",
    "aws:principalorgid",
    "aws:principalarn",
    "aws:principalaccount",
    "aws:sourcevpce",
    "aws:sourcevpc",
    "aws:sourceip",
    "aws:vpcsourceip",
    "aws:sourceorgid",
    "sts:externalid",
    "aws:userid",
    "aws:principalorgpaths",
    "aws:resourceaccount",
    "kms:calleraccount",
    "lambda:functionurlauthtype",
    "aws:sourceowner",
    "s3:dataaccesspointaccount",
    "aws:principaltag",
    "saml:aud",
    "elasticfilesystem:accessedviamounttarget",
)


@dataclass(frozen=True)
class Statement:
    """One statement: what it allows or denies, to whom, on what, under which conditions."""

    effect: str
    actions: tuple[str, ...]
    not_actions: tuple[str, ...]
    resources: tuple[str, ...]
    not_resources: tuple[str, ...]
    principals: tuple[tuple[str, str], ...]
    not_principals: bool
    conditions: tuple[tuple[str, str, tuple[str, ...]], ...]
    sid: str = ""
    line: int = 0

    @property
    def allows(self) -> bool:
        return self.effect.lower() == "allow"

    def narrows_who(self) -> bool:
        """Whether a condition says who may come, by more than a wildcard."""
        return any(
            _names(key) and all(set(value) - set("*?:") for value in values) and "ifexists" not in how.lower()
            for how, key, values in self.conditions
        )


def statements(document: Any) -> list[Statement]:
    """The statements of a document: a map, its JSON, or a list of statements."""
    return list(_statements(document))


def _names(key: str) -> bool:
    return key.lower().startswith(_FRIENDLY) or key.lower().endswith((":sub", ":aud", ":amr"))


def _statements(document: Any) -> Iterator[Statement]:
    if isinstance(document, str):
        try:
            document = json.loads(document)
        except (ValueError, RecursionError):
            return  # a reference, or something that is known later
    said = (
        document if isinstance(document, list) else table(document).get("Statement", table(document).get("statement"))
    )
    for one in items(said):
        if isinstance(one, Mapping):
            yield _statement(
                {str(key).lower().replace("_", ""): value for key, value in one.items()}, getattr(one, "line", 0)
            )


def _statement(own: Mapping[str, Any], line: int) -> Statement:
    return Statement(
        effect=str(own.get("effect") or "Allow"),
        actions=_texts(own, "action", "actions"),
        not_actions=_texts(own, "notaction", "notactions"),
        resources=_texts(own, "resource", "resources"),
        not_resources=_texts(own, "notresource", "notresources"),
        principals=tuple(_principals(own.get("principal", own.get("principals")))),
        not_principals=bool(own.get("notprincipal", own.get("notprincipals"))),
        conditions=tuple(_conditions(own.get("condition"))),
        sid=str(own.get("sid") or ""),
        line=line,
    )


def _texts(own: Mapping[str, Any], *keys: str) -> tuple[str, ...]:
    """Texts of a statement; what is known later, in a plan, is None."""
    found = next((own[key] for key in keys if own.get(key) is not None), None)
    return tuple("${known later}" if one is None else str(one) for one in items(found))


def _principals(said: Any) -> Iterator[tuple[str, str]]:
    """(sort, who); Terraform writes them as a list of type and identifiers."""
    if isinstance(said, list) and any(isinstance(one, Mapping) and "identifiers" in one for one in said):
        for one in said:
            yield from ((str(one.get("type")), str(who)) for who in items(one.get("identifiers")))
    elif isinstance(said, Mapping):
        for sort, who in said.items():
            yield from ((str(sort), str(one)) for one in items(who))
    else:
        yield from (("AWS", str(one)) for one in items(said))


def _conditions(said: Any) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    if isinstance(said, list):
        for one in said:
            yield str(table(one).get("test")), str(table(one).get("variable")), _texts(table(one), "values")
        return
    for how, tests in table(said).items():
        if is_later(tests) and not isinstance(tests, Mapping):
            yield str(how), "aws:SourceArn", ("${known later}",)
        for key, values in table(tests).items():
            yield str(how), str(key), tuple(str(value) for value in items(values))
