"""Functions: runtimes that are cared for, and URLs that ask who it is."""

# ruff: noqa: ARG001 - all are asked alike, whether they look at everything or not

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from penstock.checks.infra.resource import Hit, Setting, Stack, in_words

_ENDS = {
    name: dt.date.fromisoformat(day)
    for name, day in (
        pair.split("=")
        for pair in [
            "dotnet10=2028-11-14",
            "dotnet6=2024-12-20",
            "dotnet8=2026-11-10",
            "dotnet9=2026-11-10",
            "dotnetcore1.0=2019-06-27",
            "dotnetcore2.0=2019-05-30",
            "dotnetcore2.1=2022-01-05",
            "dotnetcore3.1=2023-04-03",
            "go1.x=2024-01-08",
            "java11=2027-06-30",
            "java17=2027-06-30",
            "java21=2029-06-30",
            "java25=2029-06-30",
            "java8=2024-01-08",
            "java8.al2=2027-06-30",
            "nodejs=2016-08-30",
            "nodejs10.x=2021-07-30",
            "nodejs12.x=2023-03-31",
            "nodejs14.x=2023-12-04",
            "nodejs16.x=2024-06-12",
            "nodejs18.x=2025-09-01",
            "nodejs20.x=2026-04-30",
            "nodejs22.x=2027-04-30",
            "nodejs24.x=2028-04-30",
            "nodejs4.3=2020-03-05",
            "nodejs4.3-edge=2020-03-05",
            "nodejs6.10=2019-08-12",
            "nodejs8.10=2020-03-06",
            "provided=2024-01-08",
            "provided.al2=2026-07-31",
            "provided.al2023=2029-06-30",
            "python2.7=2021-07-15",
            "python3.10=2026-10-31",
            "python3.11=2027-06-30",
            "python3.12=2028-10-31",
            "python3.13=2029-06-30",
            "python3.14=2029-06-30",
            "python3.6=2022-07-18",
            "python3.7=2023-12-04",
            "python3.8=2024-10-14",
            "python3.9=2025-12-15",
            "ruby2.5=2021-07-30",
            "ruby2.7=2023-12-07",
            "ruby3.2=2026-03-31",
            "ruby3.3=2027-03-31",
            "ruby3.4=2028-03-31",
            "ruby4.0=2029-03-31",
        ]
    )
}
"""Until when each runtime is cared for (from cfn-lint 1.58.0, MIT-0)."""
_SOON = dt.timedelta(days=90)
_NEW = {
    "python": "python3.13",
    "nodejs": "nodejs24.x",
    "ruby": "ruby3.4",
    "java": "java21",
    "dotnet": "dotnet10",
    "go": "provided.al2023",
    "provided": "provided.al2023",
}


def old_runtime(stack: Stack, setting: Setting) -> Iterator[Hit]:
    """A runtime that gets no more security fixes; one whose end is told is information."""
    for function in stack.of("function"):
        runtime = str(function.facts.get("runtime") or "")
        if (ends := _ENDS.get(runtime)) and ends <= setting.today + _SOON:
            gone = ends <= setting.today
            new = next((new for family, new in _NEW.items() if runtime.startswith(family)), "a runtime of today")
            yield Hit(
                "old-runtime",
                "high" if gone else "low",
                function.name,
                f"`{function.name}` runs on {runtime}, "
                + (f"which is not cared for since {ends}" if gone else f"which is cared for until {ends} only"),
                "holes found in it stay open, and one day it can no longer be deployed",
                in_words(function.dialect, f"Runtime: {new}", f'runtime = "{new}"', f"runtime: {new}"),
                function.place("Runtime", "runtime"),
            )


def public_url(stack: Stack, setting: Setting) -> Iterator[Hit]:
    """A function's URL that anybody may call."""
    for url in stack.of("function_url"):
        if str(url.facts["auth"] or "").upper() == "NONE":
            yield Hit(
                "public-function-url",
                "high",
                url.name,
                f"the function URL `{url.name}` asks nobody who they are (NONE)",
                "anybody who has the address can run the function",
                in_words(
                    url.dialect, "AuthType: AWS_IAM", 'authorization_type = "AWS_IAM"', "url: {authorizer: aws_iam}"
                ),
                url.place("AuthType", "authorization_type"),
            )


def public_permission(stack: Stack, setting: Setting) -> Iterator[Hit]:
    """A permission that lets everybody, or a service in anybody's account, invoke a function."""
    for one in stack.of("permission"):
        who, narrowed = str(one.facts["principal"] or ""), bool(one.facts["conditions"])
        if who == "*" and not narrowed and str(one.facts.get("url_auth")).upper() != "AWS_IAM":
            yield Hit(
                "public-permission",
                "critical",
                one.name,
                f"`{one.name}` lets every principal (*) invoke a function",
                "any account in the world may run it",
                in_words(
                    one.dialect,
                    "Principal: events.amazonaws.com\nSourceArn: !GetAtt TheRule.Arn",
                    'principal  = "events.amazonaws.com"\nsource_arn = aws_cloudwatch_event_rule.this.arn',
                ),
                one.place("Principal", "principal"),
            )
        elif who in ("s3.amazonaws.com", "sns.amazonaws.com") and not narrowed:
            yield Hit(
                "public-permission",
                "medium",
                one.name,
                f"`{one.name}` lets {who} of any account invoke a function",
                "somebody else's bucket or topic can run it",
                in_words(
                    one.dialect,
                    "SourceAccount: !Ref AWS::AccountId",
                    "source_account = data.aws_caller_identity.this.account_id",
                ),
                one.place("Principal", "principal"),
            )


RULES = (old_runtime, public_url, public_permission)
