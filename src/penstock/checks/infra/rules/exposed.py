"""What is sent in the open, or lets out more than it should, by a setting that somebody wrote so."""

# ruff: noqa: ARG001 - all are asked alike, whether they look at everything or not

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from penstock.checks.infra.resource import Hit, Resource, Setting, Stack, in_words
from penstock.checks.infra.values import dig, items, table, truth


@dataclass(frozen=True)
class Written:
    """A setting of a type: where it stands in each format, what it must not be, and what follows when it is."""

    rule: str
    types: tuple[str, str]
    paths: tuple[str, str]
    bad: str
    condition: str
    effect: str
    remedies: tuple[str, str]


_READ = "passwords, cookies and data can be read on their way"
_SETTINGS = (
    Written("in-the-open", ("AWS::CloudFront::Distribution", "aws_cloudfront_distribution"),
            ("DistributionConfig.DefaultCacheBehavior.ViewerProtocolPolicy", "default_cache_behavior.viewer_protocol_policy"),
            "allow-all", "answers HTTP as well", _READ,
            ("ViewerProtocolPolicy: redirect-to-https", 'viewer_protocol_policy = "redirect-to-https"')),
    Written("in-the-open", ("AWS::ElastiCache::ReplicationGroup", "aws_elasticache_replication_group"),
            ("TransitEncryptionEnabled", "transit_encryption_enabled"), "false", "is spoken to without TLS", _READ,
            ("TransitEncryptionEnabled: true", "transit_encryption_enabled = true")),
    Written("in-the-open", ("AWS::OpenSearchService::Domain", "aws_opensearch_domain"),
            ("DomainEndpointOptions.EnforceHTTPS", "domain_endpoint_options.enforce_https"), "false",
            "answers HTTP as well", _READ, ("DomainEndpointOptions: {EnforceHTTPS: true}", "enforce_https = true")),
    Written("metadata-v1", ("AWS::EC2::Instance", "aws_instance"),
            ("MetadataOptions.HttpTokens", "metadata_options.http_tokens"), "optional",
            "gives its credentials to whoever asks without a token (IMDSv1)",
            "a page that can be made to fetch a URL hands out the role of the machine",
            ("MetadataOptions: {HttpTokens: required}", 'metadata_options { http_tokens = "required" }')),
    Written("unauthenticated", ("AWS::Cognito::IdentityPool", "aws_cognito_identity_pool"),
            ("AllowUnauthenticatedIdentities", "allow_unauthenticated_identities"), "true",
            "gives credentials to whoever asks", "anybody on the internet has the rights of its guest role",
            ("AllowUnauthenticatedIdentities: false", "allow_unauthenticated_identities = false")),
)  # fmt: skip


def written(stack: Stack, setting: Setting) -> Iterator[Hit]:
    """A setting that is as it should not be. What is left out, or known later, is not judged."""
    for one in stack.resources:
        for said in _SETTINGS:
            if one.type in said.types:
                path = said.paths[said.types.index(one.type)].split(".")
                if str(dig(one.own, *path)).lower() == said.bad:
                    condition = f"`{one.name}` {said.condition}"
                    remedy = in_words(one.dialect, *said.remedies)
                    yield Hit(said.rule, "medium", one.name, condition, said.effect, remedy, one.place(path[0]))


def listeners(stack: Stack, setting: Setting) -> Iterator[Hit]:
    """A listener that hands on what came in by HTTP, in place of leading to HTTPS."""
    for one in stack.resources:
        if one.type in ("AWS::ElasticLoadBalancingV2::Listener", "aws_lb_listener"):
            own = table(one.own)
            said = str(own.get("Protocol", own.get("protocol"))).upper()
            actions = items(own.get("DefaultActions", own.get("default_action")))
            if said == "HTTP" and any(
                str(table(a).get("Type", table(a).get("type"))).lower() == "forward" for a in actions
            ):
                remedy = in_words(
                    one.dialect,
                    "DefaultActions: [{Type: redirect, RedirectConfig: {Protocol: HTTPS, StatusCode: HTTP_301}}]",
                    'default_action { type = "redirect", redirect { protocol = "HTTPS", status_code = "HTTP_301" } }',
                )
                condition = f"`{one.name}` hands on what comes in by HTTP"
                yield Hit(
                    "in-the-open", "medium", one.name, condition, _READ, remedy, one.place("Protocol", "protocol")
                )


def privileged(stack: Stack, setting: Setting) -> Iterator[Hit]:
    """A container of ECS that is its host."""
    for one in stack.resources:
        if one.type == "AWS::ECS::TaskDefinition" and any(
            truth(table(container).get("Privileged")) is True
            for container in items(table(one.own).get("ContainerDefinitions"))
        ):
            yield _is_its_host(one)


def _is_its_host(one: Resource) -> Hit:
    return Hit("privileged", "critical", one.name, f"a container of `{one.name}` is privileged",
               "whoever gets into it has the machine", "Privileged: false", one.place("ContainerDefinitions"))  # fmt: skip


RULES = (written, listeners, privileged)
