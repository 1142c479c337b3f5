"""Buckets that everybody can read or write."""

# ruff: noqa: ARG001 - all are asked alike, whether they look at everything or not

from __future__ import annotations

from collections.abc import Iterator

from penstock.checks.infra.policy import statements
from penstock.checks.infra.resource import Hit, Resource, Setting, Stack, in_words
from penstock.checks.infra.values import is_later

_OPEN = {"publicread": "high", "publicreadwrite": "critical", "authenticatedread": "high", "allusers": "high"}
_BLOCK = (
    "PublicAccessBlockConfiguration: {BlockPublicAcls: true, BlockPublicPolicy: true, IgnorePublicAcls: true, "
    "RestrictPublicBuckets: true}"
)
_BLOCK_TF = (
    'resource "aws_s3_bucket_public_access_block" "this" { bucket = NAME.id, block_public_acls = true, '
    "block_public_policy = true, ignore_public_acls = true, restrict_public_buckets = true }  # one key a line"
)


def public_acl(stack: Stack, setting: Setting) -> Iterator[Hit]:
    """A bucket's ACL gives it to everybody."""
    for bucket in stack.of("bucket", "bucket_acl"):
        acl = str(bucket.facts.get("acl") or "").replace("-", "").lower()
        if acl in _OPEN:
            yield Hit(
                "public-bucket",
                _OPEN[acl],
                bucket.name,
                f"the ACL of `{bucket.name}` is {bucket.facts['acl']}",
                "anybody can read what is in it, whoever they are",
                in_words(bucket.dialect, "AccessControl: Private", 'acl = "private"'),
                bucket.place("AccessControl", "acl"),
            )


def public_policy(stack: Stack, setting: Setting) -> Iterator[Hit]:
    """A bucket's policy allows everybody."""
    for policy in stack.of("policy"):
        if policy.facts["on"] not in ("AWS::S3::BucketPolicy", "aws_s3_bucket_policy", "aws_s3_bucket"):
            continue
        for one in statements(policy.facts["document"]):
            if one.allows and any(who == "*" for _, who in one.principals) and not one.narrows_who():
                writes = any(
                    action.lower() in ("*", "s3:*") or ":put" in action.lower() or ":delete" in action.lower()
                    for action in one.actions
                )
                yield Hit(
                    "public-bucket",
                    "critical" if writes else "high",
                    policy.name,
                    (
                        f"the bucket policy `{policy.name}` allows "
                        f"{', '.join(one.actions[:3]) or 'all but some actions'} to Principal *"
                    ),
                    "anybody can " + ("change" if writes else "read") + " what is in the bucket",
                    "Principal: {Service: cloudfront.amazonaws.com} with a Condition on aws:SourceArn",
                    f"{stack.file}:{one.line}" if one.line else policy.place("PolicyDocument", "policy"),
                )


def no_block(stack: Stack, setting: Setting) -> Iterator[Hit]:
    """A bucket does not refuse to be made public."""
    blocks = list(stack.of("bucket_block"))
    for bucket in stack.of("bucket"):
        own = [one.facts["block"] for one in blocks if bucket.is_meant_by(one.facts["bucket"])]
        block = bucket.facts["block"] if bucket.facts.get("block") is not None else (own[0] if own else None)
        if block is None:
            if any(is_later(one.facts["bucket"]) and not _meets(one, stack) for one in blocks):
                continue  # a block for a bucket that is known later may be this one's
            yield _unblocked(bucket, "medium", f"`{bucket.name}` has no public access block")
        elif missing := [flag for flag, on in block.items() if not on]:
            yield _unblocked(bucket, "high", f"`{bucket.name}` does not set {', '.join(missing)}")
        elif block == {}:
            yield _unblocked(bucket, "high", f"the public access block of `{bucket.name}` is empty")


def _meets(block: Resource, stack: Stack) -> bool:
    return any(bucket.is_meant_by(block.facts["bucket"]) for bucket in stack.of("bucket"))


def _unblocked(bucket: Resource, severity: str, condition: str) -> Hit:
    return Hit(
        "no-public-access-block",
        severity,
        bucket.name,
        condition,
        "one wrong ACL or policy, and everybody reads what is in it",
        in_words(bucket.dialect, _BLOCK, _BLOCK_TF.replace("NAME", bucket.name)),
        bucket.place("PublicAccessBlockConfiguration"),
    )


def lifecycle(stack: Stack, setting: Setting) -> Iterator[Hit]:
    """Asked for: a bucket says what becomes of old objects."""
    more = {"lifecycle": list(stack.of("bucket_lifecycle")), "versioning": list(stack.of("bucket_versioning"))}
    wanted = [topic for topic in ("lifecycle", "versioning") if topic in setting.require]
    facts = {"lifecycle": "lifecycle", "versioning": "versioned"}
    remedies = {
        "lifecycle": (
            "LifecycleConfiguration: {Rules: [{Status: Enabled, ExpirationInDays: 90}]}",
            'resource "aws_s3_bucket_lifecycle_configuration" "this" { ... }',
        ),
        "versioning": (
            "VersioningConfiguration: {Status: Enabled}",
            'resource "aws_s3_bucket_versioning" "this" { ... }',
        ),
    }
    for bucket in stack.of("bucket"):
        for topic in wanted:
            said = bucket.facts.get(facts[topic]) or any(bucket.is_meant_by(one.facts["bucket"]) for one in more[topic])
            if not said:
                yield Hit(
                    f"no-{topic}",
                    "high",
                    bucket.name,
                    f"`{bucket.name}` has no {topic}",
                    "it grows for ever" if topic == "lifecycle" else "what is overwritten is gone",
                    in_words(bucket.dialect, *remedies[topic]),
                    bucket.where,
                )


RULES = (public_acl, public_policy, no_block, lifecycle)
