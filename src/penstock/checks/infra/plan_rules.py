"""Rules over the changes of a plan: what is destroyed, and what has drifted."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

from penstock.checks.infra.resource import Hit
from penstock.checks.infra.terraform_plan import Change, Plan

_STATEFUL = re.compile(
    r"aws_(db_instance|rds_(cluster|cluster_instance|global_cluster)|dynamodb_(table|global_table|table_item)|s3_bucket|s3_object|"
    r"s3_directory_bucket|efs_file_system|ebs_volume|ebs_snapshot|fsx_\w+|elasticache_(cluster|replication_group|serverless_cache)|"
    r"memorydb_cluster|opensearch_domain|elasticsearch_domain|opensearchserverless_collection|redshift_cluster|kinesis_stream|"
    r"sqs_queue|msk_cluster|mq_broker|cognito_user_pool|kms_key|secretsmanager_secret|ssm_parameter|ecr_repository|"
    r"docdb_cluster|neptune_cluster|keyspaces_table|timestreamwrite_\w+|qldb_ledger|backup_vault|glacier_vault|route53_zone|"
    r"cloudwatch_log_group|codecommit_repository|lightsail_database|workspaces_workspace|instance)|"
    r"google_(sql_\w+|storage_bucket|bigquery_(dataset|table)|compute_(disk|instance)|spanner_\w+|bigtable_\w+|firestore_\w+|"
    r"filestore_instance|redis_instance|pubsub_(topic|subscription)|kms_\w+|secret_manager_secret|artifact_registry_repository|"
    r"alloydb_\w+|dns_managed_zone)|"
    r"azurerm_(storage_\w+|mssql_\w+|sql_\w+|postgresql_\w+|mysql_\w+|mariadb_\w+|cosmosdb_\w+|redis_cache|key_vault\w*|"
    r"managed_disk|servicebus_\w+|eventhub\w*|data_lake_\w+|container_registry|dns_zone|kusto_\w+)|"
    r"kubernetes_(persistent_volume\w*|stateful_set\w*|namespace\w*)|digitalocean_(database_\w+|volume|spaces_bucket)|"
    r"(postgresql|mysql)_(database|schema)|mongodbatlas_\w*cluster|cloudflare_(r2_bucket|d1_database|workers_kv_namespace)|"
    r"random_(password|id)|tls_private_key"
)


def is_stateful(change: Change, more: Sequence[str]) -> bool:
    """Whether data is lost with it: a type that keeps some, or what the manifest names."""
    return bool(_STATEFUL.fullmatch(change.type)) or any(
        fnmatchcase(change.type, one) or fnmatchcase(change.address, one) or change.address == one for one in more
    )


def destroyed(plan: Plan, file: str, allowed: Sequence[str], more: Sequence[str]) -> Iterator[Hit]:
    """A store of data that is destroyed, or replaced by an empty one."""
    for change in plan.changes:
        if change.what in ("delete", "replace") and is_stateful(change, more) and change.address not in allowed:
            how = "destroys" if change.what == "delete" else "replaces"
            why = f" ({change.why.replace('_', ' ')})" if change.why else ""
            yield Hit(
                "destroys-data", "critical", change.address, f"the plan {how} `{change.address}`{why}", "what is in it is lost",
                f"lifecycle {{ prevent_destroy = true }}; where it is meant: allow_destroy: ['{change.address}']", file,
            )  # fmt: skip
        elif change.what not in ("delete", "replace", "create", "update", "read", "no-op") and is_stateful(
            change, more
        ):
            yield Hit("forgets", "medium", change.address, f"the plan forgets `{change.address}` ({change.what})",
                      "it stays where it is, and nobody looks after it", "import it where it belongs now", file)  # fmt: skip


def unmet(plan: Plan, file: str) -> Iterator[Hit]:
    """A `check` block of the configuration that does not hold."""
    for name in plan.failed_checks:
        yield Hit(
            "check-failed",
            "high",
            name,
            f"`{name}` does not hold in this plan",
            "a condition that you wrote is broken",
            "see the plan",
            file,
        )


def counted(plan: Plan) -> dict[str, int]:
    """How many of each sort of change, and how many drifted."""
    found = {
        what: sum(1 for one in plan.changes if one.what == what) for what in ("create", "update", "delete", "replace")
    }
    return {**found, "drift": sum(1 for one in plan.drift if one.what != "no-op")}


def in_one_line(count: dict[str, int], drift: Sequence[Change]) -> str:
    """The counts as a person says them."""
    said = ", ".join(f"{count[what]} to {what}" for what in ("create", "update", "delete", "replace"))
    changed = [one.address for one in drift if one.what != "no-op"]
    more = f"; {len(changed)} drifted since the last apply ({', '.join(changed[:2])})" if changed else ""
    return f"{said}{more}"
