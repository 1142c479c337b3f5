"""Terraform's types as our kinds: what rules ask for, taken out of each type's attributes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from penstock.checks.infra.cloudformation_kinds import cors
from penstock.checks.infra.values import LATER, dig, first, is_later, items, number, table, truth

Own = Mapping[str, Any]
Facts = dict[str, Any]
_FLAGS = {
    "BlockPublicAcls": "block_public_acls",
    "BlockPublicPolicy": "block_public_policy",
    "IgnorePublicAcls": "ignore_public_acls",
    "RestrictPublicBuckets": "restrict_public_buckets",
}


def facts_of(type_: str, own: Own) -> tuple[str, Facts]:
    """Our kind of a type, and its facts; a type that no rule asks for is `other`."""
    if type_ in _TYPES:
        kind, read = _TYPES[type_]
        return kind, read(own)
    if type_ in _STORES:
        return "store", _store(own, *_STORES[type_])
    if type_ in _POLICIES:
        key, owner, lies_on = _POLICIES[type_]
        roles = [own.get(one) for one in (owner or "role", "user", "group") if own.get(one) is not None]
        return "policy", {"document": own.get(key), "on": type_, "roles": roles, "lies_on": lies_on}
    return "other", {}


def _store(own: Own, what: str, encrypted: str, protected: str, default: bool | None) -> Facts:
    said = dig(own, *encrypted.split(".")) if encrypted else True
    said = None if said == LATER else said  # nobody wrote it: the provider fills its default in
    if what in ("topic", "stream"):
        on: bool | None = None if is_later(said) else bool(said) and str(said).upper() != "NONE"
        on = True if is_later(said) and "known later" not in str(said) else on
    else:
        on = default if said is None else truth(said)
    return {
        "what": what,
        "encrypted": on,
        "encrypted_key": encrypted,
        "protected_key": protected,
        "stateful": what not in ("queue", "topic", "stream"),
        "protected": _protected(own.get(protected)) if protected else None,
        "protected_unknown": is_later(own.get(protected)) if protected else False,
        "public": truth(own.get("publicly_accessible")),
        "backups": number(own.get("backup_retention_period")),
        "recoverable": truth(dig(own, "point_in_time_recovery", "enabled")),
    }


def _protected(said: Any) -> bool:
    return truth(said) is True or str(said).upper() == "ACTIVE"


_STORES: dict[str, tuple[str, str, str, bool | None]] = {
    "aws_db_instance": ("database", "storage_encrypted", "deletion_protection", False),
    "aws_rds_cluster": ("database", "storage_encrypted", "deletion_protection", False),
    "aws_docdb_cluster": ("database", "storage_encrypted", "deletion_protection", False),
    "aws_neptune_cluster": ("database", "storage_encrypted", "deletion_protection", False),
    "aws_redshift_cluster": ("warehouse", "encrypted", "", False),
    "aws_ebs_volume": ("volume", "encrypted", "", False),
    "aws_efs_file_system": ("file system", "encrypted", "", False),
    "aws_elasticache_replication_group": ("cache", "at_rest_encryption_enabled", "", False),
    "aws_opensearch_domain": ("search domain", "encrypt_at_rest.enabled", "", False),
    "aws_elasticsearch_domain": ("search domain", "encrypt_at_rest.enabled", "", False),
    "aws_sns_topic": ("topic", "kms_master_key_id", "", False),
    "aws_kinesis_stream": ("stream", "encryption_type", "", False),
    "aws_dynamodb_table": ("table", "server_side_encryption.enabled", "deletion_protection_enabled", None),
    "aws_cognito_user_pool": ("user pool", "", "deletion_protection", True),
    "google_sql_database_instance": ("database", "", "deletion_protection", True),
}

_POLICIES = {
    # type: (the attribute with the document, the one that names whom it serves, whether it lies on a resource)
    "aws_iam_policy": ("policy", "", False),
    "aws_iam_role_policy": ("policy", "role", False),
    "aws_iam_user_policy": ("policy", "user", False),
    "aws_iam_group_policy": ("policy", "group", False),
    "aws_iam_policy_document": ("statement", "", False),
    "aws_s3_bucket_policy": ("policy", "bucket", True),
    "aws_sqs_queue_policy": ("policy", "queue_url", True),
    "aws_sns_topic_policy": ("policy", "arn", True),
    "aws_kms_key": ("policy", "", True),
    "aws_kms_key_policy": ("policy", "", True),
    "aws_secretsmanager_secret_policy": ("policy", "", True),
    "aws_ecr_repository_policy": ("policy", "repository", True),
    "aws_efs_file_system_policy": ("policy", "", True),
    "aws_cloudwatch_event_bus_policy": ("policy", "", True),
    "aws_vpc_endpoint": ("policy", "", True),
}


def _function(own: Own) -> Facts:
    return {
        "runtime": own.get("runtime"),
        "timeout": own.get("timeout"),
        "role": own.get("role"),
        "log_group": dig(own, "logging_config", "log_group"),
        "inline": [],
        "managed": [],
    }


def _bucket(own: Own) -> Facts:
    return {
        "acl": own.get("acl") if not is_later(own.get("acl")) else None,
        "block": None,
        "what": "bucket",
        "stateful": True,
        "encrypted": True if _written(own.get("server_side_encryption_configuration")) else None,
        "lifecycle": bool(_written(own.get("lifecycle_rule"))),
        "versioned": truth(dig(own, "versioning", "enabled")),
        "cors": [cors(table(one)) for one in items(_written(own.get("cors_rule")))],
        "protected": None,
    }


def _written(value: Any) -> Any:
    """A block that somebody wrote; one that the provider will fill in is none."""
    return None if isinstance(value, str) else value


def _block(own: Own) -> Facts:
    return {
        "bucket": own.get("bucket"),
        "block": {name: truth(own.get(key)) is True or is_later(own.get(key)) for name, key in _FLAGS.items()},
    }


def _group(own: Own) -> Facts:
    return {"ingress": [_ingress(table(one)) for one in items(_written(own.get("ingress")))]}


def _ingress(own: Own) -> Facts:
    cidrs = [
        one for key in ("cidr_blocks", "ipv6_cidr_blocks", "cidr_ipv4", "cidr_ipv6") for one in items(own.get(key))
    ]
    return {
        "cidrs": [one for one in cidrs if one],
        "from": number(own.get("from_port")),
        "to": number(own.get("to_port")),
        "protocol": str(own.get("protocol", own.get("ip_protocol", "-1"))),
    }


def _rule(own: Own) -> Facts:
    return {"ingress": [_ingress(own)] if own.get("type", "ingress") == "ingress" else []}


def _google_rule(own: Own) -> Facts:
    found = []
    for allow in items(own.get("allow")) if str(own.get("direction") or "INGRESS") != "EGRESS" else []:
        for port in items(table(allow).get("ports")) or [None]:
            low, _, high = str(port if port is not None else "").partition("-")
            found.append(
                {
                    "cidrs": items(own.get("source_ranges")),
                    "from": number(low),
                    "to": number(high or low),
                    "protocol": str(table(allow).get("protocol", "all")),
                }
            )
    return {"ingress": found}


def _azure_rule(own: Own) -> Facts:
    if str(own.get("direction")).lower() != "inbound" or str(own.get("access")).lower() != "allow":
        return {"ingress": []}
    ports = items(own.get("destination_port_ranges")) or [own.get("destination_port_range")]
    cidrs = items(own.get("source_address_prefixes")) + items(own.get("source_address_prefix"))
    parts = [str(one or "*").partition("-") for one in ports]
    return {
        "ingress": [
            {"cidrs": cidrs, "from": number(low), "to": number(high or low), "protocol": str(own.get("protocol"))}
            for low, _, high in parts
        ]
    }


def _auth(said: Any) -> bool | None:
    return None if is_later(said) else str(said or "NONE").upper() != "NONE"


def _method(own: Own) -> Facts:
    return {
        "method": str(own.get("http_method", "ANY")).upper(),
        "path": "",
        "auth": _auth(own.get("authorization")),
        "api_key": truth(own.get("api_key_required")),
        "api": own.get("rest_api_id"),
    }


def _route(own: Own) -> Facts:
    key = str(own.get("route_key", "$default"))
    method, _, path = key.partition(" ") if " " in key else ("ANY", "", key)
    return {
        "method": method.upper(),
        "path": path,
        "auth": _auth(own.get("authorization_type")),
        "api_key": truth(own.get("api_key_required")),
        "api": own.get("api_id"),
        "socket": key.startswith("$") and key != "$default",
    }


def _stage(own: Own) -> Facts:
    rates = [
        number(table(one).get("throttling_rate_limit"))
        for key in ("default_route_settings", "route_settings")
        for one in items(_written(own.get(key)))
    ]
    return {"throttled": any(rate for rate in rates), "api": own.get("rest_api_id", own.get("api_id"))}


def _method_settings(own: Own) -> Facts:
    rate = number(dig(own, "settings", "throttling_rate_limit"))
    return {"limits": rate is not None and rate >= 0, "on": [own.get("rest_api_id"), own.get("stage_name")]}


def _usage_plan(own: Own) -> Facts:
    return {"limits": bool(items(_written(own.get("throttle_settings")))), "on": items(_written(own.get("api_stages")))}


def _api(own: Own) -> Facts:
    said = first(_written(own.get("cors_configuration")))
    socket = str(own.get("protocol_type")).upper() == "WEBSOCKET"
    return {
        "api": "socket" if socket else "http" if "protocol_type" in own else "rest",
        "cors": cors(said) if said else None,
    }


def _role(own: Own) -> Facts:
    inline = [table(one) for one in items(_written(own.get("inline_policy")))]
    return {
        "trust": own.get("assume_role_policy"),
        "inline": [(str(one.get("name") or ""), one.get("policy")) for one in inline if one.get("policy")],
        "managed": [one for one in items(_written(own.get("managed_policy_arns"))) if isinstance(one, str)],
    }


def _attachment(own: Own) -> Facts:
    roles = [own.get(key) for key in ("role", "roles", "user", "users", "group", "groups") if own.get(key) is not None]
    return {"managed": [own.get("policy_arn")] if own.get("policy_arn") else [], "roles": roles}


def _permission(own: Own) -> Facts:
    said = [own.get(key) for key in ("source_arn", "source_account", "principal_org_id", "event_source_token")]
    return {
        "principal": own.get("principal"),
        "conditions": [one for one in said if one],
        "url_auth": own.get("function_url_auth_type"),
        "for_api": str(own.get("principal")).startswith("apigateway"),
        "function": own.get("function_name"),
    }


def _queue(own: Own) -> Facts:
    key, managed = own.get("kms_master_key_id"), own.get("sqs_managed_sse_enabled")
    return {
        "what": "queue",
        "stateful": False,
        "encrypted_key": "sqs_managed_sse_enabled",
        "protected": None,
        "protected_key": "",
        "encrypted": True
        if key or (is_later(managed) and "known later" not in str(managed))
        else truth(managed)
        if managed is not None
        else None,
    }


def _machine(own: Own) -> Facts:
    disks = [table(one) for key in ("root_block_device", "ebs_block_device") for one in items(_written(own.get(key)))]
    disks += [first(dig(one, "ebs")) for one in items(_written(own.get("block_device_mappings")))]
    said = [one.get("encrypted") for one in disks if one and "known later" not in str(one.get("encrypted"))]
    return {"disks": [truth(one) is True for one in said]}


def _on_bucket(own: Own) -> Facts:
    return {
        "bucket": own.get("bucket"),
        "acl": own.get("acl") if not is_later(own.get("acl")) else None,
        "cors": [cors(table(one)) for one in items(_written(own.get("cors_rule")))],
    }


def _google_member(own: Own) -> Facts:
    who = [str(one) for one in [*items(own.get("members")), own.get("member")]]
    return {
        "bucket": own.get("bucket"),
        "acl": "allUsers" if {"allUsers", "allAuthenticatedUsers"} & set(who) else None,
    }


_TYPES: dict[str, tuple[str, Callable[[Own], Facts]]] = {
    "aws_lambda_function": ("function", _function),
    "aws_lambda_function_url": (
        "function_url",
        lambda own: {
            "auth": own.get("authorization_type"),
            "cors": cors(first(own.get("cors"))) if own.get("cors") else None,
        },
    ),
    "aws_lambda_permission": ("permission", _permission),
    "aws_s3_bucket": ("bucket", _bucket),
    "aws_s3_bucket_acl": ("bucket_acl", _on_bucket),
    "aws_s3_bucket_public_access_block": ("bucket_block", _block),
    "aws_s3_bucket_server_side_encryption_configuration": ("bucket_encryption", _on_bucket),
    "aws_s3_bucket_lifecycle_configuration": ("bucket_lifecycle", _on_bucket),
    "aws_s3_bucket_versioning": ("bucket_versioning", _on_bucket),
    "aws_s3_bucket_cors_configuration": ("bucket_cors", _on_bucket),
    "aws_security_group": ("security_group", _group),
    "aws_default_security_group": ("security_group", _group),
    "aws_security_group_rule": ("security_group", _rule),
    "aws_vpc_security_group_ingress_rule": ("security_group", _rule),
    "google_compute_firewall": ("security_group", _google_rule),
    "google_storage_bucket_iam_member": ("bucket_acl", _google_member),
    "google_storage_bucket_iam_binding": ("bucket_acl", _google_member),
    "azurerm_network_security_rule": ("security_group", _azure_rule),
    "aws_api_gateway_method": ("route", _method),
    "aws_apigatewayv2_route": ("route", _route),
    "aws_api_gateway_rest_api": ("api", _api),
    "aws_apigatewayv2_api": ("api", _api),
    "aws_api_gateway_stage": ("stage", _stage),
    "aws_apigatewayv2_stage": ("stage", _stage),
    "aws_api_gateway_method_settings": ("throttle", _method_settings),
    "aws_api_gateway_usage_plan": ("throttle", _usage_plan),
    "aws_iam_role": ("role", _role),
    "aws_iam_user": ("role", lambda own: {"trust": None, "inline": [], "managed": []}),
    "aws_iam_group": ("role", lambda own: {"trust": None, "inline": [], "managed": []}),
    "aws_iam_role_policy_attachment": ("attachment", _attachment),
    "aws_iam_user_policy_attachment": ("attachment", _attachment),
    "aws_iam_group_policy_attachment": ("attachment", _attachment),
    "aws_iam_policy_attachment": ("attachment", _attachment),
    "aws_cloudwatch_log_group": ("log_group", lambda own: {"retention": own.get("retention_in_days")}),
    "aws_cloudwatch_metric_alarm": ("alarm", lambda own: {"about": own}),
    "aws_cloudwatch_composite_alarm": ("alarm", lambda own: {"about": own}),
    "aws_sqs_queue": ("store", _queue),
    "aws_instance": ("machine", _machine),
    "aws_launch_template": ("machine", _machine),
}
