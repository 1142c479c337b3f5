"""Any file of declared infrastructure, by what is in it: a template, a Serverless file, a plan, a policy."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from penstock.checks.infra.cloudformation import is_template, stack_of
from penstock.checks.infra.reading import LIMIT, Unreadable, document, plain_json
from penstock.checks.infra.resource import Resource, Stack
from penstock.checks.infra.serverless_file import is_serverless, serverless_stack
from penstock.checks.infra.terraform_plan import is_plan, plan_stack


def read_stack(data: bytes, file: str, given: Mapping[str, str], environment: str = "") -> Stack:
    """What a file declares; Unreadable where it is of no known format."""
    if data[:1] == b"{" and b'"resource_changes"' in data and is_plan(found := plain_json(data)):
        return plan_stack(found, file)
    found = plain_json(data) if len(data) > LIMIT else document(data)
    if is_template(found):
        return stack_of(found, file, given, environment)
    if is_serverless(found):
        return serverless_stack(found, file, given, environment)
    if is_policy(found):
        return _policies(found, file)
    raise Unreadable("it is no CloudFormation template, no Serverless file, no plan of Terraform and no policy")


def is_policy(found: Any) -> bool:
    """Whether a document is one IAM policy."""
    return isinstance(found, Mapping) and isinstance(found.get("Statement"), list | Mapping)


def _policies(found: Any, file: str) -> Stack:
    """A bare policy; one that says who may take a role on is a role's trust."""
    name = file.rpartition("/")[2].rpartition(".")[0] or file
    trust = "sts:assumerole" in json.dumps(found, default=str).lower() and "Principal" in json.dumps(found, default=str)
    kind, facts = (
        ("role", {"trust": found}) if trust else ("policy", {"document": found, "on": "policy", "lies_on": False})
    )
    return Stack((Resource(kind, name, facts, f"{file}:1", "policy", {}),), "cloudformation", file)
