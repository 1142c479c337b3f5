"""CloudFormation types as our kinds: what rules ask for, taken out of each type's properties."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from penstock.checks.infra.values import dig, first, is_later, items, number, table, truth

Props = Mapping[str, Any]
Facts = dict[str, Any]
_FLAGS = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")


def facts_of(type_: str, own: Props) -> tuple[str, Facts]:
    """Our kind of a type, and its facts; a type that no rule asks for is `other`."""
    if type_ in _TYPES:
        kind, read = _TYPES[type_]
        return kind, read(own)
    if type_ in _STORES:
        return "store", _store(own, *_STORES[type_])
    if type_ in _POLICIES:
        return "policy", {"document": own.get(_POLICIES[type_]), "on": type_}
    return "other", {}


def _store(own: Props, what: str, encrypted: str, protected: str, default: bool | None) -> Facts:
    """A store: its encryption and its protection, each by the property that says it."""
    said = dig(own, *encrypted.split(".")) if encrypted else None
    return {
        "what": what,
        "encrypted": default if said is None else (truth(said) if truth(said) is not None else bool(said) or None),
        "encrypted_key": encrypted,
        "protected": truth(own.get(protected))
        if protected and own.get(protected) is not None
        else (False if protected else None),
        "protected_unknown": bool(protected) and is_later(own.get(protected)),
        "protected_key": protected,
        "public": truth(own.get("PubliclyAccessible")) or truth(own.get("MapPublicIpOnLaunch")),
        "backups": number(own.get("BackupRetentionPeriod")),
        "stateful": what not in ("queue", "topic", "stream"),
    }


_STORES: dict[str, tuple[str, str, str, bool | None]] = {
    # type: (what it is, the property that encrypts, the one that protects, whether it is encrypted by default)
    "AWS::RDS::DBInstance": ("database", "StorageEncrypted", "DeletionProtection", False),
    "AWS::RDS::DBCluster": ("database", "StorageEncrypted", "DeletionProtection", False),
    "AWS::DocDB::DBCluster": ("database", "StorageEncrypted", "DeletionProtection", False),
    "AWS::Neptune::DBCluster": ("database", "StorageEncrypted", "DeletionProtection", False),
    "AWS::Redshift::Cluster": ("warehouse", "Encrypted", "", False),
    "AWS::EC2::Volume": ("volume", "Encrypted", "", False),
    "AWS::EFS::FileSystem": ("file system", "Encrypted", "", False),
    "AWS::FSx::FileSystem": ("file system", "", "", True),
    "AWS::ElastiCache::ReplicationGroup": ("cache", "AtRestEncryptionEnabled", "", False),
    "AWS::OpenSearchService::Domain": ("search domain", "EncryptionAtRestOptions.Enabled", "", False),
    "AWS::Elasticsearch::Domain": ("search domain", "EncryptionAtRestOptions.Enabled", "", False),
    "AWS::SNS::Topic": ("topic", "KmsMasterKeyId", "", False),
    "AWS::Kinesis::Stream": ("stream", "StreamEncryption.KeyId", "", False),
    "AWS::DynamoDB::Table": ("table", "SSESpecification.SSEEnabled", "DeletionProtectionEnabled", None),
    "AWS::DynamoDB::GlobalTable": ("table", "SSESpecification.SSEEnabled", "", None),
    "AWS::Serverless::SimpleTable": ("table", "SSESpecification.SSEEnabled", "", None),
    "AWS::Cognito::UserPool": ("user pool", "", "DeletionProtection", True),
}

_POLICIES = {
    "AWS::IAM::Policy": "PolicyDocument",
    "AWS::IAM::ManagedPolicy": "PolicyDocument",
    "AWS::IAM::RolePolicy": "PolicyDocument",
    "AWS::IAM::UserPolicy": "PolicyDocument",
    "AWS::IAM::GroupPolicy": "PolicyDocument",
    "AWS::S3::BucketPolicy": "PolicyDocument",
    "AWS::SQS::QueuePolicy": "PolicyDocument",
    "AWS::SNS::TopicPolicy": "PolicyDocument",
    "AWS::KMS::Key": "KeyPolicy",
    "AWS::SecretsManager::ResourcePolicy": "ResourcePolicy",
    "AWS::ECR::Repository": "RepositoryPolicyText",
    "AWS::EC2::VPCEndpoint": "PolicyDocument",
    "AWS::IoT::Policy": "PolicyDocument",
    "AWS::Events::EventBusPolicy": "Statement",
    "AWS::EFS::FileSystemPolicy": "FileSystemPolicy",
    "AWS::SSO::PermissionSet": "InlinePolicy",
}


def _function(own: Props) -> Facts:
    return {
        "runtime": own.get("Runtime"),
        "timeout": own.get("Timeout"),
        "env": table(dig(own, "Environment", "Variables")),
        "role": own.get("Role"),
        "log_group": dig(own, "LoggingConfig", "LogGroup"),
        "url_auth": dig(own, "FunctionUrlConfig", "AuthType"),
        "managed": [one for one in items(own.get("Policies")) if isinstance(one, str)],
        "inline": [one for one in items(own.get("Policies")) if isinstance(one, Mapping)],
        "events": table(own.get("Events")),
        "url_cors": cors(table(dig(own, "FunctionUrlConfig", "Cors"))),
    }


def _bucket(own: Props) -> Facts:
    block = own.get("PublicAccessBlockConfiguration")
    rules = items(dig(own, "CorsConfiguration", "CorsRules"))
    return {
        "acl": own.get("AccessControl"),
        "block": {flag: truth(table(block).get(flag)) if not is_later(table(block).get(flag)) else True for flag in _FLAGS}
        if isinstance(block, Mapping) else (None if block is None else {}),
        "encrypted": None if own.get("BucketEncryption") is None else True,
        "lifecycle": bool(own.get("LifecycleConfiguration")),
        "versioned": dig(own, "VersioningConfiguration", "Status") == "Enabled",
        "cors": [cors(table(rule)) for rule in rules],
        "what": "bucket",
        "stateful": True,
    }  # fmt: skip


def cors(said: Any) -> dict[str, Any] | None:
    """A CORS setting, in whatever spelling: its origins, its methods (none: all), whether with credentials."""
    if said is None or said == {} or said is False:
        return None
    if not isinstance(said, Mapping):
        return {
            "origins": ["*"] if said is True else [_bare(one) for one in items(said)],
            "methods": [],
            "credentials": None,
        }
    lower = {str(key).lower().replace("_", ""): value for key, value in said.items()}
    origins = next(
        (lower[k] for k in ("alloworigins", "allowedorigins", "alloworigin", "origins", "origin") if k in lower), None
    )
    methods = next((lower[k] for k in ("allowmethods", "allowedmethods", "methods") if k in lower), None)
    listed = methods.split(",") if isinstance(methods, str) else items(methods)
    return {
        "origins": ["*"] if origins is None and "serverless" in lower else [_bare(one) for one in items(origins)],
        "methods": [_bare(one).upper() for one in listed],
        "credentials": truth(_bare(lower.get("allowcredentials"))),
    }


def _bare(value: Any) -> str:
    """SAM wants a text in a text: `"'*'"`."""
    return str(value).strip().strip("'\"").strip()


def _group(own: Props) -> Facts:
    return {"ingress": [_ingress(table(one)) for one in items(own.get("SecurityGroupIngress"))]}


def _ingress(own: Props) -> Facts:
    return {
        "cidrs": [own[key] for key in ("CidrIp", "CidrIpv6") if own.get(key) is not None],
        "from": number(own.get("FromPort")),
        "to": number(own.get("ToPort")),
        "protocol": str(own.get("IpProtocol", "-1")),
        "line": getattr(own, "line", 0),
    }


def _method(own: Props) -> Facts:
    responses = [table(one) for one in items(dig(own, "Integration", "IntegrationResponses"))]
    origin = [
        value for one in responses for key, value in table(one.get("ResponseParameters")).items()
        if key.lower().endswith("access-control-allow-origin")
    ]  # fmt: skip
    return {
        "method": str(own.get("HttpMethod", "ANY")).upper(),
        "path": "",
        "auth": _authorised(own.get("AuthorizationType")),
        "api_key": truth(own.get("ApiKeyRequired")),
        "api": own.get("RestApiId"),
        "cors": cors({"origins": origin}) if origin else None,
    }


def _authorised(said: Any) -> bool | None:
    """Whether a method asks who it is; None where that is known later."""
    return None if is_later(said) else str(said or "NONE").upper() != "NONE"


def _route(own: Props) -> Facts:
    key = str(own.get("RouteKey", "$default"))
    method, _, path = key.partition(" ") if " " in key else ("ANY", "", key)
    return {
        "method": method.upper(), "path": path, "auth": _authorised(own.get("AuthorizationType")),
        "api_key": truth(own.get("ApiKeyRequired")), "api": own.get("ApiId"), "socket": key.startswith("$") and key != "$default",
    }  # fmt: skip


def _rest_api(own: Props) -> Facts:
    return {"api": "rest", "cors": cors(own.get("Cors")), "body": own.get("Body") or own.get("DefinitionBody")}


def _http_api(own: Props) -> Facts:
    protocol = str(own.get("ProtocolType", "HTTP")).upper()
    said = own.get("CorsConfiguration")
    return {"api": "socket" if protocol == "WEBSOCKET" else "http", "cors": cors(said), "body": own.get("Body")}


def _throttled(said: Any) -> bool:
    """Whether any of some settings limits a rate or a burst."""
    each = said.values() if isinstance(said, Mapping) and "ThrottlingRateLimit" not in said else items(said)
    return any(
        table(one).get(key) is not None for one in each for key in ("ThrottlingRateLimit", "ThrottlingBurstLimit")
    )


def _stage(own: Props) -> Facts:
    return {
        "throttled": _throttled(own.get("MethodSettings")) or _throttled(own.get("DefaultRouteSettings"))
        or _throttled(own.get("RouteSettings")),
        "api": own.get("RestApiId") or own.get("ApiId"),
    }  # fmt: skip


def _sam_api(own: Props) -> Facts:
    plan = dig(own, "Auth", "UsagePlan", "Throttle")
    return {
        **_rest_api(own),
        **_stage(own),
        "throttled": _stage(own)["throttled"] or plan is not None,
        "auth": table(own.get("Auth")),
    }


def _sam_http_api(own: Props) -> Facts:
    return {**_sam_api(own), "api": "http", "cors": cors(own.get("CorsConfiguration"))}


def _usage_plan(own: Props) -> Facts:
    return {"limits": own.get("Throttle") is not None, "on": items(own.get("ApiStages"))}


def _role(own: Props) -> Facts:
    return {
        "trust": own.get("AssumeRolePolicyDocument"),
        "inline": [
            (str(table(one).get("PolicyName", "")), table(one).get("PolicyDocument"))
            for one in items(own.get("Policies"))
        ],
        "managed": items(own.get("ManagedPolicyArns")),
    }


def _permission(own: Props) -> Facts:
    conditions = [own.get(key) for key in ("SourceArn", "SourceAccount", "PrincipalOrgID", "EventSourceToken")]
    return {
        "principal": own.get("Principal"), "conditions": [one for one in conditions if one is not None],
        "url_auth": own.get("FunctionUrlAuthType"),
    }  # fmt: skip


def _queue(own: Props) -> Facts:
    managed = own.get("SqsManagedSseEnabled")
    return {
        "what": "queue", "stateful": False, "encrypted_key": "SqsManagedSseEnabled", "protected": None, "protected_key": "",
        "encrypted": True if own.get("KmsMasterKeyId") is not None else None if managed is None else truth(managed),
    }  # fmt: skip


def _launch(own: Props) -> Facts:
    data = table(own.get("LaunchTemplateData")) or own
    disks = [dig(one, "Ebs") for one in items(data.get("BlockDeviceMappings")) if dig(one, "Ebs") is not None]
    return {"disks": [truth(first(one).get("Encrypted")) for one in disks if not is_later(first(one).get("Encrypted"))]}


_TYPES: dict[str, tuple[str, Callable[[Props], Facts]]] = {
    "AWS::Lambda::Function": ("function", _function),
    "AWS::Serverless::Function": ("function", _function),
    "AWS::S3::Bucket": ("bucket", _bucket),
    "AWS::EC2::SecurityGroup": ("security_group", _group),
    "AWS::EC2::SecurityGroupIngress": ("security_group", lambda own: {"ingress": [_ingress(own)]}),
    "AWS::ApiGateway::Method": ("route", _method),
    "AWS::ApiGatewayV2::Route": ("route", _route),
    "AWS::ApiGateway::RestApi": ("api", _rest_api),
    "AWS::ApiGatewayV2::Api": ("api", _http_api),
    "AWS::ApiGateway::Stage": ("stage", _stage),
    "AWS::ApiGatewayV2::Stage": ("stage", _stage),
    "AWS::Serverless::Api": ("sam_api", _sam_api),
    "AWS::Serverless::HttpApi": ("sam_api", _sam_http_api),
    "AWS::ApiGateway::UsagePlan": ("throttle", _usage_plan),
    "AWS::IAM::Role": ("role", _role),
    "AWS::IAM::User": ("role", _role),
    "AWS::IAM::Group": ("role", _role),
    "AWS::Lambda::Permission": ("permission", _permission),
    "AWS::Lambda::Url": ("function_url", lambda own: {"auth": own.get("AuthType"), "cors": cors(own.get("Cors"))}),
    "AWS::Logs::LogGroup": ("log_group", lambda own: {"retention": own.get("RetentionInDays")}),
    "AWS::CloudWatch::Alarm": ("alarm", lambda own: {"about": own}),
    "AWS::CloudWatch::CompositeAlarm": ("alarm", lambda own: {"about": own}),
    "AWS::SQS::Queue": ("store", _queue),
    "AWS::EC2::Instance": ("machine", _launch),
    "AWS::EC2::LaunchTemplate": ("machine", _launch),
    "AWS::AutoScaling::LaunchConfiguration": ("machine", _launch),
}
