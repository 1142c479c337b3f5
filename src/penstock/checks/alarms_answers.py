"""Alarms, as Prometheus' rules, Alertmanager's alerts and CloudWatch's alarms tell of them. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

State = Literal["quiet", "pending", "firing", "blind"]


@dataclass(frozen=True)
class Alarm:
    """One alarm, or one firing of it. `rule`: it is there to fire, as `fault` and `mute` say of it; else it only fires now.

    `fault`: why it could not fire. `mute`: why nobody would hear it. `blind`: it has no data.
    """

    name: str
    state: State
    labels: Mapping[str, str] = field(default_factory=dict)
    rule: bool = False
    fault: str = ""
    mute: str = ""


class AnswerError(ValueError):
    """It is no answer about alarms, or not a whole one."""


def read(data: Any) -> list[Alarm]:
    """The alarms in an answer, whichever of the three it is of."""
    try:
        if isinstance(data, list):
            return [_alert(one) for one in data]
        if isinstance(data, dict) and ("MetricAlarms" in data or "CompositeAlarms" in data):
            return list(_cloudwatch(data))
        if isinstance(data, dict) and data.get("status") == "success":
            return list(_rules(data))
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise AnswerError("an answer about alarms in a form that is not known") from error
    raise AnswerError("no answer about alarms: neither Prometheus' rules, nor Alertmanager's alerts, nor CloudWatch's")


def _rules(data: dict[str, Any]) -> Iterator[Alarm]:
    """A rule, and each of its firings with their labels."""
    if data.get("warnings"):
        raise AnswerError("Prometheus' answer with a warning: it is not whole")
    if data["data"].get("groupNextToken"):
        raise AnswerError("the first of several pages of rules")
    for group in data["data"]["groups"]:
        for rule in group["rules"]:
            if rule.get("type", "alerting") != "alerting":
                continue
            health = rule["health"]
            fault = "" if health == "ok" else f"its health is {health}: {rule.get('lastError', '') or 'not evaluated'}"
            name, alerts = _text(rule["name"]), rule.get("alerts") or []
            if rule["state"] not in ("inactive", "pending", "firing", "unknown"):
                raise AnswerError(f"a rule in a state that is not known: {str(rule['state'])[:40]}")
            yield Alarm(name, "quiet", _labels(rule.get("labels") or {}), rule=True, fault=fault)
            if rule["state"] == "firing" and not any(one.get("state") == "firing" for one in alerts):
                yield Alarm(name, "firing", _labels(rule.get("labels") or {}))
            for one in alerts:
                state: State = "firing" if one["state"].lower() in ("firing", "alerting") else "pending"
                yield Alarm(name, state, _labels(one["labels"]))


def _alert(one: dict[str, Any]) -> Alarm:
    """An alert of Alertmanager fires; `suppressed` says that a silence, or another alert, keeps it from being heard."""
    status = one["status"]
    by = [*(status.get("silencedBy") or []), *(status.get("inhibitedBy") or [])]
    if status["state"] not in ("active", "suppressed", "unprocessed"):
        raise AnswerError(f"an alert in a state that is not known: {str(status['state'])[:40]}")
    mute = "silenced" if status.get("silencedBy") else "inhibited" if by or status["state"] == "suppressed" else ""
    return Alarm(_text(one["labels"]["alertname"]), "firing", _labels(one["labels"]), mute=mute)


def _cloudwatch(data: dict[str, Any]) -> Iterator[Alarm]:
    if data.get("NextToken"):
        raise AnswerError("the first page of several of CloudWatch's alarms")
    states: dict[str, State] = {"OK": "quiet", "ALARM": "firing", "INSUFFICIENT_DATA": "blind"}
    for one in [*(data.get("MetricAlarms") or []), *(data.get("CompositeAlarms") or [])]:
        labels = {_text(pair["Name"]): _text(pair["Value"]) for pair in one.get("Dimensions") or []}
        mute = "its actions are switched off" if not one["ActionsEnabled"] else ""
        mute = mute or ("" if one.get("AlarmActions") else "it has no actions: it tells nobody")
        name = _text(one["AlarmName"])
        yield Alarm(name, "quiet", labels, rule=True, mute=mute)
        if (state := states[one["StateValue"]]) != "quiet":
            yield Alarm(name, state, labels, mute=mute if not one["ActionsEnabled"] else "")


def _labels(found: Any) -> dict[str, str]:
    return {_text(name): _text(value) for name, value in found.items()}


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value
