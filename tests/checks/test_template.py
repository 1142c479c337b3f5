"""The check `template`: what a template declares, and what cfn-lint says of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from penstock.checks.infra.declared import read_stack
from penstock.checks.infra.reading import Unreadable, documents
from penstock.checks.infra.resource import SEVERITIES, Setting
from penstock.checks.infra.rules import exposed
from penstock.checks.infra.secrets import is_plain_secret
from penstock.checks.template import TemplateCheck, TemplateSection
from penstock.checks.template_lint import lint_report
from penstock.core import data
from penstock.core.finding import CheckRequest, Outcome

RECORDED = Path(__file__).parent / "recorded" / "template"
FAULTY = (RECORDED / "faulty" / "template.yaml").read_text()
CLEAN = (RECORDED / "clean" / "template.yaml").read_text()
Make = Callable[..., CheckRequest]
NO_TOOL = {"PATH": "/nowhere"}

PLANTED = {
    ("open-port", "WebGroup"),
    ("open-port", "DebugIngress"),
    ("public-bucket", "Uploads"),
    ("public-bucket", "PagesPolicy"),
    ("no-public-access-block", "Uploads"),
    ("no-public-access-block", "Pages"),
    ("open-cors", "ServerlessHttpApi"),
    ("no-authorizer", "RestMethod"),
    ("no-authorizer", "OrdersFunction.Create"),
    ("no-throttling", "RestStage"),
    ("no-throttling", "ServerlessHttpApi"),
    ("timeout-over-api", "OrdersFunction"),
    ("unencrypted", "Uploads"),
    ("unencrypted", "Pages"),
    ("unencrypted", "Database"),
    ("unencrypted", "Disk"),
    ("unencrypted", "Shared"),
    ("unencrypted", "Orders"),
    ("unencrypted", "Jobs"),
    ("unencrypted", "News"),
    ("no-deletion-protection", "Uploads"),
    ("no-deletion-protection", "Pages"),
    ("no-deletion-protection", "Database"),
    ("no-deletion-protection", "Disk"),
    ("no-deletion-protection", "Shared"),
    ("no-deletion-protection", "Orders"),
    ("public-database", "Database"),
    ("no-backups", "Database"),
    ("no-log-retention", "Logs"),
    ("no-log-retention", "OrdersFunction"),
    ("old-runtime", "OrdersFunction"),
    ("public-function-url", "OrdersFunction"),
    ("public-permission", "AnybodyInvokes"),
    ("plain-secret", "OrdersFunction"),
    ("secret-default", "DbPassword"),
    ("no-echo", "DbPassword"),
}


def run(make: Make, folder: Path, text: str | bytes, section: dict[str, Any] | None = None, **more: Any) -> Outcome:
    """The outcome over one template."""
    (folder / "template.yaml").write_bytes(text.encode() if isinstance(text, str) else text)
    said = {"file": "template.yaml", "lint": "off", **(section or {})}
    plain = data.dump(TemplateSection.model_validate(said))
    return TemplateCheck().run(make(plain, **{"env": NO_TOOL, "environment": "production", **more}))


def rules(outcome: Outcome) -> set[str]:
    """The rules that found something."""
    return {finding.condition.rpartition("[")[2].partition("]")[0] for finding in outcome.findings}


def one(resource: str, **top: Any) -> str:
    """A template of one resource, in JSON."""
    return json.dumps({"Resources": {"It": json.loads(resource)}, **top})


def test_every_planted_fault_is_found_and_the_clean_twin_has_none(request_for: Make, tmp_path: Path) -> None:
    """All that is planted is found, nothing else is, and nothing at all in the twin in which it is mended."""
    from penstock.checks.infra.declared import read_stack
    from penstock.checks.infra.resource import Setting
    from penstock.checks.infra.rules import ALL

    stack = read_stack(FAULTY.encode(), "template.yaml", {}, "production")
    assert {(hit.rule, hit.resource) for rule in ALL for hit in rule(stack, Setting(production=True))} == PLANTED
    outcome = run(request_for, tmp_path, FAULTY)
    assert "failed" == outcome.state
    clean = run(
        request_for,
        tmp_path,
        CLEAN,
        {"at_most": "none", "require": ["alarms", "log_retention", "throttling", "encryption"]},
    )
    assert ("passed", ()) == (clean.state, clean.findings)


def test_every_finding_has_its_words(request_for: Make, tmp_path: Path) -> None:
    """A finding says what, what follows, what to paste, where, and how grave it is; never the secret itself."""
    outcome = run(request_for, tmp_path, FAULTY)
    for finding in outcome.findings:
        assert finding.condition
        assert finding.effect
        assert finding.remedy
        assert finding.severity in SEVERITIES
        assert finding.where.startswith("template.yaml:")
        assert finding.where.rpartition(":")[2].isdecimal()
    said = (
        outcome.sentence
        + "".join(f"{f.condition}{f.effect}{f.remedy}" for f in outcome.findings)
        + outcome.evidence[-1].text
    )
    assert "4f9c2d81ab77e0" not in said
    assert "correct-horse" not in said
    assert len(outcome.sentence) <= 300
    assert sum(outcome.measured.values()) == len(outcome.findings)


OTHERS = [
    (
        (
            '{"Type": "AWS::EC2::SecurityGroup", "Properties": {"SecurityGroupIngress": '
            '{"IpProtocol": "-1", "CidrIp": "0.0.0.0/0"}}}'
        ),
        "open-port",
    ),
    (
        (
            '{"Type": "AWS::EC2::SecurityGroup", "Properties": {"SecurityGroupIngress": '
            '[{"IpProtocol": "tcp", "FromPort": "3306", "ToPort": 3306, "CidrIp": "0.0.0.0/1"}]}}'
        ),
        "open-port",
    ),
    (
        (
            '{"Type": "AWS::EC2::SecurityGroup", "Properties": {"SecurityGroupIngress": '
            '[{"IpProtocol": "tcp", "FromPort": 80, "ToPort": 443, "CidrIp": "0.0.0.0/0"}]}}'
        ),
        "open-port",
    ),
    ('{"Type": "AWS::S3::Bucket", "Properties": {"AccessControl": "AuthenticatedRead"}}', "public-bucket"),
    (
        (
            '{"Type": "AWS::S3::BucketPolicy", "Properties": {"PolicyDocument": {"Statement": '
            '{"Effect": "Allow", "Principal": {"AWS": ["*"]}, "Action": "s3:PutObject", "Resource": "x"}}}}'
        ),
        "public-bucket",
    ),
    ('{"Type": "AWS::RDS::DBCluster", "Properties": {"StorageEncrypted": "false"}}', "unencrypted"),
    ('{"Type": "AWS::Redshift::Cluster", "Properties": {}}', "unencrypted"),
    (
        (
            '{"Type": "AWS::EC2::LaunchTemplate", "Properties": {"LaunchTemplateData": '
            '{"BlockDeviceMappings": [{"Ebs": {"VolumeSize": 8}}]}}}'
        ),
        "unencrypted",
    ),
    (
        (
            '{"Type": "AWS::ECS::TaskDefinition", "Properties": {"ContainerDefinitions": '
            '[{"Environment": [{"Name": "DB_PASSWORD", "Value": "hunter-22"}]}]}}'
        ),
        "plain-secret",
    ),
    (
        '{"Type": "AWS::RDS::DBInstance", "Properties": {"StorageEncrypted": true, "MasterUserPassword": "hunter-22"}}',
        "plain-secret",
    ),
    (
        (
            '{"Type": "AWS::Lambda::Function", "Properties": {"Environment": {"Variables": {"URL": '
            '"postgres://a:hunter22@db/x"}}}}'
        ),
        "plain-secret",
    ),
    ('{"Type": "AWS::Lambda::Url", "Properties": {"AuthType": "NONE"}}', "public-function-url"),
    (
        (
            '{"Type": "AWS::Lambda::Url", "Properties": {"AuthType": "AWS_IAM", "Cors": '
            '{"AllowOrigins": ["*"], "AllowCredentials": true}}}'
        ),
        "open-cors",
    ),
    ('{"Type": "AWS::ApiGatewayV2::Route", "Properties": {"RouteKey": "ANY /{proxy+}"}}', "no-authorizer"),
    ('{"Type": "AWS::ApiGateway::RestApi", "Properties": {"Body": {"paths": {"/x": {"post": {}}}}}}', "no-authorizer"),
    ('{"Type": "AWS::ApiGatewayV2::Stage", "Properties": {}}', "no-throttling"),
    ('{"Type": "AWS::Lambda::Function", "Properties": {"Runtime": "nodejs12.x"}}', "old-runtime"),
    ('{"Type": "AWS::Logs::LogGroup", "Properties": {}}', "no-log-retention"),
    ('{"Type": "AWS::SNS::Topic"}', "unencrypted"),
    ('{"Type": "AWS::EFS::FileSystem", "Properties": {"Encrypted": true}}', "no-deletion-protection"),
]


@pytest.mark.parametrize(("resource", "rule"), OTHERS)
def test_other_faults_are_found_too(resource: str, rule: str, request_for: Make, tmp_path: Path) -> None:
    """A fault in another spelling, or of another type, is found by its rule."""
    assert rule in rules(run(request_for, tmp_path, one(resource)))


def test_parameters_and_conditions_are_followed(request_for: Make, tmp_path: Path) -> None:
    """A value is what the template is deployed with: given, by the environment's stage, or by default; else it is not judged."""
    text = """
Parameters: {Cidr: {Type: String, Default: 0.0.0.0/0}, Stage: {Type: String, Default: dev}, Else: {Type: String}}
Conditions: {Prod: !Equals [!Ref Stage, production], Unknown: !Equals [!Ref Else, x]}
Resources:
  A: {Type: AWS::EC2::SecurityGroupIngress, Properties: {IpProtocol: tcp, FromPort: 22, ToPort: 22, CidrIp: !Ref Cidr}}
  B: {Type: AWS::EC2::Volume, DeletionPolicy: Retain, Properties: {Encrypted: !If [Prod, true, false]}}
  C: {Type: AWS::EC2::Volume, DeletionPolicy: Retain, Properties: {Encrypted: !If [Unknown, true, false]}}
"""
    assert {"open-port"} == rules(run(request_for, tmp_path, text))
    assert {"open-port", "unencrypted"} == rules(run(request_for, tmp_path, text, environment="staging"))
    assert set() == rules(run(request_for, tmp_path, text, {"parameters": {"Cidr": "10.0.0.0/8"}}))


def test_what_is_required_blocks(request_for: Make, tmp_path: Path) -> None:
    """A topic in `require` is looked for, and blocks; a time to keep logs is held."""
    function = one('{"Type": "AWS::Lambda::Function", "Properties": {"Runtime": "python3.13"}}')
    assert "passed" == run(request_for, tmp_path, function).state
    assert {"no-alarm", "no-log-retention"} == rules(run(request_for, tmp_path, function, {"require": ["alarms"]}))
    group = one('{"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": 365}}')
    assert "passed" == run(request_for, tmp_path, group, {"log_retention": "7d to 365d"}).state
    assert "failed" == run(request_for, tmp_path, group, {"log_retention": "7d to 30d"}).state


def test_what_is_ignored_is_said_and_ends(request_for: Make, tmp_path: Path) -> None:
    """An ignored finding does not block until its day; after it, it does again, and it is said."""
    text = one('{"Type": "AWS::EC2::Volume", "DeletionPolicy": "Retain", "Properties": {}}')
    section = {"ignore": [{"rule": "unencrypted", "resource": "It", "reason": "scratch", "until": "2026-12-31"}]}
    held = run(request_for, tmp_path, text, section, now=1798675200.0)
    assert ("passed", "0 findings above medium in 1 resource of template.yaml; 1 ignored; cfn-lint is off") == (
        held.state,
        held.sentence,
    )
    over = run(request_for, tmp_path, text, section, now=1798848000.0)
    assert "failed" == over.state
    assert over.findings[0].condition.endswith("(it was ignored until 2026-12-31)")
    assert (
        "failed" == run(request_for, tmp_path, text, {"ignore": [{**section["ignore"][0], "resource": "Other"}]}).state
    )


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"a: [",
        b"\xff\xfe",
        b"{}",
        b"just words",
        b"Resources: []",
        b"Resources: {A: 3}",
        b"a: &a [*a]",
        b"[" * 9000,
        b"\x00\x01",
        b"a: 1\na: 2",
        b"--- {}\n--- {}",
        b"Resources: {}",
        b"x" * (5 << 20),
        (
            b"a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c "
            b"[*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\n"
            b"e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]"
        ),
    ],
    ids=range(15),
)
def test_what_cannot_be_read_is_no_pass(text: bytes, request_for: Make, tmp_path: Path) -> None:
    """What is no template, or one that grows without bounds, is errored."""
    assert "errored" == run(request_for, tmp_path, text).state


def test_a_missing_file_is_no_pass(request_for: Make, tmp_path: Path) -> None:
    """A file that is not there is errored, by its name."""
    outcome = run(request_for, tmp_path, "", {"file": "infra/*.yaml"})
    assert ("errored", "there is no file `infra/*.yaml` in the commit") == (outcome.state, outcome.sentence)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.one_of(
        st.binary(max_size=200),
        st.integers(0, len(CLEAN)).map(lambda at: (CLEAN[:at] + CLEAN[at + 3 :])[:1500].encode()),
    )
)
def test_any_bytes_have_an_outcome(text: bytes, request_for: Make, tmp_path: Path) -> None:
    """Whatever a file holds, there is an outcome and no exception."""
    assert run(request_for, tmp_path, text).state in ("passed", "failed", "errored")


@settings(max_examples=100, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["Ref", "Fn::Sub", "Fn::If", "Fn::Join", "Cors", "Auth", "Policies", "Statement", "x"]),
                inner,
                max_size=3,
            )
        ),
    ),
    st.sampled_from(
        [
            "AWS::S3::Bucket",
            "AWS::Serverless::Function",
            "AWS::IAM::Role",
            "AWS::EC2::SecurityGroup",
            "AWS::Serverless::Api",
        ]
    ),
    st.sampled_from(
        ["Properties", "AssumeRolePolicyDocument", "Events", "SecurityGroupIngress", "Policies", "Environment"]
    ),
)
def test_any_shape_has_an_outcome(value: Any, type_: str, key: str) -> None:
    """Properties of any shape are read by every rule without an exception."""
    from penstock.checks.infra.declared import read_stack
    from penstock.checks.infra.iam import BY_TOPIC
    from penstock.checks.infra.iam.grants import Asked, grants
    from penstock.checks.infra.resource import Setting
    from penstock.checks.infra.rules import ALL

    own = value if key == "Properties" else {key: value}
    text = json.dumps(
        {"Resources": {"A": {"Type": type_, "Properties": own}, "B": {"Type": "AWS::S3::Bucket"}}}
    ).encode()
    try:
        stack = read_stack(text, "t", {}, "")
    except Unreadable:
        return
    hits = [hit for rule in ALL for hit in rule(stack, Setting(True, frozenset({"alarms", "cors"})))]
    hits += [hit for each in BY_TOPIC.values() for rule in each for hit in rule(stack, grants(stack), Asked())]
    assert all(hit.severity in SEVERITIES for hit in hits)


def test_lines_are_those_of_the_file() -> None:
    """Every key knows its line, in YAML and in JSON with tabs; short tags are what they stand for."""
    (found,) = documents(b"a:\n  b: !GetAtt x.y\n")
    assert ({"b": {"Fn::GetAtt": "x.y"}}, 2) == (found["a"], found["a"].lines["b"])
    (found,) = documents(b'{\n\t"a":\n\t{"b": "\\u00e9"}\n}')
    assert ({"b": "é"}, 3) == (found["a"], found["a"].lines["b"])


@pytest.mark.parametrize(
    ("name", "value", "secret"),
    [
        ("DB_PASSWORD", "hunter-22", True),
        ("apiKey", "4f9c2d81ab", True),
        ("AWS_ACCESS_KEY_ID", "AKIA" + "IOSFODNN7EXAMPLE", True),
        ("STRIPE", "sk_live_" + "a" * 20, True),
        ("DSN", "mysql://u:pw12@h/d", True),
        ("JWT_SECRET", "abc-def-ghi", True),
        ("PASSWORD_FILE", "/run/secrets/x", False),
        ("SECRET_ARN", "x1x1", False),
        ("TOKEN_TTL", "360000", False),
        ("TOKEN", "${ssm:/x}", False),
        ("TOKEN", "{{resolve:ssm:/x}}", False),
        ("TOKEN_TABLE", "tokens", False),
        ("MAX_TOKENS", "4096", False),
        ("PRIMARY_KEY", "id", False),
        ("MONKEY", "bananas", False),
        ("PASSWORD", "", False),
        ("KeySchema", "id", False),
        ("PASSWORD_MIN_LENGTH", "12", False),
    ],
)
def test_what_looks_like_a_secret(name: str, value: str, secret: bool) -> None:
    """A secret is known by its name or by its looks; a word about one, or a reference to one, is none."""
    assert secret == is_plain_secret(name, value)


@pytest.mark.parametrize(("lint", "state"), [("required", "errored"), ("if_there", "passed"), ("off", "passed")])
def test_a_linter_that_is_not_there(lint: str, state: str, request_for: Make, tmp_path: Path) -> None:
    """An absent tool is no pass, unless the manifest says that Penstock's own rules decide alone."""
    outcome = run(request_for, tmp_path, CLEAN, {"lint": lint})
    assert state == outcome.state
    assert "cfn-lint" in outcome.sentence


@pytest.mark.parametrize(
    ("script", "state"),
    [
        ("cat {clean} > $4; exit 4", "passed"),
        ("cat {faulty} > $4; exit 6", "failed"),
        ("exit 0", "errored"),
        ("echo '[]' > $4", "passed"),
        ("echo '[]' > $4; exit 2", "errored"),
        ("cat {faulty} > $4; exit 0", "errored"),
        ("head -c 700 {faulty} > $4; exit 6", "errored"),
        ("echo '{{}}' > $4", "errored"),
        ("echo '[{{}}]' > $4; exit 2", "errored"),
        ("cat {faulty} > $4; exit 1", "errored"),
    ],
)
def test_what_the_linter_says(script: str, state: str, request_for: Make, tmp_path: Path) -> None:
    """Its errors block; a run without a whole report, or with one that its exit code contradicts, is errored."""
    tool = tmp_path / "bin" / "cfn-lint"
    tool.parent.mkdir()
    paths = {name: RECORDED / f"cfn-lint-{name}.json" for name in ("clean", "faulty")}
    tool.write_text(f"#!/bin/sh\n{script.format(**paths)}\n")
    tool.chmod(0o755)
    outcome = run(request_for, tmp_path, CLEAN, {"lint": "required"}, env={"PATH": f"{tool.parent}:/usr/bin:/bin"})
    assert state == outcome.state


@settings(max_examples=200, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=60),
        st.integers(0, 7000).map(lambda at: (RECORDED / "cfn-lint-faulty.json").read_bytes()[:at]),
    ),
    st.integers(-15, 40),
)
def test_a_broken_report_is_no_lint(text: bytes, code: int) -> None:
    """A report that is cut or not cfn-lint's is never a clean one."""
    found = lint_report(text, code)
    assert found.unseen or (code == 0) == (not found.hits)


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({}, "which file"),
        ({"file": "../x"}, "out of the repository"),
        ({"file": "a", "at_most": "bad"}, "at_most"),
        ({"file": "a", "ignore": [{"rule": "x"}]}, "reason"),
        ({"file": "a", "ignore": [{"rule": "x", "reason": " "}]}, "is empty"),
        ({"file": "a", "ignore": [{"rule": "x", "reason": "y", "until": "soon"}]}, "is not a day"),
        ({"file": "a", "require": "magic"}, "require"),
        ({"file": "a", "log_retention": "long"}, "span of days"),
        ({"file": "a", "log_retention": "30d to 7d"}, "ends before"),
    ],
)
def test_a_section_that_cannot_be_is_refused(section: dict[str, Any], said: str) -> None:
    """What could never be meant is refused when the manifest is read."""
    with pytest.raises(ValidationError) as refused:
        TemplateSection.model_validate(section)
    assert said in str(refused.value)


@pytest.mark.parametrize("kind", ["compose", "dockerfile", "iam", "kubernetes", "serverless", "template", "terraform"])
def test_every_key_has_its_item(kind: str) -> None:
    """Every key that a section has of its own is explained on its page."""
    from penstock.manifest.check import CheckSection
    from penstock.registry import find

    fields = find("check.section", kind).model_fields
    own = {field.alias or name for name, field in fields.items() if name not in CheckSection.model_fields}
    lines = [line for line in (find("check", kind).__doc__ or "").splitlines() if line.strip().startswith("- `")]
    explained = {word for line in lines for word in line.partition(":")[0].split("`")[1::2]}
    assert own == explained


@pytest.mark.parametrize(
    ("type_", "properties", "rule"),
    [
        (
            "ElasticLoadBalancingV2::Listener",
            "{Port: 80, Protocol: HTTP, DefaultActions: [{Type: forward}]}",
            "in-the-open",
        ),
        (
            "CloudFront::Distribution",
            "{DistributionConfig: {DefaultCacheBehavior: {ViewerProtocolPolicy: allow-all}}}",
            "in-the-open",
        ),
        ("EC2::Instance", "{MetadataOptions: {HttpTokens: optional}}", "metadata-v1"),
        ("Cognito::IdentityPool", "{AllowUnauthenticatedIdentities: true}", "unauthenticated"),
        ("ECS::TaskDefinition", "{ContainerDefinitions: [{Name: a, Privileged: true}]}", "privileged"),
        ("ElasticLoadBalancingV2::Listener", "{Port: 80, Protocol: HTTP, DefaultActions: [{Type: redirect}]}", ""),
        ("ElasticLoadBalancingV2::Listener", "{Port: 443, Protocol: HTTPS, DefaultActions: [{Type: forward}]}", ""),
        (
            "CloudFront::Distribution",
            "{DistributionConfig: {DefaultCacheBehavior: {ViewerProtocolPolicy: https-only}}}",
            "",
        ),
        ("EC2::Instance", "{MetadataOptions: {HttpTokens: !Ref Tokens}}", ""),
        ("Cognito::IdentityPool", "{AllowUnauthenticatedIdentities: false}", ""),
    ],
)
def test_what_somebody_wrote_so(type_: str, properties: str, rule: str) -> None:
    """A setting that sends in the open, or lets everybody in, is found at its line; what is known later is not judged."""
    text = f"Resources:\n  A:\n    Type: AWS::{type_}\n    Properties: {properties}\n"
    stack = read_stack(text.encode(), "t.yaml", {}, "")
    hits = [hit for one in exposed.RULES for hit in one(stack, Setting())]
    assert ([rule] if rule else []) == [hit.rule for hit in hits]
    assert {"t.yaml:4"} >= {hit.where for hit in hits}
