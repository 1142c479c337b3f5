"""Logs that are kept for a time that somebody chose, and alarms that somebody hears."""

from __future__ import annotations

from collections.abc import Iterator

from penstock.checks.infra.resource import Hit, Resource, Setting, Stack, in_words
from penstock.checks.infra.values import is_later, number, words


def log_retention(stack: Stack, setting: Setting) -> Iterator[Hit]:
    """A log group, or a function's, that is kept for ever or for a time that is not allowed."""
    severity = "high" if "log_retention" in setting.require or setting.retention else "medium"
    for group in stack.of("log_group"):
        days = number(group.facts["retention"])
        if group.facts["retention"] is None or days == 0:
            yield _kept(group, severity, f"the log group `{group.name}` has no retention")
        elif days is not None and setting.retention and not setting.retention[0] <= days <= setting.retention[1]:
            low, high = setting.retention
            yield _kept(group, severity, f"the log group `{group.name}` keeps {days:g} days, not {low} to {high}")
    for function in stack.of("function"):
        if not function.facts.get("logs_kept") and not any(_is_log_of(one, function) for one in stack.of("log_group")):
            yield _kept(function, severity, f"the function `{function.name}` has no log group with a retention")


def _is_log_of(group: Resource, function: Resource) -> bool:
    named = str(group.called)
    if function.facts.get("log_group") is not None and group.is_meant_by(function.facts["log_group"]):
        return True
    if function.is_meant_by(named) and ("${" in named or _ends(named, function.called)):
        return True
    mine = str(function.called)
    return bool(mine) and (named.endswith(f"/aws/lambda/{mine}") or (is_later(mine) and named.endswith(mine)))


def _ends(named: str, called: str) -> bool:
    return named.rpartition("/")[2] == called


def _kept(one: Resource, severity: str, condition: str) -> Hit:
    named = f"LogGroupName: !Sub '/aws/lambda/${{{one.name}}}', RetentionInDays: 30"
    group = f"{one.name}Logs: {{Type: AWS::Logs::LogGroup, Properties: {{{named}}}}}"
    mine = one.kind == "log_group"
    return Hit(
        "no-log-retention",
        severity,
        one.name,
        condition,
        "logs are kept, and paid for, for ever, with all that stands in them",
        in_words(
            one.dialect,
            "RetentionInDays: 30" if mine else group,
            "retention_in_days = 30"
            if mine
            else 'resource "aws_cloudwatch_log_group" "this" { name = "/aws/lambda/NAME", retention_in_days = 30 }',
            "RetentionInDays: 30" if mine else "provider: {logRetentionInDays: 30}",
        ),
        one.place("RetentionInDays", "retention_in_days"),
    )


def no_alarm(stack: Stack, setting: Setting) -> Iterator[Hit]:
    """Asked for: every function and every database has an alarm that names it."""
    if "alarms" not in setting.require:
        return
    alarms = list(stack.of("alarm"))
    for one in stack.of("function", "store", "stage"):
        if one.kind == "store" and one.facts["what"] != "database":
            continue
        if one.kind == "stage" and any(True for _ in stack.of("function")):
            continue  # the functions behind it are named already
        if not any(_watches(alarm, one) for alarm in alarms):
            yield Hit(
                "no-alarm",
                "high",
                one.name,
                f"no alarm watches `{one.name}`",
                "the first to notice are the customers",
                in_words(
                    one.dialect,
                    f"{one.name}Errors: {{Type: AWS::CloudWatch::Alarm, Properties: {{Namespace: AWS/Lambda, MetricName: Errors, "
                    f"Dimensions: [{{Name: FunctionName, Value: !Ref {one.name}}}], Statistic: Sum, Period: 60, "
                    f"EvaluationPeriods: 1, Threshold: 1, "
                    "ComparisonOperator: GreaterThanOrEqualToThreshold}}",
                    (
                        'resource "aws_cloudwatch_metric_alarm" "errors" { ... dimensions = { FunctionName = '
                        "NAME.function_name } }"
                    ),
                ),
                one.where,
            )


def _watches(alarm: Resource, one: Resource) -> bool:
    about = alarm.facts["about"]
    if one.is_meant_by(about):
        return True
    parts = [part.strip("${}") for part in (str(one.facts.get("api") or ""),) if part]
    return one.kind == "stage" and any(part and part in words(about) for part in parts)


RULES = (log_retention, no_alarm)
