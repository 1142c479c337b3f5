"""Where data is kept: encrypted, protected from being deleted, not open to the world."""

# ruff: noqa: ARG001 - all are asked alike, whether they look at everything or not

from __future__ import annotations

from collections.abc import Iterator

from penstock.checks.infra.resource import Hit, Resource, Setting, Stack, in_words
from penstock.checks.infra.values import is_later

_SEVERITY = {"table": "info", "queue": "medium", "topic": "medium", "stream": "medium", "bucket": "low"}
_DEFAULTED = ("table", "queue", "bucket")  # encrypted with the provider's own key where nothing is said
_PASTED = {
    "topic": "KmsMasterKeyId: alias/aws/sns",
    "stream": "StreamEncryption: {EncryptionType: KMS, KeyId: alias/aws/kinesis}",
    "table": "SSESpecification: {SSEEnabled: true}",
    "queue": "SqsManagedSseEnabled: true",
    "bucket": "BucketEncryption: {ServerSideEncryptionConfiguration: [{ServerSideEncryptionByDefault: {SSEAlgorithm: 'aws:kms'}}]}",
    "search domain": "EncryptionAtRestOptions: {Enabled: true}",
}


def unencrypted(stack: Stack, setting: Setting) -> Iterator[Hit]:
    """Data at rest that is not encrypted, or by nobody's decision."""
    others = list(stack.of("bucket_encryption"))
    for store in stack.of("store", "bucket"):
        what, said = store.facts["what"], store.facts["encrypted"]
        key = store.facts.get("encrypted_key", "")
        if said is True or (what != "bucket" and is_later(_own(store, key))):
            continue
        if what == "bucket" and any(store.is_meant_by(one.facts["bucket"]) for one in others):
            continue
        if said is None and what not in _DEFAULTED:
            continue  # known later
        severity = "medium" if said is False and what in _DEFAULTED else _SEVERITY.get(what, "high")
        severity = "low" if said is None and what == "queue" else severity
        yield Hit(
            "unencrypted",
            "high" if "encryption" in setting.require else severity,
            store.name,
            f"the {what} `{store.name}` is not encrypted"
            if said is False
            else f"nothing says how the {what} `{store.name}` is encrypted",
            "a copy of the disk, a snapshot or a dump can be read by whoever has it"
            if said is False
            else "the provider's own key is used, which cannot be taken back or audited",
            in_words(store.dialect, _PASTED.get(what, f"{key or 'Encrypted'}: true"), _terraform(store)),
            store.place(key.partition(".")[0]),
        )
    for machine in stack.of("machine"):
        if False in machine.facts["disks"] or None in machine.facts["disks"]:
            yield Hit(
                "unencrypted",
                "high",
                machine.name,
                f"a disk of `{machine.name}` is not encrypted",
                "a snapshot of it can be read by whoever has it",
                in_words(machine.dialect, "Ebs: {Encrypted: true}", "encrypted = true"),
                machine.where,
            )


def _own(store: Resource, key: str) -> object:
    return store.own.get(key.partition(".")[0]) if key and isinstance(store.own, dict) else None


def _terraform(store: Resource) -> str:
    key = str(store.facts.get("encrypted_key") or "encrypted")
    named = {
        "topic": 'kms_master_key_id = "alias/aws/sns"',
        "stream": 'encryption_type = "KMS"',
        "table": "server_side_encryption { enabled = true }",
        "search domain": "encrypt_at_rest { enabled = true }",
        "bucket": 'resource "aws_s3_bucket_server_side_encryption_configuration" "this" { ... }',
    }
    return named.get(store.facts["what"], f"{key} = true")


def unprotected(stack: Stack, setting: Setting) -> Iterator[Hit]:
    """In production, a store of data can be deleted by one wrong deployment."""
    grave = setting.production or "deletion_protection" in setting.require
    if not grave:
        return
    for store in stack.of("store", "bucket"):
        if not store.facts["stateful"] or (store.dialect == "terraform" and store.facts.get("protected") is None):
            continue
        kept = str(store.facts.get("kept"))
        if kept in ("Retain", "Snapshot", "RetainExceptOnCreate") or store.facts.get("protected") is True:
            continue
        if is_later(kept) or store.facts.get("protected_unknown"):
            continue
        key = store.facts.get("protected_key") or ""
        yield Hit(
            "no-deletion-protection",
            "high",
            store.name,
            f"nothing keeps the {store.facts['what']} `{store.name}` from being deleted",
            "a deployment that drops or replaces it takes the data with it",
            in_words(
                store.dialect,
                "DeletionPolicy: Retain\nUpdateReplacePolicy: Retain" + (f"   # and {key}: true" if key else ""),
                f"{key or 'deletion_protection'} = true",
            ),
            store.place(key),
        )


def public_store(stack: Stack, setting: Setting) -> Iterator[Hit]:
    """A database has a public address."""
    for store in stack.of("store"):
        if store.facts.get("public") is True:
            yield Hit(
                "public-database",
                "critical",
                store.name,
                f"the {store.facts['what']} `{store.name}` has a public address",
                "only its password and its security group stand between it and the internet",
                in_words(store.dialect, "PubliclyAccessible: false", "publicly_accessible = false"),
                store.place("PubliclyAccessible", "publicly_accessible"),
            )


def no_backups(stack: Stack, setting: Setting) -> Iterator[Hit]:
    """A database that keeps no backups."""
    for store in stack.of("store"):
        if store.facts["what"] == "database" and store.facts.get("backups") == 0:
            severe = setting.production or "backups" in setting.require
            yield Hit(
                "no-backups",
                "high" if severe else "medium",
                store.name,
                f"`{store.name}` keeps no backups (0 days)",
                "what is lost is lost",
                in_words(store.dialect, "BackupRetentionPeriod: 7", "backup_retention_period = 7"),
                store.place("BackupRetentionPeriod", "backup_retention_period"),
            )
        if (
            store.facts["what"] == "table"
            and "backups" in setting.require
            and not store.facts.get("recoverable", _pitr(store))
        ):
            yield Hit(
                "no-backups",
                "high",
                store.name,
                f"`{store.name}` has no point-in-time recovery",
                "what is lost is lost",
                in_words(
                    store.dialect,
                    "PointInTimeRecoverySpecification: {PointInTimeRecoveryEnabled: true}",
                    "point_in_time_recovery { enabled = true }",
                ),
                store.where,
            )


def _pitr(store: Resource) -> bool:
    said = (store.own or {}).get("PointInTimeRecoverySpecification")
    return bool(said) and (is_later(said) or str((said or {}).get("PointInTimeRecoveryEnabled")).lower() == "true")


RULES = (unencrypted, unprotected, public_store, no_backups)
